"""The order of a sum over several axes."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from fxpsim import Accumulator, QFormat, Sequential, mac_trace, matmul, simulate, spec
from fxpsim.errors import FormatError, GraphError
from fxpsim.graph import Graph, Node
from fxpsim.ops import Dense, TensorSpec

EIGHT = QFormat(8, 0)


def network(axes, shape, weights):
    register = Accumulator(12, "saturate", order=Sequential(axes))
    layer = Dense(weights, EIGHT, register)
    return Graph("one", TensorSpec(shape, EIGHT), (Node("fc", layer, "input"),))


@pytest.mark.parametrize("engine", ["compiled", "spec"])
def test_axes_of_a_flattened_input_are_summed_outermost_first(engine):
    rng = np.random.default_rng(0)
    shape = 2, 3, 4
    inputs, weights = rng.integers(-128, 128, (5, *shape)), rng.integers(-128, 128, (24, 6))
    results = set()
    for axes in (None, *permutations(range(3))):
        codes = simulate(network(axes, shape, weights), inputs, engine=engine).output
        ordered = np.transpose(inputs, (0, *(1 + np.array(axes or (0, 1, 2))))).reshape(5, 24)
        places = np.arange(24).reshape(shape).transpose(axes or (0, 1, 2)).reshape(-1)
        register = Accumulator(12, "saturate")
        sums = spec.matmul(ordered.tolist(), weights[places].T.tolist(), register)
        assert codes.tolist() == [[one.value for one in row] for row in sums]
        results.add(codes.tobytes())
    assert len(results) == 6  # the order as it stands is (0, 1, 2); all others differ


def test_columns_first_by_hand():
    """[[100, 100], [-100, -100]]: along rows it saturates at 127, down columns it never does."""
    shape, ones = (2, 2), np.ones((4, 1), int)
    inputs = [[[100, 100], [-100, -100]]]
    rows, columns = (
        simulate(network(axes, shape, ones), inputs, accumulator=None).output.item()
        for axes in ((0, 1), (1, 0))
    )
    assert rows == columns == 0  # 12 bits hold all of it
    narrow = [Accumulator(8, "saturate", order=Sequential(axes)) for axes in ((0, 1), (1, 0))]
    graph = network(None, shape, ones)
    assert [simulate(graph, inputs, accumulator=n).output.item() for n in narrow] == [-73, 0]


def test_axes_must_be_those_of_the_reduction():
    with pytest.raises(GraphError, match=r"axes must be those of the input \(2, 2\), not \(0,\)"):
        network((0,), (2, 2), np.ones((4, 1), int))
    across = Accumulator(8, order=Sequential((1, 0)))
    for call in (lambda: matmul([[1]], [[1]], across), lambda: mac_trace([1], [1], across)):
        with pytest.raises(FormatError, match=r"order axes must be \(0,\) where K is all"):
            call()
    assert matmul([[3]], [[1]], Accumulator(8, order=Sequential((0,)))).tolist() == [[3]]
