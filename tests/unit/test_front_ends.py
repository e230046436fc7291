"""Front ends by name, and that their streams are their rows, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxpsim import QFormat, load
from fxpsim.errors import ConfigError, DataError
from fxpsim.formats import Affine
from fxpsim.frontend import FrontEnd, FrontEndStream, create, front_end_for
from fxpsim.frontend.framing import FramedStream, check_audio
from fxpsim.frontend.lfbe import Lfbe
from fxpsim.graph import Graph, Node, State
from fxpsim.ops import Reshape, TensorSpec


@dataclass(frozen=True)
class Differences:
    """Rows of the first samples of a window, less the sample before each."""

    window: int
    hop: int
    reads_before: int = 0
    bands: int = 2
    sample_rate: int = 1000
    format: QFormat = field(default_factory=lambda: QFormat(17, 0))

    def rows(self, audio):
        samples = check_audio(audio).astype(np.int32)
        if self.reads_before:
            samples = np.diff(samples, prepend=0)
        count = max(0, (samples.size - self.window) // self.hop + 1)
        starts = self.hop * np.arange(count)
        return samples[starts[:, None] + [0, self.window - 1]]

    def stream(self):
        return FramedStream(self, self.reads_before)


FRONT_ENDS = [
    create("logmel"),
    Differences(5, 3),
    Differences(5, 3, 1),
    Differences(4, 4, 1),
    Differences(3, 7),
    Differences(3, 7, 1),
]


@given(st.data())
def test_any_split_gives_the_rows_of_the_whole(data):
    front_end = data.draw(st.sampled_from(FRONT_ENDS))
    count = data.draw(st.integers(0, 6 * front_end.hop + front_end.window))
    seed = data.draw(st.integers(0, 1 << 32))
    audio = np.random.default_rng(seed).integers(-32768, 32768, count).astype(np.int16)
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=12)))
    whole, stream = front_end.rows(audio), front_end.stream()
    for _ in range(2):
        parts = [stream.step(part) for part in np.split(audio, cuts)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        stream.reset()


def test_front_ends_keep_the_contract():
    front_end = create("logmel:frames_per_row=2,bands=12")
    assert isinstance(front_end, FrontEnd)
    assert isinstance(front_end.stream(), FrontEndStream)
    assert (front_end.hop, front_end.window, front_end.bands) == (640, 832, 12)
    assert str(front_end.format) == "fxp-s8/3"
    assert front_end.stream().buffers == {"samples": 2 * 832}
    clips = np.zeros((3, 2000), np.int16)
    assert front_end.rows(clips).shape == (3, 2, 12)
    assert front_end.rows(clips[:, :100]).shape == (3, 0, 12)
    with pytest.raises(DataError, match=r"samples must be int16 of shape \(n,\), not float64"):
        front_end.stream().step(np.zeros(4))


def test_names_and_settings_are_checked():
    for text, sentence in (
        ("logmal", "unknown front end 'logmal'; did you mean 'logmel'"),
        ("logmel:bans=3,hop", "'hop' must be key=value; unknown key 'bans'"),
        ("logmel:bands=0", "bands must be 1 or more, not 0"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            create(text)


def test_networks_name_their_front_end_or_are_known_by_their_shape():
    front_end, reason = front_end_for(load("kws250k-8bit"))
    assert (front_end.bands, front_end.hop) == (20, 960)
    assert front_end == Lfbe()
    assert reason == "lfbe: what graph 'kws250k-8bit' was trained with (logmel), in integers"
    odd = Graph("odd", TensorSpec((7, 3), QFormat(8, 0)), (Node("out", Reshape((21,)), "input"),))
    with pytest.raises(ConfigError, match=r"nothing tells which front end graph 'odd' wants"):
        front_end_for(odd)


@pytest.mark.parametrize(
    ("shape", "states", "name", "hop"),
    [
        ((3, 40), True, "micro", 160),
        ((1, 40), True, "micro", 160),
        ((1960,), False, "micro-speech", 320),
        ((30, 1, 40), False, "sww", 512),
        ((49, 10, 1), False, "mlperf-mfcc", 320),
        ((490,), False, "arm-mfcc49", 320),
        ((250,), False, "arm-mfcc25", 640),
    ],
)
def test_front_ends_of_published_networks(shape, states, name, hop):
    fmt = Affine(8, 0.1025, -128)
    size = int(np.prod(shape))
    nodes = [Node("out", Reshape((size,)), "input")]
    kept = []
    if states:
        nodes.append(Node("next", Reshape((1, size)), "out"))
        kept.append(State("past", fmt, np.zeros((1, size), int), "next"))
    graph = Graph("published", TensorSpec(shape, fmt), nodes, states=tuple(kept), output="out")
    front_end, reason = front_end_for(graph)
    assert reason.startswith(f"{name}: what networks that read")
    assert (front_end.hop, front_end.sample_rate) == (hop, 16000)
    if name != "micro-speech":  # whose codes are a ratio of small integers
        assert front_end.format == fmt
