"""Many design points at once: a table in, a table out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from accel_models.closed_form import ClosedForm, Price
from accel_models.columns import WorkColumns, alike, columns_of, work_at
from accel_models.errors import ConfigError, UnsupportedWorkError, raise_all, suggest
from accel_models.estimate import row_of
from accel_models.keys import keys_of
from accel_models.model import CostModel
from accel_models.registry import create

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["estimate_many"]

_NAMED = 5  # refused design points that an error names


def estimate_many(
    model: CostModel | str, table: pd.DataFrame, *, refused: Literal["raise", "nan"] = "raise"
) -> pd.DataFrame:
    """Price a table of design points; the numbers are those of `CostModel.estimate`.

    Parameters
    ----------
    model
        A model, or the text that `create` takes.
    table
        A layer a row: columns as `work_table` makes them (those that are missing have the defaults
        of `Work.dense`), and settings of the model as ``<model>.<setting>``, for example
        ``systolic.rows``.
    refused
        What becomes of design points that the machine cannot do: an error that names them, or rows
        of NaN.

    Returns
    -------
    DataFrame
        The columns of `Estimate.table`, with the index of `table`.

    Raises
    ------
    WorkError, ConfigError, UnsupportedWorkError
        Naming the columns, settings and design points that cannot be.
    """
    import pandas as pd

    if refused not in ("raise", "nan"):
        raise ConfigError(f"refused must be 'raise' or 'nan', not {refused!r}")
    machine = create(model) if isinstance(model, str) else model
    if table.empty:
        return machine.estimate([]).table
    parts = []
    for variant, rows, places in _variants(machine, table):
        works = columns_of(rows)
        wrong = _refused(variant, works, len(rows))
        if wrong.any() and refused == "raise":
            named = [
                f"design point {table.index[place]!r} {_reason(machine, table.iloc[place])}"
                for place in places[wrong][:_NAMED]
            ]
            raise_all(UnsupportedWorkError, machine.label, named)
        if wrong.any():
            rows, places = rows.iloc[~wrong], places[~wrong]
            works = columns_of(rows) if len(rows) else works
        if len(rows):
            parts.append(_priced(variant, works, len(rows)).set_axis(places, axis=0))
    found = pd.concat(parts) if len(parts) > 1 else parts[0] if parts else pd.DataFrame()
    if len(parts) > 1 or len(found) < len(table):
        found = found.reindex(range(len(table)))
    return found.set_axis(table.index, axis=0)


def _priced(variant: CostModel, works: WorkColumns, count: int) -> pd.DataFrame:
    """Price layers that are not refused."""
    import pandas as pd

    if isinstance(variant, ClosedForm):
        return _frame(works, variant.price(works), count)
    layers = [variant.estimate_layer(work_at(works, place)) for place in range(count)]
    found = pd.DataFrame([row_of(layer) for layer in layers])
    return found.drop(columns=["layer", "method", "binding"])


def _variants(
    machine: CostModel, table: pd.DataFrame
) -> Iterator[tuple[CostModel, pd.DataFrame, np.ndarray]]:
    """Yield machines whose settings formulas take as they are, with the rows for each."""
    prefix = f"{machine.name}."
    names = [str(column) for column in table.columns]
    settings = {name: name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    known = [key.name for key in keys_of(machine)]
    unknown = [key for key in settings.values() if key not in known]
    mistakes = [f"unknown key {key!r}{suggest(key, known)}" for key in unknown]
    raise_all(ConfigError, f"cost model {machine.name!r}", mistakes)
    vectors = _vectors(machine)
    apart = [column for column, key in settings.items() if key not in vectors]
    works = table.drop(columns=list(settings))
    for places, rows in alike(works):
        chosen = table.iloc[places] if settings else rows
        groups = chosen.groupby(apart, sort=False).indices if apart else {(): slice(None)}
        for values, inner in groups.items():
            keys = values if isinstance(values, tuple) else (values,)
            named = {settings[c]: v for c, v in zip(apart, keys, strict=True)}
            variant = _replaced(machine, named)
            arrays = {
                key: chosen[column].to_numpy()[inner]
                for column, key in settings.items()
                if column not in apart
            }
            yield _with_arrays(variant, arrays), rows.iloc[inner], places[inner]


def _vectors(machine: CostModel) -> frozenset[str]:
    """Return the settings of a machine that may be arrays."""
    return machine.vectors if isinstance(machine, ClosedForm) else frozenset()


def _replaced(machine: Any, settings: Mapping[str, Any]) -> Any:
    """Return a machine with other settings, which its constructor checks."""
    plain = {k: v.item() if hasattr(v, "item") else v for k, v in settings.items()}
    return dataclasses.replace(machine, **plain) if plain else machine


def _with_arrays(machine: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return a machine whose settings are arrays; the ends of each are checked."""
    if not arrays:
        return machine
    odd = [key for key, values in arrays.items() if values.dtype.kind not in "iuf"]
    mistakes = [f"{key} must hold numbers, not {arrays[key][0]!r}" for key in odd]
    raise_all(ConfigError, f"cost model {machine.name!r}", mistakes)
    _replaced(machine, {key: values.max() for key, values in arrays.items()})
    checked = _replaced(machine, {key: values.min() for key, values in arrays.items()})
    many = object.__new__(type(machine))
    for field in dataclasses.fields(machine):
        object.__setattr__(many, field.name, arrays.get(field.name, getattr(checked, field.name)))
    return many


def _refused(machine: CostModel, works: WorkColumns, count: int) -> np.ndarray:
    """Return which layers a machine cannot do."""
    import numpy as np

    if not isinstance(machine, ClosedForm):
        return np.array([not machine.supports(work_at(works, i)) for i in range(count)])
    wrong = np.zeros(count, bool)
    for condition, _ in machine.refusals(works):
        wrong |= condition
    return wrong


def _reason(machine: CostModel, point: pd.Series) -> str:
    """Return why a machine with the settings of a design point cannot do its layer."""
    frame = point.to_frame().T
    ((variant, rows, _),) = _variants(machine, frame)
    one = {k: v.item() for k in _vectors(variant) if hasattr(v := getattr(variant, k), "item")}
    return str(_replaced(variant, one).supports(work_at(columns_of(rows), 0)).reason)


def _frame(works: WorkColumns, price: Price, count: int) -> pd.DataFrame:
    """Return prices under the names that `Estimate.table` has for them."""
    import numpy as np
    import pandas as pd

    cycles = price.cycles
    energy = price.energy_by_component or {}
    columns: dict[str, Any] = {
        "macs": works.macs,
        "cycles": cycles,
        "low_cycles": price.low,
        "high_cycles": price.high,
        "compute_cycles": price.compute_cycles,
        "ideal_cycles": price.ideal_cycles,
        "utilisation": price.ideal_cycles / cycles,
        **{f"{level}_bytes": moved for level, moved in price.memory_bytes.items()},
        **({"energy_pj": sum(energy.values())} if energy else {}),
        **{f"{part}_pj": value for part, value in energy.items()},
        **price.counts,
        **{f"{name}_busy_cycles": busy for name, busy in price.resource_cycles.items()},
    }
    return pd.DataFrame({name: np.broadcast_to(v, count) for name, v in columns.items()})
