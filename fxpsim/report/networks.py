"""The networks that a report compares: one in float, and what became of it in integers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import Any

from fxpsim.errors import DataError
from fxpsim.graph import Graph
from fxpsim.kws.float_network import FloatNetwork

__all__ = ["Networks", "stored_metrics"]

_DATA = files("fxpsim.kws") / "data"
#: Weight bits that are swept and priced where there are more networks than these few.
SWEPT = (8, 5, 4)
_FEW = 4
_WIDE = 32  # bits of accumulators that no network here needs more of


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """One network in float and in integers.

    Attributes
    ----------
    floating : FloatNetwork
        What all others are compared with.
    integer : mapping of int to Graph
        By weight bits, widest first; the same layers in each.  They are scored with accumulators
        of 32 bits, and some of them swept and priced (:meth:`swept`).
    others : tuple of Graph
        Scored as they are, beside them: made for narrow accumulators, or of other layers.
    hashes : mapping of str to str
        SHA-256 of the files that they came from, by name.
    """

    floating: FloatNetwork
    integer: Mapping[int, Graph]
    hashes: Mapping[str, str] = field(default_factory=dict)
    others: tuple[Graph, ...] = ()

    def __post_init__(self) -> None:
        if not self.integer:
            raise DataError(f"there must be an integer network of {self.floating.name!r}")
        ordered = {bits: self.integer[bits] for bits in sorted(self.integer, reverse=True)}
        object.__setattr__(self, "integer", ordered)

    @classmethod
    def shipped(cls) -> Networks:
        """Return those of the package that read the same features for the same words."""
        from fxpsim.models import list_models, load

        floating = FloatNetwork.shipped()
        front_end = asdict(floating.front_end)
        graphs = [load(name) for name in list_models()]
        graphs = [
            graph
            for graph in graphs
            if graph.metadata.get("front_end", front_end) == front_end
            and graph.input.size == floating.weights[0].shape[0]
            and graph.labels == floating.labels
        ]
        integer: dict[int, Graph] = {}
        for graph in sorted(graphs, key=lambda graph: len(graph.name)):
            wide = all(op.accumulator.bits >= _WIDE for _, op in graph.layers)
            if wide and graph.name.startswith(f"{floating.name}-"):
                integer.setdefault(max(graph.weight_bits), graph)
        stored = [f"{floating.name}-float.npz", *(f"{graph.name}.fxp" for graph in graphs)]
        return cls(
            floating,
            integer,
            {name: hashlib.sha256((_DATA / name).read_bytes()).hexdigest() for name in stored},
            tuple(graph for graph in graphs if graph not in integer.values()),
        )

    def swept(self, fewest: int | None) -> dict[int, Graph]:
        """Return the few whose accumulators are swept and priced, by weight bits.

        Where there are many, those of 8, 5 and 4 bits and the one of ``fewest`` bits, that without
        a loss.
        """
        usual = {bits for bits in self.integer if bits in SWEPT}
        if len(self.integer) <= _FEW or not usual:
            return dict(self.integer)
        return {bits: g for bits, g in self.integer.items() if bits in usual or bits == fewest}

    def label(self, graph: Graph) -> str:
        """Return what tables call one of the others: ``8-bit-acc12``, ``kws_cnn-4-bit``."""
        own = graph.name.removeprefix(f"{self.floating.name}-")
        return re.sub(r"(\d)bit", r"\1-bit", own)


def stored_metrics() -> dict[str, Any] | None:
    """Return the metrics of the shipped networks on real speech, which only numbers remain of.

    Returns
    -------
    dict or None
        ``title``, ``description``, ``clips`` (``speech``: those with a word), ``speakers``,
        ``networks``: by ``"float"``, weight bits or name the ``accuracy``, its interval
        ``low``..``high``, the ``difference`` to float with ``difference_low``..
        ``difference_high``, ``false_rejects_at_1pct``, ``false_discoveries_at_10pct`` and their
        relative change to float, ``discoveries_change`` with its ``_low`` and ``_high`` (null
        where it is not defined);
        ``needed_bits``: by weight bits and layer the accumulator that this speech needed;
        ``accumulators``: a row a point of the sweep
        (:data:`fxpsim.report.accumulators.STORED_COLUMNS`).
    """
    source = _DATA / "real-speech.json"
    return dict(json.loads(source.read_text())) if source.is_file() else None
