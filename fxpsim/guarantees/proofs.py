"""The smallest registers that provably never overflow, by layer, channel and bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fxpsim.accumulators import Accumulator
from fxpsim.bounds import LayerBounds, propagate, reach
from fxpsim.bounds.pairs import Pair
from fxpsim.bounds.reachability import Solved
from fxpsim.bounds.tighten import tighten
from fxpsim.bounds.witness import narrowed
from fxpsim.casts import code_range
from fxpsim.errors import DataError, GraphError, suggest
from fxpsim.formats import Format, Levels, QFormat
from fxpsim.graph import Graph, Node
from fxpsim.guarantees.widths import BOUNDS, REACHABILITY, Proof, prove, read_bounds, width
from fxpsim.guarantees.witnesses import Witness, find_witness
from fxpsim.ops import Dense, TensorSpec
from fxpsim.ops.op import fraction
from fxpsim.stats import bits_for

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BOUNDS", "Guarantee", "Shortfall", "guarantee", "guarantee_layer"]

Registers = Accumulator | Mapping[str, Accumulator] | None


@dataclass(frozen=True, slots=True)
class Shortfall:
    """The channel of a layer that needs most, where that is more than it is given."""

    node: str
    channel: int
    register: str
    needed: int | None
    given: Accumulator
    word_bits: int

    def __str__(self) -> str:
        kind = "" if self.register == "final" else f" ({self.register})"
        needs = "may be negative" if self.needed is None else f"needs {self.needed} bits"
        return (
            f"layer {self.node!r} may overflow a {self.word_bits}-bit accumulator{kind}: "
            f"channel {self.channel} {needs}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Guarantee:
    """Proven widths.

    They hold together: each for inputs that follow from earlier layers whose registers do not
    overflow.

    Attributes
    ----------
    graph : Graph
        What was proven about.
    layers : mapping of str to LayerBounds
        What is known of each layer's terms, by node.
    proofs : mapping of str to tuple of Proof
        By node, for each bound that was asked for.
    solved : mapping of str to (Pair, Solved)
        Layers that a solver bounded together with the layer before.
    """

    graph: Graph
    layers: Mapping[str, LayerBounds]
    proofs: Mapping[str, tuple[Proof, ...]]
    solved: Mapping[str, tuple[Pair, Solved]] = field(default_factory=dict)

    def minimum(
        self, node: str | None = None, *, bound: str | None = None, register: str | None = None
    ) -> int:
        """Return the smallest width that is proven safe for a layer, or for all of them.

        Parameters
        ----------
        node : str, optional
            The layer.
        bound : str, optional
            By which; the best of those asked for where not given.
        register : str, optional
            Of which register, as the table names them; those as wide as the accumulator is
            declared where not given.

        Raises
        ------
        GraphError
            There is no such layer or register, or no unsigned register will do.
        """
        if not self.layers:
            raise GraphError(f"graph {self.graph.name!r} has no layer with an accumulator")
        names = self.layers if node is None else [self._known(node)]
        return max(self._minimum(name, bound, register) for name in names)

    def _known(self, node: str) -> str:
        if node not in self.layers:
            raise GraphError(f"no layer {node!r} with an accumulator{suggest(node, self.layers)}")
        return node

    def _minimum(self, node: str, bound: str | None, register: str | None) -> int:
        rows = [one for one in self.proofs[node] if bound in (None, one.bound)]
        if not rows:
            known = list(dict.fromkeys(one.bound for one in self.proofs[node]))
            raise GraphError(
                f"layer {node!r} has no proof by {bound!r}, only by {', '.join(known)}"
                f"{suggest(str(bound), known)}"
            )
        chosen = [one for one in rows if register in (None, one.register) and (register or one.own)]
        if not chosen:
            known = [one.register for one in rows]
            raise GraphError(
                f"layer {node!r} has no register {register!r}{suggest(str(register), known)}"
            )
        needs: dict[str, list[int | None]] = {}
        for one in chosen:
            needs.setdefault(one.bound, []).extend(one.bits)
        safe = [max(b for b in bits if b) for bits in needs.values() if None not in bits]
        if not safe:
            raise GraphError(
                f"no unsigned register holds the sums of layer {node!r}, which may be negative"
            )
        return min(safe)

    def shortfalls(self, accumulators: Registers = None) -> list[Shortfall]:
        """Return the layers whose registers are not proven wide enough, in order.

        Parameters
        ----------
        accumulators : Accumulator or mapping of str to Accumulator, optional
            As for :meth:`fxpsim.graph.Graph.with_accumulators`; the graph's own where None.  As
            long as none falls short, bounds of later layers hold whatever the widths are.
        """
        graph = self.graph.with_accumulators(accumulators)
        found = (self._shortfall(name, op.accumulator) for name, op in graph.layers)
        return [one for one in found if one is not None]

    def _shortfall(self, node: str, register: Accumulator) -> Shortfall | None:
        if self._fits(node, register):
            return None
        layer = self.layers[node]
        for one in reach(layer.terms.with_accumulator(register)):
            beyond = np.maximum(one.highest - one.word.hi, one.word.lo - one.lowest)
            channel = int(beyond.argmax())
            if beyond[channel] > 0:
                ends = int(one.lowest[channel]), int(one.highest[channel])
                needed = width(*ends, one.word.signed)
                return Shortfall(node, channel, one.register, needed, register, one.word.bits)
        raise AssertionError(f"no register of {node!r} overflows")

    def certificate(self, accumulators: Registers = None) -> dict[str, Any]:
        """Return what a checker needs to verify the widths without this package's proofs.

        Parameters
        ----------
        accumulators : Accumulator or mapping of str to Accumulator, optional
            The registers to certify; the graph's own where None.

        Returns
        -------
        dict
            For JSON; see :mod:`fxpsim.check_certificate`.
        """
        from fxpsim.guarantees.certificates import certificate

        return certificate(self, accumulators)

    def _fits(self, node: str, register: Accumulator) -> bool:
        return self.layers[node].never_overflows(register) or self._solved(node, register)

    def _solved(self, node: str, register: Accumulator) -> bool:
        """Whether a bound from a solver covers a plain register."""
        return register.plain and any(
            one.source == REACHABILITY
            and one.bound == REACHABILITY
            and one.lowest.min() >= register.lo
            and one.highest.max() <= register.hi
            for one in self.proofs[node]
        )

    def holds(self, accumulators: Registers = None) -> bool:
        """Whether no sum can overflow these registers, whatever the input."""
        graph = self.graph.with_accumulators(accumulators)
        return all(self._fits(name, op.accumulator) for name, op in graph.layers)

    def witness(
        self, node: str, channel: int, bits: int, *, register: str = "", rounds: int = 8
    ) -> Witness:
        """Return an input on which the layer overflows a register of so many bits.

        Parameters
        ----------
        node, channel : str, int
            Which sums.
        bits : int
            Width of the register, fewer than it needs.
        register : str
            Which is narrowed: a name as in the table; by default those that the accumulator's own
            width is of.  Everything else is as declared.
        rounds : int
            How long to search for an input of the whole network (where shapes are all there is
            before the layer, it is known without); 0 does not.

        Raises
        ------
        GraphError
            No input of the layer overflows it.
        """
        layer = self.layers[self._known(node)]
        outputs = layer.terms.weights.shape[1]
        if not 0 <= channel < outputs:
            raise GraphError(f"channel of {node!r} must be 0 to {outputs - 1}, not {channel}")
        declared = layer.terms.accumulator
        known = [one.register for one in reach(layer.terms)]
        if register and register not in known:
            raise GraphError(
                f"layer {node!r} has no register {register!r}{suggest(register, known)}"
            )
        narrow = narrowed(declared, register, bits)
        if narrow.stochastic:
            raise GraphError(
                f"layer {node!r} rounds stochastically: no input overflows for certain"
            )
        if not layer.terms.meet:
            raise GraphError(f"no position of the window of {node!r} lies within its input")
        found = find_witness(self.graph, node, layer, channel, narrow, register, rounds)
        if found is None:
            raise GraphError(f"no input overflows {bits} bits in channel {channel} of {node!r}")
        return found

    @property
    def table(self) -> pd.DataFrame:
        """One row for each layer, channel, bound and register.

        ``bits`` is missing where no unsigned register will do; ``tight`` says whether an input
        reaches that width; ``register`` is ``any`` where a bound does not tell them apart.
        """
        import pandas as pd

        tables = []
        for name, rows in self.proofs.items():
            terms = self.layers[name].terms
            low, high = terms.low.min(axis=0), terms.high.max(axis=0)
            for one in rows:
                columns = {
                    "node": name,
                    "channel": np.arange(len(one.lowest)),
                    "bound": one.bound,
                    "bits": pd.array(one.bits, dtype="Int64"),
                    "input_lo": np.broadcast_to(low, len(one.lowest)),
                    "input_hi": np.broadcast_to(high, len(one.lowest)),
                    "range_source": one.source,
                    "register": one.register,
                    "lowest": one.lowest,
                    "highest": one.highest,
                    "tight": one.tight,
                }
                tables.append(pd.DataFrame(columns))
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def guarantee(
    graph: Graph,
    *,
    bounds: str | Iterable[str] = "all",
    input_range: tuple[int, int] | None = None,
) -> Guarantee:
    """Prove how wide every accumulator has to be.

    Inputs may be any code of the declared format; ranges of later layers follow by interval
    arithmetic, which knows no correlation between channels and is therefore wide.

    Parameters
    ----------
    graph : Graph
        Any.  Orders, chunks, spills and places of the bias are its accumulators'; their widths do
        not matter: all bounds are those of sums that do not overflow, and hold together once every
        register is as wide as they say.
    bounds : str or iterable of str
        ``"all"``: ``data-type``, ``l1`` (A2Q), ``zero-centred`` (A2Q+), ``sign-split`` and
        ``prefix-exact``; or some of them.  ``reachability`` besides bounds the sums of two
        consecutive layers together by linear programmes, which takes the extra ``proofs`` and,
        for large layers, minutes; all input ranges then are the tightest that are certified.
    input_range : (int, int), optional
        Lowest and highest code of the input, where not every code of its format occurs.

    Returns
    -------
    Guarantee
    """
    chosen = read_bounds(bounds)
    if REACHABILITY not in chosen:
        layers = propagate(graph, registers=False, input_range=input_range)
        return Guarantee(graph, layers, {n: prove(layer, chosen) for n, layer in layers.items()})
    layers, solved = tighten(graph, input_range)
    proofs = {
        name: prove(layer, chosen, solved[name][1] if name in solved else None)
        for name, layer in layers.items()
    }
    return Guarantee(graph, layers, proofs, solved)


def guarantee_layer(
    weights: ArrayLike,
    input_format: Format,
    *,
    accumulator: Accumulator | None = None,
    bias: ArrayLike | None = None,
    weight_format: Format | None = None,
    folded: bool = False,
    bounds: str | Iterable[str] = "all",
) -> Guarantee:
    """Prove how wide the accumulator of one layer has to be.

    Parameters
    ----------
    weights : array_like of int (K, N)
        Codes.
    input_format : QFormat, Affine or Levels
        Of the K inputs.
    accumulator : Accumulator, optional
        Order, chunks, spill, place of the bias; a plain register where not given.
    bias : array_like of int (N,), optional
        At the products' fraction.
    weight_format : QFormat, Affine or Levels, optional
        Of the weights; the narrowest integers that hold them where not given.
    folded : bool
        As for :class:`fxpsim.ops.layer.Layer`: raw codes of an affine input are multiplied.
    bounds
        As for :func:`guarantee`.

    Returns
    -------
    Guarantee
        Of a graph with the one node ``"layer"``.

    Examples
    --------
    >>> g = guarantee_layer([[100], [-100]], QFormat(8, 0))
    >>> g.minimum(), g.witness("layer", 0, bits=15).inputs.tolist()
    (16, [127, -128])
    """
    codes = np.asarray(weights)
    if codes.ndim != 2 or not codes.size or codes.dtype.kind not in "iu":
        raise DataError(
            f"weights must be integers of shape (K, N), not {codes.dtype} of {codes.shape}"
        )
    fmt = weight_format or _narrowest(*code_range(codes))
    limits, source = None, input_format
    if isinstance(source, Levels):
        limits = min(source.codebook), max(source.codebook)
        source = QFormat(bits_for(*limits), 0)
    starts, bias_format = None, None
    if bias is not None:
        starts = np.asarray(bias)
        ends = code_range(starts)
        bias_format = QFormat(bits_for(*ends), fraction(source) + fraction(fmt))
    register = accumulator or Accumulator(32)
    layer = Dense(codes, fmt, register, starts, bias_format, folded)
    spec = TensorSpec((len(codes),), source)
    graph = Graph("layer", spec, (Node("layer", layer, "input"),))
    return guarantee(graph, bounds=bounds, input_range=limits)


def _narrowest(low: int, high: int) -> QFormat:
    """Return the narrowest integers that hold a range."""
    if low >= 0:
        return QFormat(max(1, high.bit_length()), 0, signed=False)
    return QFormat(max(high, -low - 1).bit_length() + 1, 0)
