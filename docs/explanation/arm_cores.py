"""Prints the tables of arm-cores.md: python docs/explanation/arm_cores.py (--draw: its picture).

Every number is an estimate of accel_models for a network of 704-192-192-192-192-16.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import accel_models as am
from accel_models.neon import Code, NeonCore, Overlap, Place, Scenario, list_cores
from accel_models.neon.scenario import scenarios

SIZES = (704, 192, 192, 192, 192, 16)
LANES = {
    n: {"accumulator": am.Accumulator(16, outer_bits=32, products_per_spill=n)}
    for n in (1, 2, 16, 32)
}
FLOAT: dict[str, object] = {"arithmetic": "float", "weight_bits": 32, "activation_bits": 32}
MULTIPLIER = {"gain_bits": 40}
PURE = "16 bits, never widened, shift"
#: Ways to compute the network; the first is what the others are compared with.
SCHEMES: dict[str, dict[str, object]] = {
    "fp32": FLOAT,
    "int16": {"weight_bits": 16, "activation_bits": 16, **MULTIPLIER},
    "8 bits, n = 1": {**LANES[1], **MULTIPLIER},
    "8 bits, n = 2": {**LANES[2], **MULTIPLIER},
    "5 bits, n = 16": {"weight_bits": 5, **LANES[16], **MULTIPLIER},
    "4 bits, n = 32, shift": {"weight_bits": 4, **LANES[32]},
    PURE: {"accumulator": am.Accumulator(16)},
    "8 bits, fastest": {"weight_magnitude": 127, **MULTIPLIER},
}
DRAWN = ("8 bits, n = 2", "5 bits, n = 16", PURE, "8 bits, fastest")
CORES = ("cortex-a53", "cortex-a55", "cortex-a72", "cortex-a76")
BLUE, ORANGE, GREY, INK = "#0072B2", "#D55E00", "#999999", "#222222"
STYLE = {
    "font.size": 8, "text.color": INK, "axes.labelcolor": INK, "axes.spines.top": False,
    "axes.spines.right": False, "font.family": "DejaVu Sans",
}  # fmt: skip
L1, L2, DRAM = (
    Scenario(place, Overlap.ADDITIVE, Code.COMPILED) for place in (Place.L1, Place.L2, Place.DRAM)
)
TUNED = Scenario(Place.L1, Overlap.ADDITIVE, Code.TUNED)


def network(**settings: object) -> am.Workload:
    """Return the layers of the network."""
    return am.Workload(
        am.Work.dense(1, inputs, outputs, name=f"fc{i}", **settings)  # type: ignore[arg-type]
        for i, (inputs, outputs) in enumerate(itertools.pairwise(SIZES))
    )


def cycles(core: str, scheme: str, corner: Scenario) -> float:
    """Return the cycles of the network in one corner of the range."""
    model = NeonCore(core=core, kernel="i8_acc16" if scheme == PURE else None)
    return sum(model.scenarios(work)[corner] for work in network(**SCHEMES[scheme]))


def rate(kernel: str, code: Code) -> float:
    """Return products a cycle of Cortex-A53 inside the sums of four vectors that share weights."""
    work = am.Work.dense(4, 8192, 4096)
    model = NeonCore(core="cortex-a53", kernel=kernel)
    return float(work.macs / model.layer(model.kernel_of(work), work).loop_cycles(code))


def speeds() -> Iterator[str]:
    """Yield a row for each core: products a cycle of the fastest exact kernel, weights in L1."""
    widths = [
        {"weight_bits": bits, "weight_magnitude": max(1, 2 ** (bits - 1) - 1)}
        for bits in (8, 5, 4, 2)
    ]
    for core in list_cores():
        model = NeonCore(core=core, weights=Place.L1)
        cells = []
        for settings in (FLOAT, *widths):
            work = am.Work.dense(1, 1024, 1024, **settings)  # type: ignore[arg-type]
            (layer,) = model.estimate(work).layers
            cells.append(f"{work.macs / layer.compute_cycles:.2f} `{layer.method}`")
        yield f"| {core} | {' | '.join(cells)} |"


def ratios() -> Iterator[str]:
    """Yield a row for each core and scheme: fp32 cycles over those of the scheme, by corner."""
    for core, scheme in itertools.product(CORES, list(SCHEMES)[1:]):
        cells = [
            f"{cycles(core, 'fp32', corner) / cycles(core, scheme, corner):.2f}"
            for corner in (L1, TUNED, L2, DRAM)
        ]
        yield f"| {core} | {scheme} | {' | '.join(cells)} |"


def savings() -> Iterator[str]:
    """Yield pairs of schemes with the time that the second saves against the first."""
    a53, a55, a72 = CORES[:3]
    one_shift = NeonCore(core=a53)
    pairs = [
        ("A53, four vectors: products shifted, 32-bit sums, to 16-bit sums, compiled",
         1 / rate("i8_norm_acc32", Code.COMPILED), 1 / rate("i8_acc16", Code.COMPILED)),
        ("the same, tuned",
         1 / rate("i8_norm_acc32", Code.TUNED), 1 / rate("i8_acc16", Code.TUNED)),
        ("A53: fp32 to 16-bit sums, weights from L2",
         cycles(a53, "fp32", L2), cycles(a53, PURE, L2)),
        ("A55, tuned: fp32 to 5 bits, n = 16",
         cycles(a55, "fp32", TUNED), cycles(a55, "5 bits, n = 16", TUNED)),
        ("A72: fp32 to 16-bit sums, weights from L2",
         cycles(a72, "fp32", L2), cycles(a72, PURE, L2)),
        ("A53: fp32 to 16-bit sums", cycles(a53, "fp32", L1), cycles(a53, PURE, L1)),
        ("A72: fp32 to 16-bit sums", cycles(a72, "fp32", L1), cycles(a72, PURE, L1)),
        ("A53: 8 bits widened at every product, to 16-bit sums",
         cycles(a53, "8 bits, n = 1", L1), cycles(a53, PURE, L1)),
        ("A53: 8 bits, n = 2, to 16-bit sums",
         cycles(a53, "8 bits, n = 2", L1), cycles(a53, PURE, L1)),
        ("A53: int16 to 16-bit sums", cycles(a53, "int16", L1), cycles(a53, PURE, L1)),
        ("A53, 8 bits, n = 2: a multiplier for each output, to one shift",
         cycles(a53, "8 bits, n = 2", L1),
         sum(one_shift.scenarios(work)[L1] for work in network(**LANES[2]))),
    ]  # fmt: skip
    for name, before, after in pairs:
        saved = 1 - after / before
        verdict = "yes" if 0.65 <= saved <= 0.71 else "no"
        yield f"| {name} | {before / after:.2f} | {saved:.1%} | {verdict} |"


def memory() -> Iterator[str]:
    """Yield what is stored, and how many times less than in fp32."""
    base = _containers(**FLOAT)
    norm = base + 4 * 4 * sum(SIZES[1:])  # four vectors of batch norm that fp32 keeps
    rows = {
        "fp32": base,
        "fp32 with its batch norms": norm,
        "8-bit containers, 32-bit biases": _containers(),
        "8-bit containers, 32-bit biases, multipliers": _containers(**MULTIPLIER),
        "8-bit containers, 8-bit biases and gains": _containers(bias_bits=8, gain_bits=8),
        "5 bits packed": am.footprint(network(weight_bits=5)).constants_packed,
        "4 bits packed": am.footprint(network(weight_bits=4)).constants_packed,
        "1 bit packed": am.footprint(network(weight_bits=1)).constants_packed,
    }
    for name, stored in rows.items():
        yield f"| {name} | {stored:,} | {base / stored:.2f} | {norm / stored:.2f} |"


def _containers(**settings: object) -> int:
    return am.footprint(network(**settings)).constants_container


def draw(path: Path) -> None:
    """Draw the ranges of speed-ups over fp32 on four cores, and the line of the claim."""
    import matplotlib.pyplot as plt  # noqa: TID251

    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 3.4), layout="constrained")
        ticks, names = [], []
        for row, (core, scheme) in enumerate(itertools.product(CORES, DRAWN)):
            model = NeonCore(core=core)
            ratio = {
                corner: cycles(core, "fp32", corner) / cycles(core, scheme, corner)
                for corner in scenarios(model.spec.memory)
            }
            place = row + row // len(DRAWN) * 0.6
            axes.hlines(place, min(ratio.values()), max(ratio.values()), color=GREY, linewidth=5)
            axes.plot(ratio[model.default_point], place, "o", color=BLUE, markersize=4)
            axes.plot(ratio[L1], place, "|", color=INK, markersize=8)
            ticks.append(place)
            names.append(f"{core}: {scheme}")
        axes.axvline(3, color=ORANGE, linewidth=1)
        axes.text(2.97, -1.1, "3 times", color=ORANGE, fontsize=7, ha="right")
        axes.axvline(1 / (1 - 0.68), color=ORANGE, linewidth=1, linestyle=":")
        axes.text(3.16, -1.1, "68 % less time", color=ORANGE, fontsize=7)
        axes.set_yticks(ticks, names, fontsize=6)
        axes.invert_yaxis()
        axes.set_xlabel("times as fast as fp32: range, default point (dot), compiled from L1 (bar)")
        axes.set_xlim(0.8, None)
        figure.savefig(path, dpi=160)
        plt.close(figure)


TABLES = (speeds, ratios, savings, memory)

if __name__ == "__main__":
    for table in TABLES:
        print(*table(), "", sep="\n")
    if "--draw" in sys.argv:
        draw(Path(__file__).with_name("pictures") / "arm-claims.png")
