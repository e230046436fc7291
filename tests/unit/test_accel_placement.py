"""Weights in a hierarchy of memories, and machines with a host beside them."""

from __future__ import annotations

import pytest

import accel_models as am

NET = am.Workload(
    [
        am.Work.dense(1, 100, 50, name="a", weight_bits=8, bias_bits=0),
        am.Work.dense(1, 50, 40, name="b", weight_bits=4, bias_bits=32),
        am.Work.elementwise(10, "softmax", name="softmax"),
    ]
)


def test_near_memories_fill_first_and_keep_room_for_activations() -> None:
    sram, flash = am.Memory("sram", 1500, 8.0), am.Memory("flash", 6000, 0.5)
    found = am.place(NET, [sram, flash])
    assert found.fits
    assert found.activations == 150
    assert [(p.layer, p.bytes, p.memory) for p in found.layers] == [
        ("a", 5000, "flash"),
        ("b", 1000 + 160, "sram"),
        ("softmax", 0, "sram"),
    ]
    assert found.used == {"sram": 1160, "flash": 5000}
    assert found.cycles == {"sram": 145.0, "flash": 10000.0}
    assert list(found.table["memory"]) == ["flash", "sram", "sram"]


def test_what_does_not_fit_is_said_with_what_would() -> None:
    found = am.place(NET, [am.Memory("sram", 4500, 8.0)])
    assert not found.fits
    assert found.reasons == (
        "layer 'a' has 5000 bytes of weights, but at most 4350 are free: 6-bit weights would fit",
    )
    (reason, *_) = am.place(NET, [am.Memory("sram", 200, 8.0)]).reasons
    assert reason.endswith("not even 1-bit weights would fit")


def test_streams_keep_their_values_near() -> None:
    ring = am.Work.elementwise(90, "copy", ring=am.RingBuffer(80, 10))
    assert am.place(ring, [am.Memory("sram", 500, 8.0)]).activations == 80 + 180


def test_impossible_memories() -> None:
    with pytest.raises(am.ConfigError, match="capacity must be more than 0, not 0"):
        am.Memory("sram", 0, 1.0)
    with pytest.raises(am.ConfigError, match="needs one memory or more"):
        am.place(NET, [])


def test_a_host_does_what_the_machine_refuses() -> None:
    machine, host = am.create("bit_serial:ne16"), am.create("roofline:host-mcu")
    both = am.with_host(machine, host, machine_clock_hz=370e6, host_clock_hz=185e6)
    work = [am.Work.conv2d((25, 5, 64), 1, 64, name="pw"), NET[2]]
    assert not machine.supports(work[1])
    est = both.estimate(work)
    alone = host.estimate(work[1])
    assert est.layers[0] == machine.estimate(work[0]).layers[0]
    assert est.layers[1].cycles == 2 * alone.cycles > 0
    assert est.layers[1].method.startswith("host: ")
    assert est.layers[1].binding == "host"
    assert "on the host: softmax" in est.basis
    with pytest.raises(am.ConfigError, match="clocks must be more than 0 Hz"):
        am.with_host(machine, host, machine_clock_hz=0, host_clock_hz=1e6)


def test_clocks_of_machine_and_host_are_their_own() -> None:
    host = am.create("neon:cortex-m4")
    both = am.with_host(am.create("decoder_npu:u55-128"), host)
    assert (both.clock, both.clock_ratio) == (500e6, 500e6 / 120e6)
    together = am.with_host(am.create("bit_serial:ne16"), host)
    assert (together.clock, together.clock_ratio) == (120e6, 1.0)


def test_what_neither_can_do() -> None:
    narrow = am.create("neon")
    both = am.with_host(am.create("fusible"), narrow, machine_clock_hz=1, host_clock_hz=1)
    odd = am.Work.dense(1, 8, 8, weight_bits=17)
    assert "at most 8; its host: " in both.supports(odd).reason


def test_streaming_state_is_priced_on_the_host() -> None:
    """Vela charges nothing for it; the kept values are copied at the host's clock."""
    kept = am.Work.elementwise(96, "copy", ring=am.RingBuffer(90, 6))
    free = am.Work.elementwise(96, "copy")
    model = am.create("decoder_npu:u55-128")
    layer = model.estimate(kept).layers[0]
    assert layer.counts["host_cycles"] == (500 + 90) * 500e6 / 200e6
    assert layer.cycles == model.estimate(free).cycles + layer.counts["host_cycles"]


def test_layers_that_do_not_fit_say_what_would() -> None:
    large = am.Work.conv2d((500, 500, 8), 3, 8)
    assert "the SRAM has 512 KiB: smaller tiles" in am.create("decoder_npu").supports(large).reason
    wide = am.Work.dense(1, 512, 512)
    reason = am.create("channel_parallel").supports(wide).reason
    assert reason == (
        "needs 4096 kernel words a processor, but there are 768: fewer outputs, fewer channels or "
        "fewer weight bits would fit"
    )
    net = [am.Work.dense(1, 256, 150, name=name) for name in "ab"]
    (said, *_) = am.create("channel_parallel").estimate(net).assumptions
    assert "it does not fit: its weights take 1200 kernel words" in said
    assert "weights of 4 bits would fit" in said
