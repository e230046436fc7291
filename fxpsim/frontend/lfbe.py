"""Log filter-bank energies in integers: log-mel features with every width a parameter."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_models import Work, Workload
from fxpsim.dispatch.spectrum import SpectrumPlan, SpectrumStages, run
from fxpsim.errors import ConfigError
from fxpsim.formats import QFormat, Rounding
from fxpsim.frontend.fft import RealFft, Scaling
from fxpsim.frontend.framing import FramedStream, check_audio, check_samples, row_count
from fxpsim.frontend.log2 import Log2, Log2Polynomial, Log2Table
from fxpsim.frontend.logmel import LogMel, LogMelRows

__all__ = ["Lfbe", "Operations"]

IntArray = NDArray[Any]
_ROWS = 32  # of a long clip, taken at once
_WIDEST_SUM = 56  # leaves room in 62 bits for the frames of a row


@dataclass(frozen=True, slots=True)
class Operations:
    """What one row of a front end takes.

    Attributes
    ----------
    multiplications
        Of the window, butterflies, powers and polynomials, without the mel weights.
    butterflies
        Complex ones.
    macs
        Power times mel weight, weights of 0 left out.
    logarithms
        One a band.
    """

    multiplications: int
    butterflies: int
    macs: int
    logarithms: int


@dataclass(frozen=True, slots=True)
class Lfbe:
    """Log2 of mel-band power from 16-bit samples, in integers throughout.

    The stages, each of which rounds once:

    1. **window**: sample times coefficient (unsigned, ``window_bits``, all of them fraction) as an
       FFT word;
    2. **fft0, fft1, ...**: a real FFT (:class:`~fxpsim.frontend.fft.RealFft`), whose last stage
       takes the spectra of even and odd samples apart;
    3. **power**: ``re**2 + im**2`` in an unsigned word;
    4. **mel**: power times weight (unsigned, ``mel_weight_bits``, all of them fraction), added up
       in an unsigned register;
    5. rows: the sums of ``frames_per_row`` frames are added, the one with the lower exponent
       rounded to the higher; their number is divided by as a subtraction of logarithms;
    6. log2 by a table or a polynomial, and the output format, rounded to nearest even.

    Words that do not fit saturate and are counted.  With block scaling, neither window nor FFT can
    saturate (:class:`~fxpsim.frontend.fft.RealFft` says why).  Powers cannot where rounding their
    largest, ``2 (2**(data_bits - 1) - 1)**2``, does not reach ``2**power_bits``: with
    ``power_bits >= data_bits - 1`` in particular.  Sums cannot from
    :attr:`sufficient_accumulator_bits` on.

    Parameters
    ----------
    reference
        The float front end that this one stands for: windows, bands, offset and output format.
    window_bits
        2 to 15.
    data_bits, twiddle_bits, scaling, stage_shifts, rounding
        As for :class:`~fxpsim.frontend.fft.RealFft`; ``rounding`` is that of all stages but the
        last.
    power_bits, mel_weight_bits
        2 to 47; 1 to 16; so that sums have 56 bits at most.
    accumulator_bits
        2 to 56; None: :attr:`sufficient_accumulator_bits`.
    log_entries, log_degree, log_bits
        :class:`~fxpsim.frontend.log2.Log2Table` of so many entries, or, where the degree is not 0,
        :class:`~fxpsim.frontend.log2.Log2Polynomial`; fraction bits of either.

    Raises
    ------
    ConfigError
        Naming everything that is wrong at once.

    Notes
    -----
    The default widths are the narrowest with which codes lose 1 dB of signal-to-noise ratio to the
    float front end's (:func:`fxpsim.frontend.widths.narrowest`), on words of the validation
    speakers of Speech Commands.
    """

    reference: LogMel = field(default_factory=LogMel)
    window_bits: int = 11
    data_bits: int = 16
    twiddle_bits: int = 12
    scaling: Scaling = Scaling.BLOCK
    stage_shifts: tuple[int, ...] | None = None
    rounding: Rounding = Rounding.NEAREST_EVEN
    power_bits: int = 30
    mel_weight_bits: int = 6
    accumulator_bits: int | None = None
    log_entries: int = 32
    log_degree: int = 0
    log_bits: int = 9

    def __post_init__(self) -> None:
        problems = []
        for name, least, most in (
            ("window_bits", 2, 15),
            ("power_bits", 2, 47),
            ("mel_weight_bits", 1, 16),
            ("accumulator_bits", 2, _WIDEST_SUM),
        ):
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                problems.append(f"{name.replace('_', ' ')} must be {least} to {most}, not {value}")
        if self.log_bits < self.reference.output_frac:
            problems.append(
                f"log bits must be at least the {self.reference.output_frac} fraction bits of the "
                f"output, not {self.log_bits}"
            )
        if self.reference.fft_length > 4096:
            problems.append(f"FFT length must be 4096 or less, not {self.reference.fft_length}")
        for part in (lambda: self.fft, lambda: self.log):
            try:
                part()
            except ConfigError as error:
                problems.append(str(error))
        if not problems and self.sufficient_accumulator_bits > _WIDEST_SUM:
            problems.append(
                f"power and mel weight bits must leave sums of {_WIDEST_SUM} bits or fewer, not "
                f"{self.sufficient_accumulator_bits} ({self.power_bits} and {self.mel_weight_bits})"
            )
        if problems:
            raise ConfigError("; ".join(problems))
        object.__setattr__(self, "scaling", self.fft.scaling)
        object.__setattr__(self, "rounding", self.fft.rounding)

    @property
    def floating(self) -> LogMelRows:
        """The same front end in float."""
        return LogMelRows(self.reference)

    @property
    def sample_rate(self) -> int:
        """Samples per second (Hz)."""
        return self.reference.sample_rate

    @property
    def window(self) -> int:
        """Samples that a row needs."""
        return self.floating.window

    @property
    def hop(self) -> int:
        """Samples from one row to the next."""
        return self.floating.hop

    @property
    def bands(self) -> int:
        """Columns of a row."""
        return self.reference.bands

    @property
    def format(self) -> QFormat:
        """Format of the codes."""
        return self.floating.format

    @property
    def fft(self) -> RealFft:
        """The transform."""
        return RealFft(
            self.reference.fft_length,
            self.data_bits,
            self.twiddle_bits,
            self.scaling,
            self.stage_shifts,
            self.rounding,
        )

    @property
    def log(self) -> Log2:
        """The logarithm."""
        if self.log_degree:
            return Log2Polynomial(self.log_degree, self.log_bits)
        return Log2Table(self.log_entries, self.log_bits)

    @property
    def window_codes(self) -> IntArray:
        """Periodic Hann window, int64 (frame_length,); the peak of 1 becomes the largest code."""
        length = self.reference.frame_length
        exact = np.hanning(length + 1)[:-1] * (1 << self.window_bits)
        return np.minimum(np.rint(exact), (1 << self.window_bits) - 1).astype(np.int64)

    @property
    def mel_codes(self) -> IntArray:
        """Mel weights, int64 (bins, bands)."""
        exact = self.reference.mel_matrix() * float(1 << self.mel_weight_bits)
        codes: IntArray = np.minimum(np.rint(exact), (1 << self.mel_weight_bits) - 1)
        return codes.astype(np.int64)

    @property
    def sufficient_accumulator_bits(self) -> int:
        """Bits from which on no input can overflow a band's sum: all powers at their largest."""
        most = ((1 << self.power_bits) - 1) * int(self.mel_codes.sum(axis=0).max())
        return most.bit_length()

    @property
    def register_bits(self) -> int:
        """Bits of the register that a band is added up in."""
        return self.accumulator_bits or self.sufficient_accumulator_bits

    @property
    def plan(self) -> SpectrumPlan:
        """Every constant."""
        return _plan(self)

    def rows(self, audio: NDArray[Any]) -> IntArray:
        """Return codes, int8 (rows, bands) or (clips, rows, bands).

        Parameters
        ----------
        audio : int16 array (n,) or (clips, n)

        Raises
        ------
        DataError
            The samples are not int16, or have other axes.
        """
        samples = check_audio(audio)
        clips = np.atleast_2d(samples)
        count = row_count(self, clips.shape[1])
        codes = np.empty((len(clips), count, self.bands), np.int8)
        for clip, out in zip(clips, codes, strict=True):
            for first in range(0, count, _ROWS):
                part = clip[first * self.hop : (first + _ROWS - 1) * self.hop + self.window]
                out[first : first + _ROWS] = self.stages(part).codes
        return codes[0] if samples.ndim == 1 else codes

    def stages(self, audio: NDArray[np.int16]) -> SpectrumStages:
        """Return what every stage makes of one clip (n,), and how many words saturated in each."""
        audio = check_samples(audio)
        count = row_count(self, len(audio)) * self.reference.frames_per_row
        length = self.reference.frame_length
        if not count:
            frames = np.empty((0, length), np.int16)
        else:
            frames = np.lib.stride_tricks.sliding_window_view(audio, length)
            frames = frames[:: self.reference.hop][:count]
        return run(self.plan, frames, self.reference.frames_per_row)

    def stream(self) -> FramedStream:
        """Return a stream at reset."""
        return FramedStream(self)

    def buffers(self) -> dict[str, int]:
        """Return the bytes that a device keeps, words packed to whole bytes each.

        Names with ``table`` are constants.  Powers are added to bands as they are made, so no
        spectrum of powers is kept; the window is symmetric, so half of it is.
        """
        shape, weights = self.reference, int(np.count_nonzero(self.mel_codes))
        row_bits = self.register_bits + (shape.frames_per_row - 1).bit_length()
        return {
            "samples": 2 * shape.frame_length,
            "spectrum": shape.fft_length * _bytes(self.data_bits),
            "bands of a frame": shape.bands * _bytes(self.register_bits),
            "bands of a row": shape.bands * _bytes(row_bits),
            "window table": (shape.frame_length // 2 + 1) * _bytes(self.window_bits),
            "twiddle table": shape.fft_length * _bytes(self.twiddle_bits),
            "mel table": weights * _bytes(self.mel_weight_bits) + 4 * shape.bands,
            "log table": -(-self.log.storage_bits // 8),
        }

    def operations(self) -> Operations:
        """Return what one row takes."""
        frames, fft = self.reference.frames_per_row, self.fft
        products = self.reference.frame_length + fft.multiplications + 2 * fft.bins
        return Operations(
            multiplications=frames * products + self.bands * self.log.multiplications,
            butterflies=frames * fft.butterflies,
            macs=frames * int(np.count_nonzero(self.mel_codes)),
            logarithms=self.bands,
        )

    def work(self) -> Workload:
        """Return what one row asks of a machine that multiplies matrices.

        Only the mel weights are a matrix, and this is all of it, zeros included; a loop over the
        weights that are not zero takes :meth:`operations`'s ``macs``.
        """
        return Workload(
            Work.dense(
                self.reference.frames_per_row,
                self.fft.bins,
                self.bands,
                name="mel",
                weight_bits=self.mel_weight_bits,
                activation_bits=self.power_bits,
                output_bits=self.register_bits,
                bias_bits=0,
            )
        )


def _bytes(bits: int) -> int:
    return -(-bits // 8)


@lru_cache(maxsize=64)
def _plan(front_end: Lfbe) -> SpectrumPlan:
    shape, fft, log = front_end.reference, front_end.fft, front_end.log
    power_drop = max(0, 2 * front_end.data_bits - 1 - front_end.power_bits)
    # Sums are power times 2**-power_drop and weights 2**mel_weight_bits; powers are of products
    # of samples times 2**15 and coefficients times 2**window_bits.
    scale = power_drop - front_end.mel_weight_bits - 2 * (15 + front_end.window_bits)
    offset = shape.offset + scale - log2(shape.frames_per_row)
    return SpectrumPlan(
        window=front_end.window_codes,
        twiddles=fft.twiddles,
        twiddle_frac=fft.twiddle_frac,
        drop=16 + front_end.window_bits - front_end.data_bits,
        shifts=fft.shifts,
        limits=fft.limits,
        data_bits=front_end.data_bits,
        rounding=fft.rounding,
        power_drop=power_drop,
        power_bits=front_end.power_bits,
        weights=front_end.mel_codes,
        register_bits=front_end.register_bits,
        logs=log.codes(),
        log_frac=log.bits,
        offset=round(offset * 2**log.bits),
        output_drop=log.bits - shape.output_frac,
        lo=front_end.format.lo,
        hi=front_end.format.hi,
    )
