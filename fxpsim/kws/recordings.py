"""Real recordings from disk: Speech Commands folder trees and lossless audio ``.npz`` files."""

from __future__ import annotations

import wave
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.audio import WAVE_ERRORS
from fxpsim.errors import DataError
from fxpsim.kws.labels import SILENCE
from fxpsim.kws.signals import CLIP_SAMPLES, SAMPLE_RATE
from fxpsim.kws.speakers import Split, split_of
from fxpsim.npz import read_npz

__all__ = [
    "LARGEST_RECORDINGS",
    "Clip",
    "audio_of_npz",
    "is_audio_npz",
    "listed_splits",
    "load_npz",
    "recordings",
]

BACKGROUND = "_background_noise_"
TESTING_LIST, VALIDATION_LIST = "testing_list.txt", "validation_list.txt"
#: Hours of audio, lossless.
LARGEST_RECORDINGS = 1 << 31
_AUDIO_KEYS = frozenset({"lo", "hi", "offset"})


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording that has not been read yet.

    ``speaker`` is empty where nobody is named; then the clip's own name decides its split.
    """

    word: str
    speaker: str
    name: str
    samples: Callable[[], NDArray[np.int16]]

    @property
    def group(self) -> str:
        """Whom the clip counts for: its speaker, else itself."""
        return self.speaker or self.name

    @property
    def split(self) -> Split:
        """Split by the committed rule."""
        return split_of(self.group)

    def second(self) -> NDArray[np.int16]:
        """Exactly one second: the first 16000 samples, or zeros behind fewer."""
        audio = self.samples()[:CLIP_SAMPLES]
        return np.pad(audio, (0, CLIP_SAMPLES - audio.size))


def recordings(path: Path, *, all_splits: bool = False) -> list[Clip]:
    """Every clip under ``path``: an audio npz, a folder of them, or a Speech Commands folder tree.

    Of a tree with a ``testing_list.txt``, the clips that it names, unless ``all_splits``.

    Raises
    ------
    DataError
        Where nothing is there, or it is not readable as one of these.
    """
    if path.is_file():
        return audio_of_npz(path)
    if not path.is_dir():
        raise DataError(f"speech data must be a folder or an .npz file, but nothing is at {path}")
    files = sorted(path.glob("*.npz"))
    clips = [clip for file in files if is_audio_npz(file) for clip in audio_of_npz(file)]
    clips += _tree(path, None if all_splits else _names(path / TESTING_LIST))
    if not clips:
        raise DataError(
            f"speech data must be word folders with .wav files, or .npz files with lo, hi and "
            f"offset; {path} has neither"
        )
    return clips


def load_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Return all arrays of an npz file of recordings or features; DataError where it is damaged."""
    return read_npz(path, LARGEST_RECORDINGS)


def is_audio_npz(path: Path) -> bool:
    """Whether the file has the keys of an audio npz; anything unreadable counts as one."""
    try:
        with zipfile.ZipFile(path) as file:
            return {f"{key}.npy" for key in _AUDIO_KEYS} <= set(file.namelist())
    except zipfile.BadZipFile:
        return True  # so that reading it reports what is wrong


def audio_of_npz(path: Path) -> list[Clip]:
    """Clips of an npz with byte planes of zig-zag coded first differences.

    Keys: ``lo`` and ``hi`` uint8 [samples], ``offset`` integer [clips + 1], ``label`` or ``word``
    [clips]; optional ``speaker``, ``clip_name`` [clips] and ``sample_rate`` (Hz).
    """
    arrays = load_npz(path)
    missing = sorted(_AUDIO_KEYS - set(arrays))
    if missing or not {"label", "word"} & set(arrays):
        raise DataError(
            f"{path} must have the arrays lo, hi, offset and label (or word); "
            f"it has {', '.join(sorted(arrays)) or 'none'}"
        )
    rate = int(arrays.get("sample_rate", np.int32(SAMPLE_RATE)))
    if rate != SAMPLE_RATE:
        raise DataError(f"audio must be sampled at {SAMPLE_RATE} Hz, but {path} is at {rate} Hz")
    low, high, offset = arrays["lo"], arrays["hi"], arrays["offset"]
    if low.dtype != np.uint8 or high.dtype != np.uint8 or low.ndim != 1 or low.shape != high.shape:
        raise DataError(
            f"lo and hi must be uint8 arrays of one length, but in {path} they are "
            f"{low.dtype} {low.shape} and {high.dtype} {high.shape}"
        )
    if (
        offset.dtype.kind not in "iu"
        or offset.ndim != 1
        or offset.size < 2
        or offset[0] != 0
        or offset[-1] != low.size
        or np.any(np.diff(offset.astype(np.int64)) < 0)
    ):
        raise DataError(f"offset must rise from 0 to the {low.size} samples, but not so in {path}")
    count = offset.size - 1
    columns = {
        key: _strings(path, arrays, key, count)
        for key in ("label", "word", "speaker", "clip_name")
        if key in arrays
    }
    words = columns.get("label", columns.get("word", []))
    speakers = columns.get("speaker", [""] * count)
    names = columns.get("clip_name", [f"{path.name}#{i}" for i in range(count)])
    zigzag = low.astype(np.uint16) | (high.astype(np.uint16) << 8)
    steps = (zigzag >> 1) ^ (np.uint16(0) - (zigzag & 1))
    audio = np.cumsum(steps.view(np.int16), dtype=np.int16)
    pieces = [audio[a:b] for a, b in pairwise(offset)]

    return [
        Clip(word, speaker, name, piece.copy)
        for word, speaker, name, piece in zip(words, speakers, names, pieces, strict=True)
    ]


