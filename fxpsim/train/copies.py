"""Augmented copies of recordings as feature codes, kept on disk as they are made."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError
from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.labels import LABELS, SILENCE, label_of_word
from fxpsim.kws.recordings import Clip
from fxpsim.npz import read_npy
from fxpsim.train.augmentation import SoundAugmentation
from fxpsim.train.material import Sounds, Words, augmented, coloured_noises, real_words

__all__ = ["changed_copies"]

_BLOCK = 4096  # clips held as sound at once: 256 MB
_NOISES = 500  # recorded noises held
#: What decides the bits beside the sounds and the settings.
_SOURCES = (
    "fxpsim.train.augmentation",
    "fxpsim.train.copies",
    "fxpsim.train.material",
    "fxpsim.frontend.logmel",
    "fxpsim.frontend.framing",
    "fxpsim.frontend.mel",
    "fxpsim.kws.signals",
)


def changed_copies(
    clips: Sequence[Clip],
    copies: int,
    front_end: LogMel,
    *,
    change: SoundAugmentation | None = None,
    noises: int = 300,
    seed: int = 0,
    cache: Path | None = None,
    threads: int = 2,
    progress: Callable[[str, int, int], None] | None = None,
) -> NDArray[np.int8]:
    """Make changed copies of clips; neither ``cache`` nor ``threads`` changes a bit.

    Parameters
    ----------
    clips
        To train on.  Silence among them is mixed in as noise, with coloured noises.
    copies
        Of each clip.
    front_end, change
        What makes the features, and what changes the sounds before.
    noises
        Coloured noises in the bank.
    seed
        Of all that is random.
    cache
        Folder for one file a copy of each block of clips; a file is found again by a hash of the
        sounds, the settings and the code that makes it.
    threads
        Copies made at once.
    progress
        Called with the stage, copies done and copies in all.

    Returns
    -------
    int8 array (copies * clips, rows, bands)
        The first copy of all clips, then the second, and so on.
    """
    change = change or SoundAugmentation()
    bank = _noises(clips, noises, seed)
    blocks = [clips[start : start + _BLOCK] for start in range(0, len(clips), _BLOCK)]
    made: list[list[NDArray[np.int8]]] = [[] for _ in range(copies)]
    for number, block in enumerate(blocks):
        words = real_words(block)
        draws = f"{seed} {number}"
        key = _key(words, bank, repr((front_end, change, draws)))
        folder = None if cache is None else cache / f"copies-{key}"
        one = partial(_copy, words, bank, change, front_end, draws, folder)
        with ThreadPoolExecutor(threads) as pool:
            try:
                for copy, codes in enumerate(pool.map(one, range(copies))):
                    made[copy].append(codes)
                    if progress:
                        done = number * copies + copy + 1
                        progress("augmented copies", done, len(blocks) * copies)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return np.concatenate([codes for parts in made for codes in parts])


def _noises(clips: Sequence[Clip], coloured: int, seed: int) -> Sounds:
    quiet = [clip for clip in clips if LABELS[label_of_word(clip.word)] == SILENCE][:_NOISES]
    bank = [coloured_noises(coloured, seed)]
    if quiet:
        bank.append(real_words(quiet).sounds)
    return np.concatenate(bank)


def _key(words: Words, noises: Sounds, settings: str) -> str:
    digest = sha256(f"{settings} {np.__version__}".encode())
    for name in _SOURCES:
        digest.update(Path(str(import_module(name).__file__)).read_bytes())
    for array in (words.sounds, words.labels, noises):
        digest.update(array.tobytes())
    return digest.hexdigest()[:32]


def _copy(
    words: Words,
    noises: Sounds,
    change: SoundAugmentation,
    front_end: LogMel,
    draws: str,
    folder: Path | None,
    copy: int,
) -> NDArray[np.int8]:
    """Return one copy of a block, read or made; it draws from a generator of its own."""
    file = None if folder is None else folder / f"{copy}.npy"
    if file is not None and file.exists():
        try:
            codes: NDArray[np.int8] = read_npy(file)
            return codes
        except DataError:
            pass  # damaged: made again
    seed = int.from_bytes(sha256(f"{draws} {copy}".encode()).digest()[:8])
    made = augmented(words, 1, noises, change, [front_end], seed=seed, threads=1).views[0]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f".{os.getpid()}-{file.name}")
        np.save(unfinished, made)
        os.replace(unfinished, file)
    return made
