"""Whole networks: compiled equals specified, proofs change nothing, files keep everything."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import accumulators, graphs

from fxpsim import Accumulator, guarantee, load, peaks, save, simulate, sweep
from fxpsim.scoring import clip_scores
from fxpsim.stats import bits_for

pytestmark = pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")


@given(graphs())
def test_compiled_engine_gives_the_bits_of_the_specification(problem):
    graph, inputs = problem
    fast = simulate(graph, inputs, probes=["*"])
    slow = simulate(graph, inputs, probes=["*"], engine="spec")
    assert fast.tensors.keys() == slow.tensors.keys()
    for name, codes in slow.tensors.items():
        np.testing.assert_array_equal(fast[name], codes, err_msg=name)


@given(graphs())
def test_proofs_change_no_bit(problem):
    graph, inputs = problem
    with_proofs, without = (simulate(graph, inputs, proofs=p) for p in (True, False))
    np.testing.assert_array_equal(with_proofs.output, without.output)


@given(graphs())
def test_codes_stay_in_their_formats(problem):
    graph, inputs = problem
    for name, codes in simulate(graph, inputs, probes=["*"]).tensors.items():
        fmt = graph.specs[name].format
        assert codes.min() >= fmt.lo, name
        assert codes.max() <= fmt.hi, name


@given(graphs())
def test_a_saved_graph_comes_back(problem):
    graph, inputs = problem
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "a.fxp"), Path(folder, "b.fxp")
        save(graph, first)
        again = load(first)
        save(again, second)
        assert first.read_bytes() == second.read_bytes()
    assert again.specs == graph.specs
    np.testing.assert_array_equal(simulate(again, inputs).output, simulate(graph, inputs).output)


@given(graphs(bits=48))
def test_no_input_leaves_the_proven_width(problem):
    graph, inputs = problem
    proof, reached = guarantee(graph, bounds="prefix-exact"), peaks(graph, inputs)
    proven = proof.table.set_index(["node", "channel"])
    for row in reached.itertuples():
        bound = proven.loc[(row.node, row.channel)]
        assert bound.lowest <= row.lowest
        assert row.highest <= bound.highest
    for name, _ in graph.layers:
        register = Accumulator(proof.minimum(name), "saturate")
        assert (
            simulate(graph, inputs, accumulator={name: register}).statistics(name).events.sum() == 0
        )


@given(graphs(bits=48))
def test_the_proven_width_of_a_first_layer_is_tight(problem):
    """The input that reaches the bound overflows a register one bit narrower."""
    graph, _ = problem
    node = graph.nodes[0]
    sums = node.op.sums(graph.input)
    fmt, layer = graph.input.format, guarantee(graph).layers[node.name]
    needed = [bits_for(int(a), int(b)) for a, b in zip(layer.lowest, layer.highest, strict=True)]
    channel = int(np.argmax(needed))
    if needed[channel] <= 2:
        return
    weights = sums.weights[:, channel]
    highest = bits_for(0, int(layer.highest[channel])) == needed[channel]
    reach = np.where((weights > 0) == highest, fmt.hi, fmt.lo)
    narrow = Accumulator(needed[channel] - 1, "saturate")
    # Products that pull the other way come last: a partial sum, not the final one, is extreme.
    products = weights.astype(int) * reach
    assert (products * (1 if highest else -1) >= 0).all() or fmt.lo == 0
    pulls = products * (1 if highest else -1) > 0
    reach = np.where(pulls | (fmt.lo < 0), reach, 0)
    trace = simulate(graph, [reach], accumulator={node.name: narrow})
    assert trace.statistics(node.name).events[channel] > 0


@settings(max_examples=25)
@given(graphs(bits=32), accumulators(max_bits=24))
def test_a_sweep_point_is_a_simulation(problem, accumulator):
    graph, inputs = problem
    if graph.scores != graph.output:
        return
    labels = np.zeros(len(inputs), int)
    row = sweep(graph, inputs, labels, accumulators=[accumulator]).iloc[0]
    trace = simulate(graph, inputs, accumulator=accumulator)
    scores = clip_scores(trace.graph, trace.output)
    assert row.accuracy == np.mean(scores.argmax(axis=1) == 0)
    touched = [trace.statistics(name).outputs.sum() for name, _ in graph.layers]
    sums = sum(len(inputs) * op.outputs for _, op in graph.layers)
    assert row.overflow_outputs == sum(touched) / sums
    assert row.overflow_layers == np.mean([count > 0 for count in touched])
    assert not (row.proven and sum(touched))
