"""The log-mel front end of :mod:`fxpsim.spec.spectrum`, frame by frame.

The FFT has constant geometry (M. C. Pease, J. ACM 15(2), 1968): every stage reads neighbours and
writes halves, which is the textbook's transform with its words elsewhere, and vectorises at every
stage.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from fxpsim.formats import Rounding
from fxpsim.kernels._jit import kernel
from fxpsim.kernels.elementwise import MODES, round_lane

__all__ = ["band_sums", "row_levels", "transformed", "windowed"]

_NEAREST_EVEN = MODES[Rounding.NEAREST_EVEN]
#: What :func:`round_lane` wants of 64-bit lanes.
_SIGN, _ONE, _ZERO = np.int64(63), np.int64(1), np.int64(0)


@kernel
def length(value):
    """Return the bits of a whole number of 0 or more."""
    count = np.int64(0)
    while value > 0:
        value = np.right_shift(value, 1)
        count += 1
    return count


@functools.cache
def windowed(rounding: int, block: bool) -> Callable[..., None]:
    """Return the loop from frames of samples to the words that a transform begins with.

    Parameters
    ----------
    rounding : int
        Of ``elementwise.MODES``.
    block : bool
        Block scaling: each frame drops the bits that it has to.

    Notes
    -----
    The loop's arguments are ``frames`` int16 (F, n); ``window`` int32 (n,), below 2**15; ``drop``,
    with fixed scaling the bits that every frame drops; ``hi`` int32; and the results: ``words``
    int32 (F, n), ``exponents`` int64 (F,), ``events`` int64 (F,).
    """
    sign, one, zero = np.int32(31), np.int32(1), np.int32(0)

    @kernel
    def window_loop(frames, window, drop, hi, words, exponents, events):
        low = np.negative(hi)
        for f in range(frames.shape[0]):
            largest = one
            for n in range(window.size):
                product = np.multiply(np.int32(frames[f, n]), window[n])
                words[f, n] = product
                largest = np.maximum(largest, np.abs(product))
            shift = np.int64(drop)
            if block:
                shift = length(largest) - length(hi)
                if shift > 0 and np.int64(largest) > np.int64(hi) << shift:
                    shift += 1
            left, right = np.int32(max(-shift, 0)), np.int32(max(shift, 0))
            changed = zero
            for n in range(window.size):
                value = np.left_shift(words[f, n], left)
                rounded = round_lane(value, rounding, right, sign, one, zero)
                fitted = np.maximum(np.minimum(rounded, hi), low)
                changed = np.add(changed, np.int32(fitted != rounded))
                words[f, n] = fitted
            exponents[f], events[f] = shift, changed

    return window_loop


@functools.cache
def transformed(rounding: int, lane: type[np.signedinteger], block: bool) -> Callable[..., None]:
    """Return the loop from words to spectra.

    Parameters
    ----------
    rounding : int
        Of ``elementwise.MODES``.
    lane : type
        int32 where data and twiddle bits sum to 30 at most, else int64.
    block : bool
        Block scaling, with which nothing can saturate.

    Notes
    -----
    The loop's arguments are ``words`` int32 (F, 2 M); ``twiddles`` (2, M) of ``lane``, and
    ``frac``, their fraction bits; ``order`` (M,), bit-reversed places; ``shifts`` int64 (stages,),
    with fixed scaling the bits that each stage drops; ``limits`` int64 (stages, 2); ``hi``, of
    ``lane``; and the results: ``out`` int32 (F, M + 1, 2), ``exponents`` int64 (F,), to which the
    stages add theirs, and ``events`` int64 (F, stages).
    """
    sign, one, zero = lane(8 * np.dtype(lane).itemsize - 1), lane(1), lane(0)

    @kernel
    def transform_loop(words, twiddles, frac, order, shifts, limits, hi, out, exponents, events):
        size, half, low = order.size, order.size // 2, np.negative(hi)
        stages = limits.shape[0]
        # Stage t multiplies pair i by the twiddle whose number is i with all but t bits cleared.
        cosines = np.empty((stages, half), lane)
        sines = np.empty((stages, half), lane)
        for t in range(stages - 1):
            free = stages - 2 - t
            for i in range(half):
                cosines[t, i] = twiddles[0, 2 * (i >> free << free)]
                sines[t, i] = twiddles[1, 2 * (i >> free << free)]
        re, im = np.empty(size, lane), np.empty(size, lane)
        re_next, im_next = np.empty(size, lane), np.empty(size, lane)
        for f in range(words.shape[0]):
            for i in range(size):
                re[i] = words[f, 2 * order[i]]
                im[i] = words[f, 2 * order[i] + 1]
            for t in range(stages):
                shift = shifts[t]
                if block:
                    largest = zero
                    for i in range(size):
                        part = np.maximum(np.abs(re[i]), np.abs(im[i]))
                        largest = np.maximum(largest, part)
                    shift = np.int64(largest > limits[t, 0]) + np.int64(largest > limits[t, 1])
                exponents[f] += shift
                changed = zero
                if t == stages - 1:
                    right = lane(frac + shift + 1)
                    for k in range(size + 1):
                        at, mirror = k % size, (size - k) % size
                        ar = np.left_shift(np.add(re[at], re[mirror]), frac)
                        ai = np.left_shift(np.subtract(im[at], im[mirror]), frac)
                        br = np.add(im[at], im[mirror])
                        bi = np.subtract(re[mirror], re[at])
                        wr, wi = twiddles[0, at], twiddles[1, at]
                        if k == size:
                            wr = np.negative(wr)
                        pr = np.subtract(np.multiply(br, wr), np.multiply(bi, wi))
                        pi = np.add(np.multiply(br, wi), np.multiply(bi, wr))
                        sr = round_lane(np.add(ar, pr), rounding, right, sign, one, zero)
                        si = round_lane(np.add(ai, pi), rounding, right, sign, one, zero)
                        fr = np.maximum(np.minimum(sr, hi), low)
                        fi = np.maximum(np.minimum(si, hi), low)
                        changed = np.add(changed, np.add(lane(fr != sr), lane(fi != si)))
                        out[f, k, 0], out[f, k, 1] = fr, fi
                else:
                    right = lane(frac + shift)
                    for i in range(half):
                        ar, ai = np.left_shift(re[2 * i], frac), np.left_shift(im[2 * i], frac)
                        br, bi = re[2 * i + 1], im[2 * i + 1]
                        wr, wi = cosines[t, i], sines[t, i]
                        pr = np.subtract(np.multiply(br, wr), np.multiply(bi, wi))
                        pi = np.add(np.multiply(br, wi), np.multiply(bi, wr))
                        sr = round_lane(np.add(ar, pr), rounding, right, sign, one, zero)
                        si = round_lane(np.add(ai, pi), rounding, right, sign, one, zero)
                        dr = round_lane(np.subtract(ar, pr), rounding, right, sign, one, zero)
                        di = round_lane(np.subtract(ai, pi), rounding, right, sign, one, zero)
                        re_next[i] = np.maximum(np.minimum(sr, hi), low)
                        im_next[i] = np.maximum(np.minimum(si, hi), low)
                        re_next[i + half] = np.maximum(np.minimum(dr, hi), low)
                        im_next[i + half] = np.maximum(np.minimum(di, hi), low)
                        sums = np.add(lane(re_next[i] != sr), lane(im_next[i] != si))
                        differences = np.add(
                            lane(re_next[i + half] != dr), lane(im_next[i + half] != di)
                        )
                        changed = np.add(changed, np.add(sums, differences))
                    re, re_next = re_next, re
                    im, im_next = im_next, im
                events[f, t] = changed

    return transform_loop


@functools.cache
def band_sums(rounding: int) -> Callable[..., None]:
    """Return the loop from spectra to band sums.

    Notes
    -----
    Its arguments are ``spectra`` int32 (F, bins, 2); ``shift`` and ``highest``, the bits that
    powers drop and their largest word; ``starts`` and ``stops`` (bands,), the bins of each band,
    and ``weights`` int64 (bands, bins); ``register``, the largest sum; and the results ``power``
    int64 (F, bins), ``sums`` int64 (F, bands), ``events`` int64 (F, 2): of powers, of sums.
    """

    @kernel
    def band_loop(spectra, shift, highest, starts, stops, weights, register, power, sums, events):
        for f in range(spectra.shape[0]):
            changed = _ZERO
            for k in range(spectra.shape[1]):
                re, im = np.int64(spectra[f, k, 0]), np.int64(spectra[f, k, 1])
                exact = round_lane(re * re + im * im, rounding, shift, _SIGN, _ONE, _ZERO)
                fitted = min(exact, highest)
                changed += np.int64(fitted != exact)
                power[f, k] = fitted
            events[f, 0], events[f, 1] = changed, 0
            for b in range(starts.size):
                total = _ZERO
                for k in range(starts[b], stops[b]):
                    total += power[f, k] * weights[b, k]
                events[f, 1] += np.int64(total > register)
                sums[f, b] = min(total, register)

    return band_loop


@functools.cache
def row_levels(rounding: int) -> Callable[..., None]:
    """Return the loop that adds frames up to rows and takes logarithms.

    Notes
    -----
    Its arguments are ``sums`` int64 (rows, frames, bands) and ``exponents`` int64 (rows, frames),
    of power, not of amplitude; ``logs`` int32 (2**m,) with ``frac`` fraction bits; ``offset``,
    ``drop``, ``lo``, ``hi`` as for :func:`fxpsim.spec.spectrum.row_code`; and the results ``total``
    int64 (rows, bands), ``total_exponents`` int64 (rows,), ``levels`` int64 and ``codes`` int32
    (rows, bands): logarithms before and after they are rounded.
    """

    @kernel
    def row_loop(
        sums, exponents, logs, frac, offset, drop, lo, hi, total, total_exponents, levels, codes
    ):
        mantissa_bits = length(logs.size) - 1
        for r in range(sums.shape[0]):
            exponent = exponents[r, 0]
            total[r] = sums[r, 0]
            for f in range(1, sums.shape[1]):
                high = max(exponent, exponents[r, f])
                # A shift by 62 rounds a sum as any larger one does: no sum has 62 bits.
                old, new = min(high - exponent, 62), min(high - exponents[r, f], 62)
                for b in range(sums.shape[2]):
                    before = round_lane(total[r, b], rounding, old, _SIGN, _ONE, _ZERO)
                    added = round_lane(sums[r, f, b], rounding, new, _SIGN, _ONE, _ZERO)
                    total[r, b] = before + added
                exponent = high
            total_exponents[r] = exponent
            for b in range(sums.shape[2]):
                value, level = total[r, b], np.int64(lo) << drop
                if value > 0:
                    place = length(value) - 1
                    above = place - mantissa_bits
                    mantissa = value >> max(above, 0) << max(-above, 0)
                    log = np.int64(logs[mantissa - logs.size])
                    level = log + ((place + exponent) << frac) + offset
                levels[r, b] = level
                code = round_lane(level, _NEAREST_EVEN, drop, _SIGN, _ONE, _ZERO)
                codes[r, b] = max(lo, min(hi, code))

    return row_loop
