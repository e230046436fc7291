"""Published claims about narrow sums and narrow weights on an in-order Arm core."""

from __future__ import annotations

from pathlib import Path

import pytest
from arm_networks import FLOAT, acoustic

import accel_models as am

Sum = am.Accumulator


def l1_cycles(**settings: object) -> float:
    return am.create("neon:cortex-a53,weights=l1").estimate(acoustic(**settings)).cycles


N1 = {"accumulator": Sum(16, outer_bits=32, products_per_spill=1)}
N2 = {"accumulator": Sum(16, outer_bits=32, products_per_spill=2)}
N16 = {"weight_bits": 5, "accumulator": Sum(16, outer_bits=32, products_per_spill=16)}
N32 = {"weight_bits": 4, "accumulator": Sum(16, outer_bits=32, products_per_spill=32)}
PURE = {"accumulator": Sum(16)}
MULTIPLIER = {"gain_bits": 40}


@pytest.mark.parametrize(
    ("settings", "simulated"),
    [
        (FLOAT, 195_700),
        ({"weight_bits": 16, "activation_bits": 16, **MULTIPLIER}, 131_700),
        ({**N1, **MULTIPLIER}, 138_900),
        ({**N2, **MULTIPLIER}, 107_800),
        ({**N16, **MULTIPLIER}, 76_900),
        (N32, 73_500),
        (PURE, 73_000),
    ],
)
def test_a_network_in_l1(settings: dict[str, object], simulated: float) -> None:
    """An in-order simulation of clang's code for these loops and epilogues: within 5 %."""
    assert l1_cycles(**settings) == pytest.approx(simulated, rel=0.05)
    l2_cycles = am.create("neon").estimate(acoustic(**settings)).cycles
    page = Path(__file__).resolve().parents[2] / "docs/explanation/arm-cores.md"
    deviation = 100 * (l1_cycles(**settings) / simulated - 1)
    row = (
        f"| {l1_cycles(**settings):,.0f} | {simulated:,} | {deviation:+.1f} % | {l2_cycles:,.0f} |"
    )
    assert row in page.read_text("utf-8")


def test_sixteen_bit_sums_are_close_to_twice_as_fast_as_32_bit_ones() -> None:
    """gemmlowp, doc/less-than-8-bit.md: 16-bit instead of 32-bit local accumulators."""
    assert l1_cycles(**N1) / l1_cycles(**PURE) == pytest.approx(2, rel=0.1)


def test_four_bits_against_float_and_eight_bits() -> None:
    """Trusov et al., Fast implementation of 4-bit convolutional networks, ICPR 2020: 2.9, 1.5."""
    assert l1_cycles(**FLOAT) / l1_cycles(**N32) == pytest.approx(2.9, rel=0.11)
    assert l1_cycles(**N2) / l1_cycles(**N32) == pytest.approx(1.5, rel=0.1)


def test_what_quantised_weights_save() -> None:
    """Containers alone stay below a factor of 4; packing passes it."""
    reference = am.footprint(acoustic(**FLOAT)).constants_container
    eight = am.footprint(acoustic(**MULTIPLIER)).constants_container
    five, four = (am.footprint(acoustic(weight_bits=b)).constants_packed for b in (5, 4))
    ratios = [reference / stored for stored in (eight, five, four)]
    assert ratios == [pytest.approx(r, abs=0.05) for r in (3.90, 6.3, 7.8)]
