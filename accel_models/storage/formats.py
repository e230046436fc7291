"""Ways to store weights, from containers to entropy codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from accel_models.demand import Demand
from accel_models.elementwise import Number, bit_length, ceil_div, each, round_up, smaller
from accel_models.keys import Doc
from accel_models.storage.entropy import entropy_bits, rice_bits
from accel_models.storage.palette import coded_bits
from accel_models.storage.storage import WeightStorage

__all__ = [
    "BlockScales",
    "Codebook",
    "Container",
    "EntropyBound",
    "EthosStream",
    "GolombRice",
    "Packed",
    "RowAligned",
    "VectorScales",
]


@dataclass(frozen=True, slots=True)
class Container(WeightStorage):
    """Each weight in the smallest of 8, 16, 32 and 64 bits that holds it."""

    name: ClassVar[str] = "container"
    summary: ClassVar[str] = "each weight in 8, 16, 32 or 64 bits"

    def bits(self, work: Demand) -> Number:
        """Return 8, 16, 32 or 64 bits a weight."""
        return work.weights * each(_container, work.weight_bits)


def _container(bits: int) -> int:
    return max(8, 1 << (bits - 1).bit_length())


@dataclass(frozen=True, slots=True)
class Packed(WeightStorage):
    """Weights one after the other without gaps."""

    name: ClassVar[str] = "packed"
    summary: ClassVar[str] = "weights without gaps between them"

    def bits(self, work: Demand) -> Number:
        """Return the width of every weight."""
        return work.weights * work.weight_bits


@dataclass(frozen=True, slots=True)
class RowAligned(WeightStorage):
    """The weights of each output without gaps, and every output from a new word."""

    name: ClassVar[str] = "row_aligned"
    summary: ClassVar[str] = "weights of an output without gaps, each output from a new word"

    word_bits: Annotated[int, Doc("bits", "word that an output begins with", positive=True)] = 32

    def bits(self, work: Demand) -> Number:
        """Return whole words for every output."""
        return work.outputs * round_up(work.inputs * work.weight_bits, self.word_bits)


@dataclass(frozen=True, slots=True)
class EntropyBound(WeightStorage):
    """What no code can go below that treats weights one by one (Shannon 1948)."""

    name: ClassVar[str] = "entropy"
    summary: ClassVar[str] = "the least that a code of single weights can take"

    def bits(self, work: Demand) -> Number:
        """Return the entropy of all weights."""
        return work.weights * entropy_bits(work)


@dataclass(frozen=True, slots=True)
class GolombRice(WeightStorage):
    """The better of plain weights and a Rice code with one parameter for each layer (Rice 1971)."""

    name: ClassVar[str] = "golomb_rice"
    summary: ClassVar[str] = "a Rice code with one parameter a layer, or plain weights"

    def bits(self, work: Demand) -> Number:
        """Return the bits of the best parameter, with 8 bits to say which."""
        histogram = work.weight_histogram
        plain = work.weights * work.weight_bits
        if histogram is not None:
            folded = {2 * v if v >= 0 else -2 * v - 1: n for v, n in histogram.counts}
            coded = min(
                sum(n * ((v >> k) + 1 + k) for v, n in folded.items())
                for k in range(work.weight_bits + 1)
            )
            return 8 + smaller(plain, coded)
        return 8 + smaller(plain, work.weights * rice_bits(work))


@dataclass(frozen=True, slots=True)
class Codebook(WeightStorage):
    """An index for each weight into a table of values for each layer (Han et al., ICLR 2016)."""

    name: ClassVar[str] = "codebook"
    summary: ClassVar[str] = "an index for each weight, a table of values for each layer"

    entry_bits: Annotated[int, Doc("bits", "width of a value in the table", positive=True)] = 8

    def bits(self, work: Demand) -> Number:
        """Return indices and table: as many values as occur, or as the width allows."""
        histogram = work.weight_histogram
        values = 1 << work.weight_bits if histogram is None else len(histogram.counts)
        return work.weights * bit_length(values - 1) + values * self.entry_bits


@dataclass(frozen=True, slots=True)
class VectorScales(WeightStorage):
    """Weights with a small scale for each vector along a sum (VS-Quant, Dai et al., MLSys 2021)."""

    name: ClassVar[str] = "vector_scales"
    summary: ClassVar[str] = "a scale for each vector of weights, a coarse one for each output"

    vector: Annotated[int, Doc("weights", "that share a scale", positive=True)] = 16
    scale_bits: Annotated[int, Doc("bits", "scale of a vector", positive=True)] = 4
    coarse_bits: Annotated[int, Doc("bits", "scale of an output", positive=True)] = 16

    def bits(self, work: Demand) -> Number:
        """Return weights, scales of vectors and scales of outputs."""
        scales = ceil_div(work.inputs, self.vector) * self.scale_bits + self.coarse_bits
        return work.weights * work.weight_bits + work.outputs * scales


@dataclass(frozen=True, slots=True)
class BlockScales(WeightStorage):
    """Weights with a scale for each block (OCP Microscaling Formats 1.0: 32 with 8 bits)."""

    name: ClassVar[str] = "block_scales"
    summary: ClassVar[str] = "a scale for each block of weights, as in microscaling formats"

    block: Annotated[int, Doc("weights", "that share a scale", positive=True)] = 32
    scale_bits: Annotated[int, Doc("bits", "scale of a block", positive=True)] = 8

    def bits(self, work: Demand) -> Number:
        """Return weights and scales; blocks do not cross outputs."""
        blocks = work.outputs * ceil_div(work.inputs, self.block)
        return work.weights * work.weight_bits + blocks * self.scale_bits


@dataclass(frozen=True, slots=True)
class EthosStream(WeightStorage):
    """The stream that Ethos-U decodes: palette, Rice codes, runs of zeros (Arm, mlw_codec).

    Without the padding that blocks of the machine add; `decoder_npu` has it.
    """

    name: ClassVar[str] = "ethos"
    summary: ClassVar[str] = "palette, Rice codes and runs of zeros, as Ethos-U decodes them"

    def bits(self, work: Demand) -> Number:
        """Return the stream of a layer, from its histogram or else from its entropy."""
        histogram = work.weight_histogram
        if histogram is not None:
            return coded_bits(dict(histogram.counts))
        return work.weights * rice_bits(work)
