"""Evaluation sets: feature codes with labels and groups, shipped or read from real speech."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError, DataError, suggest
from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.labels import LABELS, label_of_word
from fxpsim.kws.recordings import Clip, load_npz, recordings
from fxpsim.kws.speakers import Split

__all__ = ["EvaluationSet"]

_KEYS = ("description", "features", "front_end", "groups", "labels", "name", "source", "title")
_CHUNK = 512  # clips held as audio at once


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationSet:
    """What a network is scored on.

    Attributes
    ----------
    name, title
        Short name, and the heading of a report.
    features
        int8 codes [clips, frames, bands] of ``front_end``.
    labels
        int64 [clips], index into :data:`fxpsim.kws.labels.LABELS`.
    groups
        Strings [clips]: the speaker or voice; intervals resample these, not clips.
    description, source
        What it is, what was left out and why; where it came from.
    front_end
        What made the features.
    """

    name: str
    title: str
    features: NDArray[np.int8]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]
    description: str
    source: str
    front_end: LogMel

    def __post_init__(self) -> None:
        problems = _problems(self.features, self.labels, self.groups)
        if problems:
            raise DataError(f"evaluation set {self.name!r}: {'; '.join(problems)}")

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def shipped(cls) -> EvaluationSet:
        """Return the synthetic set that the package carries."""
        with as_file(files("fxpsim.kws") / "data" / "evaluation.npz") as path:
            return cls._of_features(path)

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        front_end: LogMel | None = None,
        split: Split | Literal["all"] = "test",
    ) -> EvaluationSet:
        """Read recordings, or features saved by :meth:`save`.

        Parameters
        ----------
        path
            A Speech Commands folder tree (its ``testing_list.txt``, where present, chooses the
            clips), an audio npz (see :func:`fxpsim.kws.recordings.audio_of_npz`), a folder of
            such files, or a features npz of this class.
        front_end
            How recordings become features; by default that of the reference network.
        split
            Which speakers: ``"test"`` leaves out everyone whom training or validation may have
            met (:func:`fxpsim.kws.speakers.split_of`), ``"all"`` keeps everyone.  A features npz
            is taken as it is.

        Raises
        ------
        DataError
            One sentence with the path, where the data are missing, damaged or of another kind.
        """
        choices = ("test", "validation", "train", "all")
        if split not in choices:
            raise ConfigError(
                f"split must be one of {', '.join(choices)}, not {split!r}"
                f"{suggest(str(split), choices)}"
            )
        path = Path(path)
        if path.is_file():
            if path.suffix != ".npz":
                raise DataError(
                    f"speech data must be a folder or an .npz file, and {path} is neither"
                )
            if "features" in load_npz(path):
                return cls._of_features(path)
        clips = recordings(path)
        kept = [clip for clip in clips if split in ("all", clip.split)]
        if not kept:
            raise DataError(
                f"no speaker of the {split} split is among the {len(clips)} clips at {path}; "
                "split='all' (--all-speakers) takes every speaker"
            )
        front_end = front_end or LogMel()
        return cls(
            name=path.stem,
            title=f"real speech: {path.name}",
            features=_features(kept, front_end),
            labels=np.array([label_of_word(clip.word) for clip in kept], np.int64),
            groups=np.array([clip.group for clip in kept]),
            description=_describe(clips, kept, split),
            source=path.name,
            front_end=front_end,
        )

    def save(self, path: str | Path) -> None:
        """Write a features npz: no audio, the same bytes every time."""
        np.savez_compressed(
            path,
            description=np.array(self.description),
            features=self.features,
            front_end=np.array(json.dumps(asdict(self.front_end))),
            groups=self.groups,
            labels=self.labels,
            name=np.array(self.name),
            source=np.array(self.source),
            title=np.array(self.title),
        )

    @classmethod
    def _of_features(cls, path: Path) -> EvaluationSet:
        arrays = load_npz(path)
        missing = sorted(set(_KEYS) - set(arrays))
        if missing:
            raise DataError(f"{path} must have the arrays {', '.join(_KEYS)}; it lacks {missing}")
        problems = _problems(arrays["features"], arrays["labels"], arrays["groups"])
        if problems:
            raise DataError(f"{path}: {'; '.join(problems)}")
        try:
            front_end = LogMel(**json.loads(str(arrays["front_end"])))
        except (TypeError, ValueError) as error:
            raise DataError(f"{path} does not describe its front end: {error}") from error
        return cls(
            features=arrays["features"],
            labels=arrays["labels"].astype(np.int64),
            groups=arrays["groups"],
            front_end=front_end,
            name=str(arrays["name"]),
            title=str(arrays["title"]),
            description=str(arrays["description"]),
            source=str(arrays["source"]),
        )


def _problems(
    features: NDArray[np.int8], labels: NDArray[np.int64], groups: NDArray[np.str_]
) -> list[str]:
    problems = []
    if features.dtype != np.int8 or features.ndim != 3 or features.size == 0:
        problems.append(
            "features must be int8 of shape (clips, frames, bands), "
            f"not {features.dtype} of shape {features.shape}"
        )
    clips = features.shape[:1]
    if labels.dtype.kind not in "iu" or labels.shape != clips:
        problems.append(
            f"labels must be integers, one a clip, not {labels.dtype} of shape {labels.shape}"
        )
    elif labels.size and not (labels.min() >= 0 and labels.max() < len(LABELS)):
        problems.append(
            f"labels must be 0 to {len(LABELS) - 1}, not {labels.min()} to {labels.max()}"
        )
    if groups.dtype.kind != "U" or groups.shape != clips:
        problems.append(
            f"groups must be strings, one a clip, not {groups.dtype} of shape {groups.shape}"
        )
    return problems


def _features(clips: Sequence[Clip], front_end: LogMel) -> NDArray[np.int8]:
    chunks = (clips[i : i + _CHUNK] for i in range(0, len(clips), _CHUNK))
    return np.concatenate(
        [front_end.codes(np.stack([clip.second() for clip in chunk])) for chunk in chunks]
    )


def _describe(clips: Sequence[Clip], kept: Sequence[Clip], split: str) -> str:
    speakers = len({clip.speaker for clip in kept} - {""})
    text = f"{len(kept)} clips of {speakers} speakers"
    left_out = len(clips) - len(kept)
    if left_out:
        text += (
            f"; {left_out} clips were left out because their speakers are not in the {split} "
            "split, so that nobody heard in training is scored"
        )
    return text
