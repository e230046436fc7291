"""Prints the tables of accelerators.md: python docs/reference/accelerators.py [--draw].

Every number is an estimate of accel_models for MLPerf Tiny's keyword network (DS-CNN: 2,656,768
products) or for a dense one of 640-128-256-256-256-128-12, but for what is said to be measured.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import accel_models as am

GAINS = {"gain_bits": 40}
DENSE = (640, 128, 256, 256, 256, 128, 12)
#: Entropy of trained weights is about half a bit below their width (Gaussian, cut at 4 sigma).
ENTROPY = {8: 7.4, 5: 4.4, 4: 3.3, 2: 0.7}
#: Outputs and products at once of the four units of hls4ml-finn's submission: 392, 256, 256 and
#: 384 cycles.
FINN_FOLDING = ((32, 10), (16, 16), (16, 16), (4, 2))
MACHINES = {
    "systolic 16 x 16, sums stay": "systolic:16x16,dataflow=os",
    "systolic 16 x 16, weights stay": "systolic:16x16,dataflow=ws",
    "Gemmini": "systolic:gemmini",
    "Ethos-U55-128": "decoder_npu:u55-128",
    "Ethos-U65-512": "decoder_npu:u65-512",
    "NE16": "bit_serial:ne16",
    "Loom": "bit_serial:loom",
    "UNPU": "bit_serial:unpu",
    "Bit Fusion": "fusible:bit-fusion",
    "MAX78000": "channel_parallel:max78000",
    "FINN, 16 x 16": "dataflow_fpga:16x16",
    "roof of a small NPU": "roofline:mcu-npu",
    "crossbar 256 x 256": "in_memory:sram-256",
}


def ds_cnn(bits: int, first: int | None = None, *, known: bool = False) -> am.Workload:
    """Return MLPerf Tiny's keyword network; its first layer may keep other weights."""
    settings = {"weight_bits": bits, **GAINS}
    if known:
        settings["weight_entropy"] = ENTROPY[bits]
    head = settings | ({} if first is None else {"weight_bits": first})
    return am.Workload(
        [
            am.Work.conv2d((49, 10, 1), (10, 4), 64, stride=2, name="conv", **head),
            *(
                work
                for block in range(1, 5)
                for work in (
                    am.Work.depthwise((25, 5, 64), 3, name=f"dw{block}", **settings),
                    am.Work.conv2d((25, 5, 64), 1, 64, name=f"pw{block}", **settings),
                )
            ),
            am.Work.dense(1, 64, 12, name="fc", **settings),
        ]
    )


def dense(bits: int, *, known: bool = False) -> am.Workload:
    """Return the dense network."""
    settings = {"weight_bits": bits, **GAINS}
    if known:
        settings["weight_entropy"] = ENTROPY[bits]
    pairs = itertools.pairwise(DENSE)
    return am.Workload(
        am.Work.dense(1, *size, name=f"fc{i}", **settings) for i, size in enumerate(pairs)
    )


def settings() -> Iterator[str]:
    """Yield the settings of every machine but the Arm cores."""
    yield "| model | setting | unit | default | meaning |"
    yield "|---|---|---|---|---|"
    for name in am.list_models():
        if name == "neon":
            continue
        for key in am.describe(name).keys:
            default = "none" if key.default is None else str(key.default).lower()
            choices = f" ({', '.join(key.choices)})" if key.choices else ""
            yield f"| `{name}` | `{key.name}` | {key.unit}{choices} | {default} | {key.text} |"


def presets() -> Iterator[str]:
    """Yield the machines that come with the package."""
    from accel_models.presets import read_presets

    yield "| model | preset | what |"
    yield "|---|---|---|"
    for name in am.list_models():
        if name == "neon":
            continue
        for preset, machine in read_presets(name).items():
            yield f"| `{name}` | `{preset}` | {machine.text} |"


def by_bits() -> Iterator[str]:
    """Yield cycles of both networks on every machine, by weight bits."""
    yield "| machine | dense, 8 bits | 5 | 4 | 2 | busiest at 8 bits | DS-CNN, 8 bits | 5 | 4 | 2 |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name, text in MACHINES.items():
        model = am.create(text)
        cells: list[str] = []
        for network in (dense, ds_cnn):
            for bits in (8, 5, 4, 2):
                work = network(bits, known=text.startswith("decoder_npu"))
                refused = [w for w in work if not model.supports(w)]
                cells.append("-" if refused else f"{model.estimate(work).cycles:,.0f}")
            if network is dense:
                full = dense(8)
                busy = model.estimate(full).binding if model.supports(full[0]) else {}
                cells.append(max(busy, key=lambda part: busy[part]) if busy else "-")
        yield f"| {name} | {' | '.join(cells)} |"


