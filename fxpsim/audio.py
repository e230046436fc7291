"""Sound from files: any common rate, width and channel count in, int16 samples of one channel out.

With the extra ``audio`` (soundfile, soxr) whatever libsndfile reads is read: WAV, FLAC, AIFF, Ogg,
MP3...  Without it, 16-bit WAV at the wanted rate, by Python's own :mod:`wave`.
"""

from __future__ import annotations

import re
import struct
import wave
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError, DataError

__all__ = ["SUFFIXES", "WAVE_ERRORS", "Audio", "AudioFile", "open_audio", "read_audio"]

#: Ends of names of files that are audio.
SUFFIXES = (".wav", ".flac", ".aif", ".aiff", ".au", ".caf", ".mp3", ".ogg", ".opus", ".w64")
#: What :mod:`wave` raises at a damaged header.
WAVE_ERRORS = (wave.Error, EOFError, RuntimeError, struct.error)
#: A channel by number, from 0, or the mean of all.
Channel = int | Literal["mean"]
_INSTALL = "pip install 'fxpsim[audio]'"
_BLOCK = 1 << 16  # values of all channels that are read at once
_RATES = range(1000, 768001)
_FULL_SCALE = 1 << 15
_QUALITY = "HQ"


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """One channel of sound.

    Attributes
    ----------
    samples : int16 array (n,)
    sample_rate : int
        Hz.
    notes : tuple of str
        What was done to the file's own samples; empty where nothing was.
    """

    samples: NDArray[np.int16]
    sample_rate: int
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.samples.size / self.sample_rate


