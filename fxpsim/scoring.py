"""How well a network classifies: accuracy, classes, detection error trade-off, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.casts import quantize
from fxpsim.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

    from fxpsim.graph import Graph

__all__ = ["DetCurve", "Score", "classes_of", "clip_scores", "evaluate", "resample_groups", "score"]

#: Classes that are not keywords, by name: nothing to detect in them.
NOT_KEYWORDS = ("_silence_", "_unknown_")
#: Classes of a detector, whose one output is a probability.
DETECTOR = ("absent", "present")
#: Resamples of a bootstrap, and the share of them that an interval covers.
RESAMPLES, COVERAGE = 1000, 0.95


@dataclass(frozen=True, slots=True)
class DetCurve:
    """False rejects against false accepts, threshold by threshold.

    Attributes
    ----------
    threshold : float array (t,)
        A keyword is accepted where its margin is at least this; rising.
    false_accept_rate : float array (t,)
        Share of trials without the keyword that are accepted.
    false_reject_rate : float array (t,)
        Share of trials with the keyword that are not.
    """

    threshold: NDArray[np.float64]
    false_accept_rate: NDArray[np.float64]
    false_reject_rate: NDArray[np.float64]

    def false_rejects_at(self, false_accept_rate: float) -> float:
        """Return the lowest false reject rate at which false accepts are at most so many."""
        allowed = self.false_accept_rate <= false_accept_rate
        return float(self.false_reject_rate[allowed].min())


def resample_groups(groups: NDArray[np.str_], seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return how often each bootstrap resample draws each group, and each clip's group number.

    Clips of one speaker are alike, so speakers are drawn, not clips (cluster bootstrap; Davison
    and Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.8).

    Returns
    -------
    draws : int array (RESAMPLES, groups)
    number : int array (clips,)
    """
    names, number = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    share = np.full(len(names), 1 / len(names))
    return rng.multinomial(len(names), share, size=RESAMPLES), number.reshape(-1)


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
        low, high = np.quantile(
            (draws @ right) / (draws @ total), [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]
        )
        return float(low), float(high)

    def difference_interval(self, other: Score) -> tuple[float, float, float]:
        """Return accuracy minus another's on the same clips, with its 95 % interval (paired)."""
        if not np.array_equal(self.labels, other.labels):
            raise DataError("scores must be of the same clips to be compared pair by pair")
        draws, number = resample_groups(self.groups, self.seed)
        gain = self.correct.astype(np.int64) - other.correct
        total = np.bincount(number, minlength=draws.shape[1])
        resampled = (draws @ np.bincount(number, gain, draws.shape[1])) / (draws @ total)
        low, high = np.quantile(resampled, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
        return float(gain.mean()), float(low), float(high)

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
        keywords = [i for i, name in enumerate(self.classes) if name not in NOT_KEYWORDS]
        present = [(self.labels == k) for k in keywords]
        if not any(trial.any() for trial in present):
            raise DataError("a DET curve needs clips of keywords, but there are none")
        if all(trial.all() for trial in present) or len(self.classes) < 2:
            raise DataError("a DET curve needs clips without the keyword, but there are none")
        wide = self.scores.astype(np.float64)
        margins = []
        for k in keywords:
            others = np.delete(wide, k, axis=1).max(axis=1)
            margins.append(wide[:, k] - others)
        margin, is_target = np.concatenate(margins), np.concatenate(present)
        targets, others = np.sort(margin[is_target]), np.sort(margin[~is_target])
        threshold = np.append(np.unique(margin), np.inf)
        rejected = np.searchsorted(targets, threshold, side="left") / len(targets)
        accepted = (len(others) - np.searchsorted(others, threshold, side="left")) / len(others)
        return DetCurve(threshold, accepted, rejected)


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
