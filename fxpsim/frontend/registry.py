"""Front ends by name, and the one that a network wants."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from accel_models.keys import convert
from fxpsim.errors import ConfigError, suggest
from fxpsim.formats import Affine, QFormat
from fxpsim.frontend.contract import FrontEnd

if TYPE_CHECKING:
    from fxpsim.graph import Graph
    from fxpsim.ops import TensorFormat

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
#: What published networks read: whether they have states, and the long axes of their input.
_BY_SHAPE = {
    (True, (3, 40)): "micro",
    (True, (40,)): "micro",
    (False, (1960,)): "micro-speech",
    (False, (49, 40)): "micro-speech",
    (False, (30, 40)): "sww",
    (False, (49, 10)): "mlperf-mfcc",
    (False, (490,)): "arm-mfcc49",
    (False, (250,)): "arm-mfcc25",
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

    Shipped networks name theirs in ``metadata["front_end"]``, and get it in integers; those of
    others are known by the shape of their input.

    Raises
    ------
    ConfigError
        Nothing tells which it is.
    """
    from fxpsim.frontend.lfbe import Lfbe
    from fxpsim.frontend.logmel import LogMelRows

    described = graph.metadata.get("front_end")
    if isinstance(described, Mapping):
        settings: dict[str, Any] = dict(described)
        name = str(settings.pop("name", "logmel"))
        trained = f"what graph {graph.name!r} was trained with"
        made = create(name, **settings)
        if isinstance(made, LogMelRows):
            return Lfbe(made.log_mel), f"lfbe: {trained} ({name}), in integers"
        return made, f"{name}: {trained}"
    long = tuple(size for size in graph.input.shape if size != 1)
    known = _BY_SHAPE.get((bool(graph.states), long))
    if known is not None:
        reason = f"{known}: what networks that read {' x '.join(map(str, long))} codes use"
        return _in_format(create(known), graph.input.format), reason
    raise ConfigError(
        f"nothing tells which front end graph {graph.name!r} wants, which reads "
        f"{graph.input.shape}: name one of {', '.join(list_front_ends())}"
    )


def _in_format(front_end: Any, fmt: TensorFormat) -> FrontEnd:
    """Return a front end with codes in a network's own format, where it has one to be set."""
    if isinstance(fmt, QFormat):
        fmt = Affine(fmt.bits, fmt.resolution, 0, signed=fmt.signed)
    wanted = {"format": fmt, "scale": fmt.scale, "zero_point": fmt.zero_point}
    settings = {setting.name for setting in fields(front_end)}
    made: FrontEnd = replace(front_end, **{k: v for k, v in wanted.items() if k in settings})
    return made
