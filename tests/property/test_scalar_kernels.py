"""Kernels without intrinsics, called themselves: compiled, with bounds checks, or as plain Python.

``tests/unit/test_kernel_hosts.py`` runs this file again with ``NUMBA_DISABLE_JIT`` and with
``NUMBA_BOUNDSCHECK``.  Beyond it, neither reaches a product: tiles are LLVM code.
"""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import code_arrays, declared_accumulators, fixed_rounding_modes

from fxpsim import Overflow, spec
from fxpsim.kernels.packing import pack_rows
from fxpsim.kernels.philox import draw_words
from fxpsim.kernels.registers import LEVELS, Registers, multiply
from fxpsim.kernels.scalars import OVERFLOW, ROUNDING, fit, round_shift

sizes = st.integers(1, 5)
int64s = st.integers(-(2**62), 2**62)


@given(sizes, st.integers(1, 19), st.integers(1, 5) | st.just(67), st.data())
def test_declared_registers(rows, length, outputs, data):
    accumulator = data.draw(declared_accumulators())
    a = data.draw(code_arrays((rows, length), 8))
    b = data.draw(code_arrays((length, outputs), 8))
    bias = data.draw(st.none() | code_arrays((outputs,), 16))
    frac = data.draw(st.integers(0, 4))
    registers = Registers(accumulator, frac)
    assume(registers.fit_int64(1 << 16, 1 << 16))
    value, events, first = multiply(registers, a, b, bias)
    start = None if bias is None else bias.tolist()
    sums = spec.matmul(a.tolist(), b.T.tolist(), accumulator, start, frac)
    assert value.tolist() == [[one.value for one in row] for row in sums]
    nothing = spec.Events()
    for number, level in enumerate(LEVELS):
        noted = [[one.levels.get(level, nothing) for one in row] for row in sums]
        assert events[:, number].tolist() == [[e.count for e in row] for row in noted]
        steps = [[e.first_step for e in row if e.count] for row in noted]
        assert [f[c > 0].tolist() for f, c in zip(first[:, number], events[:, number],
                                                  strict=True)] == steps  # fmt: skip


@given(int64s, st.integers(0, 62), fixed_rounding_modes)
def test_rounding_of_one_number(value, shift, mode):
    result = round_shift(np.int64(value), np.int64(shift), ROUNDING[mode])
    assert int(result) == spec.round_shift(value, shift, mode)


@given(int64s, st.integers(1, 62), st.booleans())
def test_overflow_of_one_number(value, bits, signed):
    lo, hi = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    for mode in (Overflow.SATURATE, Overflow.WRAP):
        result = fit(np.int64(value), np.int64(lo), np.int64(hi), OVERFLOW[mode])
        assert int(result) == spec.fit(value, lo, hi, mode)


words = st.integers(0, 2**32 - 1)


@given(st.integers(0, 2**64 - 1), words, st.lists(words, min_size=1, max_size=4), sizes, words)
def test_draws(seed, stream, samples, elements, step):
    out = np.empty(len(samples) * elements, np.uint32)
    key, ids = (np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)), np.array(samples, np.uint32)
    draw_words(*key, np.uint64(stream), ids, elements, np.uint64(step), out)
    expected = [spec.draw(seed, stream, s, e, step) for s in samples for e in range(elements)]
    assert out.tolist() == expected


@given(sizes, sizes, st.integers(0, 7), st.booleans(), st.booleans(), st.integers(0, 999))
def test_packed_rows(rows, length, shift, low_half, doubled, seed):
    a = np.random.default_rng(seed).integers(-128, 128, (rows, length))
    out = np.empty((rows, length), np.int64)
    pack_rows(a, shift, low_half, doubled, out)
    expected = a << shift
    if low_half:
        expected &= 0xFFFF
    if doubled:
        expected |= expected << 16
    np.testing.assert_array_equal(out, expected)
