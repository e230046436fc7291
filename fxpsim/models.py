"""Where graphs come from: files and the networks that the package ships."""

from __future__ import annotations

from importlib.resources import as_file, files
from os import PathLike, fspath
from pathlib import Path

from fxpsim.errors import DataError, suggest
from fxpsim.graph import Graph
from fxpsim.npz import read_npz

__all__ = ["list_models", "load", "save"]

_SHIPPED = files("fxpsim.kws") / "data"


def list_models() -> list[str]:
    """Return the names of the networks that the package ships."""
    names = (entry.name for entry in _SHIPPED.iterdir())
    return sorted(name.removesuffix(".fxp") for name in names if name.endswith(".fxp"))


def load(model: str | PathLike[str], kernel_set: str = "tflm") -> Graph:
    """Return a network.

    Parameters
    ----------
    model : str or path
        A shipped name (:func:`list_models`), a ``.fxp``, ``.tflite`` or ``.onnx`` file, or an
        ``.npz`` with the constants of a CMSIS-NN q7 network
        (:mod:`fxpsim.importers.cmsis_q7`) or of the MAX78000's keyword network
        (:mod:`fxpsim.importers.max78000`).
    kernel_set : {"tflm", "reference", "builtin", "xnnpack"}
        For a ``.tflite`` file: whose kernels' bits it has, TensorFlow Lite Micro's, LiteRT's
        reference or optimised ones, or XNNPACK's.

    Raises
    ------
    DataError
        No such name or file, or the file cannot be read as a network.
    ConfigError
        There is no such kernel set.
    """
    from fxpsim.importers import cmsis_q7, max78000, native, onnx, tflite
    from fxpsim.importers.tflite.kernel_sets import kernel_set as checked

    checked(kernel_set)
    text = fspath(model)
    if text in (known := list_models()):
        with as_file(_SHIPPED / f"{text}.fxp") as path:
            return native.read(path)
    path = Path(text)
    if path.suffix == ".npz":
        if max78000.FIRST in read_npz(path):
            return max78000.read(path)
        return cmsis_q7.read(path)
    if path.suffix == ".tflite":
        return tflite.read(path, kernel_set)
    if path.suffix == ".onnx":
        return onnx.read(path)
    if path.suffix == ".fxp":
        return native.read(path)
    if path.exists():
        raise DataError(f"{path}: a network must be a .fxp, .tflite, .onnx or .npz file")
    raise DataError(
        f"no model {text!r}: it is neither a file nor a shipped name{suggest(text, known)}"
    )


def save(graph: Graph, path: str | PathLike[str]) -> None:
    """Write a graph to a ``.fxp`` file: the same bytes for the same graph."""
    from fxpsim.importers import native

    target = Path(path)
    if target.suffix != ".fxp":
        raise DataError(f"a model file must end in .fxp, not {target.name!r}")
    if not target.absolute().parent.is_dir():
        raise DataError(f"a model file must be in a folder that exists, not {target}")
    native.write(graph, target)
