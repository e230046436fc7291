"""From energies of frequencies to features: bands, roots, noise, gain, logarithm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.casts import check_codes
from fxpsim.dispatch import signal
from fxpsim.errors import GraphError
from fxpsim.formats import QFormat
from fxpsim.ops.op import Op, TensorSpec, freeze
from fxpsim.ops.signal.formats import check_whole, row, unsigned_words
from fxpsim.spec import signal as rules

__all__ = [
    "FilterBank",
    "NoiseEstimate",
    "PcanGain",
    "ScaledLog",
    "SpectralSubtraction",
    "SquareRoot",
]

IntArray = NDArray[Any]
_WEIGHT = QFormat(16, 0)
_WEIGHT_BITS = 12
#: Entries of a gain table: of 0 and 1, and four for each octave of 32 bits but the first.
GAINS = 125


@dataclass(frozen=True, slots=True, eq=False)
class FilterBank(Op):
    """Overlapping triangles over energies, with exact sums.

    Segment s of the spectrum is ``energies[frequency_starts[s]:][:widths[s]]``.  Band b is the sum
    of segment b times its unweights and of segment b + 1 times its weights; both start at
    ``weight_starts[s]`` of their arrays.

    Parameters
    ----------
    weights, unweights : integer array (n,)
        0 to 32767, 12 fraction bits.
    frequency_starts, weight_starts, widths : integer array (bands + 1,)
        Where segments lie.
    """

    weights: IntArray
    unweights: IntArray
    frequency_starts: IntArray
    weight_starts: IntArray
    widths: IntArray

    def __post_init__(self) -> None:
        for part in fields(self):
            noun = part.name.replace("_", " ")
            codes = check_codes(getattr(self, part.name), _WEIGHT, noun)
            if codes.ndim != 1 or codes.size < 1 or codes.min() < 0:
                raise GraphError(f"{noun} must be a row of numbers of 0 or more")
            object.__setattr__(self, part.name, freeze(codes))
        segments = {a.size for a in (self.frequency_starts, self.weight_starts, self.widths)}
        if len(segments) > 1 or segments == {1} or self.weights.size != self.unweights.size:
            raise GraphError(
                "a filter bank must have as many unweights as weights, and frequency starts, "
                "weight starts and widths of 2 segments or more"
            )
        if (self._ends(self.weight_starts) > self.weights.size).any():
            raise GraphError(f"segments must lie within the {self.weights.size} weights")

    def _ends(self, starts: IntArray) -> IntArray:
        return starts.astype(np.int64) + self.widths

    def _largest(self, energy: int) -> int:
        """Return the largest sum of energies up to one."""
        bins = int(self._ends(self.frequency_starts).max())
        return int(signal.filter_bank(np.ones((1, bins), np.int64), **self._tables).max()) * energy

    @property
    def _tables(self) -> dict[str, IntArray]:
        return {part.name: getattr(self, part.name) for part in fields(self)}

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the bands in as many bits as the largest sum needs."""
        (source,) = sources
        fmt = unsigned_words(source, "energies")
        if self._ends(self.frequency_starts).max() > row(source, "energies"):
            raise GraphError(f"segments must lie within the {source.shape[0]} energies")
        bits = max(1, self._largest(fmt.hi).bit_length())
        target = QFormat(bits, fmt.frac + _WEIGHT_BITS, signed=False)
        return TensorSpec((self.widths.size - 1,), target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the bands."""
        return signal.filter_bank(inputs[0], **self._tables)


@dataclass(frozen=True, slots=True)
class SquareRoot(Op):
    """Roots to the nearest integer, shifted to the right by what a second tensor says."""

    arity = 2

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the bands in as many bits as the largest root needs."""
        bands, bits = sources
        fmt = unsigned_words(bands, "bands", 62)
        row(bands, "bands")
        unsigned_words(bits, "the shift", 4)
        if bits.shape:
            raise GraphError(f"the shift must be one code, not shape {bits.shape}")
        largest = max(1, rules.square_root(fmt.hi, 0).bit_length())
        return TensorSpec(bands.shape, QFormat(largest, fmt.frac // 2, signed=False))

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the roots."""
        return signal.square_root(inputs[0], inputs[1])


@dataclass(frozen=True, slots=True)
class NoiseEstimate(Op):
    """Noise of each band, smoothed from frame to frame.

    It reads the signal and the estimate of the frame before, which is a state of the graph.

    Parameters
    ----------
    smoothing, one_minus_smoothing : tuple of int
        What counts of the signal and of the estimate before, in even and odd bands.
    signal_bits : int
        Fraction bits that the signal gets, 0 to 29.
    coefficient_bits : int
        Fraction bits of the coefficients, 0 to 29.
    clamping : bool
        Whether the estimate is at most the signal.
    """

    smoothing: tuple[int, ...]
    one_minus_smoothing: tuple[int, ...]
    signal_bits: int
    coefficient_bits: int
    clamping: bool = False

    arity = 2

    def __post_init__(self) -> None:
        for pair in (self.smoothing, self.one_minus_smoothing):
            if len(pair) != 2:
                raise GraphError(f"coefficients must be two, of even and odd bands, not {pair}")
            for coefficient in pair:
                check_whole("a smoothing coefficient", coefficient, 0, (1 << 29) - 1)
        check_whole("signal bits", self.signal_bits, 0, 29)
        check_whole("coefficient bits", self.coefficient_bits, 0, 29)

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the estimates in 32 bits."""
        level, estimate = sources
        row(level, "a signal")
        frac = unsigned_words(level, "a signal").frac + self.signal_bits
        spec = TensorSpec(level.shape, QFormat(32, frac, signed=False))
        if estimate != spec:
            raise GraphError(
                f"the estimate before must have shape {spec.shape} and format {spec.format}, "
                f"not {estimate.shape} and {estimate.format}"
            )
        return spec

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the estimates."""
        settings = {part.name: getattr(self, part.name) for part in fields(self)}
        return signal.noise_estimate(inputs[0], inputs[1], **settings)


def _check_pair(level: TensorSpec, estimate: TensorSpec) -> None:
    unsigned_words(level, "a signal")
    unsigned_words(estimate, "an estimate of noise")
    if level.shape != estimate.shape:
        raise GraphError(
            f"a signal and its noise must have one shape, not {level.shape} and {estimate.shape}"
        )


@dataclass(frozen=True, slots=True)
class SpectralSubtraction(Op):
    """The signal (first) less the estimate of its noise (second).

    Parameters
    ----------
    least : int
        What remains of the signal at least, ``coefficient_bits`` fraction bits.
    signal_bits : int
        Fraction bits that the estimate has more than the signal, 0 to 29.
    coefficient_bits : int
        0 to 29.
    """

    least: int
    signal_bits: int
    coefficient_bits: int

    arity = 2

    def __post_init__(self) -> None:
        check_whole("signal bits", self.signal_bits, 0, 29)
        check_whole("coefficient bits", self.coefficient_bits, 0, 29)
        check_whole("the least that remains", self.least, 0, 1 << self.coefficient_bits)

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the signal's shape and format."""
        _check_pair(*sources)
        return sources[0]

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return what remains."""
        constants = self.least, self.signal_bits, self.coefficient_bits
        return signal.spectral_subtraction(inputs[0], inputs[1], *constants)


@dataclass(frozen=True, slots=True, eq=False)
class PcanGain(Op):
    """The signal (first) times a gain that falls with the noise (second), then compressed.

    Per-channel amplitude normalisation: the gain is a table of quadratics, one for each octave of
    the noise; ratios to the noise below 2 become their square over 4, others lose 1.

    Parameters
    ----------
    gains : integer array (125,)
        16 bits: the gains of 0 and 1, then constant, slope, curvature and 0 for each octave.
    snr_shift : int
        Bits that the product of signal and gain loses to have 12 fraction bits, 0 to 63.
    """

    gains: IntArray
    snr_shift: int

    arity = 2

    def __post_init__(self) -> None:
        gains = check_codes(self.gains, _WEIGHT, "gains")
        if gains.shape != (GAINS,):
            raise GraphError(f"gains must be a row of {GAINS}, not shape {gains.shape}")
        check_whole("the shift of the product", self.snr_shift, 0, 63)
        object.__setattr__(self, "gains", freeze(gains))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the signal's shape, 32 bits with 6 fraction bits."""
        _check_pair(*sources)
        return TensorSpec(sources[0].shape, QFormat(32, rules.SUPPRESSED_BITS, signed=False))

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the compressed signal."""
        return signal.pcan(inputs[0], inputs[1], self.gains, self.snr_shift)


@dataclass(frozen=True, slots=True)
class ScaledLog(Op):
    """``scale * ln(code * 2**correction_bits)`` by a table of 128 segments; 0 of codes below 2.

    Parameters
    ----------
    scale : int
        1 to 2**16.
    correction_bits : int
        -31 to 31.
    target : QFormat
        Format of the output; its highest code is the most.
    """

    scale: int
    correction_bits: int
    target: QFormat

    def __post_init__(self) -> None:
        check_whole("the scale of a logarithm", self.scale, 1, 1 << 16)
        check_whole("correction bits", self.correction_bits, -31, 31)

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape in the target format."""
        (source,) = sources
        unsigned_words(source, "what has a logarithm")
        return TensorSpec(source.shape, self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the logarithms."""
        return signal.logarithm(inputs[0], self.scale, self.correction_bits, self.target.hi)
