"""From counts of instructions to cycles.

A pipe is busy for the cycles of its instructions. Instructions that several pipes can run are
shared out, so no set S of pipes can be left before the work that only S can do is done:

    cycles >= max over S of sum(count_i * cycles_i for i whose pipes lie in S) / |S|

and the front end issues no more than its slots. In order, where compiled loads wait in the pipe of
arithmetic, this is the sum of all costs; out of order it is the busiest set of pipes. Each term is
linear in the counts: a *form*.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

from accel_models.elementwise import Number, larger, smaller
from accel_models.neon.core import Core, Instruction

__all__ = ["busiest", "forms", "least", "weigh"]

Form = Mapping[Instruction, float]


@functools.lru_cache(maxsize=64)
def forms(core: Core) -> tuple[Form, ...]:
    """Return the linear forms of instruction counts whose maximum is the bound in cycles."""
    timings = core.instructions.items()
    pipes = {name: frozenset(timing.pipes.split()) for name, timing in timings}
    sets = set(pipes.values())
    while larger := {a | b for a in sets for b in sets if a & b} - sets:
        sets |= larger
    found: list[Form] = [
        {name: t.cycles.value / len(each) for name, t in timings if pipes[name] <= each}
        for each in sorted(sets, key=sorted)
    ]
    slots = {name: timing.slots.value if timing.slots else 1.0 for name, timing in timings}
    found.append({name: slot / core.issue.value for name, slot in slots.items()})
    return tuple(found)


def weigh(form: Form, counts: Mapping[Instruction, Number]) -> Number:
    """Return one linear form of counts."""
    return sum(count * form.get(name, 0.0) for name, count in counts.items())


def busiest(values: Iterable[Number]) -> Number:
    """Return the largest of several numbers, of arrays each for itself."""
    return functools.reduce(larger, values)


def least(values: Iterable[Number]) -> Number:
    """Return the smallest of several numbers, of arrays each for itself."""
    return functools.reduce(smaller, values)
