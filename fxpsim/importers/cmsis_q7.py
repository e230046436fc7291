"""Fully connected networks of CMSIS-NN's legacy q7 kernels, as an npz of their constants.

Layer i computes ``ssat8((W x + (bias << bias_lshift) + (1 << (out_rshift - 1))) >> out_rshift)``,
with a ReLU after all but the last (CMSIS-NN, ``arm_fully_connected_q7``).  The rounding constant
is not part of the accumulator here: adding half before a shift *is* rounding to nearest, ties up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.errors import DataError, naming
from fxpsim.formats import QFormat, Rounding
from fxpsim.graph import Graph, Node
from fxpsim.npz import read_npz
from fxpsim.ops import Dense, Op, Relu, Requantize, TensorSpec

__all__ = ["read"]

_SCALARS = ("bias_lshift", "out_rshift", "mfcc_frac_bits")
#: Class order of Arm's networks for 12 Speech Commands classes.
_LABELS = (
    "_silence_", "_unknown_", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go",
)  # fmt: skip
#: Fraction bits given to weights: only shifts of sums are in the file, and any choice fits them.
_WEIGHT_FRAC = 7


def read(path: Path) -> Graph:
    """Return the network in a file.

    Parameters
    ----------
    path : Path
        An npz with ``ip1_weight`` (N, K) int8, ``ip1_bias`` (N,) int8, ... and ``bias_lshift``,
        ``out_rshift`` (one entry a layer), ``mfcc_frac_bits``.

    Returns
    -------
    Graph
        Tensors ``ip1_acc`` (int32, before rounding), ``ip1`` (int8), ``ip1_relu``, ...

    Raises
    ------
    DataError
        The file is not such a network.
    """
    with naming(path):
        return _graph(path, read_npz(path))


def _graph(path: Path, arrays: dict[str, NDArray[Any]]) -> Graph:
    count = sum(1 for name in arrays if name.endswith("_weight"))
    wanted = [f"ip{i}_{part}" for i in range(1, count + 1) for part in ("weight", "bias")]
    missing = [name for name in (*wanted, *_SCALARS) if name not in arrays]
    if missing or not count:
        raise DataError(
            f"{path}: a q7 network must have arrays ip1_weight, ip1_bias, ... "
            f"and {', '.join(_SCALARS)}; missing: {', '.join(missing) or 'ip1_weight'}"
        )
    for i in range(1, count + 1):
        if arrays[f"ip{i}_weight"].ndim != 2:
            raise DataError(
                f"{path}: ip{i}_weight must be a matrix (N, K), not {arrays[f'ip{i}_weight'].shape}"
            )
    (frac,) = _shifts(path, arrays["mfcc_frac_bits"], "mfcc_frac_bits", 1)
    input_format = QFormat(8, frac)
    lshift, rshift = (_shifts(path, arrays[name], name, count) for name in _SCALARS[:2])
    nodes: list[Node] = []
    source = "input"
    inputs = arrays["ip1_weight"].shape[-1]
    for i in range(1, count + 1):
        product_frac = frac + _WEIGHT_FRAC
        dense = Dense(
            arrays[f"ip{i}_weight"].T,
            QFormat(8, _WEIGHT_FRAC),
            Accumulator(32),
            arrays[f"ip{i}_bias"],
            QFormat(8, product_frac - lshift[i - 1]),
        )
        frac = product_frac - rshift[i - 1]
        chain: list[tuple[str, Op]] = [
            (f"ip{i}_acc", dense),
            (f"ip{i}", Requantize(QFormat(8, frac), Rounding.NEAREST_UP)),
        ]
        if i < count:
            chain.append((f"ip{i}_relu", Relu()))
        for name, op in chain:
            nodes.append(Node(name, op, source))
            source = name
    outputs = len(arrays[f"ip{count}_bias"])
    labels = _LABELS if outputs == len(_LABELS) else ()
    return Graph(path.stem, TensorSpec((inputs,), input_format), tuple(nodes), labels)


def _shifts(path: Path, array: NDArray[Any], name: str, count: int) -> list[int]:
    shifts = np.asarray(array).reshape(-1).tolist()
    whole = all(isinstance(shift, int) and 0 <= shift <= 31 for shift in shifts)
    if len(shifts) != count or not whole:
        raise DataError(f"{path}: {name} must hold {count} shifts of 0 to 31, not {shifts}")
    return shifts
