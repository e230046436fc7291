"""Reference loops of other tools, as layers of ours."""

from __future__ import annotations

import re

import accel_models as am
from accel_models.neon import Code, NeonCore, read_loops


def macs_per_cycle(core: str, kernel: str, code: Code) -> float:
    """Return the rate inside the sums of a loop that is named as in the reference data.

    ``m4_i8_n2``: four vectors share weights, two products before the lanes are widened.
    """
    frames, name = re.fullmatch(r"(?:m(\d)_)?(.*)", kernel).groups()  # type: ignore[union-attr]
    name = re.sub(r"^w4_n", "w4_smlal_n", name)
    loop = read_loops()[re.sub(r"_n\d+$", "", name)]
    work = am.Work.dense(
        int(frames or 1),
        8192,
        4096,
        weight_bits=loop.weight_bits,
        activation_bits=loop.activation_bits,
        arithmetic=loop.arithmetic,
    )
    model = NeonCore(core=core, kernel=name)
    return float(work.macs / model.layer(model.kernel_of(work), work).loop_cycles(code))
