"""Bounds over two layers: no input leaves them, and they see what intervals do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

from fxpsim import Accumulator, Affine, Gemmlowp, Graph, QFormat, guarantee, peaks, simulate
from fxpsim.bounds import reachability
from fxpsim.bounds.tighten import tighten
from fxpsim.graph import Node
from fxpsim.ops import (
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Relu,
    Requantize,
    Rescale,
    Reshape,
    TensorSpec,
)

pytest.importorskip("scipy")
NETWORKS = {60: 40, 3000: 1500}.get(settings().max_examples, 8)
WEIGHT = QFormat(4, 0)


def between(rng, channels):
    """Return what stands between two layers: staircases of several kinds."""
    if rng.random() < 0.4:
        q = rng.integers(1 << 30, 1 << 31, channels).tolist()
        shift = rng.integers(-6, -1, channels).tolist()
        zero = int(rng.integers(-8, 8))
        low = zero if rng.random() < 0.6 else None
        scheme = Gemmlowp(q, shift, zero_point=zero, act_min=low)
        return [Rescale(scheme, Affine(6, 0.5, zero))]
    ops = []
    if rng.random() < 0.5:
        eight = QFormat(6, 2)
        gains, offsets = rng.integers(-20, 20, (2, channels))
        ops.append(BatchNorm(gains, eight, offsets, QFormat(6, 0)))
    if rng.random() < 0.7:
        ops.append(Relu())
    signed = bool(rng.random() < 0.5)
    target = QFormat(6, int(rng.integers(-3, 2)), signed)
    return [*ops, Requantize(target, str(rng.choice(["floor", "nearest_even"])))]


def weights(rng, *shape):
    return rng.integers(WEIGHT.lo, WEIGHT.hi, shape, endpoint=True)


def bias(rng, channels):
    return (None, None) if rng.random() < 0.3 else (rng.integers(-60, 60, channels), QFormat(8, -3))


def network(rng):
    """Return two layers with staircases between, dense or convolutional."""
    fmt = QFormat(3, 0, bool(rng.random() < 0.6)) if rng.random() < 0.7 else Affine(3, 0.5, 1)
    register = Accumulator(40, bias=str(rng.choice(["first", "last"])))
    kind = rng.integers(4)
    c = int(rng.integers(1, 4))
    if kind == 0:
        k = int(rng.integers(1, 6))
        shape, first, flat = (k,), Dense(weights(rng, k, c), WEIGHT, register, *bias(rng, c)), []
        second = Dense(weights(rng, c, 3), WEIGHT, register, *bias(rng, 3))
    else:
        shape, pads = (4, 3, 2), {"top_left": (1, 0), "bottom_right": (1, 1)}
        size, stride = (2, 2), {"stride": (int(rng.integers(1, 3)), 1)}
        first = Conv2D(weights(rng, *size, 2, c), WEIGHT, register, *bias(rng, c), **pads, **stride)
        rows, columns, _ = first.shape(TensorSpec(shape, fmt))
        flat = []
        if kind == 1:
            flat = [Reshape((rows * columns * c,))]
            second = Dense(weights(rng, rows * columns * c, 2), WEIGHT, register)
        elif kind == 2:
            second = Conv2D(weights(rng, *size, c, 2), WEIGHT, register, **pads)
        else:
            second = DepthwiseConv2D(weights(rng, *size, c), WEIGHT, register, **pads)
    ops = [first, *between(rng, c), *flat, second]
    nodes, source = [], "input"
    for number, op in enumerate(ops):
        nodes.append(Node(f"n{number}", op, source))
        source = f"n{number}"
    return Graph("two", TensorSpec(shape, fmt), tuple(nodes))


def test_no_input_leaves_what_is_certified():
    rng = np.random.default_rng(11)
    certified = narrower = 0
    for _ in range(NETWORKS):
        graph = network(rng)
        last = graph.nodes[-1].name
        layers, solved = tighten(graph)
        if last not in solved:
            continue
        certified += 1
        found, terms = solved[last][1], layers[last].terms
        split = guarantee(graph, bounds="sign-split").proofs[last][0]
        g = guarantee(graph, bounds="reachability")
        (proof,) = g.proofs[last]
        assert (proof.lowest >= split.lowest).all()
        assert (proof.highest <= split.highest).all()
        narrower += bool((proof.highest < split.highest).any())
        size = graph.input.size
        fmt = graph.input.format
        count = (fmt.hi - fmt.lo + 1) ** size
        if count <= 5000:
            axes = np.meshgrid(*[np.arange(fmt.lo, fmt.hi + 1)] * size)
            inputs = np.stack([axis.reshape(-1) for axis in axes], axis=1)
        else:
            inputs = rng.integers(fmt.lo, fmt.hi, (600, size), endpoint=True)
            inputs[::2] = rng.choice([fmt.lo, fmt.hi], (300, size))
        reached = peaks(graph, inputs)
        reached = reached[reached.node == last]
        assert (reached.lowest.to_numpy() >= proof.lowest).all()
        assert (reached.highest.to_numpy() <= proof.highest).all()
        sums = simulate(graph, inputs).output.reshape(-1, terms.weights.shape[1]).astype(object)
        start = 0 if terms.start is None else terms.start
        assert (sums.min(axis=0) >= found.final_lowest + start).all()
        assert (sums.max(axis=0) <= found.final_highest + start).all()
    print(f"{certified} certified, {narrower} narrower than intervals")
    assert certified > NETWORKS // 2
    assert narrower > certified // 10


def two_units(second, between):
    nodes = (
        Node("a", Dense([[1, -1]], QFormat(2, 0)), "input"),
        *between,
        Node("b", Dense([[second[0]], [second[1]]], QFormat(2, 0)), between[-1].name),
    )
    return Graph("two", TensorSpec((1,), QFormat(8, 0)), nodes)


def test_what_intervals_do_not_see():
    """relu(x) + relu(-x) is |x|: 128 at most, where intervals say 127 + 128."""
    graph = two_units((1, 1), (Node("r", Relu(), "a"), Node("q", Requantize(QFormat(9, 0)), "r")))
    g = guarantee(graph, bounds=("sign-split", "reachability"))
    split, solved = g.proofs["b"]
    assert (split.highest[0], solved.highest[0]) == (255, 128)
    assert (g.minimum("b", bound="sign-split"), g.minimum("b")) == (9, 9)
    assert [p.source for p in g.proofs["a"]] == ["declared", "not certified"]
    assert g.table[g.table.bound == "reachability"].bits.isna().tolist() == [True, True, False]


def test_what_follows_is_tightened_too():
    """x + (-x) is 0 whatever x is; so is what the next layer reads."""
    between = (Node("q", Requantize(QFormat(9, 0)), "a"),)
    graph = two_units((1, 1), between)
    nodes = (*graph.nodes, Node("r", Requantize(QFormat(8, 0)), "b"))
    nodes = (*nodes, Node("c", Dense([[1]], QFormat(2, 0)), "r"))
    g = guarantee(Graph("three", graph.input, nodes), bounds=("prefix-exact", "reachability"))
    layer = g.layers["c"]
    assert (layer.input_lo, layer.input_hi, layer.source) == (0, 0, "reachability")
    assert g.minimum("c") == 2
    assert g.minimum("b", bound="prefix-exact") == 9


def test_no_answer_of_the_solver_is_trusted(monkeypatch):
    """Any slopes give a bound; bad ones a bad one."""

    def nonsense(pair, weights, of, *rest):
        return np.random.default_rng(1).normal(size=len(weights)) * 3

    graph = two_units((1, 1), (Node("r", Relu(), "a"), Node("q", Requantize(QFormat(9, 0)), "r")))
    monkeypatch.setattr(reachability, "_best_slopes", nonsense)
    (solved,) = guarantee(graph, bounds="reachability").proofs["b"]
    assert 128 <= solved.highest[0] <= 255
