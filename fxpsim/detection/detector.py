"""From scores to detections, in integers: smoothing, a threshold, a refractory time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.casts import check_codes
from fxpsim.errors import ConfigError, DataError, suggest
from fxpsim.formats import Affine, QFormat

if TYPE_CHECKING:
    from fxpsim.ops import TensorFormat

__all__ = ["Detection", "Detector", "DetectorStream"]

_MOST = 1 << 16


class Detection(NamedTuple):
    """A word that was heard.

    Attributes
    ----------
    decision : int
        Which decision heard it, from 0.
    word : str
        Name of the class.
    total : int
        Sum of the latest scores, as :attr:`Detector.sum_format` says.
    confidence : float
        The mean of these scores: the value of ``total`` in that format.
    """

    decision: int
    word: str
    total: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Detector:
    """What is said to be a detection.

    After each decision the latest ``smoothing`` scores of every class are added up as integers
    (codes less their zero point; before the first decision they count 0).  The class with the
    highest sum (the first of equal ones) is detected if it is a word, its sum is more than
    ``threshold``, and neither ``warm_up`` nor ``refractory`` decisions still run.

    Parameters
    ----------
    format : QFormat or Affine
        Of the scores.
    classes : tuple of str
        Names of all scores, in their order.
    words : tuple of str
        Those that are to be detected.
    threshold : int
        Code of the sum, at ``sum_format``; see :meth:`threshold_of`.
    smoothing : int
        Scores that are added up.
    refractory, warm_up : int
        Decisions after a detection, and after reset, that detect nothing.

    Notes
    -----
    Posterior smoothing: G. Chen, C. Parada, G. Heigold, "Small-footprint keyword spotting using
    deep neural networks", ICASSP 2014, section 2.3.
    """

    format: TensorFormat
    classes: tuple[str, ...]
    words: tuple[str, ...]
    threshold: int
    smoothing: int = 1
    refractory: int = 0
    warm_up: int = 0

    def __post_init__(self) -> None:
        wrong = [
            f"no class {word!r} to detect{suggest(word, self.classes)}"
            for word in self.words
            if word not in self.classes
        ]
        if not self.words:
            wrong.append("there must be a word to detect")
        for name, least in (("smoothing", 1), ("refractory", 0), ("warm_up", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
                wrong.append(f"{name} must be an integer from {least} to {_MOST}, not {value!r}")
        if isinstance(self.threshold, bool) or not isinstance(self.threshold, int):
            wrong.append(f"threshold must be an integer, a code of the sum, not {self.threshold!r}")
        if isinstance(self.format, Affine) and self.format.axis is not None:
            wrong.append(f"scores must have one scale, not several ({self.format})")
        if wrong:
            raise ConfigError("; ".join(wrong))

    @property
    def sum_format(self) -> QFormat | Affine:
        """Format of a sum of scores; its value is their mean."""
        zero, n = _zero_point(self.format), self.smoothing
        low, high = n * (self.format.lo - zero), n * (self.format.hi - zero)
        signed = low < 0
        bits = max((~low).bit_length() if signed else 0, high.bit_length()) + signed
        return Affine(bits, self.unit, 0, signed=signed)

    @property
    def unit(self) -> float:
        """Mean score that one code of the sum stands for."""
        return _step(self.format) / self.smoothing

    def threshold_of(self, confidence: float) -> int:
        """Return the code that a sum must be more than, for the mean to be more than this."""
        exact = Fraction(str(confidence))  # 0.95 is meant, not the float beside it
        return floor(exact * self.smoothing / Fraction(_step(self.format)))

    def with_confidence(self, confidence: float) -> Detector:
        """Return the detector with the threshold that stands for a mean score."""
        return replace(self, threshold=self.threshold_of(confidence))

    def detect(self, scores: ArrayLike) -> list[Detection]:
        """Return the detections in all scores (decisions, classes) of one stream, from reset."""
        return self.stream().step(scores)

    def stream(self) -> DetectorStream:
        """Return a stream at reset."""
        return DetectorStream(self)

    def multiplicands(self, scores: ArrayLike) -> NDArray[np.int64]:
        """Return scores (decisions, classes) less their zero point; DataError for other shapes."""
        codes = check_codes(scores, self.format, "scores")
        if codes.ndim != 2 or codes.shape[1] != len(self.classes):
            raise DataError(
                f"scores must be (decisions, {len(self.classes)}), not of shape {codes.shape}"
            )
        return codes.astype(np.int64) - _zero_point(self.format)

    def sums(self, scores: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the sum of the latest ``smoothing`` of multiplicands (decisions, classes)."""
        return _moving_sum(scores, np.zeros((self.smoothing - 1, scores.shape[1]), np.int64))

    def candidates(self, sums: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the decisions whose highest sum is a word's, whatever the threshold."""
        words = [self.classes.index(word) for word in self.words]
        return np.flatnonzero(np.isin(sums.argmax(axis=1), words))


class DetectorStream:
    """A detector with the scores that it still adds up, and how long it is quiet."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.reset()

    @property
    def buffers(self) -> dict[str, int]:
        """Bytes: the latest scores, the sums, and the counter of quiet decisions."""
        detector = self.detector
        columns, held = len(detector.classes), (detector.format.bits + 7) // 8
        return {
            "scores": detector.smoothing * columns * held,
            "sums": columns * ((detector.sum_format.bits + 7) // 8),
            "quiet": 2,
        }

    def reset(self) -> None:
        """Go back to before the first decision."""
        columns = len(self.detector.classes)
        self._past = np.zeros((self.detector.smoothing - 1, columns), np.int64)
        self._quiet_until = self.detector.warm_up
        self._decision = 0

    def step(self, scores: ArrayLike) -> list[Detection]:
        """Return the detections that so many more scores (decisions, classes) bring.

        Raises
        ------
        DataError
            The scores do not fit.
        """
        detector = self.detector
        new = detector.multiplicands(scores)
        sums = _moving_sum(new, self._past)
        self._past = np.concatenate((self._past, new))[len(new) :]
        first, self._decision = self._decision, self._decision + len(new)
        at = detector.candidates(sums)
        best = sums[at].max(axis=1) if at.size else np.zeros(0, np.int64)
        at, best = at[best > detector.threshold], best[best > detector.threshold]
        found, place = [], 0
        while (place := int(np.searchsorted(at, self._quiet_until - first))) < at.size:
            found.append(self._detection(first + int(at[place]), sums[at[place]]))
            self._quiet_until = found[-1].decision + 1 + detector.refractory
        return found

    def _detection(self, decision: int, sums: NDArray[np.int64]) -> Detection:
        column = int(sums.argmax())
        total = int(sums[column])
        return Detection(decision, self.detector.classes[column], total, total * self.detector.unit)


def _moving_sum(new: NDArray[np.int64], past: NDArray[np.int64]) -> NDArray[np.int64]:
    total = np.cumsum(np.concatenate((np.zeros((1, new.shape[1]), np.int64), past, new)), axis=0)
    window = len(past) + 1
    return total[window:] - total[:-window]


def _zero_point(fmt: TensorFormat) -> int:
    zero = fmt.zero_point if isinstance(fmt, Affine) else 0
    return zero if isinstance(zero, int) else 0


def _step(fmt: TensorFormat) -> float:
    """Return the value of one code step."""
    return fmt.resolution if isinstance(fmt, QFormat) else float(fmt.scale)  # type: ignore[arg-type]
