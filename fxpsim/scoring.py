"""How well a network classifies: accuracy, classes, detection error trade-off, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.casts import quantize
from fxpsim.det import DetCurve, Measure, RelativeChange, Trials
from fxpsim.errors import ConfigError, DataError
from fxpsim.resampling import percentiles, resample_groups

if TYPE_CHECKING:
    import pandas as pd

    from fxpsim.graph import Graph

__all__ = ["Score", "classes_of", "clip_scores", "evaluate", "score"]

#: Classes that are not keywords, by name: nothing to detect in them.
NOT_KEYWORDS = ("_silence_", "_unknown_")
#: Classes of a detector, whose one output is a probability.
DETECTOR = ("absent", "present")


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """What a network made of labelled clips.

    Attributes
    ----------
    scores : array (n, classes)
        Higher is likelier; integer codes or floats.
    labels : int array (n,)
        True classes.
    groups : str array (n,)
        Speaker or voice of each clip.
    classes : tuple of str
        Names.
    seed : int
        Of the bootstrap.
    """

    scores: NDArray[Any]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]
    classes: tuple[str, ...]
    seed: int = 0

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the highest score (the first of equal ones) is the true class, by clip."""
        return np.asarray(self.scores.argmax(axis=1) == self.labels)

    @property
    def accuracy(self) -> float:
        """Share of clips that are right."""
        return float(self.correct.mean())

    def accuracy_interval(self) -> tuple[float, float]:
        """Return a 95 % interval for the accuracy: percentiles over resampled groups."""
        draws, number = resample_groups(self.groups, self.seed)
        right = np.bincount(number, self.correct, draws.shape[1])
        total = np.bincount(number, minlength=draws.shape[1])
        return percentiles((draws @ right) / (draws @ total))

    def difference_interval(self, other: Score) -> tuple[float, float, float]:
        """Return accuracy minus another's on the same clips, with its 95 % interval (paired)."""
        self._check_paired(other)
        draws, number = resample_groups(self.groups, self.seed)
        gain = self.correct.astype(np.int64) - other.correct
        total = np.bincount(number, minlength=draws.shape[1])
        resampled = (draws @ np.bincount(number, gain, draws.shape[1])) / (draws @ total)
        return float(gain.mean()), *percentiles(resampled)

    def _check_paired(self, other: Score) -> None:
        same = np.array_equal(self.labels, other.labels)
        if not same or not np.array_equal(self.groups, other.groups):
            raise DataError("scores must be of the same clips to be compared pair by pair")

    def per_class(self) -> pd.DataFrame:
        """Return clips, recall and precision of every class."""
        import pandas as pd

        decided = self.scores.argmax(axis=1)
        rows = []
        for index, name in enumerate(self.classes):
            of_class, as_class = self.labels == index, decided == index
            hits = int((of_class & as_class).sum())
            rows.append(
                {
                    "class": name,
                    "clips": int(of_class.sum()),
                    "recall": hits / of_class.sum() if of_class.any() else np.nan,
                    "precision": hits / as_class.sum() if as_class.any() else np.nan,
                }
            )
        return pd.DataFrame(rows)

    def det(self) -> DetCurve:
        """Return the detection error trade-off, all keywords pooled.

        Every clip is a trial for every keyword; its score is the margin of that keyword over the
        best other class, which is an integer for an integer network.
        """
        return self._trials().curve()

    def rate_at(
        self, false_reject_rate: float, measure: Measure = Measure.FALSE_DISCOVERIES
    ) -> float:
        """Return false alarms at the highest threshold that misses at most a share of keywords."""
        return self._trials().rate(measure, false_reject_rate)

    def relative_change(
        self,
        reference: Score,
        false_reject_rate: float,
        measure: Measure = Measure.FALSE_DISCOVERIES,
    ) -> RelativeChange:
        """Return false alarms over those of a reference, less 1, with a 95 % interval (paired).

        Parameters
        ----------
        reference : Score
            On the same clips, often that of the float network.
        false_reject_rate : float
            Share of keywords that may be missed, 0 or more and less than 1.
        measure : Measure
            What is compared.

        Raises
        ------
        DataError
            The clips are others, or none has a keyword.
        ConfigError
            The rate is none.
        """
        self._check_paired(reference)
        draws, _ = resample_groups(self.groups, self.seed)
        return self._trials().relative_change(
            reference._trials(), measure, false_reject_rate, draws
        )

    def _trials(self) -> Trials:
        keywords = [i for i, name in enumerate(self.classes) if name not in NOT_KEYWORDS]
        present = [(self.labels == k) for k in keywords]
        if not any(trial.any() for trial in present):
            raise DataError("a DET curve needs clips of keywords, but there are none")
        if all(trial.all() for trial in present) or len(self.classes) < 2:
            raise DataError("a DET curve needs clips without the keyword, but there are none")
        wide = self.scores.astype(np.float64)
        margins = [wide[:, k] - np.delete(wide, k, axis=1).max(axis=1) for k in keywords]
        draws, number = resample_groups(self.groups, self.seed)
        return Trials.of(
            np.concatenate(margins),
            np.concatenate(present),
            np.tile(number, len(keywords)),
            draws.shape[1],
        )


