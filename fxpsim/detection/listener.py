"""From samples to detections: a front end, a network and a detector."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isclose
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, NDArray

from fxpsim.casts import check_codes
from fxpsim.detection.detector import Detection, Detector
from fxpsim.detection.network import RowNetwork
from fxpsim.errors import ConfigError, DataError
from fxpsim.formats import Affine
from fxpsim.frontend.framing import check_samples

if TYPE_CHECKING:
    from accel_models import Workload
    from fxpsim.frontend import FrontEnd
    from fxpsim.graph import Graph
    from fxpsim.ops import TensorFormat

__all__ = ["Heard", "Listener", "ListenerStream"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What a piece of audio came to.

    Attributes
    ----------
    rows : integer array (rows, bands)
        Codes of the front end.
    scores : integer array (decisions, classes)
        Codes of the network.
    detections : tuple of Detection
    """

    rows: IntArray
    scores: IntArray
    detections: tuple[Detection, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """A keyword spotter as a device runs it.

    Parameters
    ----------
    graph : Graph
        The network: with states, or one that reads a window of rows.
    front_end : FrontEnd
        Its codes must be in the format of the network's input.
    detector : Detector
        Its classes are the network's scores.
    every : int
        Rows from one decision to the next, for a network without states.

    Raises
    ------
    ConfigError
        They do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from fxpsim import load
    >>> from fxpsim.detection import detector_for
    >>> from fxpsim.frontend import front_end_for
    >>> graph = load("kws250k-4bit")
    >>> front_end, _ = front_end_for(graph)
    >>> listener = Listener(graph, front_end, detector_for(graph, front_end))
    >>> listener.listen(np.zeros(32000, np.int16)).scores.shape
    (18, 12)
    """

    graph: Graph
    front_end: FrontEnd
    detector: Detector
    every: int = 1
    network: RowNetwork = field(init=False)

    def __post_init__(self) -> None:
        network = RowNetwork(self.graph, self.front_end.bands, self.every)
        object.__setattr__(self, "network", network)
        wrong = []
        if not _alike(self.front_end.format, self.graph.input.format):
            wrong.append(
                f"the front end's codes must be in the format of the input of graph "
                f"{self.graph.name!r}, {self.graph.input.format}, not {self.front_end.format}"
            )
        if self.detector.format != network.spec.format:
            wrong.append(
                f"the detector must be for scores in {network.spec.format}, "
                f"not {self.detector.format}"
            )
        if len(self.detector.classes) != network.spec.size:
            wrong.append(
                f"the detector must name the {network.spec.size} scores of graph "
                f"{self.graph.name!r}, not {len(self.detector.classes)}"
            )
        if wrong:
            raise ConfigError("; ".join(wrong))

    @property
    def interval(self) -> float:
        """Seconds from one decision to the next."""
        return self.network.stride * self.front_end.hop / self.front_end.sample_rate

    def time_of(self, decision: int) -> float:
        """Return when the last sample that a decision reads has come: seconds from the start."""
        samples = self.network.last_row(decision) * self.front_end.hop + self.front_end.window
        return samples / self.front_end.sample_rate

    def listen(self, audio: ArrayLike) -> Heard:
        """Hear a whole clip, int16 (n,), at the front end's sample rate."""
        return self.listen_rows(self.front_end.rows(check_samples(audio)))

    def listen_rows(self, rows: ArrayLike) -> Heard:
        """Hear rows (rows, bands) that a front end has made."""
        codes = check_codes(rows, self.front_end.format, "rows")
        if codes.ndim != 2 or codes.shape[1] != self.front_end.bands:
            raise DataError(
                f"rows must be (rows, {self.front_end.bands}), not of shape {codes.shape}"
            )
        scores = self.network.scores(codes)
        return Heard(codes, scores, tuple(self.detector.detect(scores)))

    def stream(self) -> ListenerStream:
        """Return a stream at reset.

        Raises
        ------
        ConfigError
            The front end normalises over whole clips.
        """
        return ListenerStream(self)

    def work(self) -> Workload:
        """Return what the network asks of hardware for one decision.

        A network without states computes what two windows share once, where it can
        (:func:`fxpsim.incremental.by_rows`).
        """
        return self.network.work()


class ListenerStream:
    """A listener with all that it keeps from one call to the next."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._front_end = listener.front_end.stream()
        self._network = listener.network.stream()
        self._detector = listener.detector.stream()

    @property
    def buffers(self) -> dict[str, int]:
        """Bytes of every buffer of a device, by part and name."""
        parts = {
            "front end": self._front_end.buffers,
            "network": self.listener.network.buffers,
            "detector": self._detector.buffers,
        }
        return {
            f"{part}: {name}": size
            for part, buffers in parts.items()
            for name, size in buffers.items()
        }

    def reset(self) -> None:
        """Go back to before the first sample."""
        for part in (self._front_end, self._network, self._detector):
            part.reset()

    def step(self, samples: ArrayLike) -> Heard:
        """Hear so many more samples, int16 (n,)."""
        rows = self._front_end.step(samples)
        scores = self._network.step(rows)
        return Heard(rows, scores, tuple(self._detector.step(scores)))


def _alike(given: TensorFormat, wanted: TensorFormat) -> bool:
    """Whether codes of one format can be read as another's.

    Programs that scale features by a ratio of small integers miss the network's scale by a little;
    up to one in 128, no code of 8 bits is off by more than one.
    """
    (step, *rest), (wanted_step, *wanted_rest) = _meaning(given), _meaning(wanted)
    if isinstance(step, float) and isinstance(wanted_step, float):
        return isclose(step, wanted_step, rel_tol=1 / 128) and rest == wanted_rest
    return given == wanted


def _meaning(fmt: TensorFormat) -> tuple[object, ...]:
    """Return the value of a code step, the zero point, bits and sign."""
    if isinstance(fmt, Affine):
        return fmt.scale, fmt.zero_point, fmt.bits, fmt.signed
    return fmt.resolution, 0, fmt.bits, fmt.signed
