"""The log-mel front end in integers: compiled loops, or the rules themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.engine import compiled
from fxpsim.formats import Rounding
from fxpsim.spec import spectrum as spec

__all__ = ["SpectrumPlan", "SpectrumStages", "run"]

IntArray = NDArray[Any]


@dataclass(frozen=True, eq=False)
class SpectrumPlan:
    """Every constant of a front end.

    Attributes
    ----------
    window : int array (n,)
        Coefficients, below 2**15; zeros follow the frame up to the transform's length N.
    twiddles : int array (N / 2, 2)
        ``exp(-2 pi i k / N)`` with ``twiddle_frac`` fraction bits.
    drop : int
        Bits that windowed samples drop, with fixed scaling.
    shifts : tuple of int or None
        Bits that each stage drops; None: block scaling.
    limits : int64 array (stages, 2)
        For block scaling: :func:`fxpsim.spec.spectrum.block_shift`.
    data_bits, rounding
        Of FFT words; of everything but the logarithm.
    power_drop, power_bits
        Bits that powers drop; bits of their word.
    weights : int64 array (bins, bands)
    register_bits : int
        Of a band's sum.
    logs : int32 array (2**m,)
        ``log2(1 + i / 2**m)`` with ``log_frac`` fraction bits.
    offset, output_drop, lo, hi
        Of the last step (:func:`fxpsim.spec.spectrum.row_level`, ``row_code``).
    """

    window: IntArray
    twiddles: IntArray
    twiddle_frac: int
    drop: int
    shifts: tuple[int, ...] | None
    limits: IntArray
    data_bits: int
    rounding: Rounding
    power_drop: int
    power_bits: int
    weights: IntArray
    register_bits: int
    logs: IntArray
    log_frac: int
    offset: int
    output_drop: int
    lo: int
    hi: int

    @property
    def word(self) -> int:
        """Largest magnitude of an FFT word."""
        return (1 << (self.data_bits - 1)) - 1

    @property
    def stages(self) -> int:
        """Of the real transform."""
        return len(self.limits)

    @cached_property
    def edges(self) -> tuple[IntArray, IntArray]:
        """First bin of each band that has a weight, and the one after the last."""
        used = self.weights != 0
        some = used.any(axis=0)
        starts = np.where(some, used.argmax(axis=0), 0)
        return starts, np.where(some, len(used) - used[::-1].argmax(axis=0), 0)


@dataclass(frozen=True, slots=True, eq=False)
class SpectrumStages:
    """What every stage made of (rows, frames) frames.

    Attributes
    ----------
    words : int32 array (F, N)
        Windowed samples, ``2**-word_exponents`` of the product's value.
    word_exponents, exponents : int64 array (F,)
        Of the words; of the spectrum.
    spectrum : int32 array (F, bins, 2)
    power : int64 array (F, bins)
    sums : int64 array (rows, bands)
        Of a row's frames, with ``row_exponents`` int64 (rows,).
    levels, codes : int64, int32 array (rows, bands)
    events : dict of str to int
        Words that saturated, by stage.
    """

    words: IntArray
    word_exponents: IntArray
    spectrum: IntArray
    exponents: IntArray
    power: IntArray
    sums: IntArray
    row_exponents: IntArray
    levels: IntArray
    codes: IntArray
    events: dict[str, int]


def run(plan: SpectrumPlan, frames: NDArray[np.int16], frames_per_row: int) -> SpectrumStages:
    """Run frames (rows * frames_per_row, n) through all stages."""
    count = len(frames)
    bins, bands = plan.weights.shape
    rows = count // frames_per_row
    words = np.zeros((count, 2 * len(plan.twiddles)), np.int32)
    spectrum = np.empty((count, bins, 2), np.int32)
    power = np.empty((count, bins), np.int64)
    bands_of_frames = np.empty((rows, frames_per_row, bands), np.int64)
    stages = SpectrumStages(
        words=words,
        word_exponents=np.empty(count, np.int64),
        spectrum=spectrum,
        exponents=np.empty(count, np.int64),
        power=power,
        sums=np.empty((rows, bands), np.int64),
        row_exponents=np.empty(rows, np.int64),
        levels=np.empty((rows, bands), np.int64),
        codes=np.empty((rows, bands), np.int32),
        events={},
    )
    events = np.zeros((count, 1 + plan.stages + 2), np.int64)
    way = _compiled if compiled() else _specified
    way(plan, frames, stages, bands_of_frames, events)
    names = ["window", *(f"fft{t}" for t in range(plan.stages)), "power", "mel"]
    stages.events.update(zip(names, events.sum(axis=0).tolist(), strict=True))
    return stages


def _compiled(
    plan: SpectrumPlan, frames: IntArray, out: SpectrumStages, sums: IntArray, events: IntArray
) -> None:
    from fxpsim.kernels import spectrum as kernels
    from fxpsim.kernels.elementwise import MODES

    mode, block = MODES[plan.rounding], plan.shifts is None
    lane = np.int32 if plan.data_bits + plan.twiddle_frac < 30 else np.int64
    shifts = np.array((0,) * plan.stages if plan.shifts is None else plan.shifts, np.int64)
    kernels.windowed(mode, block)(
        frames, plan.window.astype(np.int32), plan.drop, np.int32(plan.word),
        out.words, out.word_exponents, events[:, 0],
    )  # fmt: skip
    out.exponents[:] = out.word_exponents
    kernels.transformed(mode, lane, block)(
        out.words, np.ascontiguousarray(plan.twiddles.T, lane), lane(plan.twiddle_frac),
        _bit_reversed(plan.stages - 1), shifts, plan.limits, lane(plan.word),
        out.spectrum, out.exponents, events[:, 1:-2],
    )  # fmt: skip
    kernels.band_sums(mode)(
        out.spectrum, plan.power_drop, (1 << plan.power_bits) - 1, *plan.edges,
        np.ascontiguousarray(plan.weights.T), (1 << plan.register_bits) - 1,
        out.power, sums.reshape(len(frames), -1), events[:, -2:],
    )  # fmt: skip
    kernels.row_levels(mode)(
        sums, 2 * out.exponents.reshape(sums.shape[:2]), plan.logs, plan.log_frac, plan.offset,
        plan.output_drop, plan.lo, plan.hi, out.sums, out.row_exponents, out.levels, out.codes,
    )  # fmt: skip


def _bit_reversed(bits: int) -> IntArray:
    """Return the numbers below 2**bits with their bits in reverse."""
    order = np.zeros(1, np.int64)
    for _ in range(bits):
        order = np.concatenate((2 * order, 2 * order + 1))
    return order


def _specified(
    plan: SpectrumPlan, frames: IntArray, out: SpectrumStages, sums: IntArray, events: IntArray
) -> None:
    window, limits = plan.window.tolist(), plan.limits.tolist()
    twiddles = [(re, im) for re, im in plan.twiddles.tolist()]
    mode, frac, hi = plan.rounding, plan.twiddle_frac, plan.word
    fixed = None if plan.shifts is None else plan.shifts[:-1]
    bands = sums.reshape(len(frames), -1)
    for f, frame in enumerate(frames.tolist()):
        shift = plan.drop
        if fixed is None:
            products = (abs(x * w) for x, w in zip(frame, window, strict=True))
            shift = spec.input_shift(max(products), hi)
        words, event = spec.window_words(frame, window, shift, hi, mode)
        out.words[f, : len(words)], out.word_exponents[f] = words, shift
        pairs = [(re, im) for re, im in out.words[f].reshape(-1, 2).tolist()]
        half, taken, stage_events = spec.fft(pairs, twiddles[::2], frac, fixed, limits, hi, mode)
        last = (
            spec.block_shift(spec.peak(half), limits[-1])
            if plan.shifts is None
            else plan.shifts[-1]
        )
        spectrum, split_event = spec.split(half, twiddles, frac, last, hi, mode)
        power, power_event = spec.power_words(spectrum, plan.power_drop, plan.power_bits, mode)
        bands[f], mel_event = spec.mel_sums(power, plan.weights.tolist(), plan.register_bits)
        out.spectrum[f], out.exponents[f] = spectrum, shift + sum(taken) + last
        out.power[f] = power
        events[f] = [event, *stage_events, split_event, power_event, mel_event]
    mantissa_bits, logs = len(plan.logs).bit_length() - 1, plan.logs.tolist()
    exponents = 2 * out.exponents.reshape(sums.shape[:2])
    for r, (row, powers_of_two) in enumerate(zip(sums.tolist(), exponents.tolist(), strict=True)):
        total, exponent = spec.add_frames(list(zip(row, powers_of_two, strict=True)), mode)
        out.sums[r], out.row_exponents[r] = total, exponent
        out.levels[r] = [
            spec.row_level(v, exponent, logs, mantissa_bits, plan.log_frac, plan.offset)
            if v
            else plan.lo << plan.output_drop
            for v in total
        ]
        out.codes[r] = [
            spec.row_code(level, plan.output_drop, plan.lo, plan.hi)
            for level in out.levels[r].tolist()
        ]
