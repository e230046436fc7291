"""Random layers with everything that can be declared about their registers, and inputs for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fxpsim import (
    Accumulator,
    Affine,
    Chunked,
    Interleaved,
    Product,
    QFormat,
    Rounding,
    Spill,
    guarantee_layer,
    matmul_stats,
)
from fxpsim.bounds.witness import narrowed
from fxpsim.formats.modes import STOCHASTIC

MODES = ("saturate", "wrap")
ROUNDINGS = [mode for mode in Rounding if mode not in STOCHASTIC]


@dataclass(frozen=True)
class Problem:
    """A layer: weights (K, N), the format of its inputs, its registers, its bias."""

    weights: np.ndarray
    fmt: Any
    accumulator: Accumulator
    bias: np.ndarray | None
    folded: bool

    def guarantee(self, bounds="all"):
        return guarantee_layer(
            self.weights, self.fmt, accumulator=self.accumulator, bias=self.bias,
            folded=self.folded, bounds=bounds,
        )  # fmt: skip

    def run(self, inputs, accumulator):
        return matmul_stats(
            inputs, self.weights, accumulator, a_format=self.fmt, bias=self.bias,
            zero_points="folded" if self.folded else "subtract",
        )  # fmt: skip

    @property
    def key(self):
        """Equal for equal layers."""
        bias = None if self.bias is None else self.bias.tobytes()
        shape = self.weights.shape
        return shape, self.weights.tobytes(), bias, str(self.fmt), repr(self.accumulator)


def random_layer(rng, *, longest=24, outputs=5, weight_bits=8, rounding=True, signed=False):
    """Return a random problem."""
    length, columns = int(rng.integers(1, longest + 1)), int(rng.integers(1, outputs + 1))
    bits = int(rng.integers(2, weight_bits + 1))
    weights = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (length, columns))
    if rng.random() < 0.2:
        weights = np.abs(weights + (weights < 0))
    fmt = _format(rng, weight_bits)
    bias = rng.integers(-(1 << bits), 1 << bits, columns) * int(rng.integers(1, 40))
    return Problem(
        weights, fmt, _accumulator(rng, rounding, signed), bias if rng.random() < 0.6 else None,
        isinstance(fmt, Affine) and rng.random() < 0.5,
    )  # fmt: skip


def _format(rng, most):
    kind, bits = rng.integers(3), int(rng.integers(2, most + 1))
    if kind == 0:
        zero = int(rng.integers(-(1 << (bits - 1)), 1 << (bits - 1)))
        return Affine(bits, 0.5, zero)
    return QFormat(bits, int(rng.integers(0, 4)), signed=bool(kind == 1))


def _accumulator(rng, rounding, signed):
    options = {"bias": str(rng.choice(["first", "last"]))}
    kind = rng.integers(4)
    if kind == 1:
        lanes, how = int(rng.integers(1, 6)), str(rng.choice(["tree", "sequential"]))
        options["order"] = Interleaved(lanes, how)
    elif kind == 2:
        node = int(rng.integers(2, 24)) if rng.random() < 0.5 else None
        options["order"] = Chunked(int(rng.integers(1, 6)), node)
    if rng.random() < 0.15:
        options["rounding_constant"] = int(rng.integers(-300, 300))
    if rounding and rng.random() < 0.2:
        options["product"] = Product(
            int(rng.integers(2, 24)), int(rng.integers(-2, 5)), _rounding(rng),
            str(rng.choice(MODES)),
        )  # fmt: skip
    return _register(rng, rounding and rng.random() < 0.3, signed, int(rng.integers(0, 3)), options)


def _rounding(rng):
    return ROUNDINGS[rng.integers(len(ROUNDINGS))]


def _register(rng, rounding, signed, spills, options):
    if rounding:
        options |= {
            "frac": int(rng.integers(-2, 5)),
            "rounding": _rounding(rng),
        }
    if spills:
        when = {"every": int(rng.integers(1, 6)) if rng.random() < 0.8 else None}
        if "bias" in options and rng.random() < 0.3:  # the innermost may have a schedule
            when = {"at": np.flatnonzero(rng.random(12) < 0.3) + 1}
        options["spill"] = Spill(into=_register(rng, rounding, signed, spills - 1, {}), **when)
    return Accumulator(
        int(rng.integers(2, 30)), str(rng.choice(MODES)),
        signed=bool(signed or rng.random() < 0.93), **options,
    )  # fmt: skip


def adversarial(problem, rng, rows):
    """Return codes, half of them random, half extremes that drive one channel one way."""
    lo, hi = problem.fmt.lo, problem.fmt.hi
    length, columns = problem.weights.shape
    codes = rng.integers(lo, hi, (rows, length), endpoint=True)
    for row in range(0, rows, 2):
        up = problem.weights[:, rng.integers(columns)] >= 0
        driven = np.where(up == (rng.random() < 0.5), hi, lo)
        kept = rng.random(length) < rng.choice([0.5, 1.0])
        codes[row] = np.where(kept, driven, codes[row])
    return codes


def proven(problem, guarantee):
    """Return the registers at their proven widths; None where no unsigned one will do."""
    accumulator = problem.accumulator
    for register, bits in needs(guarantee).items():
        if bits is None:
            return None
        accumulator = narrowed(accumulator, register, bits)
    return accumulator


def needs(guarantee):
    """Return the proven width by register, ``""`` for those as wide as declared."""
    found = {}
    for proof in guarantee.proofs["layer"]:
        if proof.bound == "prefix-exact":
            name = "" if proof.own else proof.register
            widths = [*proof.bits, *([found[name]] if name in found else [])]
            found[name] = None if None in widths else max(widths)
    return found
