"""Zero points taken off the codes, or folded into what sums start from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxpsim import Accumulator, Affine, mac_trace, matmul, matmul_stats, spec
from fxpsim.errors import FormatError

FORMS = st.sampled_from(["subtract", "folded"])


def as_formats(a_zero, b_zero):
    """Formats whose zero points stand for themselves: a number, or some along an axis."""

    def fmt(zero):
        zero = np.asarray(zero)
        if zero.size == 1:
            return Affine(8, 1.0, int(zero.reshape(())), signed=False)
        axis = int(np.argmax(zero.shape))
        return Affine(8, np.ones(zero.size), zero.reshape(-1), signed=False, axis=axis)

    return fmt(a_zero), fmt(b_zero)


@st.composite
def problems(draw):
    rows, length, outputs = (draw(st.integers(2, top)) for top in (5, 9, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    a, b = rng.integers(0, 256, (rows, length)), rng.integers(0, 256, (length, outputs))
    if draw(st.booleans()):
        a, b = a.astype(np.uint8), b.astype(np.uint8)
    a_shape = draw(st.sampled_from([(1, 1), (rows, 1), (1, length)]))
    b_shape = draw(st.sampled_from([(1, 1), (length, 1), (1, outputs)]))
    top = draw(st.sampled_from([0, 255]))  # 0: only one of them has zero points
    zeros = rng.integers(0, 256, a_shape), rng.integers(0, top + 1, b_shape)
    bias = draw(st.none() | st.just(rng.integers(-999, 999, outputs)))
    return a, b, *zeros, bias


def specified(problem, accumulator, form):
    a, b, a_zero, b_zero, bias = problem
    x_zeros, w_zeros = (np.broadcast_to(z, c.shape) for z, c in ((a_zero, a), (b_zero, b)))
    shifted = a_zero.any() or b_zero.any()
    sums = []
    for i in range(len(a)):
        for j in range(b.shape[1]):
            x, w = a[i].tolist(), b[:, j].tolist()
            zeros = x_zeros[i].tolist(), w_zeros[:, j].tolist()
            start = None if bias is None else int(bias[j])
            if form == "folded" and shifted:
                start = spec.fold_zero_points(x, w, *zeros, start or 0)
                zeros = [0] * len(x), [0] * len(w)
            products = [(p - zp) * (q - zq) for p, q, zp, zq in zip(x, w, *zeros, strict=True)]
            sums.append(spec.accumulate(products, accumulator, start))
    return sums


@given(problems(), FORMS, st.integers(6, 24), st.sampled_from(["saturate", "wrap"]))
def test_products_are_those_of_the_specification(problem, form, bits, overflow):
    a, b, a_zero, b_zero, bias = problem
    accumulator = Accumulator(bits, overflow)
    sums = specified(problem, accumulator, form)
    a_format, b_format = as_formats(a_zero, b_zero)
    options = {"a_format": a_format, "b_format": b_format, "bias": bias, "zero_points": form}
    values = [one.value for one in sums]
    assert matmul(a, b, accumulator, **options).reshape(-1).tolist() == values
    result = matmul_stats(a, b, accumulator, **options)
    assert result.codes.reshape(-1).tolist() == values
    assert result.stats.events.sum() == sum(one.events for one in sums)
    assert result.stats.lowest.min() == min(one.lowest for one in sums)
    assert result.stats.highest.max() == max(one.highest for one in sums)


@given(problems())
def test_wide_registers_end_the_same(problem):
    a, b, a_zero, b_zero, bias = problem
    formats = dict(zip(("a_format", "b_format"), as_formats(a_zero, b_zero), strict=True))
    one, other = (
        matmul(a, b, Accumulator(32), bias=bias, zero_points=form, **formats)
        for form in ("subtract", "folded")
    )
    np.testing.assert_array_equal(one, other)


def test_a_narrow_register_tells_them_apart():
    """Codes 90 and 60 for 40 and 10: raw products reach 90, and a start of -100 makes up for it."""
    x, w, fmt = [90, 60], [1, 1], Affine(8, 0.5, 50)
    narrow = Accumulator(7, "saturate")
    subtracted = mac_trace(x, w, narrow, a_format=fmt)
    folded = mac_trace(x, w, narrow, a_format=fmt, zero_points="folded")
    assert subtracted.registers.tolist() == [[0], [40], [50]]
    assert folded.registers.tolist() == [[-64], [26], [63]]  # -100 and 86 do not fit 7 bits
    assert [folded.final, subtracted.final] == [63, 50]
    columns = np.ones((2, 1), int)
    assert matmul([x], columns, narrow, a_format=fmt, zero_points="folded").tolist() == [[63]]


def test_traces_take_zero_points_along_the_products():
    fmt = Affine(8, [1.0, 1.0, 1.0], [1, 2, 3], axis=0)
    for form in ("subtract", "folded"):
        trace = mac_trace(
            [5, 5, 5], [1, 10, 100], Accumulator(16), a_format=fmt, bias=7, zero_points=form
        )
        assert trace.final == 4 + 30 + 200 + 7
    assert trace.registers[0][0] == 7 - 1 - 20 - 300


def test_an_unknown_form_is_refused():
    with pytest.raises(FormatError, match=r"must be 'subtract' or 'folded', not 'fold'.*'folded'"):
        matmul([[1]], [[1]], Accumulator(8), zero_points="fold")