def _strings(path: Path, arrays: dict[str, NDArray[Any]], key: str, count: int) -> list[str]:
    column = arrays[key]
    if column.shape != (count,) or column.dtype.kind != "U":
        raise DataError(
            f"{key} must be {count} strings, one a clip, but in {path} it is "
            f"{column.dtype} of shape {column.shape}"
        )
    return [str(value) for value in column]


def listed_splits(root: Path) -> dict[str, Split] | None:
    """Return the split of every clip that a tree's own lists name; None where it has no lists.

    Clips in neither list are for training.

    Raises
    ------
    DataError
        There is one list without the other, or a clip is in both.
    """
    testing, validation = _names(root / TESTING_LIST), _names(root / VALIDATION_LIST)
    if testing is None and validation is None:
        return None
    if testing is None or validation is None:
        raise DataError(f"{root} must have {TESTING_LIST} and {VALIDATION_LIST}, or neither")
    if both := sorted(testing & validation):
        raise DataError(f"{root}: a clip must be in one list, but {both[0]} is in both")
    splits: dict[str, Split] = dict.fromkeys(testing, "test")
    return splits | dict.fromkeys(validation, "validation")


def _names(path: Path) -> set[str] | None:
    return set(path.read_text(encoding="utf-8").split()) if path.is_file() else None


def _tree(root: Path, wanted: set[str] | None) -> Iterator[Clip]:
    for folder in sorted(item for item in root.iterdir() if item.is_dir()):
        for file in sorted(f for f in folder.iterdir() if f.suffix.lower() == ".wav"):
            name = f"{folder.name}/{file.name}"
            if folder.name == BACKGROUND:
                yield from _background(file, name)
            elif wanted is None or name in wanted or folder.name == SILENCE:
                yield Clip(folder.name, _speaker(file.stem), name, partial(read_wav, file))


def _speaker(stem: str) -> str:
    """Speech Commands names a file ``<8 hex digits of the speaker>_nohash_<take>``."""
    prefix = stem.split("_")[0]
    return prefix if len(prefix) == 8 and set(prefix) <= set("0123456789abcdef") else ""


def _background(file: Path, name: str) -> Iterator[Clip]:
    audio = read_wav(file)
    for i in range(audio.size // CLIP_SAMPLES):
        piece = audio[i * CLIP_SAMPLES : (i + 1) * CLIP_SAMPLES]
        yield Clip(SILENCE, "", f"{name}#{i}", piece.copy)


def read_wav(path: Path) -> NDArray[np.int16]:
    """Read a 16-bit mono PCM file at 16 kHz, int16 [samples].

    Raises
    ------
    DataError
        Saying what the file is instead.
    """
    try:
        with wave.open(str(path), "rb") as file:
            found = (file.getsampwidth() * 8, file.getnchannels(), file.getframerate())
            frames = file.getnframes()
            data = file.readframes(frames)
    except (*WAVE_ERRORS, OSError) as error:
        reason = str(error) or "it is empty or cut short"
        raise DataError(f"{path} cannot be read as a PCM .wav file: {reason}") from error
    if found != (16, 1, SAMPLE_RATE):
        raise DataError(
            f"{path} must be 16-bit mono at {SAMPLE_RATE} Hz, not {found[0]}-bit with "
            f"{found[1]} channel(s) at {found[2]} Hz"
        )
    if not data or len(data) < 2 * frames:
        raise DataError(f"{path} must hold {frames or 'some'} samples, not {len(data) // 2}")
    return np.frombuffer(data, "<i2").astype(np.int16)
