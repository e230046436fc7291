"""What every cost model keeps, and what this one says."""

import accel_models as am
from accel_models import testing

NARROW = am.Accumulator(24)
LAYERS = [
    am.Work.dense(1, 640, 128, name="fc", weight_bits=2, accumulator=NARROW),
    am.Work.conv2d((25, 5, 64), 1, 64, name="pw", weight_bits=2, accumulator=NARROW),
    am.Work.depthwise((25, 5, 64), 3, name="dw", weight_bits=2, accumulator=NARROW),
    am.Work.dense(1, 640, 128, name="too wide", weight_bits=8, accumulator=NARROW),
]


def test_it_keeps_what_every_cost_model_keeps() -> None:
    for text in ("ternary_npu", "ternary_npu:small,flash_rate=0.25"):
        # Five trits fill 8 bits, not 10: fewer bytes than a packed copy of the declared width.
        assert testing.check(am.create(text), LAYERS, skip=["bytes"]) == []


def test_a_layer_by_hand() -> None:
    layer = am.create("ternary_npu:small").estimate(LAYERS[0]).layers[0]
    flash = 640 * 128 // 5 + 128 * 4
    assert (layer.compute_cycles, layer.memory_bytes["flash"]) == (640 * 2, flash)
    assert layer.cycles == flash
    assert layer.binding == "flash"
    assert am.create_storage("trits").bytes(LAYERS[0]) == 640 * 128 // 5
    assert "not {-1, 0, 1}" in am.create("ternary_npu").supports(LAYERS[3]).reason
