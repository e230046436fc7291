"""No register overflows at its proven width; one bit less overflows, when the witness says.

The long profile (``HYPOTHESIS_PROFILE=long``) makes at least a million outputs of at least 20,000
distinct layers and prints how many.
"""

from __future__ import annotations

import numpy as np
import pytest
from guarantee_layers import adversarial, needs, proven, random_layer
from hypothesis import settings

from fxpsim import spec
from fxpsim.bounds.witness import narrowed
from fxpsim.errors import GraphError

pytestmark = pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")
LAYERS = {60: 400, 3000: 27_000}.get(settings().max_examples, 60)
ROWS = 20


def refuted(problem, guarantee, accumulator, register, bits):
    """Check that the witness overflows a register of fewer bits at the step it says."""
    one = next(
        p for p in guarantee.proofs["layer"]
        if p.bound == "prefix-exact" and (p.register == register if register else p.own)
        and max(p.bits) == bits
    )  # fmt: skip
    assert one.tight
    channel = one.bits.index(bits)
    narrow = narrowed(accumulator, register, bits - 1)
    witness = guarantee.witness("layer", channel, bits - 1, register=register)
    # The declared widths of other registers may overflow before: here they are the proven ones.
    declared = narrowed(problem.accumulator, register, bits - 1)
    assert witness.accumulator == declared
    for registers in (declared, narrow):
        result = problem.run(witness.inputs[None], registers)
        events = {
            level: stats.first_step[channel]
            for level, stats in result.levels.items()
            if stats.events[channel]
        }
        assert events
        if registers is declared:
            assert min(events.values()) == events[witness.level] == witness.step


def test_no_proven_register_overflows_and_one_bit_less_does():
    rng = np.random.default_rng(20)
    layers, outputs, refutations = set(), 0, 0
    for _ in range(LAYERS):
        problem = random_layer(rng)
        guarantee = problem.guarantee("prefix-exact")
        accumulator = proven(problem, guarantee)
        if accumulator is None:
            with pytest.raises(GraphError, match="no unsigned register"):
                [guarantee.minimum(register=r or None) for r in needs(guarantee)]
            continue
        assert guarantee.holds(accumulator)
        result = problem.run(adversarial(problem, rng, ROWS), accumulator)
        assert not any(stats.events.any() for stats in result.levels.values())
        layers.add(problem.key)
        outputs += result.codes.size
        for register, bits in needs(guarantee).items():
            if bits > 2:
                assert not guarantee.holds(narrowed(accumulator, register, bits - 1))
                refuted(problem, guarantee, accumulator, register, bits)
                refutations += 1
    print(f"{outputs:,} outputs of {len(layers):,} layers, {refutations:,} refutations")
    assert len(layers) > 0.75 * LAYERS


def test_bounds_of_any_order_hold_and_are_ordered():
    rng = np.random.default_rng(21)
    for _ in range(LAYERS // 4):
        problem = random_layer(rng, rounding=False, signed=True)
        guarantee = problem.guarantee()
        tightest = {"": 0} | needs(guarantee)
        for proof in guarantee.proofs["layer"]:
            if proof.register != "any":
                continue
            wide = max(proof.bits)
            assert wide >= max(tightest.values())
            accumulator = problem.accumulator
            for register in tightest:
                accumulator = narrowed(accumulator, register, wide)
            assert guarantee.holds(accumulator)
            if proof.tight:
                assert wide == tightest[""]
        by_bound = {p.bound: p for p in guarantee.proofs["layer"] if p.register == "any"}
        split = by_bound["sign-split"]
        for name in ("data-type", "l1", "zero-centred"):
            assert (by_bound[name].lowest <= split.lowest).all()
            assert (by_bound[name].highest >= split.highest).all()


def test_the_specification_agrees_with_the_step():
    rng = np.random.default_rng(22)
    for _ in range(LAYERS // 8):
        problem = random_layer(rng, longest=9)
        guarantee = problem.guarantee("prefix-exact")
        channel = int(rng.integers(problem.weights.shape[1]))
        bits = guarantee.proofs["layer"][-1].bits[channel]
        if bits is None or bits <= 2:
            continue
        try:
            witness = guarantee.witness("layer", channel, bits - 1, register="final")
        except GraphError:  # a register that shares the name is wider
            continue
        products = (witness.multiplicands * problem.weights[:, channel]).tolist()
        bias = guarantee.layers["layer"].terms.bias
        start = None if bias is None else int(bias[channel])
        frac = guarantee.layers["layer"].terms.frac
        total = spec.accumulate(products, witness.accumulator, start, frac)
        assert total.first_step == witness.step
        assert total.levels[witness.level].first_step == witness.step
