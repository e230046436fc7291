"""Front ends by name, and the one that a network wants."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from accel_models.keys import convert
from fxpsim.errors import ConfigError, suggest
from fxpsim.formats import Affine
from fxpsim.frontend.contract import FrontEnd

if TYPE_CHECKING:
    from fxpsim.graph import Graph

__all__ = ["create", "front_end_for", "list_front_ends"]


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a front end is made: a dataclass whose fields are its settings, or a function.

    ``preset`` are the arguments that its name stands for.
    """

    module: str
    maker: str
    preset: Mapping[str, object] = field(default_factory=dict)


_FRONT_ENDS = {
    "arm-mfcc25": _Entry("fxpsim.frontend.references", "arm_mfcc", {"rows_per_second": 25}),
    "arm-mfcc49": _Entry("fxpsim.frontend.references", "arm_mfcc", {"rows_per_second": 49}),
    "lfbe": _Entry("fxpsim.frontend.lfbe", "Lfbe"),
    "logmel": _Entry("fxpsim.frontend.logmel", "LogMel"),
    "micro": _Entry("fxpsim.frontend.micro", "MicroFrontEnd"),
    "micro-speech": _Entry(
        "fxpsim.frontend.micro",
        "MicroFrontEnd",
        {"hop": 320, "definition": "operators", "output": "ratio"},
    ),
    "mlperf-lfbe10": _Entry("fxpsim.frontend.references", "mlperf_lfbe", {"bands": 10}),
    "mlperf-lfbe40": _Entry("fxpsim.frontend.references", "mlperf_lfbe", {"bands": 40}),
    "mlperf-mfcc": _Entry("fxpsim.frontend.references", "mlperf_mfcc"),
    "sww": _Entry("fxpsim.frontend.references", "streaming_wakeword"),
}
#: What published networks read, known by its shape: (states, rows, bands) -> name.
_BY_SHAPE = {
    (True, 3, 40): "micro",
    (True, 1, 40): "micro",
    (False, 49, 40): "micro-speech",
    (False, 30, 40): "sww",
    (False, 49, 10): "mlperf-mfcc",
    (False, 25, 10): "arm-mfcc25",
}


def list_front_ends() -> list[str]:
    """Return the names that :func:`create` knows."""
    return sorted(_FRONT_ENDS)


def create(text: str, **keywords: object) -> FrontEnd:
    """Return the front end that ``name[:key=value,...]`` describes.

    Parameters
    ----------
    text : str
        For example ``"logmel"`` or ``"logmel:bands=40,frames_per_row=2"``.
    **keywords
        Settings by name; they override the text.

    Raises
    ------
    ConfigError
        Naming everything that is wrong, with the nearest name or key.

    Examples
    --------
    >>> create("logmel:frames_per_row=2").hop
    640
    """
    from fxpsim.frontend.logmel import LogMel, LogMelRows

    name, _, rest = text.partition(":")
    if name.strip() not in _FRONT_ENDS:
        raise ConfigError(f"unknown front end {name!r}{suggest(name, _FRONT_ENDS)}")
    entry = _FRONT_ENDS[name.strip()]
    values, mistakes = dict(entry.preset), []
    for part in filter(None, (piece.strip() for piece in rest.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if equals:
            values[key] = value
        else:
            mistakes.append(f"{part!r} must be key=value")
    maker = getattr(import_module(entry.module), entry.maker)
    if inspect.isclass(maker):
        values, wrong = convert(maker, values | keywords)
        mistakes += wrong
    elif values.keys() | keywords != entry.preset.keys():
        mistakes.append("its definition leaves nothing to be set")
    if mistakes:
        raise ConfigError(f"front end {text!r}: {'; '.join(mistakes)}")
    made = maker(**values)
    return LogMelRows(made) if isinstance(made, LogMel) else made


def front_end_for(graph: Graph) -> tuple[FrontEnd, str]:
    """Return the front end that a network wants, and why it was taken.

    Shipped networks name theirs in ``metadata["front_end"]``; those of others are known by the
    shape of their input.

    Raises
    ------
    ConfigError
        Nothing tells which it is.
    """
    described = graph.metadata.get("front_end")
    if isinstance(described, Mapping):
        settings: dict[str, Any] = dict(described)
        name = str(settings.pop("name", "logmel"))
        return create(name, **settings), f"{name}: what graph {graph.name!r} was trained with"
    long = tuple(size for size in graph.input.shape if size != 1)
    for (states, rows, bands), name in _BY_SHAPE.items():
        shapes = ((rows, bands), (bands,)) if rows == 1 else ((rows, bands), (rows * bands,))
        if states == bool(graph.states) and long in shapes:
            fmt, scaled = graph.input.format, {}
            if name == "micro" and isinstance(fmt, Affine):
                scaled = {"scale": fmt.scale, "zero_point": fmt.zero_point}
            reason = f"{name}: what networks that read {rows} x {bands} codes use"
            return create(name, **scaled), reason
    raise ConfigError(
        f"nothing tells which front end graph {graph.name!r} wants, which reads "
        f"{graph.input.shape}: name one of {', '.join(list_front_ends())}"
    )
