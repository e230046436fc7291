"""Log-mel front end in float: 16 kHz samples in, signed 8-bit codes out, no state, no clip gain."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.errors import ConfigError, DataError
from fxpsim.formats import QFormat
from fxpsim.frontend.framing import FramedStream, check_audio, row_count
from fxpsim.frontend.mel import mel_matrix

__all__ = ["LogMel", "LogMelRows"]

_BATCH = 64  # clips transformed at once; keeps the spectra of a batch inside the cache
_ROWS = 256  # rows of a clip transformed at once
#: Settings that are whole numbers, and between which ones they make sense.
_RANGES = (
    ("sample_rate", 1, 1 << 20),
    ("frame_length", 1, 1 << 15),
    ("hop", 1, 1 << 16),
    ("fft_length", 1, 1 << 15),
    ("frames_per_row", 1, 256),
    ("bands", 1, 1024),
    ("output_bits", 2, 8),
    ("output_frac", -32, 32),
)
_LARGEST_OFFSET = 256  # logarithms of powers are -30 to 30


@dataclass(frozen=True, slots=True)
class LogMel:
    """Log2 of mel-band power, quantised to a signed power-of-two format.

    A frame is windowed (periodic Hann), transformed, and its power spectrum (samples scaled to
    [-1, 1)) is summed under triangles that are equally spaced on the HTK mel scale.  A row of the
    result is the mean of ``frames_per_row`` successive frames' band powers, and its codes are
    ``clip(round((log2(power) + offset) * 2**output_frac))``.  Each row depends on its own samples
    only: nothing is normalised over the clip, so rows can be computed as a stream.

    Parameters
    ----------
    sample_rate
        Samples per second (Hz).
    frame_length, hop, fft_length
        Samples in a frame, samples from one frame to the next, and transform length.
    frames_per_row
        Frames whose band powers are averaged to one row.
    bands
        Mel bands, i.e. columns of the result.
    low_hz, high_hz
        Lower edge of the first and upper edge of the last triangle (Hz).
    offset
        Added to log2 of the band power, so that ordinary speech is centred on code 0.
    output_bits, output_frac
        Signed output format: value = code * 2**-output_frac.

    Notes
    -----
    Mel scale: 2595 log10(1 + f / 700), S. Young et al., *The HTK Book* (v3.4), section 5.4.
    """

    sample_rate: int = 16000
    frame_length: int = 512
    hop: int = 320
    fft_length: int = 512
    frames_per_row: int = 3
    bands: int = 20
    low_hz: float = 60.0
    high_hz: float = 7600.0
    offset: float = 4.0
    output_bits: int = 8
    output_frac: int = 3

    def __post_init__(self) -> None:
        problems, wrong = [], set()
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                problems.append(f"{name} must be an integer from {least} to {most}, not {value!r}")
                wrong.add(name)
        for name in ("low_hz", "high_hz", "offset"):
            if not isinstance(value := getattr(self, name), Real):
                problems.append(f"{name} must be a number, not {value!r}")
                wrong.add(name)
        if not wrong & {"fft_length", "frame_length"} and (
            self.fft_length < self.frame_length or self.fft_length & (self.fft_length - 1)
        ):
            problems.append(
                f"fft_length must be a power of two of at least frame_length "
                f"({self.frame_length}), not {self.fft_length}"
            )
        if not wrong & {"low_hz", "high_hz", "sample_rate"} and not (
            0 <= self.low_hz < self.high_hz <= self.sample_rate / 2
        ):
            problems.append(
                f"band edges must rise from 0 to at most {self.sample_rate / 2:g} Hz, "
                f"not {self.low_hz:g} to {self.high_hz:g}"
            )
        if "offset" not in wrong and not abs(self.offset) <= _LARGEST_OFFSET:
            problems.append(
                f"offset must be {-_LARGEST_OFFSET} to {_LARGEST_OFFSET}, not {self.offset}"
            )
        if problems:
            raise ConfigError("; ".join(problems))

    @property
    def output_format(self) -> str:
        """Canonical text of the output format, such as ``fxp-s8/3``."""
        return f"fxp-s{self.output_bits}/{self.output_frac}"

    def rows(self, samples: int) -> int:
        """Rows that a clip of so many samples gives; what fills no row is left out."""
        frames = 1 + (samples - self.frame_length) // self.hop
        return max(0, frames // self.frames_per_row)

    def mel_matrix(self) -> NDArray[np.float32]:
        """Triangle weights, float32 [fft_length / 2 + 1, bands], peak 1."""
        return mel_matrix(
            self.sample_rate, self.fft_length, self.bands, self.low_hz, self.high_hz
        ).astype(np.float32)

    def features(self, audio: NDArray[np.int16]) -> NDArray[np.float32]:
        """Values before quantisation: log2 of band power plus the offset.

        Parameters
        ----------
        audio
            int16 [samples] or [clips, samples].

        Returns
        -------
        float32 [rows, bands] or [clips, rows, bands]

        Raises
        ------
        DataError
            Where the samples are not int16, or too few for one row.
        """
        audio = check_audio(audio)
        if self.rows(audio.shape[-1]) == 0:
            least = self.frame_length + (self.frames_per_row - 1) * self.hop
            raise DataError(f"audio must have at least {least} samples, not {audio.shape[-1]}")
        clips = np.atleast_2d(audio)
        rows = np.empty((len(clips), self.rows(clips.shape[1]), self.bands), np.float32)
        for i in range(0, len(clips), _BATCH):
            rows[i : i + _BATCH] = self._rows(clips[i : i + _BATCH])
        return rows[0] if audio.ndim == 1 else rows

    def codes(self, audio: NDArray[np.int16]) -> NDArray[np.int8]:
        """Int8 codes of the same shape as :meth:`features`."""
        return self.quantize(self.features(audio))

    def quantize(self, features: NDArray[np.float32]) -> NDArray[np.int8]:
        """Round to nearest even and saturate, as the output format says."""
        limit = 1 << (self.output_bits - 1)
        scaled = np.rint(features * np.float32(2.0**self.output_frac))
        codes: NDArray[np.int8] = np.clip(scaled, -limit, limit - 1).astype(np.int8)
        return codes

    def _rows(self, clips: NDArray[np.int16]) -> NDArray[np.float32]:
        window = (np.hanning(self.frame_length + 1)[:-1] / 32768.0).astype(np.float32)
        rows = self.rows(clips.shape[1])
        frames = np.lib.stride_tricks.sliding_window_view(clips, self.frame_length, axis=1)
        frames = frames[:, :: self.hop][:, : rows * self.frames_per_row]
        spectrum = np.fft.rfft(frames * window, self.fft_length, axis=-1)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
        # A product for each row, always of one shape: what BLAS rounds may depend on the shape, and
        # a row must not depend on how many others are computed with it.
        power = power.reshape(len(clips), rows, self.frames_per_row, -1)
        mel = (power @ self.mel_matrix()).mean(axis=2)
        # The floor only keeps log2 finite: it is far below what one int16 step of noise gives.
        logs: NDArray[np.float32] = np.log2(np.maximum(mel, np.float32(2.0**-30)))
        return logs + np.float32(self.offset)


@dataclass(frozen=True, slots=True)
class LogMelRows:
    """Log-mel codes as a front end (:class:`fxpsim.frontend.contract.FrontEnd`).

    Its hop is that of rows, which is ``frames_per_row`` hops of frames.
    """

    log_mel: LogMel = LogMel()

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.log_mel.sample_rate

    @property
    def window(self) -> int:
        """Samples that a row needs."""
        return self.log_mel.frame_length + (self.log_mel.frames_per_row - 1) * self.log_mel.hop

    @property
    def hop(self) -> int:
        """Samples from one row to the next."""
        return self.log_mel.frames_per_row * self.log_mel.hop

    @property
    def format(self) -> QFormat:
        """Of the codes."""
        return QFormat(self.log_mel.output_bits, self.log_mel.output_frac)

    @property
    def bands(self) -> int:
        """Columns of a row."""
        return self.log_mel.bands

    def rows(self, audio: ArrayLike) -> NDArray[np.int8]:
        """Return the codes of whole clips; no rows where there are too few samples for one."""
        clips = check_audio(audio)
        count = row_count(self, clips.shape[-1])
        if not clips.size or not count:
            return np.zeros((*clips.shape[:-1], 0, self.bands), np.int8)
        pieces = []
        for first in range(0, count, _ROWS):
            last = min(count, first + _ROWS) - 1
            samples = clips[..., first * self.hop : last * self.hop + self.window]
            pieces.append(self.log_mel.codes(samples))
        return np.concatenate(pieces, axis=-2)

    def stream(self) -> FramedStream:
        """Return a stream at reset."""
        return FramedStream(self)
