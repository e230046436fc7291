"""The float front ends that published networks were trained with, from their definitions.

Everything is computed in float64; rows end in the integer codes that the network takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError
from fxpsim.formats import Affine
from fxpsim.frontend.framing import FramedStream, check_audio
from fxpsim.frontend.mel import mel_matrix

__all__ = [
    "FilterBank",
    "Mfcc",
    "arm_mfcc",
    "mlperf_lfbe",
    "mlperf_mfcc",
    "streaming_wakeword",
]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Reference:
    """What the two kinds share: framing, the clip's gain, and codes."""

    window: int
    hop: int
    fft_length: int
    columns: int
    format: Affine
    mel_bands: int = 40
    low_hz: float = 20.0
    high_hz: float = 4000.0
    sample_rate: int = 16000
    #: Divide by the clip's largest sample (not its largest magnitude) instead of by 32768.
    normalise_clip: bool = False
    #: Codes are ``trunc(value / scale + zero point)``; otherwise rounded, ties away from zero.
    truncate: bool = True

    @property
    def bands(self) -> int:
        """Columns of a row."""
        return self.columns

    def rows(self, audio: NDArray[Any]) -> NDArray[Any]:
        """Return codes, int8 or uint8 (rows, bands) or (clips, rows, bands).

        Parameters
        ----------
        audio : int16 array (n,) or (clips, n)

        Raises
        ------
        DataError
            The samples are not int16, or have other axes.
        """
        return self._codes(self.features(audio))

    def _codes(self, features: FloatArray) -> NDArray[Any]:
        fmt = self.format
        # The networks' own programs quantise float32 features.
        scale, zero = np.float32(fmt.scale), np.float32(fmt.zero_point)  # type: ignore[arg-type]
        steps = np.asarray(features, np.float32) / scale
        if self.truncate:
            codes = np.trunc(steps + zero)
        else:
            codes = np.copysign(np.floor(np.abs(steps) + np.float32(0.5)), steps) + zero
        kind = np.min_scalar_type(fmt.lo if fmt.signed else fmt.hi)
        return np.asarray(np.clip(codes, fmt.lo, fmt.hi), kind)

    def features(self, audio: NDArray[Any]) -> FloatArray:
        """Return the values that codes stand for, float64, of the shape of :meth:`rows`."""
        raise NotImplementedError

    def stream(self) -> FramedStream:
        """Return a stream of rows.

        Raises
        ------
        ConfigError
            The definition divides by the largest sample of the clip.
        """
        if self.normalise_clip:
            raise ConfigError(
                "a front end that divides by the largest sample of a clip cannot stream: that "
                "sample is known at the end; use rows() on whole clips"
            )
        return self._stream()

    def _stream(self) -> FramedStream:
        return FramedStream(self)

    def _sound(self, audio: NDArray[Any]) -> FloatArray:
        audio = check_audio(audio)
        if not self.normalise_clip:
            return audio / 32768.0
        # Without a positive sample there is nothing to divide by; silence stays silence.
        return np.asarray(audio / np.maximum(audio.max(axis=-1, keepdims=True, initial=0), 1))

    def _spectra(self, sound: FloatArray, window: FloatArray) -> NDArray[np.complex128]:
        """Return spectra (..., frames, fft_length / 2 + 1) of windowed frames."""
        if sound.shape[-1] < self.window:
            return np.zeros((*sound.shape[:-1], 0, self.fft_length // 2 + 1), np.complex128)
        frames = np.lib.stride_tricks.sliding_window_view(sound, self.window, axis=-1)
        return np.fft.rfft(frames[..., :: self.hop, :] * window, self.fft_length, axis=-1)

    def _mel(self, spectra: FloatArray) -> FloatArray:
        matrix = mel_matrix(
            self.sample_rate, self.fft_length, self.mel_bands, self.low_hz, self.high_hz
        )
        return _row_by_row(spectra, matrix)


def _row_by_row(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    """Return ``rows @ matrix``, each row's bits whatever other rows there are (BLAS's are not)."""
    product: FloatArray = rows[..., None, :] @ matrix
    return product[..., 0, :]


@dataclass(frozen=True, slots=True)
class Mfcc(_Reference):
    """Mel-frequency cepstral coefficients of magnitudes, ``ln(max(mel + added, floor))``.

    Frames have a periodic Hann window; the cosine transform (DCT-II) is scaled by
    ``sqrt(2 / mel_bands)`` for every coefficient, the first included.
    """

    added: float = 0.0
    floor: float = 0.0

    def features(self, audio: NDArray[Any]) -> FloatArray:
        """Return coefficients, float64 (rows, columns) or (clips, rows, columns)."""
        window = np.hanning(self.window + 1)[:-1]
        mel = self._mel(np.abs(self._spectra(self._sound(audio), window)))
        angle = np.pi / self.mel_bands * (np.arange(self.mel_bands) + 0.5)
        cosines = np.cos(np.outer(angle, np.arange(self.columns)))
        logs = np.log(np.maximum(mel + self.added, self.floor))
        return _row_by_row(logs, cosines * np.sqrt(2.0 / self.mel_bands))


@dataclass(frozen=True, slots=True)
class FilterBank(_Reference):
    """Log filter-bank energies in decibels, moved and clipped to 0 to 1.

    Pre-emphasis ``y[n] = x[n] - 31/32 x[n - 1]``, a symmetric Hamming window, power divided by the
    window's length, then ``(10 log10(mel) + 52) / 64``.
    """

    def features(self, audio: NDArray[Any]) -> FloatArray:
        """Return energies, float64 (rows, columns) or (clips, rows, columns)."""
        sound = self._sound(audio)
        before = np.concatenate((np.zeros_like(sound[..., :1]), sound[..., :-1]), axis=-1)
        spectra = self._spectra(sound - (1 - 2**-5) * before, np.hamming(self.window))
        power = np.maximum((spectra.real**2 + spectra.imag**2) / self.window, 1e-30)
        with np.errstate(divide="ignore"):  # a band without bins is clipped to 0
            decibels = 10.0 * np.log10(self._mel(power))
        return np.clip((decibels + 52.0) / 64.0, 0.0, 1.0)

    def _stream(self) -> FramedStream:
        return FramedStream(self, before=1)


def mlperf_mfcc() -> Mfcc:
    """MLPerf Tiny keyword spotting: 49 x 10 coefficients, 30 ms every 20 ms.

    Source: mlcommons/tiny, ``benchmark/training/keyword_spotting/get_dataset.py``; the scale and
    zero point are those of its ``kws_ref_model.tflite``.
    """
    return Mfcc(
        480, 320, 512, 10, Affine(8, 0.5847029089927673, 83), normalise_clip=True, added=1e-6
    )


def mlperf_lfbe(bands: int = 10) -> FilterBank:
    """MLPerf Tiny keyword spotting: 49 rows of 10 or 40 energies, uint8 ``trunc(255 f)``.

    Source: mlcommons/tiny, ``benchmark/training/keyword_spotting/get_dataset.py`` (``lfbe``).
    """
    return FilterBank(
        480, 320, 512, bands, Affine(8, 1 / 255, 0, signed=False),
        bands, 0.0, 8000.0, normalise_clip=True,
    )  # fmt: skip


def streaming_wakeword() -> FilterBank:
    """MLPerf Tiny streaming wakeword: 40 energies, 64 ms every 32 ms.

    Source: mlcommons/tiny, ``benchmark/training/streaming_wakeword/get_dataset.py``; the scale and
    zero point are those of its ``str_ww_ref_model.tflite``.
    """
    return FilterBank(
        1024, 512, 1024, 40, Affine(8, 0.003701042616739869, -128), 40, 0.0, 8000.0
    )  # fmt: skip


def arm_mfcc(rows_per_second: int = 49) -> Mfcc:
    """Arm's keyword-spotting networks: 49 (or 25) rows of 10 coefficients, 40 ms every 20 (40) ms.

    Source: TensorFlow's ``audio_spectrogram`` (magnitude squared) and ``mfcc`` (which takes its
    root) operations, as Y. Zhang et al., *Hello Edge*, arXiv:1711.07128, use them; the scale and
    zero point are those of ARM-software/ML-examples, ``tflu-kws-cortex-m/Pretrained_models``.
    """
    hops = {49: 320, 25: 640}
    if rows_per_second not in hops:
        raise ConfigError(f"Arm's front ends have 49 or 25 rows a second, not {rows_per_second}")
    return Mfcc(
        640, hops[rows_per_second], 1024, 10, Affine(8, 1.0809112787246704, 101),
        truncate=False, floor=1e-12,
    )  # fmt: skip