@dataclass(slots=True)
class AudioFile:
    """A file that is open for reading.

    Attributes
    ----------
    sample_rate : int
        Hz, of the samples that come out.
    seconds : float
        How long it is, as far as its header can be believed.
    notes : list of str
        What is done to the file's own samples; complete when all are read.
    """

    path: Path
    sample_rate: int
    seconds: float
    notes: list[str]
    _blocks: Iterator[NDArray[np.float64]]
    _clipped: int = field(default=0, init=False)

    def blocks(self) -> Iterator[NDArray[np.int16]]:
        """Yield all samples, int16 (n,), some thousands at a time.

        Raises
        ------
        DataError
            There is none, or one is not a number, or the file is damaged where it is read.
        """
        samples = 0
        for block in self._blocks:
            samples += block.size
            yield self._coded(block)
        if not samples:
            raise DataError(f"{self.path}: audio must hold samples, but this holds none")
        if self._clipped:
            self.notes.append(f"{self._clipped} samples beyond full scale clipped")

    def _coded(self, block: NDArray[np.float64]) -> NDArray[np.int16]:
        codes = np.rint(block * _FULL_SCALE)
        limited = np.clip(codes, -_FULL_SCALE, _FULL_SCALE - 1)
        # 1.0 itself is the loudest sample of many float files, and a code short of it is no harm.
        self._clipped += int(np.count_nonzero(np.abs(codes - limited) > 1))
        return limited.astype(np.int16)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file as it is: its samples in [-1, 1), block by block (n, channels)."""

    sample_rate: int
    channels: int
    frames: int
    notes: list[str]
    blocks: Iterator[NDArray[np.float64]]


def read_audio(
    path: str | Path,
    sample_rate: int = 16000,
    *,
    channel: Channel = 0,
    most_seconds: float = 3600.0,
) -> Audio:
    """Return a whole file as one array; parameters and errors as for :func:`open_audio`.

    A file of more than ``most_seconds`` is refused: it is to be heard in blocks.
    """
    with open_audio(path, sample_rate, channel=channel) as file:
        blocks, held = [], 0
        for block in file.blocks():
            blocks.append(block)
            held += block.size
            if held > most_seconds * sample_rate:
                raise DataError(
                    f"{path}: audio to be read at once must last at most {most_seconds:g} s, "
                    f"but this lasts longer"
                )
        return Audio(np.concatenate(blocks), sample_rate, tuple(file.notes))


@contextmanager
def open_audio(
    path: str | Path, sample_rate: int = 16000, *, channel: Channel = 0
) -> Iterator[AudioFile]:
    """Open a file for reading in blocks.

    Parameters
    ----------
    path : str or path
        The file.
    sample_rate : int
        Wanted, Hz; another one is resampled (soxr, quality HQ, in float64).
    channel : int or "mean"
        Which one of several, from 0, or their mean.

    Raises
    ------
    DataError
        The file is no audio, or not such as can be read without the extra ``audio``.
    ConfigError
        There is no such channel.
    """
    path = Path(path)
    with _sources(path, sample_rate) as source:
        if source.sample_rate not in _RATES:
            raise DataError(
                f"{path}: the sample rate must be {_RATES[0]} to {_RATES[-1]} Hz, "
                f"not {source.sample_rate}"
            )
        notes = source.notes
        blocks = _one_channel(path, source, channel)
        if channel != "mean" and channel not in range(source.channels):
            raise ConfigError(
                f"{path}: the channel must be 0 to {source.channels - 1}, or mean, not {channel!r}"
            )
        if source.channels > 1:
            mixed = "mean" if channel == "mean" else f"channel {channel}"
            notes.append(f"{mixed} of {source.channels} channels")
        if source.sample_rate != sample_rate:
            notes.append(f"resampled from {source.sample_rate} to {sample_rate} Hz")
            blocks = _resampled(blocks, source.sample_rate, sample_rate)
        yield AudioFile(path, sample_rate, source.frames / source.sample_rate, notes, blocks)


def _one_channel(path: Path, source: _Source, channel: Channel) -> Iterator[NDArray[np.float64]]:
    done = 0
    for block in source.blocks:
        samples = block.mean(axis=1) if channel == "mean" else block[:, channel]
        wrong = np.flatnonzero(~np.isfinite(samples))
        if wrong.size:
            raise DataError(
                f"{path}: samples must be finite numbers, but that at "
                f"{(done + int(wrong[0])) / source.sample_rate:.3f} s is {samples[wrong[0]]}"
            )
        done += samples.size
        yield samples


def _resampled(
    blocks: Iterator[NDArray[np.float64]], given: int, wanted: int
) -> Iterator[NDArray[np.float64]]:
    """Resample block by block: the same samples whatever the blocks."""
    try:
        import soxr
    except ImportError as error:
        raise DataError(
            f"audio at {given} Hz must be resampled to {wanted} Hz, which needs soxr: {_INSTALL}"
        ) from error

    def run() -> Iterator[NDArray[np.float64]]:
        stream = soxr.ResampleStream(given, wanted, 1, dtype="float64", quality=_QUALITY)
        for block in blocks:
            yield stream.resample_chunk(block)
        yield stream.resample_chunk(np.zeros(0), last=True)

    return run()


def _sources(path: Path, sample_rate: int) -> AbstractContextManager[_Source]:
    if not path.is_file():
        what = "it is a folder" if path.is_dir() else "nothing is there"
        raise DataError(f"{path} cannot be read as audio: {what}")
    try:
        import soundfile
    except ImportError:
        return _by_wave(path, sample_rate)
    return _by_soundfile(path, soundfile)


@contextmanager
def _by_soundfile(path: Path, soundfile: Any) -> Iterator[_Source]:
    with path.open("rb") as raw:
        try:
            # A file by its contents, never by its name: libsndfile takes .raw for anything.
            file = soundfile.SoundFile(raw)
        except (soundfile.SoundFileError, TypeError, ValueError) as error:
            reason = str(error).rpartition(": ")[2].rstrip(".")
            raise DataError(f"{path} cannot be read as audio: {reason}") from error
        with file:
            notes = _cut_short(file.extra_info)
            if file.subtype not in ("PCM_16", "PCM_S8", "PCM_U8"):
                notes.append(f"{file.subtype} samples rounded to 16 bits")

            def blocks() -> Iterator[NDArray[np.float64]]:
                count = max(1, _BLOCK // file.channels)
                try:
                    while len(block := file.read(count, dtype="float64", always_2d=True)):
                        yield block
                except soundfile.SoundFileError as error:
                    reason = str(error).rpartition(": ")[2].rstrip(".")
                    raise DataError(f"{path} is damaged: {reason}") from error

            yield _Source(file.samplerate, file.channels, file.frames, notes, blocks())


def _cut_short(log: str) -> list[str]:
    """Return what libsndfile's log says of a header that promises more than there is."""
    sizes = re.findall(r"^data : (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    return [_promise(int(said)) for said, held in sizes if int(said) > int(held)]


def _promise(said: int) -> str:
    return f"the header claims {said} bytes of samples, but the file ends earlier"


@contextmanager
def _by_wave(path: Path, sample_rate: int) -> Iterator[_Source]:
    try:
        file = wave.open(str(path), "rb")  # noqa: SIM115 - closed below
    except WAVE_ERRORS as error:
        reason = str(error) or "it is empty or cut short"
        raise DataError(
            f"{path} cannot be read as a PCM .wav file: {reason} (other kinds: {_INSTALL})"
        ) from error
    with file:
        found = (file.getsampwidth() * 8, file.getframerate())
        if found != (16, sample_rate):
            raise DataError(
                f"{path} is {found[0]}-bit at {found[1]} Hz: all but 16-bit .wav files at "
                f"{sample_rate} Hz need {_INSTALL}"
            )
        channels, said = file.getnchannels(), file.getnframes()
        frame = 2 * channels
        most = min(said, path.stat().st_size // frame)
        notes = [_promise(said * frame)] if most < said else []

        def blocks() -> Iterator[NDArray[np.float64]]:
            while data := file.readframes(max(1, _BLOCK // channels)):
                whole = len(data) // frame
                codes = np.frombuffer(data, "<i2", whole * channels)
                yield codes.reshape(whole, channels) / _FULL_SCALE

        yield _Source(sample_rate, channels, most, notes, blocks())
