"""Where buffers and constants lie, and what a map of them says."""

from __future__ import annotations

import itertools

import pytest
from arm_networks import acoustic, ds_cnn
from hypothesis import given
from hypothesis import strategies as st

import accel_models as am
import fxpsim as fx
from fxpsim.buffers import live_buffers

buffers = st.builds(
    lambda name, size, first, length: am.Buffer(name, size, first, first + length),
    st.text("abc", min_size=1),
    st.integers(0, 500),
    st.integers(0, 8),
    st.integers(0, 5),
)


@given(items=st.lists(buffers, max_size=12), alignment=st.sampled_from([1, 4, 16]))
def test_what_lives_together_does_not_overlap(items: list[am.Buffer], alignment: int) -> None:
    placed = am.place_buffers(items, alignment)
    assert tuple(p.buffer for p in placed) == tuple(items)
    for one, other in itertools.combinations(placed, 2):
        if one.buffer.meets(other.buffer) and one.buffer.size and other.buffer.size:
            assert one.end <= other.offset or other.end <= one.offset
    assert all(p.offset % alignment == 0 for p in placed)
    assert am.live_peak(items) <= max((p.end for p in placed), default=0)


def test_buffers_of_a_chain_need_what_lives_together() -> None:
    """Two buffers in turn: the peak is the largest pair of neighbours."""
    chain = am.chain_buffers(acoustic())
    found = am.memory_map(acoustic())
    assert found.ram_bytes == found.ram_bound == am.live_peak(chain) == 704 + 192
    assert found.ram_bound == am.footprint(acoustic()).activations_peak


def test_flash_is_what_is_stored_and_alignment() -> None:
    packed = am.memory_map(acoustic(weight_bits=5, gain_bits=40))
    stored = am.footprint(acoustic(weight_bits=5, gain_bits=40))
    assert packed.flash_bytes - packed.padding_bytes == stored.constants_packed
    assert all(section.offset % 16 == 0 for section in packed.flash)
    bytes_each = am.memory_map(acoustic(weight_bits=5), stored_bits=lambda _: 8)
    assert sum(s.size for s in bytes_each.flash if s.kind == "weights") == 248_832
    with_code = am.memory_map(acoustic(), code=[("i8", 1000)])
    assert with_code.flash[-1].kind == "code"


def test_scratch_lives_only_while_its_layer_runs() -> None:
    plain = am.memory_map(ds_cnn())
    copied = am.memory_map(ds_cnn(), scratch=lambda work: 2 * work.inputs)
    assert copied.ram_bytes > plain.ram_bytes
    scratch = [p.buffer for p in copied.ram if p.buffer.name.endswith("scratch")]
    assert all(buffer.first == buffer.last for buffer in scratch)
    assert len(scratch) == len(ds_cnn())


def test_ring_buffers_live_all_the_time() -> None:
    ring = am.RingBuffer(values=48 * 9, fresh=48)
    layers = [am.Work.dense(1, 432, 48, ring=ring), am.Work.dense(1, 48, 48, name="next")]
    found = {placed.buffer.name: placed.buffer for placed in am.memory_map(layers).ram}
    assert (found["dense ring"].size, found["dense ring"].last) == (432, 1)


def test_a_map_is_drawn_to_scale() -> None:
    text = am.memory_map(acoustic()).draw(width=32)
    assert "flash 251,968 bytes, 0 of them alignment" in text
    step = next(line for line in text.splitlines() if line.endswith("step 0"))
    bar = step[step.index("|") + 1 : step.rindex("|")]
    assert len(bar) == 32
    assert bar.count("a") == pytest.approx(32 * 704 / 896, abs=1)
    assert set(bar) == {"a", "b"}


def test_tensors_of_a_network_that_are_stored() -> None:
    """Sums are rescaled where they are made; what two layers read is kept."""
    graph = fx.load("kws250k-5bit")
    names = [buffer.name for buffer in live_buffers(graph)]
    assert names == ["input", "act0", "act1", "act2", "softmax"]
    found = am.memory_map(graph.work(), buffers=live_buffers(graph))
    assert found.ram_bytes == 320 + 512


def test_wrong_buffers() -> None:
    with pytest.raises(am.WorkError, match="the last step must not come before the first, 3"):
        am.Buffer("x", 1, 3, 2)
