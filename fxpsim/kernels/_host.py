"""What the machine that compiles can do; decided once, before anything is compiled."""

from __future__ import annotations

import functools

from llvmlite import binding
from numba import config
from numba.core.registry import cpu_target

__all__ = ["has_vnni", "vector_bits"]


@functools.cache
def _features() -> frozenset[str]:
    """Features of the code generator's target: the host's, unless NUMBA_CPU_NAME says less."""
    # An LLVM x86 intrinsic that the target lacks aborts the process, so both must allow it.
    host = binding.get_host_cpu_features()
    chosen = cpu_target.target_context.codegen()._get_host_cpu_features()
    if config.CPU_NAME not in (None, "host", binding.get_host_cpu_name()):
        return frozenset()  # a named processor: assume nothing beyond what LLVM knows of it
    return frozenset(
        feature.removeprefix("+")
        for feature in chosen.split(",")
        if feature.startswith("+") and host.get(feature.removeprefix("+"), False)
    )


def has_vnni() -> bool:
    """Whether ``vpdpwssds`` on 512-bit vectors may be compiled."""
    return {"avx512f", "avx512bw", "avx512vnni"} <= _features()


def vector_bits() -> int:
    """Width of the vectors that tiles are made of; LLVM splits what the machine lacks."""
    return 512 if "avx512bw" in _features() else 256
