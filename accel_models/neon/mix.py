"""Any mix of instructions on any core: what a loop takes that is in no file."""

from __future__ import annotations

from collections.abc import Mapping

from accel_models.errors import ConfigError, raise_all, suggest
from accel_models.neon.core import Core, Instruction, read_core
from accel_models.neon.layer import bound_of
from accel_models.neon.scenario import Code

__all__ = ["mix_cycles"]


def mix_cycles(core: Core | str, mix: Mapping[str, float], code: str = Code.COMPILED) -> float:
    """Return the cycles that a core takes at least for a mix of instructions.

    This is the bound that loops of layers are priced by: in order, where compiled loads wait in the
    pipe of arithmetic, the sum of all costs; out of order the busiest pipes or the front end.

    Parameters
    ----------
    core
        A core, its name, or a ``.toml`` file that describes one.
    mix
        How many instructions of each class (`Instruction`, or its text), of any stretch of code.
        ``load`` is a whole register, ``small_load`` half of one or less.
    code
        How ``load`` is done: "compiled" (one instruction) or "tuned" (the fastest sequence). The
        factor of compiled code, ``core.loop_factor``, is not applied.

    Returns
    -------
    float
        Cycles of the whole mix.

    Raises
    ------
    ConfigError
        Naming classes that there are not or that the core lacks, and counts below 0.

    Examples
    --------
    Two products in each 16-bit lane, then a widening addition, on 16 weights:

    >>> n2 = {"multiply_long": 1, "multiply_add_long": 1, "pairwise_add_long": 1, "load": 1}
    >>> mix_cycles("cortex-a53", n2), mix_cycles("cortex-a53", n2, "tuned")
    (6.0, 5.0)
    >>> mix_cycles("cortex-a72", n2)
    2.0
    """
    spec = read_core(core) if isinstance(core, str) else core
    known = [str(name) for name in Instruction]
    mistakes = [
        f"no instruction {name!r}{suggest(name, known)}" for name in mix if name not in known
    ]
    named = {Instruction(name): count for name, count in mix.items() if name in known}
    mistakes += [f"it has no {name} instruction" for name in named if name not in spec.instructions]
    mistakes += [
        f"{name} must be 0 or more, not {count}" for name, count in named.items() if not count >= 0
    ]
    if code not in list(Code):
        mistakes.append(f"code must be {' or '.join(Code)}, not {code!r}")
    raise_all(ConfigError, str(core) if isinstance(core, str) else spec.text, mistakes)
    return bound_of(spec, named, Code(code))
