"""From samples to energies of frequencies: window, block scaling, transform, squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.casts import check_codes
from fxpsim.dispatch import signal
from fxpsim.errors import GraphError
from fxpsim.formats import QFormat
from fxpsim.ops.op import Op, TensorSpec, freeze
from fxpsim.ops.signal.formats import check_whole, row, samples, unsigned_words

__all__ = ["FftScaleBits", "Rfft", "ScaleUp", "SpectrumEnergy", "Window"]

IntArray = NDArray[Any]
_SAMPLES = QFormat(16, 0)
LONGEST_FRAME = 1 << 15


@dataclass(frozen=True, slots=True, eq=False)
class Window(Op):
    """A frame times coefficients, rounded down.

    Parameters
    ----------
    coefficients : integer array (samples,)
        16 bits, ``shift`` of them fraction bits.
    shift : int
        0 to 15.
    """

    coefficients: IntArray
    shift: int

    def __post_init__(self) -> None:
        codes = check_codes(self.coefficients, _SAMPLES, "window coefficients")
        if codes.ndim != 1 or not 1 <= codes.size <= LONGEST_FRAME:
            raise GraphError(
                f"a window must be a row of 1 to {LONGEST_FRAME} coefficients, not {codes.shape}"
            )
        check_whole("the window's shift", self.shift, 0, 15)
        object.__setattr__(self, "coefficients", freeze(codes))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the frame in 16 bits."""
        (source,) = sources
        frac = samples(source, "a frame").frac
        if row(source, "a frame") != self.coefficients.size:
            raise GraphError(
                f"a frame must have the window's {self.coefficients.size} samples, "
                f"not {source.shape[0]}"
            )
        return TensorSpec(source.shape, QFormat(16, frac))

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the frame."""
        return signal.window(inputs[0], self.coefficients, self.shift)


@dataclass(frozen=True, slots=True)
class FftScaleBits(Op):
    """How far a frame can be shifted to the left without leaving 16 bits.

    Parameters
    ----------
    legacy : bool
        By the older microfrontend library, which leaves out samples of -32768 and shifts nothing
        but zeros by 15; the signal operators forget what came before such a sample, and shift
        zeros by 0.
    """

    legacy: bool = False

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return one code of 4 bits."""
        (source,) = sources
        samples(source, "a frame")
        row(source, "a frame")
        return TensorSpec((), QFormat(4, 0, signed=False))

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the shifts."""
        return signal.fft_scale_bits(inputs[0], self.legacy)


@dataclass(frozen=True, slots=True)
class ScaleUp(Op):
    """A frame shifted to the left in 16 bits, by what a second tensor says.

    The shift is taken back by :class:`~fxpsim.ops.signal.bands.SquareRoot`: until there, codes mean
    ``2**-shift`` of what their format says.
    """

    arity = 2

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the frame in 16 bits."""
        frame, bits = sources
        row(frame, "a frame")
        unsigned_words(bits, "the shift", 4)
        if bits.shape:
            raise GraphError(f"the shift must be one code, not shape {bits.shape}")
        return TensorSpec(frame.shape, QFormat(16, samples(frame, "a frame").frac))

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the frame."""
        return signal.scale_up(inputs[0], inputs[1])


@dataclass(frozen=True, slots=True)
class Rfft(Op):
    """The first half of a real transform, divided by its length, as Kiss FFT has it in 16 bits.

    Every radix-4 and radix-2 step divides by 4 or 2 first, rounds, and wraps.

    Parameters
    ----------
    length : int
        Samples, a power of two of 8 to 32768; zeros follow the frame up to there.
    """

    length: int

    def __post_init__(self) -> None:
        if not 8 <= self.length <= LONGEST_FRAME or self.length & (self.length - 1):
            raise GraphError(
                f"the length of a transform must be a power of two, 8 to {LONGEST_FRAME}, "
                f"not {self.length}"
            )

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return ``length + 2`` codes: real and imaginary part of bins 0 to ``length / 2``."""
        (source,) = sources
        if row(source, "a frame") > self.length:
            raise GraphError(
                f"a frame must have at most the transform's {self.length} samples, "
                f"not {source.shape[0]}"
            )
        frac = samples(source, "a frame").frac - (self.length.bit_length() - 1)
        return TensorSpec((self.length + 2,), QFormat(16, frac))

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the bins."""
        return signal.rfft(inputs[0], self.length)


@dataclass(frozen=True, slots=True)
class SpectrumEnergy(Op):
    """Squared magnitudes of bins from ``first`` up to ``end``, and zeros around them.

    Parameters
    ----------
    first, end : int
        ``0 <= first < end``.
    """

    first: int
    end: int

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return one unsigned code of 32 bits a bin."""
        (source,) = sources
        fmt, bins = samples(source, "a spectrum"), row(source, "a spectrum") // 2
        if source.shape[0] % 2 or not 0 <= self.first < self.end <= bins:
            raise GraphError(
                f"bins must be some of the spectrum's {source.shape[0] / 2:g}, "
                f"not {self.first} to {self.end}"
            )
        return TensorSpec((bins,), QFormat(32, 2 * fmt.frac, signed=False))

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the energies."""
        return np.asarray(signal.energies(inputs[0], self.first, self.end))
