"""Accumulators of real machines, with their sources."""

from __future__ import annotations

from fxpsim.accumulators import Accumulator, Chunked, Interleaved, Spill
from fxpsim.errors import FormatError
from fxpsim.formats.qformat import check_int

__all__ = [
    "avx2_maddubs",
    "cmsis_q7",
    "cmsis_smlad",
    "dsp48",
    "neon_sdot",
    "neon_smlal",
    "systolic_32",
]


def neon_smlal(products: int = 2) -> Accumulator:
    """Return SMLAL into 16-bit lanes, widened by SADALP after so many products a lane.

    Eight lanes of 16 bits that wrap; SADALP adds neighbouring lanes into 32 bits, where all of
    modular arithmetic is exact in any order, so lanes are flushed into one 32-bit register here.

    References
    ----------
    Arm Architecture Reference Manual for A-profile (DDI 0487), SMLAL and SADALP (vector).
    """
    return Accumulator(16, order=Interleaved(8), spill=Spill(products, Accumulator(32)))


def neon_sdot() -> Accumulator:
    """Return SDOT: four products are added exactly, then to one of four 32-bit lanes that wrap.

    References
    ----------
    Arm Architecture Reference Manual for A-profile (DDI 0487), SDOT (vector).
    """
    return Accumulator(32, order=Chunked(4))


def avx2_maddubs() -> Accumulator:
    """Return VPMADDUBSW: two products saturate in 16 bits, then go to 32 bits that wrap.

    References
    ----------
    Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, PMADDUBSW.
    """
    return Accumulator(16, "saturate", spill=Spill(2, Accumulator(32)))


def cmsis_q7(out_shift: int) -> Accumulator:
    """Return the sum of CMSIS-NN's legacy q7 layers: 32 bits that start half a result up.

    ``(bias << bias_shift) + NN_ROUND(out_shift)`` is what it starts from, so that the shift by
    ``out_shift`` that follows, which only drops bits, rounds to nearest, ties up.  Cores with
    SMLAD add two products at a time; in a register that wraps the bits are the same.

    Parameters
    ----------
    out_shift : int
        Bits that the layer drops, 0 to 31.

    References
    ----------
    Lai, Suda, Chandra: CMSIS-NN: Efficient Neural Network Kernels for Arm Cortex-M CPUs.
    arXiv:1801.06601; ``arm_fully_connected_q7``, ``arm_convolve_HWC_q7_basic`` and ``NN_ROUND``
    in CMSIS_5 5.9.0.
    """
    if sentence := check_int("out_shift", out_shift, 0, 31):
        raise FormatError(sentence)
    return Accumulator(32, rounding_constant=1 << out_shift >> 1)


def cmsis_smlad() -> Accumulator:
    """Return SMLAD: two 16-bit products are added to a 32-bit register that wraps.

    References
    ----------
    Armv7-M Architecture Reference Manual (DDI 0403), SMLAD.
    """
    return Accumulator(32, order=Chunked(2))


def dsp48() -> Accumulator:
    """Return the 48-bit accumulator of an FPGA's DSP slice, which wraps.

    References
    ----------
    AMD UltraScale Architecture DSP Slice User Guide (UG579).
    """
    return Accumulator(48)


def systolic_32() -> Accumulator:
    """Return the 32-bit wrapping partial sums of a systolic array of 8-bit cells.

    References
    ----------
    H. Genc et al., Gemmini: Enabling Systematic Deep-Learning Architecture Evaluation via
    Full-Stack Integration, DAC 2021, arXiv:1911.09925 (32-bit accumulator memory).
    """
    return Accumulator(32)
