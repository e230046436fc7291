"""Checks for other people's test suites: a model to the bit, registers that never overflow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.errors import GraphError
from fxpsim.graph import Graph
from fxpsim.guarantees import guarantee
from fxpsim.guarantees.proofs import Registers
from fxpsim.simulation import check_inputs, simulate
from fxpsim.testing.extremes import extreme_inputs

__all__ = ["Mismatch", "assert_bit_exact", "assert_never_overflows"]

IntArray = NDArray[Any]
#: Calls of the function under test that making a failing input smaller may take.
_CALLS = 200
#: Codes of an input that a sentence shows.
_SHOWN = 8


class Mismatch(AssertionError):  # noqa: N818 - what was found, by a test
    """A model that is not what it should be.

    Attributes
    ----------
    inputs : integer array (*graph.input.shape) or None
        An input that shows it, as small as was found.
    """

    def __init__(self, sentence: str, inputs: IntArray | None) -> None:
        super().__init__(sentence)
        self.inputs = inputs


def assert_bit_exact(
    fn: Callable[[IntArray], ArrayLike],
    graph: Graph,
    *,
    inputs: ArrayLike | None = None,
    rows: int = 256,
    seed: int = 0,
) -> None:
    """Check that a function gives the codes of a network, on inputs that aim at extremes.

    Parameters
    ----------
    fn : callable
        From codes (n, *graph.input.shape) to codes (n, *output shape): a model in another
        language, a simulator of RTL, firmware behind a link.
    graph : Graph
        What it must be, without states.
    inputs : array_like of int (n, *graph.input.shape), optional
        Further codes to try first.
    rows, seed : int
        How many inputs to make, and from which random numbers.

    Raises
    ------
    Mismatch
        Naming the first output that differs, on the smallest failing input that was found: codes
        are set to the one nearest to 0 as long as it still fails.

    Examples
    --------
    >>> from fxpsim import Accumulator, QFormat, guarantee_layer
    >>> graph = guarantee_layer([[3], [5]], QFormat(8, 0), accumulator=Accumulator(10)).graph
    >>> assert_bit_exact(lambda x: x @ [[3], [5]], graph)
    Traceback (most recent call last):
    ...
    fxpsim.testing.conformance.Mismatch: output 0 must be 384, not -640; the input: 0 but [1] = -128
    """
    if graph.states:
        raise GraphError(f"graph {graph.name!r} has states: compare it step by step")
    batch = extreme_inputs(graph, rows, seed=seed)
    if inputs is not None:
        batch = np.concatenate([check_inputs(graph, inputs), batch])
    wrong = _wrong(fn, graph, batch)
    if not wrong.any():
        return
    worst = _smaller(fn, graph, batch[int(np.argmax(wrong))])
    expected, got = simulate(graph, worst[None]).output[0], np.asarray(fn(worst[None].copy()))[0]
    place = tuple(np.argwhere(got != expected)[0].tolist())
    output = f"output {_listed(place)}" if place else "the output"
    raise Mismatch(
        f"{output} must be {expected[place]}, not {got[place]}; the input: "
        f"{_described(worst, graph)}",
        worst,
    )


def _listed(place: Sequence[int]) -> str:
    return ", ".join(map(str, place))


def _wrong(fn: Callable[[IntArray], ArrayLike], graph: Graph, batch: IntArray) -> IntArray:
    """Return which inputs give other codes (n,); Mismatch where they are no codes at all."""
    expected = simulate(graph, batch).output
    got = np.asarray(fn(batch.copy()))
    if got.shape != expected.shape or got.dtype.kind not in "iuO":
        raise Mismatch(
            f"the function must return integers of shape {expected.shape} for {len(batch)} "
            f"inputs, not {got.dtype} of {got.shape}",
            None,
        )
    return np.asarray((got != expected).reshape(len(batch), -1).any(axis=1))


def _smaller(fn: Callable[[IntArray], ArrayLike], graph: Graph, worst: IntArray) -> IntArray:
    """Set codes to rest, half of them, then quarters and so on, as long as it still fails."""
    rest, calls = _rest(graph), 0
    part = worst.size
    while part and calls < _CALLS:
        for start in range(0, worst.size, part):
            tried = worst.copy()
            tried.reshape(-1)[start : start + part] = rest
            if (tried == worst).all() or calls >= _CALLS:
                continue
            calls += 1
            if _wrong(fn, graph, tried[None])[0]:
                worst = tried
        part //= 2
    return worst


def _rest(graph: Graph) -> int:
    fmt = graph.input.format
    return min(max(0, fmt.lo), fmt.hi)


def _described(codes: IntArray, graph: Graph) -> str:
    """Return an input in words: what differs from rest."""
    rest = _rest(graph)
    places = [tuple(place) for place in np.argwhere(codes != rest).tolist()]
    shown = ", ".join(f"[{_listed(place)}] = {codes[place]}" for place in places[:_SHOWN])
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return f"{rest} but {shown}{more}" if shown else f"{rest}"


def assert_never_overflows(
    graph: Graph,
    accumulators: Registers = None,
    *,
    bounds: str | Iterable[str] = "sign-split",
    input_range: tuple[int, int] | None = None,
) -> None:
    """Check that no input overflows any register of a network: a proof, not a search.

    Parameters
    ----------
    graph : Graph
        Any.
    accumulators : Accumulator or mapping of str to Accumulator, optional
        Registers as for :meth:`fxpsim.graph.Graph.with_accumulators`; the graph's own where None.
    bounds, input_range
        As for :func:`fxpsim.guarantee`; registers are held against the exact bound of the declared
        order in any case, and ``"reachability"`` narrows the ranges of inputs.

    Raises
    ------
    Mismatch
        Naming the first layer, channel and width, and when an input overflows it.

    Examples
    --------
    >>> from fxpsim import Accumulator, QFormat, guarantee_layer
    >>> graph = guarantee_layer([[100], [-100]], QFormat(8, 0)).graph
    >>> assert_never_overflows(graph, Accumulator(16))
    """
    given = graph.with_accumulators(accumulators)
    proof = guarantee(given, bounds=bounds, input_range=input_range)
    if not (short := proof.shortfalls()):
        return
    first, when, inputs = short[0], "", None
    try:
        found = proof.witness(first.node, first.channel, first.word_bits, register=first.register)
    except GraphError:  # none of one position of a window, or for sure where draws round
        pass
    else:
        inputs = found.inputs
        reader = "layer" if inputs is None else "network"
        when = f"; an input of the {reader} makes it {found.value} at step {found.step}"
    raise Mismatch(f"{first}{when}", inputs)
