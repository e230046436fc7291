"""A real FFT in fixed point: its word lengths, its constants, and how far numbers can grow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError, FormatError
from fxpsim.formats.modes import STOCHASTIC, Rounding, read_mode

__all__ = ["RealFft", "Scaling"]

#: A stage with this shift holds whatever its inputs are: numbers grow by 1 + sqrt(2) at most.
_SURE_SHIFT = 2
#: These may move an exact value, and so leave the range that growth is bounded to.
_UNBOUNDED = frozenset({Rounding.JAM, Rounding.JAM_UNBIASED, Rounding.TRN_MAG})


class Scaling(StrEnum):
    """How an FFT keeps its words from overflowing."""

    BLOCK = "block"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class RealFft:
    """The transform of ``length`` real words by one of half as many complex words.

    Even samples are the real and odd samples the imaginary parts of a radix-2
    decimation-in-time FFT; one more stage takes the two spectra apart.  A butterfly keeps all bits
    of its product, and rounds and saturates each result once (:func:`fxpsim.spec.spectrum.fft`).

    With block scaling, a frame shares one exponent.  Before each stage the largest magnitude m of
    its inputs decides how many bits the stage drops: the fewest with which no result can overflow.
    A result of ``a + w b`` is at most ``m (1 + |Re w| + |Im w|)``, so at most ``m (1 + sqrt(2))``;
    two bits always suffice, and saturation is impossible at any width.  With fixed scaling each
    stage drops the bits that ``stage_shifts`` says, and what does not fit saturates.

    Parameters
    ----------
    length : int
        Real inputs, a power of two of 4 or more.
    data_bits : int
        Bits of a real or imaginary part, sign included, 4 to 24.
    twiddle_bits : int
        Bits of a twiddle factor's parts, sign included, 3 to 24; all but the sign are fraction.
        The factor 1 is not multiplied with.
    scaling : {"block", "fixed"}
    stage_shifts : sequence of int, optional
        With fixed scaling: bits that each of the ``log2(length)`` stages drops (0 to 2); one each
        where not given.
    rounding : Rounding
        Of butterflies.  Deterministic; with block scaling none that moves exact values (``jam``,
        ``jam_unbiased``, ``trn_mag``).

    Raises
    ------
    ConfigError
        Naming everything that is wrong at once.

    References
    ----------
    A. V. Oppenheim and C. J. Weinstein: Effects of Finite Register Length in Digital Filtering and
    the Fast Fourier Transform.  Proc. IEEE 60(8), 1972 (block floating point: section IV-C).
    """

    length: int = 512
    data_bits: int = 16
    twiddle_bits: int = 16
    scaling: Scaling = Scaling.BLOCK
    stage_shifts: tuple[int, ...] | None = None
    rounding: Rounding = Rounding.NEAREST_UP

    def __post_init__(self) -> None:
        problems = []
        if self.length < 4 or self.length & (self.length - 1):
            problems.append(f"FFT length must be a power of two of 4 or more, not {self.length}")
        for name, least in (("data_bits", 4), ("twiddle_bits", 3)):
            if not least <= getattr(self, name) <= 24:
                noun = name.replace("_", " ")
                problems.append(f"FFT {noun} must be {least} to 24, not {getattr(self, name)}")
        problems += self._mode_problems()
        if self.stage_shifts is not None:
            if self.scaling is Scaling.BLOCK:
                problems.append("stage shifts are for fixed scaling; a block's are its own")
            shifts = tuple(self.stage_shifts)
            object.__setattr__(self, "stage_shifts", shifts)
            if len(shifts) != self.stages or not all(0 <= s <= _SURE_SHIFT for s in shifts):
                problems.append(
                    f"stage shifts must be {self.stages} numbers from 0 to {_SURE_SHIFT}, "
                    f"not {list(shifts)}"
                )
        if problems:
            raise ConfigError("; ".join(problems))

    def _mode_problems(self) -> list[str]:
        problems = []
        try:
            object.__setattr__(self, "rounding", read_mode(self.rounding, Rounding, "rounding"))
        except FormatError as error:
            problems.append(str(error))
        try:
            object.__setattr__(self, "scaling", Scaling(self.scaling))
        except ValueError:
            problems.append(f"scaling must be block or fixed, not {self.scaling!r}")
        if self.rounding in STOCHASTIC:
            problems.append(f"rounding of an FFT must be deterministic, not {self.rounding}")
        elif self.scaling is Scaling.BLOCK and self.rounding in _UNBOUNDED:
            problems.append(
                f"rounding of a block-scaled FFT must leave exact values alone; {self.rounding} "
                "does not"
            )
        return problems

    @property
    def stages(self) -> int:
        """Stages, the last of which takes the two real spectra apart."""
        return self.length.bit_length() - 1

    @property
    def bins(self) -> int:
        """Frequencies from 0 to half the sampling rate."""
        return self.length // 2 + 1

    @property
    def hi(self) -> int:
        """Largest magnitude of a data word."""
        return (1 << (self.data_bits - 1)) - 1

    @property
    def twiddle_frac(self) -> int:
        """Fraction bits of twiddle factors."""
        return self.twiddle_bits - 1

    @property
    def shifts(self) -> tuple[int, ...] | None:
        """Bits that each stage drops; None: the block decides."""
        if self.scaling is Scaling.BLOCK:
            return None
        return self.stage_shifts or (1,) * self.stages

    @property
    def twiddles(self) -> NDArray[np.int32]:
        """``exp(-2 pi i k / length)``, k below length / 2, int32 (length / 2, 2), read-only.

        The first is 1 exactly; in the others +1 becomes the largest word.
        """
        return _twiddles(self.length, self.twiddle_bits)

    @property
    def limits(self) -> NDArray[np.int64]:
        """Largest magnitudes that each stage takes without (0) and with one (1) bit dropped.

        int64 (stages, 2), read-only.  A stage adds ``|a| + |b| (|Re w| + |Im w|)`` at most, and
        rounding goes no further than the next whole number.
        """
        return _limits(self.length, self.data_bits, self.twiddle_bits)

    @property
    def butterflies(self) -> int:
        """Butterflies of the half-length transform, each a complex product, a sum and a difference.

        The last stage has ``length / 2 + 1`` products and sums besides.
        """
        return (self.length // 4) * (self.stages - 1)

    @property
    def multiplications(self) -> int:
        """Real multiplications: four for each product with a twiddle factor other than 1."""
        ones = sum(self.length // 4 >> stage for stage in range(self.stages - 1))
        last = self.length // 2 - 1
        return 4 * (self.butterflies - ones + last)


@lru_cache(maxsize=64)
def _twiddles(length: int, bits: int) -> NDArray[np.int32]:
    angles = 2 * np.pi / length * np.arange(length // 2)
    one = 1 << (bits - 1)
    parts = np.stack((np.cos(angles), -np.sin(angles)), axis=1) * one
    codes: NDArray[np.int32] = np.clip(np.rint(parts), -one, one - 1).astype(np.int32)
    codes[0] = (one, 0)
    codes.setflags(write=False)
    return codes


@lru_cache(maxsize=64)
def _limits(length: int, data_bits: int, twiddle_bits: int) -> NDArray[np.int64]:
    stages = length.bit_length() - 1
    sums = np.abs(_twiddles(length, twiddle_bits).astype(np.int64)).sum(axis=1)
    one, hi = 1 << (twiddle_bits - 1), (1 << (data_bits - 1)) - 1
    limits = np.empty((stages, _SURE_SHIFT), np.int64)
    for stage in range(stages):
        # The last stage halves sums of two words; that is one more power of two on both sides.
        growth = one + int(sums[:: length >> (stage + 1)].max())
        limits[stage] = [(hi * one << shift) // growth for shift in range(_SURE_SHIFT)]
    limits.setflags(write=False)
    return limits
