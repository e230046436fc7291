"""Detectors as published programs have them, and ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fxpsim.detection.detector import Detector
from fxpsim.detection.network import RowNetwork
from fxpsim.errors import ConfigError
from fxpsim.scoring import NOT_KEYWORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fxpsim.frontend import FrontEnd
    from fxpsim.graph import Graph
    from fxpsim.ops import TensorFormat

__all__ = ["classifier", "detector_for", "micro_wake_word", "streaming_wakeword"]


def micro_wake_word(fmt: TensorFormat, word: str, cutoff: float = 0.9, window: int = 5) -> Detector:
    """Return what ESPHome's ``micro_wake_word`` does with the probability of one wake word.

    The sum of the last ``window`` uint8 probabilities must be more than ``255 * window * cutoff``
    (the program divides by 255, although the network's scale is 1/256).  After a detection 100
    rows of 10 ms, that is 34 steps, detect nothing.  The program also waits so long after a start
    (``warm_up=34``), which short recordings leave no time for, and prolongs the pause while the
    probability stays high.

    Notes
    -----
    github.com/esphome/esphome, esphome/components/micro_wake_word/streaming_model.cpp.
    """
    detector = Detector(fmt, (word,), (word,), 0, smoothing=window, refractory=34)
    return replace(detector, threshold=detector.threshold_of(cutoff * 255 / 256))


def streaming_wakeword(fmt: TensorFormat, word: str = "marvin") -> Detector:
    """Return what MLPerf Tiny's streaming benchmark does: a probability of more than 0.95.

    Every decision counts, also of one and the same word: how detections are held against the
    truth is the second half of the rule (:class:`fxpsim.detection.matching.Rule`).

    Notes
    -----
    github.com/mlcommons/tiny, benchmark/training/streaming_wakeword/evaluate.py.
    """
    detector = Detector(fmt, (word, "_silence_", "_unknown_"), (word,), 0)
    return detector.with_confidence(0.95)


def classifier(
    fmt: TensorFormat,
    classes: Sequence[str],
    decisions_per_second: float,
    confidence: float = 0.7,
    seconds: float = 0.3,
) -> Detector:
    """Return a detector of all keywords of a classifier.

    Posteriors are averaged over so many ``seconds``, and 0.75 s follow a detection in which
    nothing is detected.
    """
    return Detector(
        fmt,
        tuple(classes),
        tuple(name for name in classes if name.strip("_") not in _OTHERS),
        0,
        smoothing=max(1, round(seconds * decisions_per_second)),
        refractory=round(0.75 * decisions_per_second),
    ).with_confidence(confidence)


_OTHERS = {name.strip("_") for name in NOT_KEYWORDS}


def detector_for(
    graph: Graph,
    front_end: FrontEnd,
    *,
    every: int = 1,
    labels: Sequence[str] = (),
    confidence: float | None = None,
) -> Detector:
    """Return the detector that fits a network, known by its states and its number of scores.

    Parameters
    ----------
    graph, front_end, every
        As for :class:`fxpsim.detection.Listener`.
    labels : sequence of str
        Names of the scores; the graph's own where not given.
    confidence : float, optional
        Mean score that a detection must pass; the preset's where not given.
    """
    network = RowNetwork(graph, front_end.bands, every)
    fmt, size = network.spec.format, network.spec.size
    names = tuple(labels) or graph.labels
    if names and len(names) != size:
        raise ConfigError(
            f"labels must name the {size} scores of graph {graph.name!r}, not {len(names)}"
        )
    per_second = front_end.sample_rate / (front_end.hop * network.stride)
    if size == 1:
        found = micro_wake_word(fmt, names[0] if names else graph.name)
    elif size == 3 and not names:
        # The benchmark counts false ones of a second once; here each word is heard once.
        found = replace(streaming_wakeword(fmt), refractory=round(per_second))
    else:
        found = classifier(fmt, names or [str(i) for i in range(size)], per_second)
    return found if confidence is None else found.with_confidence(confidence)
