"""An SMT solver as referee: bit-vectors know nothing of bounds.

Every addition of every register is written down for z3, which looks for an input that overflows.
At the proven widths there is none; with any register one bit narrower there is one.
"""

from __future__ import annotations

import numpy as np
import pytest
from guarantee_layers import needs, proven, random_layer
from hypothesis import settings

from fxpsim import Affine, Chunked, Interleaved, spec
from fxpsim.bounds.witness import narrowed

z3 = pytest.importorskip("z3")

LAYERS = 300 if settings().max_examples >= 60 else 20
#: Every sum of 12 products of 4-bit numbers and a bias fits; so does the next addition.
WORD = 18


class Circuit:
    """The registers of one sum as bit-vectors, and whether any of them overflows."""

    def __init__(self, accumulator):
        self.accumulator, self.overflows = accumulator, []

    def keep(self, value, word):
        """Return what a register makes of a value, and note whether that overflows."""
        self.overflows += [value > word.hi, value < word.lo]
        if word.overflow == "saturate":
            return z3.If(value > word.hi, word.hi, z3.If(value < word.lo, word.lo, value))
        bits = z3.Extract(word.bits - 1, 0, value)
        extend = z3.SignExt if word.signed else z3.ZeroExt
        return extend(WORD - word.bits, bits)

    def tree(self, values, keep):
        while len(values) > 1:
            pairs = [keep(values[i] + values[i + 1]) for i in range(0, len(values) - 1, 2)]
            values = pairs + values[2 * len(pairs) :]
        return values[0]

    def total(self, products, bias):
        """Return the result; registers are emptied into one another from the inside out."""
        accumulator, zero = self.accumulator, z3.BitVecVal(0, WORD)
        order, first = accumulator.order, accumulator.bias == "first"
        words = list(accumulator.levels)
        lanes = order.lanes if isinstance(order, Interleaved) else 1
        spills = [word.spill for word in words[:-1]]
        if isinstance(order, Interleaved) and len(words) == 1:
            words, spills = [accumulator, accumulator], [None]
        if isinstance(order, Chunked):
            products = [
                self.chunk(products[i : i + order.size])
                for i in range(0, len(products), order.size)
            ]
        start = bias if bias is not None and first else None
        addends = products
        for depth, word in enumerate(words):
            last = depth == len(words) - 1
            width = lanes if depth == 0 else 1
            sums, begin = [], 0
            for end in self.ends(None if last else spills[depth], width, len(addends)):
                registers = [zero] * width
                if last and start is not None:
                    registers = [self.keep(start, word)]
                for k, addend in enumerate(addends[begin:end]):
                    lane = k % len(registers)
                    registers[lane] = self.keep(registers[lane] + addend, word)
                if last:
                    result = registers[0]
                    break
                sums.append(self.joined(registers, words[depth + 1]))
                begin = end
            addends = sums
        return self.keep(result + bias, words[-1]) if bias is not None and not first else result

    def ends(self, spill, width, count):
        """Return after which of ``count`` additions to ``width`` registers they are emptied."""
        if spill is None:
            return [count]
        each = spill.at[0] if spill.at else range(spill.every or count, count, spill.every or count)
        return [*(end * width for end in each if end * width < count), count]

    def joined(self, lanes, word):
        if (
            isinstance(self.accumulator.order, Interleaved)
            and self.accumulator.order.reduce != "tree"
        ):
            total = lanes[0]
            for lane in lanes[1:]:
                total = self.keep(total + lane, word)
            return total
        return self.tree(lanes, lambda value: self.keep(value, word))

    def chunk(self, products):
        accumulator = self.accumulator
        if accumulator.order.node_bits is None:
            return self.tree(products, lambda value: value)
        word = narrowed(accumulator, "", accumulator.order.node_bits)
        return self.tree(products, lambda value: self.keep(value, word))


def overflowing(problem, accumulator):
    """Return an input for which a register of channel 0 overflows, or None if there is none."""
    fmt, weights = problem.fmt, problem.weights[:, 0].tolist()
    zero = fmt.zero_point if isinstance(fmt, Affine) else 0
    taken = 0 if problem.folded else zero
    codes = [z3.BitVec(f"x{i}", WORD) for i in range(len(weights))]
    solver = z3.SolverFor("QF_BV")
    solver.add(*(z3.And(x >= fmt.lo, x <= fmt.hi) for x in codes))
    bias = None if problem.bias is None else int(problem.bias[0])
    if problem.folded and zero:
        bias = (bias or 0) - zero * sum(weights)
    if accumulator.rounding_constant:
        bias = (bias or 0) + accumulator.rounding_constant
    products = [(x - taken) * w for x, w in zip(codes, weights, strict=True)]
    circuit = Circuit(accumulator)
    circuit.total(products, None if bias is None else z3.BitVecVal(bias, WORD))
    solver.add(z3.Or(*circuit.overflows))
    found = solver.check()
    assert found != z3.unknown
    if found == z3.unsat:
        return None
    model = solver.model()
    values = [model.eval(x, model_completion=True).as_signed_long() for x in codes]
    return [(v - taken) * w for v, w in zip(values, weights, strict=True)], bias


def test_the_solver_agrees():
    rng = np.random.default_rng(7)
    agreed, refuted, kinds = 0, 0, set()
    while agreed < LAYERS:
        problem = random_layer(rng, longest=12, outputs=1, weight_bits=4, rounding=False)
        guarantee = problem.guarantee("prefix-exact")
        accumulator = proven(problem, guarantee)
        if accumulator is None or max(needs(guarantee).values()) > 12:
            continue
        assert overflowing(problem, accumulator) is None
        agreed += 1
        kinds.add((type(accumulator.order).__name__, len(accumulator.levels), accumulator.bias))
        for register, bits in needs(guarantee).items():
            if bits > 2:
                narrow = narrowed(accumulator, register, bits - 1)
                found = overflowing(problem, narrow)
                assert found is not None
                products, bias = found
                assert spec.accumulate(products, narrow.without_constant, bias).events
                refuted += 1
    print(
        f"{agreed} layers proven, {refuted} registers refuted, 0 disagreements; {len(kinds)} kinds"
    )
    assert {kind[0] for kind in kinds} == {"Sequential", "Interleaved", "Chunked"}
    assert {kind[1] for kind in kinds} == {1, 2, 3}
    assert {kind[2] for kind in kinds} == {"first", "last"}
