"""Tiles write only their own outputs, whatever the sizes, and read no operand they should not."""

from __future__ import annotations

import os

import numpy as np
import pytest
from guarded import Guarded

pytest.importorskip("numba")
if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
    pytest.skip("intrinsics exist only compiled", allow_module_level=True)

from fxpsim import Accumulator, Chunked, Interleaved, Product, Rounding, Spill, spec
from fxpsim.dispatch.calls import first_values
from fxpsim.dispatch.operands import Facts
from fxpsim.dispatch.plans import peaks_plan, plan_for, tally_plan
from fxpsim.kernels import product
from fxpsim.kernels.product import multiply, pack
from fxpsim.kernels.steps import planes_of

#: Every remainder around rows and lanes; K = 0 and 1.
SIZES = [
    (1, 1, 0), (1, 1, 1), (1, 67, 2), (2, 33, 1), (3, 65, 3), (4, 16, 5), (5, 32, 1),
    (11, 17, 2), (12, 64, 1), (13, 63, 4), (16, 31, 7), (25, 1, 3), (67, 2, 2), (1, 257, 9),
]  # fmt: skip
BYTES, NIBBLES, WORDS = (-128, 127), (-8, 7), (-(1 << 15), (1 << 15) - 1)
LONG = -(1 << 20), 1 << 20
S = "saturate"
ROUNDED = [
    Accumulator(14, mode, frac=-3, rounding=rounding)
    for rounding, mode in zip(
        [r for r in Rounding if not r.value.startswith("stochastic")], [S, "wrap"] * 7, strict=False
    )
]
REGISTERS = [
    Accumulator(16, S), Accumulator(12, S), Accumulator(15, S, signed=False), Accumulator(20, S),
    Accumulator(32, S), Accumulator(40, S), Accumulator(16), Accumulator(12, signed=False),
    Accumulator(32), Accumulator(33), Accumulator(62),
    Accumulator(16, S, order=Interleaved(3)),
    Accumulator(11, S, order=Interleaved(2, "sequential")),
    Accumulator(24, S, order=Interleaved(4)), Accumulator(16, S, order=Chunked(2)),
    Accumulator(17, S, order=Chunked(3)), Accumulator(12, S, order=Chunked(4)),
    Accumulator(16, S, order=Chunked(3, 16)), Accumulator(12, order=Chunked(4, 9)),
    Accumulator(20, S, order=Chunked(5, 18)), Accumulator(50, S, order=Chunked(2)),
    Accumulator(16, spill=Spill(2, Accumulator(20, S))),
    Accumulator(12, S, spill=Spill(2, Accumulator(14, S, spill=Spill(3, Accumulator(18))))),
    Accumulator(16, S, order=Chunked(2), spill=Spill(2, Accumulator(24))),
    Accumulator(15, order=Interleaved(2), spill=Spill(2, Accumulator(31, signed=False))),
    Accumulator(18, S, product=Product(9, -2, "nearest_even", S)),
    Accumulator(18, frac=-1, product=Product(10, 2, "floor", "wrap"), order=Interleaved(2)),
    *ROUNDED,
]  # fmt: skip


def cases():
    """Yield all registers with bytes, and some of them with other operands."""
    for ends, every in ((BYTES, 1), (NIBBLES, 5), (WORDS, 7), (LONG, 9)):
        for register in REGISTERS[::every]:
            if plan_for(Facts(9, ends, ends, 50), register, 0, exact=False) is not None:
                yield pytest.param(register, ends, id=f"{register!r}-{ends[1]}")


def operands(rng, rows, length, outputs, ends):
    """Codes, half of them extremes, read-only and not C-contiguous where that is allowed."""
    kind = next(t for t in (np.int8, np.int16, np.int32) if ends[1] <= np.iinfo(t).max)
    a, b = (
        np.where(
            rng.random(shape) < 0.5,
            rng.choice(np.array(ends), shape),
            rng.integers(*ends, shape, endpoint=True),
        ).astype(kind)
        for shape in ((rows, length), (length, outputs))
    )
    a.flags.writeable = b.flags.writeable = False
    return a, b


def run(monkeypatch, plan, a, b, start=None):
    guarded = Guarded()
    with monkeypatch.context() as patch:
        patch.setattr(product, "_allocate", guarded.empty)
        planes = multiply(pack(plan, b, start), a)
    guarded.check()
    return dict(zip(planes_of(plan.step), planes, strict=True))


@pytest.mark.parametrize(("register", "ends"), list(cases()))
def test_registers_of_all_sizes(register, ends, monkeypatch):
    rng = np.random.default_rng(0)
    plan = plan_for(Facts(9, ends, ends, 50), register, 0, exact=False)
    assert plan is not None
    for rows, outputs, length in SIZES:
        if plan.chunk is not None and plan.chunk[0] != 2:
            length -= length % plan.chunk[0]  # planned for whole chunks
        a, b = operands(rng, rows, length, outputs, ends)
        bias = rng.integers(-50, 50, outputs)
        start = first_values(bias, register, 0)
        codes = run(monkeypatch, plan, a, b, start)["register"]
        checked = slice(0, None, max(1, outputs // 3))
        sums = spec.matmul(a.tolist(), b.T[checked].tolist(), register, bias[checked].tolist(), 0)
        assert codes[:, checked].tolist() == [[one.value for one in row] for row in sums]


@pytest.mark.parametrize("ends", [BYTES, LONG], ids=str)
@pytest.mark.parametrize(
    "register",
    [
        None, Accumulator(16, S), Accumulator(16), Accumulator(12, S), Accumulator(12),
        Accumulator(15, S, signed=False), Accumulator(20, S), Accumulator(40),
    ],
    ids=repr,
)  # fmt: skip
def test_counts_of_all_sizes(register, ends, monkeypatch):
    rng = np.random.default_rng(0)
    facts = Facts(9, ends, ends, 50)
    plan = peaks_plan(facts) if register is None else tally_plan(facts, register)
    for rows, outputs, length in SIZES:
        a, b = operands(rng, rows, max(1, length), outputs, ends)
        bias = rng.integers(-50, 50, outputs)
        planes = run(monkeypatch, plan, a, b, bias.reshape(1, -1))
        wide = register or Accumulator(64, S)
        sums = spec.matmul(a.tolist(), b.T[:2].tolist(), wide, bias[:2].tolist(), 0)
        for i, row in enumerate(sums):
            for j, one in enumerate(row):
                first = -1 if one.first_step is None else one.first_step
                facts = {
                    "register": one.value, "exact": one.exact, "lowest": one.lowest,
                    "highest": one.highest, "events": one.events, "first_step": first,
                }  # fmt: skip
                assert {k: int(v[i, j]) for k, v in planes.items()} == {k: facts[k] for k in planes}
