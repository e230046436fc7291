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
from fxpsim.kernels.lanes import KINDS
from fxpsim.kernels.packing import pack_rows, words_for
from fxpsim.kernels.philox import draw_words
from fxpsim.kernels.registers import LEVELS, Registers, multiply
from fxpsim.kernels.scalars import OVERFLOW, ROUNDING, fit, round_shift

sizes = st.integers(1, 5)
int64s = st.integers(-(2**62), 2**62)


@given(sizes, st.integers(1, 19), st.integers(1, 5) | st.just(67), st.data())
def test_declared_registers(rows, length, outputs, data):
    accumulator = data.draw(declared_accumulators(rounding=fixed_rounding_modes))
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


@given(
    st.integers(0, 2**64 - 1), words, st.lists(words, min_size=1, max_size=4), sizes,
    st.integers(0, 3),
)  # fmt: skip
def test_draws(seed, stream, samples, elements, first):
    """Any stretch of the words of an array."""
    out = np.empty(max(0, len(samples) * elements - first), np.uint32)
    keys = np.array([seed & 0xFFFFFFFF, seed >> 32, stream], np.uint32)
    draw_words((keys, np.array(samples, np.uint32), elements), first, out)
    expected = [spec.draw(seed, stream, s, e) for s in samples for e in range(elements)]
    assert out.tolist() == expected[first:]


@given(sizes, st.integers(1, 9), st.integers(0, 7), st.integers(0, 999))
def test_packed_rows(rows, length, shift, seed):
    a = np.random.default_rng(seed).integers(-128, 128, (rows, length))
    for lane, moved in [("i16", False), ("single", False), ("i64", False), ("pairs", False),
                        ("bytes", True)]:  # fmt: skip
        entry, words = KINDS[lane].entry, words_for(lane, length)
        out = np.full((rows, words), 77, entry)
        pack_rows(lane, a, 0 if moved else shift, moved, out)
        fields = out.view({"i16": np.int16, "pairs": np.int16, "bytes": np.uint8}.get(lane, entry))
        expected = a + 128 if moved else a << shift
        if lane == "i16":  # both halves
            np.testing.assert_array_equal(fields[:, 1::2], expected)
            fields = fields[:, ::2]
        np.testing.assert_array_equal(fields[:, :length], expected)
        assert not fields[:, length:].any()
