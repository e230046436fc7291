"""The networks that a report compares: one in float, its integer versions by weight bits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from fxpsim.errors import DataError
from fxpsim.graph import Graph
from fxpsim.kws.float_network import FloatNetwork

__all__ = ["Networks", "stored_metrics"]

_DATA = files("fxpsim.kws") / "data"


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """One network in float and in integers.

    Attributes
    ----------
    floating : FloatNetwork
        What all others are compared with.
    integer : mapping of int to Graph
        By weight bits, widest first; the same layers in each.
    hashes : mapping of str to str
        SHA-256 of the files that they came from, by name.
    """

    floating: FloatNetwork
    integer: Mapping[int, Graph]
    hashes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.integer:
            raise DataError(f"there must be an integer network of {self.floating.name!r}")
        ordered = {bits: self.integer[bits] for bits in sorted(self.integer, reverse=True)}
        object.__setattr__(self, "integer", ordered)

    @classmethod
    def shipped(cls) -> Networks:
        """Return those of the package."""
        from fxpsim.models import list_models, load

        floating = FloatNetwork.shipped()
        names = [n for n in list_models() if n.startswith(f"{floating.name}-")]
        graphs = [load(name) for name in names]
        stored = [f"{floating.name}-float.npz", *(f"{name}.fxp" for name in names)]
        return cls(
            floating,
            {max(graph.weight_bits): graph for graph in graphs},
            {name: hashlib.sha256((_DATA / name).read_bytes()).hexdigest() for name in stored},
        )


def stored_metrics() -> dict[str, Any] | None:
    """Return the metrics of the shipped networks on real speech, which only numbers remain of.

    Returns
    -------
    dict or None
        ``title``, ``description``, ``clips`` (``speech``: those with a word), ``speakers``,
        ``networks``: by ``"float"`` or
        weight bits the ``accuracy``, its interval ``low``..``high``, the ``difference`` to float
        with ``difference_low``..``difference_high``, and ``false_rejects_at_1pct``;
        ``needed_bits``: by weight bits and layer the accumulator that this speech needed;
        ``accumulators``: a row a point of the sweep
        (:data:`fxpsim.report.accumulators.STORED_COLUMNS`).
    """
    source = _DATA / "real-speech.json"
    return dict(json.loads(source.read_text())) if source.is_file() else None
