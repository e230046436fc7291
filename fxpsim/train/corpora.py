"""Speech to train on: feature codes with labels, speakers and a split that keeps speakers apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from math import log10
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError, DataError, naming, suggest
from fxpsim.formats import QFormat
from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.labels import KEYWORDS, LABELS, SILENCE, UNKNOWN, label_of_word
from fxpsim.kws.recordings import (
    LARGEST_RECORDINGS,
    Clip,
    listed_splits,
    load_npz,
    recordings,
)
from fxpsim.kws.speakers import Split
from fxpsim.npz import open_zip

__all__ = [
    "ARABIC_VALIDATION_SPEAKERS",
    "Corpus",
    "Part",
    "arabic",
    "features",
    "read_corpus",
    "speech_commands",
]

#: Called with a stage, and how much is done of how much.
Progress = Callable[[str, int, int], None]

SPLITS: tuple[str, ...] = get_args(Split)
#: Of the 18 official training speakers: every choice is made on these, never on ``val``.
ARABIC_VALIDATION_SPEAKERS = ("5", "17", "23")
#: lfbe = 256 (10 log10 power + 52) / 64, halved, in 128 codes to 1.
_ARABIC_OCTAVE = 2 * 10 * log10(2) / 128
_BLOCK = 512  # clips held as audio at once


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One split: ``features`` int8 [clips, rows, bands], ``labels`` and ``groups`` [clips]."""

    features: NDArray[np.int8]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Labelled feature codes in three splits.

    Attributes
    ----------
    name : str
        Of the corpus.
    features : int8 array (clips, rows, bands)
        Codes of ``input_format``.
    labels : int64 array (clips,)
        Index into ``classes``.
    groups : str array (clips,)
        Speaker of each clip (or the clip itself, where nobody is named).
    splits : str array (clips,)
        ``"train"``, ``"validation"`` or ``"test"``; a speaker is in one of them.
    classes : tuple of str
        Names.
    input_format : QFormat
        What the codes mean.
    metadata : mapping
        For the graphs of networks trained on it, such as ``{"front_end": {...}}``.
    octave : float
        What twice the power adds to a value.

    Raises
    ------
    DataError
        Naming everything that does not fit together.
    """

    name: str
    features: NDArray[np.int8]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]
    splits: NDArray[np.str_]
    classes: tuple[str, ...]
    input_format: QFormat
    metadata: Mapping[str, Any] = field(default_factory=dict)
    octave: float = 1.0

    def __post_init__(self) -> None:
        problems = self._wrong_arrays() or self._wrong_content()
        if problems:
            raise DataError(f"corpus {self.name!r}: {'; '.join(problems)}")

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, split: Split) -> Part:
        """Return one split."""
        if split not in SPLITS:
            raise ConfigError(
                f"split must be one of {', '.join(SPLITS)}, not {split!r}{suggest(split, SPLITS)}"
            )
        chosen = self.splits == split
        return Part(self.features[chosen], self.labels[chosen], self.groups[chosen])

    def save(self, path: Path) -> None:
        """Write an npz that :func:`features` reads (without ``metadata``)."""
        np.savez_compressed(
            path,
            features=self.features,
            labels=self.labels,
            groups=self.groups,
            splits=self.splits,
            classes=np.array(self.classes),
            input_format=np.array(str(self.input_format)),
        )

    def _wrong_arrays(self) -> list[str]:
        array, problems = self.features, []
        if array.dtype != np.int8 or array.ndim != 3 or array.size == 0:
            problems.append(
                "features must be int8 codes [clips, rows, bands], "
                f"not {array.dtype} of shape {array.shape}"
            )
        if not self.input_format.signed or self.input_format.bits > 8:
            problems.append(
                f"the format must be signed, of at most 8 bits, not {self.input_format}"
            )
        for name, kinds, noun in (
            ("labels", "iu", "integers"),
            ("groups", "U", "texts"),
            ("splits", "U", "texts"),
        ):
            array = getattr(self, name)
            if array.dtype.kind not in kinds or array.shape != self.features.shape[:1]:
                problems.append(
                    f"{name} must be {noun}, one a clip, not {array.dtype} of shape {array.shape}"
                )
        return problems

    def _wrong_content(self) -> list[str]:
        problems = []
        lowest, highest = int(self.features.min()), int(self.features.max())
        if lowest < self.input_format.lo or highest > self.input_format.hi:
            problems.append(
                f"features must be codes of {self.input_format}, {self.input_format.lo} to "
                f"{self.input_format.hi}, not {lowest} to {highest}"
            )
        if self.labels.min() < 0 or self.labels.max() >= len(self.classes):
            problems.append(
                f"labels must be 0 to {len(self.classes) - 1}, "
                f"not {self.labels.min()} to {self.labels.max()}"
            )
        else:
            trained = set(self.labels[self.splits == "train"].tolist())
            missing = [name for i, name in enumerate(self.classes) if i not in trained]
            if missing:
                problems.append(
                    f"every class must have clips to train on, but not so {_few(missing)}"
                )
        if unknown := sorted(set(self.splits.tolist()) - set(SPLITS)):
            problems.append(
                f"splits must be {', '.join(SPLITS)}, not {unknown[0]!r}"
                f"{suggest(unknown[0], SPLITS)}"
            )
        empty = [split for split in SPLITS if not np.any(self.splits == split)]
        if empty:
            problems.append(f"every split must have clips, but not so {_few(empty)}")
        pairs = np.unique(np.stack([self.groups, self.splits]), axis=1)
        names, count = np.unique(pairs[0], return_counts=True)
        if np.any(count > 1):
            shared = names[count > 1].tolist()
            problems.append(f"a speaker must be in one split, but not so {_few(shared)}")
        return problems


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"


def read_corpus(path: Path, **settings: Any) -> Corpus:
    """Read whichever of the following ``path`` holds; ``settings`` are of `speech_commands`.

    An npz with ``features`` is of :func:`features`, one with ``lfbe`` of :func:`arabic`, and
    everything else of :func:`speech_commands`.
    """
    if path.suffix == ".npz" and path.is_file():
        with open_zip(path, LARGEST_RECORDINGS) as archive:
            names = archive.namelist()
        for key, read in (("features", features), ("lfbe", arabic)):
            if f"{key}.npy" in names:
                return read(path)
    return speech_commands(path, **settings)


def features(path: Path) -> Corpus:
    """Read features of any origin.

    Parameters
    ----------
    path
        An npz with ``features`` int8 [clips, rows, bands]; ``labels``, ``groups`` and ``splits``
        [clips]; ``classes``, names; and ``input_format``, a text such as ``"fxp-s8/3"``.

    Raises
    ------
    DataError
        A sentence with the path and everything that is wrong.
    """
    names = ("features", "labels", "groups", "splits", "classes", "input_format")
    arrays = _arrays(path, names)
    with naming(path):
        if arrays["input_format"].dtype.kind != "U" or arrays["input_format"].ndim:
            raise DataError("input_format must be one text, such as 'fxp-s8/3'")
        if arrays["classes"].dtype.kind != "U" or arrays["classes"].ndim != 1:
            raise DataError("classes must be texts, one a class")
        labels = arrays["labels"]
        return Corpus(
            name=path.stem,
            features=arrays["features"],
            labels=labels.astype(np.int64) if labels.dtype.kind in "iu" else labels,
            groups=arrays["groups"],
            splits=arrays["splits"],
            classes=tuple(arrays["classes"].tolist()),
            input_format=QFormat.parse(str(arrays["input_format"])),
        )


def arabic(path: Path) -> Corpus:
    """Read Arabic Speech Commands: 40 words, 25 rows (every 40 ms) of 20 bands.

    Parameters
    ----------
    path
        An npz with ``lfbe`` uint8 [clips, 49, 40] (logarithms of band powers, as in MLPerf Tiny),
        ``word``, ``speaker`` and ``split`` [clips], the last ``"train"`` or ``"val"``.

    Returns
    -------
    Corpus
        Every second row and band; codes are ``(lfbe - mean) >> 1``, saturated, where ``mean`` is
        that of the band over training speakers, rounded: sums of products around zero need
        narrower registers.  The official ``val`` is the test split;
        :data:`ARABIC_VALIDATION_SPEAKERS` of the training speakers are the validation split.

    Raises
    ------
    DataError
        A sentence with the path and everything that is wrong.

    Notes
    -----
    A. Ghandoura, F. Hjabo, O. Al Dakkak, "Building and Benchmarking an Arabic Speech Commands
    Dataset for Small-Footprint Keyword Spotting", Engineering Applications of Artificial
    Intelligence, 2021.
    """
    arrays = _arrays(path, ("lfbe", "word", "speaker", "split"))
    lfbe, words, speakers, official = arrays.values()
    with naming(path):
        problems = []
        if lfbe.dtype != np.uint8 or lfbe.shape[1:] != (49, 40):
            problems.append(
                f"lfbe must be uint8 [clips, 49, 40], not {lfbe.dtype} of shape {lfbe.shape}"
            )
        for name, kinds, noun in (
            ("word", "U", "texts"),
            ("speaker", "iuU", "numbers or texts"),
            ("split", "U", "texts"),
        ):
            array = arrays[name]
            if array.dtype.kind not in kinds or array.shape != lfbe.shape[:1]:
                problems.append(
                    f"{name} must be {noun}, one a clip, not {array.dtype} of shape {array.shape}"
                )
        if unknown := sorted(set(official.ravel().tolist()) - {"train", "val"}):
            problems.append(f"split must be 'train' or 'val', not {unknown[0]!r}")
        if problems:
            raise DataError("; ".join(problems))
        groups = speakers.astype(np.str_)
        chosen = np.isin(groups, ARABIC_VALIDATION_SPEAKERS) & (official == "train")
        splits = np.select([official == "val", chosen], ["test", "validation"], "train")
        classes, labels = np.unique(words, return_inverse=True)
        values = lfbe[:, ::2, ::2].astype(np.int16)
        means = np.rint(values[splits == "train"].mean(axis=(0, 1))).astype(np.int16)
        return Corpus(
            name="arabic-speech-commands",
            features=np.clip((values - means) >> 1, -128, 127).astype(np.int8),
            labels=labels.astype(np.int64),
            groups=groups,
            splits=splits,
            classes=tuple(classes.tolist()),
            input_format=QFormat(8, 7),
            metadata={
                "corpus": "Arabic Speech Commands, every second row and band of its LFBE",
                "band_means": means.tolist(),
            },
            octave=_ARABIC_OCTAVE,
        )


def _arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    arrays = load_npz(path)
    missing = [name for name in names if name not in arrays]
    if missing:
        raise DataError(
            f"{path} must have the arrays {', '.join(names)}; it lacks {', '.join(missing)}"
        )
    return {name: arrays[name] for name in names}


def speech_commands(
    path: Path,
    *,
    front_end: LogMel | None = None,
    most_unknown: float = 1.5,
    copies: int = 0,
    cache: Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Corpus:
    """Read recordings as the twelve classes of Speech Commands.

    Parameters
    ----------
    path
        A Speech Commands folder tree, an audio npz, or a folder of those.  A tree's own
        ``validation_list.txt`` and ``testing_list.txt`` decide the split where it has them;
        elsewhere, and for background noise, a hash does
        (:func:`fxpsim.kws.speakers.split_of`: 70, 15 and 15 % of speakers).
    front_end
        What makes the features; by default that of the reference network.
    most_unknown
        At most so many clips are ``_unknown_``, in units of the mean number of a keyword's clips
        in the split; a hash of their names chooses (the whole set has twenty times as many).
    copies
        Augmented copies of every training clip, behind the clips themselves; needs PyTorch.
    cache
        Folder where copies are kept: what an interrupted call has made is not made again.
    seed
        Of the copies.
    progress
        Called with a stage, and how much is done of how much.

    Raises
    ------
    DataError
        A sentence with the path.
    """
    front_end = front_end or LogMel()
    tell = progress or (lambda stage, done, total: None)
    clips, splits = _split(path, most_unknown)
    parts = []
    for start in range(0, len(clips), _BLOCK):
        tell("features", start, len(clips))
        audio = np.stack([clip.second() for clip in clips[start : start + _BLOCK]])
        parts.append(front_end.codes(audio))
    labels = np.array([label_of_word(clip.word) for clip in clips], np.int64)
    groups = np.array([clip.group for clip in clips])
    if copies:
        from fxpsim.train.copies import changed_copies

        chosen = np.flatnonzero(splits == "train")
        made = changed_copies(
            [clips[i] for i in chosen], copies, front_end, seed=seed, cache=cache, progress=tell
        )
        parts.append(made)
        labels = np.concatenate([labels, np.tile(labels[chosen], copies)])
        groups = np.concatenate([groups, np.tile(groups[chosen], copies)])
        splits = np.concatenate([splits, np.full(copies * len(chosen), "train")])
    with naming(path):
        return Corpus(
            name=path.stem,
            features=np.concatenate(parts),
            labels=labels,
            groups=groups,
            splits=splits,
            classes=LABELS,
            input_format=QFormat(front_end.output_bits, front_end.output_frac),
            metadata={"front_end": asdict(front_end)},
        )


def _split(path: Path, most_unknown: float) -> tuple[list[Clip], NDArray[np.str_]]:
    """Return the clips that are used and their splits."""
    clips = recordings(path, all_splits=True)
    listed = listed_splits(path) if path.is_dir() else None

    def split_of_clip(clip: Clip) -> str:
        if listed is None or clip.word == SILENCE:
            return clip.split
        return listed.get(clip.name, "train")

    splits = [split_of_clip(clip) for clip in clips]
    kept: list[int] = []
    for split in SPLITS:
        of_split = [i for i, own in enumerate(splits) if own == split]
        keywords = sum(clips[i].word in KEYWORDS for i in of_split)
        unknown = [i for i in of_split if LABELS[label_of_word(clips[i].word)] == UNKNOWN]
        unknown.sort(key=lambda i: sha256(clips[i].name.encode()).digest())
        left_out = set(unknown[round(most_unknown * keywords / len(KEYWORDS)) :])
        kept += [i for i in of_split if i not in left_out]
    kept.sort()
    return [clips[i] for i in kept], np.array([splits[i] for i in kept])
