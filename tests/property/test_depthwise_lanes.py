"""Depthwise kernels write only their own outputs, whatever the sizes, and are as specified."""

from __future__ import annotations

import os

import numpy as np
import pytest
from guarded import Guarded

pytest.importorskip("numba")
if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
    pytest.skip("intrinsics exist only compiled", allow_module_level=True)

from fxpsim import Accumulator, QFormat
from fxpsim.engine import interpreted
from fxpsim.kernels import depthwise
from fxpsim.ops import DepthwiseConv2D, TensorSpec

#: Channels, multiplier, height, width, window, stride, padding before and after.
SIZES = [
    (1, 1, 3, 3, (1, 1), (1, 1), (0, 0), (0, 0)),
    (3, 1, 5, 4, (3, 2), (1, 1), (1, 0), (1, 1)),
    (16, 1, 4, 7, (2, 3), (2, 2), (0, 1), (1, 1)),
    (17, 2, 3, 3, (3, 3), (1, 1), (1, 1), (1, 1)),
    (33, 1, 2, 9, (1, 4), (1, 2), (0, 2), (0, 1)),
    (64, 1, 6, 5, (3, 3), (1, 1), (1, 1), (1, 1)),
    (67, 1, 4, 1, (4, 1), (3, 1), (2, 0), (1, 0)),
]
REGISTERS = [
    Accumulator(16, "saturate"),
    Accumulator(12, "saturate"),
    Accumulator(16),
    Accumulator(20, "saturate", bias="last"),
    Accumulator(40, "saturate"),
    Accumulator(13, "saturate", frac=-2, rounding="nearest_even"),
]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_margins_are_untouched(size, monkeypatch):
    channels, repeats, height, width, window, stride, before, after = size
    rng = np.random.default_rng(channels)
    codes, outputs = QFormat(8, 0), channels * repeats
    source = TensorSpec((height, width, channels), codes)
    inputs = rng.choice([-128, 127, 5, -3], (3, *source.shape))
    for register in REGISTERS:
        layer = DepthwiseConv2D(
            rng.integers(-128, 128, (*window, outputs)), codes, register,
            rng.integers(-999, 999, outputs), QFormat(12, 0), multiplier=repeats,
            stride=stride, top_left=before, bottom_right=after,
        )  # fmt: skip
        guarded = Guarded()
        monkeypatch.setattr(depthwise, "_allocate", guarded.empty)
        monkeypatch.setattr("fxpsim.dispatch.depthwise.worth_a_kernel", lambda *_: True)
        registers, planes = layer.registers(inputs, source), layer.planes(inputs, source)
        assert guarded.made
        guarded.check()
        with interpreted():
            np.testing.assert_array_equal(registers, layer.registers(inputs, source))
            slow = layer.planes(inputs, source)
        for name in ("register", "exact", "lowest", "highest"):
            np.testing.assert_array_equal(getattr(planes, name), getattr(slow, name))
        np.testing.assert_array_equal(planes.events["final"], slow.events["final"])
