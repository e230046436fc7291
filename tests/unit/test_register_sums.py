"""Sums in training: those of the registers, with the slopes of exact ones."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the extra 'train')")

import fxpsim as fx  # noqa: E402
from fxpsim import spec  # noqa: E402
from fxpsim.train.sums import exact_sums, register_sums  # noqa: E402

ORDERS = [fx.Sequential(), fx.Interleaved(4), fx.Interleaved(3, "sequential"), fx.Chunked(5)]
RANGES = ((-128, 127), (-127, 127))


def problem(seed: int = 0, m: int = 9, k: int = 23, n: int = 4) -> list[torch.Tensor]:
    """Rows, weights and bias, integers as floats."""
    rng = np.random.default_rng(seed)
    arrays = (
        rng.integers(-128, 128, (m, k)),
        rng.integers(-127, 128, (k, n)),
        rng.integers(-90, 90, n),
    )
    return [torch.tensor(array, dtype=torch.float32, requires_grad=True) for array in arrays]


@pytest.mark.parametrize("order", ORDERS, ids=repr)
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("bits", [8, 13, 16, 17, 32])
def test_sums_are_those_of_the_registers(bits, overflow, order):
    register = fx.Accumulator(bits, overflow, order=order)
    rows, weights, bias = problem()
    sums = register_sums(rows, weights, bias, register, RANGES)
    integers = [values.detach().long().tolist() for values in (rows, weights.T, bias)]
    wanted = spec.matmul(integers[0], integers[1], register, integers[2])
    assert sums.tolist() == [[one.value for one in row] for row in wanted]
    assert (sum(one.events for row in wanted for one in row) > 0) is (bits < 32)


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_slopes_are_those_of_the_exact_sum_but_at_the_ends(overflow):
    register = fx.Accumulator(15, overflow)
    slope = torch.from_numpy(np.random.default_rng(1).normal(size=(9, 4))).float()
    made, exact = problem(), problem()
    sums = register_sums(*made, register, RANGES)
    sums.backward(slope)
    inside = (sums > register.lo) & (sums < register.hi)
    (exact[0] @ exact[1] + exact[2]).backward(slope * inside)
    for got, wanted in zip(made, exact, strict=True):
        torch.testing.assert_close(got.grad, wanted.grad)
    # Sums with steps of 1: the ends are rarely met by chance.
    assert (~inside).sum() > 5 if overflow == "saturate" else (~inside).sum() < 2


def test_a_sum_at_an_end_has_no_slope():
    """100 * 100 ends at 127: nothing that changes a little changes that."""
    rows, weights = (torch.tensor([[100.0, 2.0]]), torch.tensor([[100.0, 0.0], [0.0, 3.0]]))
    rows.requires_grad_()
    register = fx.Accumulator(8, "saturate")
    sums = register_sums(rows, weights, torch.zeros(2), register, RANGES)
    assert sums.tolist() == [[127.0, 6.0]]
    sums.sum().backward()
    assert rows.grad.tolist() == [[0.0, 3.0]]


def test_wide_registers_keep_every_bit():
    """2**24 + 1 is no float32."""
    rows, weights = torch.full((1, 1033), 128.0), torch.full((1033, 1), 127.0)
    bias = torch.tensor([float(2**24 + 2)], requires_grad=True)
    wanted = 1033 * 128 * 127 + 2**24 + 2
    assert wanted % 4
    register = fx.Accumulator(30, "saturate")
    sums = register_sums(rows, weights, bias, register, ((-128, 128), RANGES[1]))
    assert sums.item() == wanted
    (sums * 0.5).sum().backward()
    assert bias.grad.item() == 0.5
    ones = torch.ones(1, 2)
    halves = torch.tensor([[2.0**24], [1.0]])
    assert exact_sums(ones, halves, 2**24 + 1).item() == 2**24 + 1


def test_exact_sums_have_no_order():
    rows, weights, _ = problem(k=1200)
    wanted = rows.detach().numpy().astype(np.int64) @ weights.detach().numpy().astype(np.int64)
    turned = exact_sums(rows.flip(1), weights.flip(0), 1200 * 128 * 127)
    np.testing.assert_array_equal(turned.detach().numpy(), wanted)
