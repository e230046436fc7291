"""The micro front end: compiled stages and clips have the bits of the specification."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxpsim import load, save, simulate
from fxpsim.dispatch import signal
from fxpsim.engine import interpreted
from fxpsim.frontend import micro_constants
from fxpsim.frontend.micro import MicroFrontEnd

WORD = st.integers(0, 2**32 - 1)
EDGES = st.sampled_from([-32768, -32767, -1, 0, 1, 2, 16384, 32767])


@st.composite
def frames(draw, size):
    """Noise of any loudness, square waves, edges of 16 bits, or nothing."""
    kind = draw(st.sampled_from(["noise", "square", "edges", "silence", "constant"]))
    if kind == "noise":
        noise = np.random.default_rng(draw(st.integers(0, 2**32))).normal(size=size)
        return np.clip(noise * 2.0 ** draw(st.integers(0, 16)), -32768, 32767).astype(np.int16)
    if kind == "square":
        phase = np.arange(size) // draw(st.integers(1, size)) % 2
        return np.where(phase, draw(EDGES), draw(EDGES)).astype(np.int16)
    if kind == "edges":
        return np.array(draw(st.lists(EDGES, min_size=size, max_size=size)), np.int16)
    return np.full(size, 0 if kind == "silence" else draw(EDGES), np.int16)


def assert_specified(run, *operands):
    fast = run(*operands)
    with interpreted():
        slow = run(*operands)
    np.testing.assert_array_equal(fast, slow)
    return fast


@given(frames(12), frames(12), st.integers(0, 15))
def test_window(frame, coefficients, shift):
    assert_specified(signal.window, frame[None], coefficients, shift)


@given(frames(24), st.booleans())
def test_block_scaling(frame, legacy):
    bits = assert_specified(signal.fft_scale_bits, frame[None], legacy)
    assert_specified(signal.scale_up, frame[None], bits)


@given(st.sampled_from([8, 16, 32, 64]).flatmap(lambda n: st.tuples(st.just(n), frames(n))))
def test_transform_and_energy(problem):
    length, frame = problem
    bins = assert_specified(signal.rfft, frame[None], length)
    assert_specified(signal.energies, bins, 1, length // 2)


@pytest.mark.parametrize("length", [64, 512, 1024])
def test_transform_is_close_to_the_exact_one(length):
    frame = np.random.default_rng(0).integers(-30000, 30000, length)
    bins = signal.rfft(frame[None], length)[0].astype(float).view(complex)
    error = bins - np.fft.rfft(frame) / length
    assert np.abs(error).max() < 4  # a few roundings of half a unit a step


@given(
    st.lists(st.integers(0, 2**32 - 1), min_size=9, max_size=9),
    st.integers(0, 15),
    st.integers(0, 2**32),
)
def test_filter_bank_and_root(energies, bits, seed):
    rng = np.random.default_rng(seed)
    weights, unweights = rng.integers(0, 4097, (2, 12))
    tables = np.array([0, 3, 5]), np.array([0, 4, 8]), np.array([4, 4, 4])
    sums = assert_specified(signal.filter_bank, np.array([energies]), weights, unweights, *tables)
    assert_specified(signal.square_root, sums, np.array([bits]))


@given(st.one_of(st.integers(0, 2**62 - 1), st.integers(0, 2**31 - 1).map(lambda x: x * x)))
def test_root(value):
    for near in {max(0, value - 1), value, min(value + 1, 2**62 - 1)}:
        assert_specified(signal.square_root, np.array([[near]]), np.array([0]))


@given(WORD, WORD, st.integers(0, 29), st.integers(0, 29), st.booleans())
def test_noise_and_subtraction(level, estimate, signal_bits, bits, clamping):
    pair = np.array([[level, estimate]]), np.array([[estimate, level]])
    coefficients = ((1 << bits) // 3, 1), (0, (1 << bits) - 1)
    settings = *coefficients, signal_bits, bits, clamping
    noise = assert_specified(signal.noise_estimate, *pair, *settings)
    constants = (1 << bits) // 5, signal_bits, bits
    assert_specified(signal.spectral_subtraction, pair[0], noise, *constants)


@given(WORD, WORD, st.integers(0, 2**32), st.integers(0, 40))
def test_gain(level, estimate, seed, shift):
    usual = micro_constants.gain_table(0.95, 80.0, 21, 7)
    wild = np.random.default_rng(seed).integers(-32768, 32768, 125)
    for table in (usual, wild):
        for noise in (estimate, estimate >> 16, estimate >> 28):
            assert_specified(signal.pcan, np.array([level]), np.array([noise]), table, shift)


@given(WORD, st.integers(1, 1 << 16), st.integers(-31, 31), st.sampled_from([32767, 65535]))
def test_logarithm(value, scale, correction, highest):
    for code in (value, value >> 20, 1 << (value % 32)):
        operands = np.array([code]), scale, correction, highest
        assert_specified(signal.logarithm, *operands)


SMALL = MicroFrontEnd(
    sample_rate=2000, window=60, hop=20, bands=5, low_hz=60, high_hz=900, smoothing_bits=6
)
FRONT_ENDS = st.sampled_from(
    [
        SMALL,
        MicroFrontEnd(window=100, hop=130, bands=3, pcan=False, output="logarithm"),
        MicroFrontEnd(window=64, hop=64, bands=2, definition="operators", output="ratio"),
        MicroFrontEnd(window=512, hop=160, bands=30, definition="operators", output="logarithm"),
    ]
)


@settings(max_examples=30)
@given(FRONT_ENDS, frames(1000))
def test_clips_are_the_graph_step_by_step(front_end, audio):
    rows = assert_specified(front_end.rows, audio)
    starts = front_end.hop * np.arange(len(rows))[:, None]
    windows = audio[starts + np.arange(front_end.window)]
    np.testing.assert_array_equal(simulate(front_end.graph(), windows[None]).output[0], rows)


@given(FRONT_ENDS, frames(900), st.lists(st.integers(0, 400), max_size=8))
def test_streams_are_clips_however_they_are_split(front_end, audio, cuts):
    stream = front_end.stream()
    for _ in range(2):
        parts = np.split(audio, sorted(min(cut, audio.size) for cut in cuts))
        rows = np.concatenate([stream.step(part) for part in parts])
        np.testing.assert_array_equal(rows, front_end.rows(audio))
        stream.reset()


@given(frames(1000), frames(1000))
def test_clips_do_not_know_of_each_other(one, two):
    both = SMALL.rows(np.stack([one, two]))
    np.testing.assert_array_equal(both, [SMALL.rows(one), SMALL.rows(two)])


@given(FRONT_ENDS, frames(1000))
def test_stages_stay_in_their_formats_and_are_saved(tmp_path_factory, front_end, audio):
    graph = front_end.graph()
    windows = audio[: front_end.window][None, None]
    trace = simulate(graph, windows, probes=["*"])
    for name, codes in trace.tensors.items():
        fmt = graph.specs[name].format
        assert codes.min() >= fmt.lo, name
        assert codes.max() <= fmt.hi, name
    path = tmp_path_factory.mktemp("graph") / "front_end.fxp"
    save(graph, path)
    again = load(path)
    assert again.specs == graph.specs
    np.testing.assert_array_equal(simulate(again, windows).output, trace.output)
