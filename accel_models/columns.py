"""Design points as columns: a table with a layer in each row, and the arrays that formulas take."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from accel_models.accumulator import WIDEST, Accumulator, Overflow
from accel_models.demand import Arithmetic, Demand, Kind, Operation
from accel_models.elementwise import Number
from accel_models.errors import WorkError, raise_all, suggest
from accel_models.ring import RingBuffer
from accel_models.windows import Window
from accel_models.work import Work, Workload

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["COLUMNS", "WorkColumns", "alike", "columns_of", "work_at", "work_table"]

_ENUMS: dict[str, type[StrEnum]] = {
    "kind": Kind,
    "arithmetic": Arithmetic,
    "operation": Operation,
    "overflow": Overflow,
    "outer_overflow": Overflow,
}
_DEFAULTS: dict[str, Any] = {
    "name": "layer",
    "kind": Kind.DENSE,
    "arithmetic": Arithmetic.INTEGER,
    "operation": Operation.MULTIPLY_ADD,
    "weight_bits": 8,
    "activation_bits": 8,
    "bias_bits": 32,
    "gain_bits": 0,
    "groups": 1,
    "spills": None,
    "weight_magnitude": None,
    "activation_magnitude": None,
    "weight_entropy": None,
}
_SHAPES = ("rows", "inputs", "outputs", "output_bits")  # defaults of these follow from others
# Columns by attribute of a part of `Work`.
_PARTS: dict[str, dict[str, str]] = {
    "accumulator": {
        "bits": "accumulator_bits",
        "overflow": "overflow",
        "outer_bits": "outer_bits",
        "products_per_spill": "products_per_spill",
        "outer_overflow": "outer_overflow",
        "lanes": "lanes",
        "product_bits": "product_bits",
    },
    "ring": {"values": "ring_values", "fresh": "ring_fresh"},
}
_WINDOW = {
    "image": ("image_height", "image_width", "channels"),
    "kernel": ("kernel_height", "kernel_width"),
    "stride": ("stride_height", "stride_width"),
    "dilation": ("dilation_height", "dilation_width"),
    "before": ("pad_above", "pad_left"),
    "after": ("pad_below", "pad_right"),
    "pool": ("pool_height", "pool_width"),
}
_LEAST_ZERO = {"bias_bits", "gain_bits", "spills", "weight_entropy", *_WINDOW["before"]}
_LEAST_ZERO |= set(_WINDOW["after"])

#: What a table may say of a layer: the fields of `Work`, its registers, ring buffer and window.
COLUMNS: tuple[str, ...] = (
    *_DEFAULTS,
    *_SHAPES,
    *(column for part in _PARTS.values() for column in part.values()),
    *(column for columns in _WINDOW.values() for column in columns),
)


@dataclass(frozen=True, slots=True)
class AccumulatorColumns(Accumulator):
    """The registers of many design points, numbers as arrays."""

    def __post_init__(self) -> None:
        """Leave the arrays as they are."""


@dataclass(frozen=True, slots=True)
class RingColumns(RingBuffer):
    """The ring buffers of many design points, numbers as arrays."""

    def __post_init__(self) -> None:
        """Leave the arrays as they are."""


@dataclass(frozen=True, slots=True)
class WorkColumns(Demand):
    """Many layers of one kind: the attributes of `Work`, numbers as arrays (or one for all)."""

    name: Any
    kind: Kind
    arithmetic: Arithmetic
    operation: Operation
    rows: Number
    inputs: Number
    outputs: Number
    weight_bits: Number
    activation_bits: Number
    output_bits: Number
    bias_bits: Number
    gain_bits: Number
    groups: Number
    spills: Number
    weight_magnitude: Number
    activation_magnitude: Number
    weight_entropy: Number
    accumulator: Accumulator
    window: Window | None
    ring: RingBuffer | None
    weight_histogram: None = None

    def take(self, places: np.ndarray) -> WorkColumns:
        """Return some of the layers."""

        def of(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(of(item) for item in value)
            return value[places] if hasattr(value, "shape") and value.shape else value

        found = {part.name: of(getattr(self, part.name)) for part in fields(self)}
        for name in ("accumulator", "window", "ring"):
            if (held := found[name]) is not None:
                found[name] = type(held)(
                    **{f.name: of(getattr(held, f.name)) for f in fields(held)}
                )
        return WorkColumns(**found)


def work_table(work: Work | Iterable[Work]) -> pd.DataFrame:
    """Return layers as a table with a row each; a histogram of weights becomes its entropy."""
    import pandas as pd

    return pd.DataFrame([_row(item) for item in Workload(work)])


def _row(work: Work) -> dict[str, object]:
    row: dict[str, object] = {column: getattr(work, column) for column in (*_DEFAULTS, *_SHAPES)}
    for name, part in _PARTS.items():
        if (held := getattr(work, name)) is not None:
            row |= {column: getattr(held, attribute) for attribute, column in part.items()}
    if work.window is not None:
        for attribute, columns in _WINDOW.items():
            row |= zip(columns, getattr(work.window, attribute), strict=True)
    return {column: value for column, value in row.items() if value is not None}


def alike(frame: pd.DataFrame) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
    """Yield rows that say the same things, with their places: no gaps, one kind and one mode."""
    import numpy as np

    keys: list[Any] = [frame[column].astype(str) for column in _ENUMS if column in frame]
    gaps = frame.columns[frame.isna().any()]
    keys += [frame[column].isna() for column in gaps]
    if not keys or len(frame) == 0:
        yield np.arange(len(frame)), frame
        return
    for found in frame.groupby(keys, sort=False, dropna=False).indices.values():
        places = np.asarray(found)
        rows = frame.iloc[places]
        yield places, rows.drop(columns=[c for c in gaps if rows[c].isna().all()])


def columns_of(frame: pd.DataFrame) -> WorkColumns:
    """Return rows that say the same things (`alike`) as arrays.

    Raises
    ------
    WorkError
        Naming columns that are unknown, missing or hold what no layer can have.
    """
    unknown = sorted(str(c) for c in frame.columns if c not in COLUMNS)
    mistakes = [f"unknown column {c!r}{suggest(c, COLUMNS)}" for c in unknown]
    said = {c: _values(c, frame[c], mistakes) for c in COLUMNS if c in frame}
    raise_all(WorkError, "table", mistakes)
    parts = {
        name: {attribute: said.pop(c) for attribute, c in part.items() if c in said}
        for name, part in _PARTS.items()
    }
    window = _window(said)
    known = _DEFAULTS | said
    if window is not None:
        parted = known["kind"] is not Kind.CONV2D
        channels = 1 if parted else window.image[2] // known["groups"]
        if parted:
            known["groups"] = said.get("groups", window.image[2])
        known.setdefault("rows", window.positions)
        known.setdefault("inputs", window.taps * channels)
    known.setdefault("output_bits", known["activation_bits"])
    missing = [c for c in ("rows", "inputs", "outputs") if c not in known]
    raise_all(WorkError, "table", [f"column {c!r} is missing" for c in missing])
    found = WorkColumns(
        **known,
        accumulator=AccumulatorColumns(**parts["accumulator"]),
        window=window,
        ring=RingColumns(**parts["ring"]) if parts["ring"] else None,
    )
    wrong = _impossible(found)
    if wrong.any():
        work_at(found, int(wrong.argmax()))  # says what is wrong
    return found


def _impossible(works: WorkColumns) -> Any:
    """Return which layers contradict themselves, as the constructors of `Work` have it."""
    import numpy as np

    register, window, entropy = works.accumulator, works.window, works.weight_entropy
    widths = [works.weight_bits, works.activation_bits, works.output_bits, works.bias_bits]
    widths += [works.gain_bits, register.bits, register.outer_bits, register.product_bits]
    wrong = np.zeros(1, bool)
    for width in widths:
        if width is not None:
            wrong = wrong | (width > WIDEST)
    wrong = wrong | (register.bits < 2) | (works.outputs % works.groups != 0)
    if register.outer_bits is not None:
        wrong = wrong | (register.outer_bits < register.bits)
    elif register.products_per_spill is not None or works.spills is not None:
        wrong = wrong | True
    if works.ring is not None:
        wrong = wrong | (works.ring.fresh > works.ring.values)
    if entropy is not None:
        inside = (entropy >= 0) & (entropy <= works.weight_bits)
        wrong = wrong | np.logical_not(inside)
    if window is not None:
        (height, width), read = window.output, window.taps * window.image[2]
        wrong = wrong | (height < 1) | (width < 1) | (works.rows != window.positions)
        wrong = wrong | (works.inputs * works.groups != read)
    return wrong


def _window(said: dict[str, Any]) -> Window | None:
    """Take the columns of a window out of those that are there."""
    parts = {
        attribute: tuple(said.pop(c) for c in columns if c in said)
        for attribute, columns in _WINDOW.items()
    }
    if not any(parts.values()):
        return None
    mistakes = [
        f"a window needs all of {', '.join(columns)}"
        for attribute, columns in _WINDOW.items()
        if len(parts[attribute]) not in (0, len(columns))
        or (attribute in ("image", "kernel") and not parts[attribute])
    ]
    raise_all(WorkError, "table", mistakes)
    return Window(**{attribute: part for attribute, part in parts.items() if part})


def _values(column: str, series: pd.Series, mistakes: list[str]) -> Any:
    """Return a column as numbers, or the one member of an enumeration that it holds."""
    import numpy as np

    if column in _ENUMS:
        try:
            return _ENUMS[column](str(series.iloc[0]))
        except ValueError:
            near = suggest(str(series.iloc[0]), [str(m) for m in _ENUMS[column]])
            mistakes.append(f"{column} cannot be {series.iloc[0]!r}{near}")
            return None
    values = series.to_numpy()
    if column == "name":
        return values
    if values.dtype == object:
        values = _numbers(values)
    if values.dtype.kind not in "iuf":
        mistakes.append(f"{column} must hold numbers of 63 bits or fewer, not {series.iloc[0]!r}")
        return None
    if column != "weight_entropy":
        with np.errstate(invalid="ignore"):
            whole = values.astype(np.int64)
        if (whole != values).any():
            mistakes.append(f"{column} must hold whole numbers, not {values[whole != values][0]}")
        values = whole
    least = 0 if column in _LEAST_ZERO else 1
    low, high = values.min(), values.max()
    if low < least:
        mistakes.append(f"{column} must be {least} or more, not {low}")
    # One number for all: formulas then choose once instead of for every entry.
    return low.item() if low == high else values


def _numbers(values: np.ndarray) -> np.ndarray:
    """Return objects as numbers where all of them are some."""
    import numpy as np

    plain = all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in values)
    small = plain and all(abs(v) < 1 << 62 for v in values if v == v)
    return np.array(values.tolist()) if small else values


def work_at(columns: WorkColumns, place: int) -> Work:
    """Return one of many layers as a `Work`, checked."""

    def of(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(of(item) for item in value)
        if not hasattr(value, "shape"):
            return value
        return value[place].item() if hasattr(value[place], "item") else value[place]

    found = {field.name: of(getattr(columns, field.name)) for field in fields(columns)}
    for name, cls in (("accumulator", Accumulator), ("ring", RingBuffer), ("window", Window)):
        held = getattr(columns, name)
        if held is not None:
            found[name] = cls(**{f.name: of(getattr(held, f.name)) for f in fields(held)})
    return Work(**found)