def clip_scores(graph: Graph, scores: NDArray[Any]) -> NDArray[Any]:
    """Return the scores (n, classes) of whole clips.

    Parameters
    ----------
    graph : Graph
        What made the scores.
    scores : integer array
        Codes of the tensor ``graph.scores`` as a run leaves them.

    Returns
    -------
    integer array (n, classes)
        Axes of length 1 left out.  Where the graph has states: the highest score of every class
        over all steps.  A network with one output is a detector of two classes, *absent*, which
        scores the code of 1/2, and *present*.

    Raises
    ------
    DataError
        There is more than one axis of scores.
    """
    spec = graph.specs[graph.scores]
    if sum(size > 1 for size in spec.shape) > 1:
        raise DataError(
            f"scores must have one axis of classes, but tensor {graph.scores!r} has {spec.shape}"
        )
    flat = scores.reshape(*scores.shape[: scores.ndim - len(spec.shape)], spec.size)
    if graph.states:
        flat = flat.max(axis=1)
    if spec.size > 1:
        return flat
    half = quantize([0.5], spec.format)
    return np.concatenate(np.broadcast_arrays(half, flat), axis=1)


def classes_of(graph: Graph) -> tuple[str, ...]:
    """Return the names of what :func:`clip_scores` has columns for; numbers where unnamed."""
    size = graph.specs[graph.scores].size
    if size == 1:
        return DETECTOR
    return graph.labels or tuple(str(i) for i in range(size))


def evaluate(
    graph: Graph,
    inputs: ArrayLike,
    labels: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    **options: Any,
) -> Score:
    """Score a network on labelled inputs.

    Parameters
    ----------
    graph : Graph
        Its scores are what a final softmax or argmax reads; see :func:`clip_scores`.
    inputs : array_like of int (n, *shape)
        As for :func:`fxpsim.simulation.simulate`.
    labels : array_like of int (n,)
        True classes.
    groups : array_like of str (n,), optional
        Whom each clip is of; each clip alone where not given.
    seed : int
        Of the bootstrap.
    **options
        Passed to :func:`fxpsim.simulation.simulate`.

    Raises
    ------
    DataError
        Labels or groups do not fit the inputs or the graph.
    """
    from fxpsim.simulation import simulate

    trace = simulate(graph, inputs, probes=[graph.scores], **options)
    return score(graph, trace[graph.scores], labels, groups, seed)


def score(
    graph: Graph,
    scores: NDArray[Any],
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> Score:
    """Return the :class:`Score` of a graph's scores, as a run leaves them; parameters as above."""
    truth, scores = np.asarray(labels), clip_scores(graph, scores)
    count, classes = scores.shape
    if truth.shape != (count,) or not np.issubdtype(truth.dtype, np.integer):
        raise DataError(
            f"labels must be {count} integers, one an input, not {truth.dtype} of {truth.shape}"
        )
    if not count:
        raise DataError("there must be at least one input to score")
    if truth.min() < 0 or truth.max() >= classes:
        raise DataError(f"labels must be 0 to {classes - 1}, not {truth.min()} to {truth.max()}")
    who = np.arange(count).astype(np.str_) if groups is None else np.asarray(groups, np.str_)
    if who.shape != (count,):
        raise DataError(f"groups must be one a clip, {count}, not {who.shape}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"seed must be an integer of 0 or more, not {seed!r}")
    return Score(scores, truth.astype(np.int64), who, classes_of(graph), seed)