def refused() -> Iterator[str]:
    """Yield why machines refuse layers of these networks."""
    yield "| machine | first layer that it refuses | reason |"
    yield "|---|---|---|"
    for name, text in MACHINES.items():
        model = am.create(text)
        every = [*dense(8), *ds_cnn(8), *dense(5)]
        work = next((w for w in every if not model.supports(w)), None)
        if work is not None:
            yield f"| {name} | {work.name} | it {model.supports(work).reason} |"


def stored() -> Iterator[str]:
    """Yield the bytes of the dense network's weights in every storage."""
    names = am.list_storages()
    yield f"| weight bits | {' | '.join(names)} |"
    yield "|---" * (len(names) + 1) + "|"
    for bits in ENTROPY:
        work = dense(bits, known=True)
        totals = [sum(am.create_storage(n).bytes(w) for w in work) for n in names]
        yield f"| {bits} | {' | '.join(f'{total:,.0f}' for total in totals)} |"


def finn() -> am.Workload:
    """Return the W3A3 network of hls4ml and FINN in MLPerf Tiny v0.7."""
    sizes = (490, 256, 256, 256, 12)
    return am.Workload(
        am.Work.dense(1, *size, weight_bits=3, activation_bits=3)
        for size in itertools.pairwise(sizes)
    )


def devices() -> Iterator[str]:
    """Yield estimates beside measurements of MLPerf Tiny."""
    yield "| device | estimate, cycles | measured, cycles | estimate / measured | what is missing |"
    yield "|---|---|---|---|---|"
    ne16 = am.create("bit_serial:ne16")
    inside = [w for w in ds_cnn(5) if ne16.supports(w)]
    gap9 = ne16.estimate(inside).compute_cycles
    yield _device(
        "GAP9, 5-bit weights, 240 MHz (v1.0)",
        gap9,
        0.7322e-3 * 240e6,
        "the 8-bit first layer runs on the eight cores, which NE16 refuses; pooling, transfers "
        "and set-up of every layer",
    )
    syntiant = am.create("roofline:syntiant-core2")
    whole = syntiant.estimate(ds_cnn(8)).compute_cycles
    yield _device(
        "Syntiant NDP9120, 30.7 MHz (v1.0)", whole, 4.3672e-3 * 30.7e6, "nothing: calibrated here"
    )
    yield _device(
        "Syntiant NDP9120, 98.7 MHz (v1.0)",
        whole,
        1.4814e-3 * 98.7e6,
        "9 % more cycles at three times the clock: something does not scale with it",
    )
    total = sum(
        int(am.create("dataflow_fpga", pe=pe, simd=simd).estimate(work).cycles)
        for work, (pe, simd) in zip(finn(), FINN_FOLDING, strict=True)
    )
    yield _device(
        "FINN W3A3 on Pynq-Z2, 100 MHz (v0.7)",
        total,
        17.5e-6 * 100e6,
        "the host's driver and the transfers; the four units alone are a pipeline",
    )


def _device(name: str, estimate: float, measured: float, why: str) -> str:
    share = estimate / measured
    return f"| {name} | {estimate:,.0f} | {measured:,.0f} | {share:.2f} | {why} |"


def draw(folder: Path) -> None:
    """Draw layers under roofs, what fewer bits buy, and where energy goes."""
    from fxpsim.report.machines import draw_energy, draw_roofs, draw_weight_bits

    roofs = {
        "8-bit weights": am.create("roofline:mcu-npu").estimate([*ds_cnn(8), *dense(8)]),
        "4-bit weights": am.create("roofline:mcu-npu").estimate([*ds_cnn(4), *dense(4)]),
    }
    draw_roofs(folder / "roofs.png", roofs)
    drawn = ("Ethos-U55-128", "Bit Fusion", "NE16", "Loom")
    widths = {
        name: {
            bits: am.create(MACHINES[name]).estimate(dense(bits, known="Ethos" in name))
            for bits in ENTROPY
        }
        for name in drawn
    }
    draw_weight_bits(folder / "weight-bits.png", widths)
    stacks = {
        f"{name}, {bits} bits": am.create(MACHINES[name]).estimate(dense(bits))
        for name in ("Gemmini", "Bit Fusion")
        for bits in (8, 5, 4, 2)
    }
    draw_energy(folder / "energy.png", stacks)


TABLES = (settings, presets, by_bits, refused, stored, devices)

if __name__ == "__main__":
    for table in TABLES:
        print(*table(), "", sep="\n")
    if "--draw" in sys.argv:
        draw(Path(__file__).with_name("pictures"))
