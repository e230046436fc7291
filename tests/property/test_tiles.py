"""Tiles write only their own outputs, whatever the sizes, and read no operand they should not."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("numba")
if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
    pytest.skip("intrinsics exist only compiled", allow_module_level=True)

from fxpsim.kernels import product
from fxpsim.kernels._host import has_vnni
from fxpsim.kernels.product import Plan, multiply
from fxpsim.kernels.tile import PLANES

LANES = ["i16", "i32", "i64", *(["vnni"] if has_vnni() else [])]
CANARY = -1_234_567


def plans():
    for lane in LANES:
        for step in PLANES:
            if step == "saturate" and lane in ("i32", "i64"):
                continue  # never planned: 32- and 64-bit lanes clamp instead
            if lane == "i16" and len(PLANES[step]) > 1:
                continue  # peaks and counts need room for exact sums
            if step == "lifted" and lane != "i16":
                continue  # planned for 16-bit lanes only
            parameters = (1000, -1000) if "clamp" in step else (0, 1)
            if step == "lifted":
                parameters = (32767 - 1000, 32767 - 2000)
            yield pytest.param(Plan(step, lane, *parameters), id=f"{step}-{lane}")


@pytest.mark.parametrize("plan", list(plans()))
def test_canaries_around_operands_and_outputs_survive(plan, monkeypatch):
    """Every remainder around rows and lanes, K = 0 and 1, read-only and strided operands."""
    made = []

    def guarded_empty(shape, dtype=float, **options):
        """Allocate with a margin of canaries on both sides."""
        count = int(np.prod(shape))
        store = np.full(count + 128, CANARY % 127, dtype)
        made.append((store, count))
        return store[64 : 64 + count].reshape(shape)

    rng = np.random.default_rng(0)
    for rows, outputs, length in [
        (1, 1, 0), (1, 1, 1), (1, 67, 2), (2, 33, 1), (3, 65, 3), (4, 16, 5), (5, 32, 1),
        (11, 17, 2), (12, 64, 1), (13, 63, 4), (16, 31, 7), (25, 1, 3), (67, 2, 2),
    ]:  # fmt: skip
        a = np.asfortranarray(rng.integers(-8, 8, (rows, length)).astype(np.int8))
        b = rng.integers(-8, 8, (length, outputs)).astype(np.int8)
        a.flags.writeable = b.flags.writeable = False
        start = rng.integers(-50, 50, (1, outputs)).astype(np.int64)
        with monkeypatch.context() as patch:
            patch.setattr(product.np, "empty", guarded_empty)
            planes = multiply(plan, a, b, start)
        for store, count in made:
            assert (store[:64] == CANARY % 127).all()
            assert (store[64 + count :] == CANARY % 127).all()
        made.clear()
        exact = a.astype(np.int64) @ b.astype(np.int64) + start
        named = dict(zip(PLANES[plan.step], planes, strict=True))
        np.testing.assert_array_equal(named.get("register", named.get("exact")), exact)
        np.testing.assert_array_equal(named.get("exact", exact), exact)
