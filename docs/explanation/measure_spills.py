"""Measures how often 16-bit lanes spill: the tables of weight-aware-spills.md.

``python docs/explanation/measure_spills.py``
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

import accel_models as am
import fxpsim as fx

LENGTH, OUTPUTS = 704, 128
BITS = (8, 7, 6, 5, 4)

Floats = NDArray[np.float64]
Sampler = Callable[[np.random.Generator, tuple[int, int]], Floats]

#: Weights before quantisation; the largest of a layer becomes the largest code.
WEIGHTS: dict[str, Sampler] = {
    "Laplace": lambda rng, shape: rng.laplace(size=shape),
    "Gaussian": lambda rng, shape: rng.normal(size=shape),
    "tanh": lambda rng, shape: np.tanh(rng.normal(size=shape)),
    "uniform": lambda rng, shape: rng.uniform(-1, 1, size=shape),
}
INPUTS = {
    "signed": fx.QFormat(8, 0, narrow=True),
    "unsigned": fx.QFormat(8, 0, signed=False),
}


def quantized(weights: Floats, bits: int) -> NDArray[np.int64]:
    """Return codes -(2^(bits-1) - 1) to 2^(bits-1) - 1, one scale for all."""
    most = (1 << (bits - 1)) - 1
    return np.rint(weights / abs(weights).max() * most).astype(np.int64)


def synthetic() -> Iterator[list[str]]:
    """Yield rows: input, weights, then spills of a sum by width: planned / by L1 / by the rule."""
    for kind, fmt in INPUTS.items():
        for name, sampler in WEIGHTS.items():
            weights = sampler(np.random.default_rng(1), (LENGTH, OUTPUTS))
            cells = []
            for bits in BITS:
                proof = fx.guarantee_layer(quantized(weights, bits), fmt, bounds="sign-split")
                found = fx.plan_spills(proof).layers["layer"]
                norm = "-" if found.norm is None else f"{found.norm.mean():.1f}"
                cells.append(f"{found.planned.mean():.1f} / {norm} / {found.worst_case}")
            yield [kind, name, *cells]


def shipped() -> Iterator[list[str]]:
    """Yield rows: network, layer, planned, by L1, by the rule; and what a Cortex-A53 takes."""
    model = am.create("neon")
    for bits in (8, 5, 4):
        graph = fx.load(f"kws250k-{bits}bit")
        plan = fx.plan_spills(graph)
        rule = {
            name: fx.presets.neon_smlal(-(-one.additions // one.worst_case))
            for name, one in plan.layers.items()
            if one.worst_case
        }
        before = model.estimate(graph.with_accumulators(rule).work()).table.compute_cycles
        after = model.estimate(plan.graph.work()).table.compute_cycles
        for name, one in plan.layers.items():
            norm = "-" if one.norm is None else f"{one.norm.mean():.1f}"
            yield [
                f"{bits} bits",
                name,
                f"{one.planned.mean():.1f} / {norm} / {one.worst_case}",
                f"{before[name]:.0f}",
                f"{after[name]:.0f}",
            ]
        yield [f"{bits} bits", "all", "", f"{before.sum():.0f}", f"{after.sum():.0f}"]


def main() -> None:
    """Print both tables as Markdown."""
    for rows in (synthetic(), shipped()):
        for row in rows:
            print(f"| {' | '.join(row)} |")
        print()


if __name__ == "__main__":
    main()
