"""Operations of the micro front end and on bare integers: what does not fit; settings in files."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxpsim import Graph, QFormat, load, save, simulate
from fxpsim.errors import ConfigError, DataError, FxpsimError, GraphError
from fxpsim.frontend import create
from fxpsim.frontend.float32 import log1p
from fxpsim.frontend.micro import MicroFrontEnd
from fxpsim.graph import Node
from fxpsim.importers.tflite.flexbuffer import read_numbers
from fxpsim.ops import (
    Constant,
    FilterBank,
    IntegerArithmetic,
    NoiseEstimate,
    PcanGain,
    Rfft,
    ScaledLog,
    ScaleUp,
    SpectralSubtraction,
    SpectrumEnergy,
    SquareRoot,
    TensorSpec,
    Window,
)

FRAME = TensorSpec((8,), QFormat(16, 0))
LEVEL = TensorSpec((3,), QFormat(20, 0, signed=False))
BITS = TensorSpec((), QFormat(4, 0, signed=False))


def bank(**changed):
    tables = {"weights": [1] * 8, "unweights": [2] * 8}
    tables |= {"frequency_starts": [0, 2], "weight_starts": [0, 4], "widths": [4, 4]}
    return FilterBank(**tables | changed)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Window([[1]], 3), "a window must be a row of 1 to 32768 coefficients"),
        (lambda: Window([1], 16), "the window's shift must be 0 to 15, not 16"),
        (lambda: Window([1, 2], 3).infer(FRAME), "the window's 2 samples, not 8"),
        (lambda: Rfft(12), "a power of two, 8 to 32768, not 12"),
        (lambda: Rfft(8).infer(LEVEL), "at most 16 bits and a sign"),
        (lambda: Rfft(8).infer(TensorSpec((9,), QFormat(16, 0))), "the transform's 8 samples"),
        (lambda: SpectrumEnergy(3, 6).infer(FRAME), "some of the spectrum's 4, not 3 to 6"),
        (lambda: ScaleUp().infer(FRAME, FRAME), "the shift must have at most 4 bits and no sign"),
        (lambda: bank(weights=[-1] * 8), "weights must be a row of numbers of 0 or more"),
        (lambda: bank(widths=[4, 5]), "segments must lie within the 8 weights"),
        (lambda: bank(widths=[4]), "of 2 segments or more"),
        (lambda: bank().infer(LEVEL), "segments must lie within the 3 energies"),
        (lambda: SquareRoot().infer(FRAME, BITS), "bands must have at most 62 bits and no sign"),
        (lambda: NoiseEstimate((1,), (2, 3), 1, 1), "two, of even and odd bands"),
        (lambda: NoiseEstimate((1, 1), (2, 3), 1, 30), "coefficient bits must be 0 to 29, not 30"),
        (lambda: NoiseEstimate((1, 1), (2, 3), 4, 1).infer(LEVEL, LEVEL), "format fxp-u32/4"),
        (lambda: SpectralSubtraction(9, 1, 3), "the least that remains must be 0 to 8, not 9"),
        (lambda: SpectralSubtraction(1, 1, 3).infer(LEVEL, BITS), "must have one shape"),
        (lambda: PcanGain([0] * 124, 3), "gains must be a row of 125"),
        (lambda: ScaledLog(0, 3, QFormat(16, 0)), "the scale of a logarithm must be 1 to 65536"),
        (lambda: IntegerArithmetic("add", QFormat(8, 0)).infer(
            LEVEL, TensorSpec((3,), QFormat(33, 0))), "must fit 32 bits with a sign"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(make, sentence):
    with pytest.raises(GraphError, match=sentence):
        make()


def test_a_filter_bank_has_room_for_its_largest_sum():
    spec = bank().infer(TensorSpec((6,), QFormat(8, 0, signed=False)))
    assert spec == TensorSpec((1,), QFormat(12, 12, signed=False))  # 4 * (2 + 1) * 255 = 3060
    graph = Graph("g", TensorSpec((6,), QFormat(8, 0, signed=False)), (Node("b", bank(), "input"),))
    assert simulate(graph, [[255] * 6]).output.tolist() == [[3060]]


NUMBERS = st.integers(-(2**31), 2**31 - 1)
FUNCTIONS = {
    "add": lambda a, b: a + b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1),
    "minimum": min,
    "maximum": max,
}


@pytest.mark.parametrize("function", FUNCTIONS)
@given(left=NUMBERS, right=NUMBERS)
def test_integers_are_those_of_c(function, left, right):
    if function == "divide" and right == 0:
        right = 1
    spec = TensorSpec((1,), QFormat(32, 0))
    nodes = (
        Node("right", Constant(np.array([right]), spec.format), "input"),
        Node("out", IntegerArithmetic(function, spec.format), ("input", "right")),
    )
    exact = FUNCTIONS[function](left, right)
    wrapped = (exact + 2**31) % 2**32 - 2**31
    assert simulate(Graph("g", spec, nodes), [[left]]).output.tolist() == [[wrapped]]


@pytest.mark.parametrize("function", FUNCTIONS)
@given(ends=st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), small=st.integers(0, 28))
def test_ranges_of_integers_hold_all_results(function, ends, small):
    op, spec = IntegerArithmetic(function, QFormat(32, 0)), TensorSpec((1,), QFormat(32, 0))
    low, high = ((np.array([f(p) >> small for p in (ends[:2], ends[2:])])) for f in (min, max))
    ranges = [(low[i : i + 1], high[i : i + 1]) for i in range(2)]
    if function == "divide" and low[1] <= 0 <= high[1]:
        bounds = op.interval(ranges, [spec, spec])
        assert [int(b[0]) for b in bounds] == [-(2**31), 2**31 - 1]
        return
    bottom, top = op.interval(ranges, [spec, spec])
    for left in (low[0], (low[0] + high[0]) // 2, high[0]):
        for right in (low[1], (low[1] + high[1]) // 2, high[1]):
            result = op.run([np.array([[left]]), np.array([[right]])], [spec, spec])
            assert bottom <= result[0] <= top


def test_nothing_is_divided_by_zero():
    spec = TensorSpec((1,), QFormat(32, 0))
    node = Node("out", IntegerArithmetic("divide", spec.format), ("input", "input"))
    with pytest.raises(DataError, match="a divisor must not be 0"):
        simulate(Graph("g", spec, (node,)), [[0]])


def test_constants_without_axes_are_saved(tmp_path):
    node = Node("out", Constant(np.array(7), QFormat(8, 0)), "input")
    graph = Graph("g", TensorSpec((2,), QFormat(8, 0)), (node,))
    save(graph, tmp_path / "g.fxp")
    assert load(tmp_path / "g.fxp").specs == graph.specs


#: {"shift": 12}, and {"a": -3, "b": 0.5, "c": true} in words of 4 bytes.
SHIFT = bytes.fromhex("736869667400 01070101010c04022401")
MIXED = bytes.fromhex(
    "610062006300 03070605 0000 05000000 01000000 03000000fdffffff 0000003f 01000000 060e6a 0f2601"
)


def test_settings_of_custom_operators():
    assert read_numbers(SHIFT) == {"shift": 12}
    assert read_numbers(MIXED) == {"a": -3, "b": 0.5, "c": 1}
    assert read_numbers(b"") == {}
    with pytest.raises(DataError, match="must be a map"):
        read_numbers(b"\0\0\0")


@given(st.sampled_from([SHIFT, MIXED]), st.integers(0, 45), st.integers(0, 255))
def test_damaged_settings_are_others_or_refused(settings, place, byte):
    changed = bytearray(settings)
    changed[place % len(settings)] = byte
    for data in (bytes(changed), settings[:place], bytes([byte] * place)):
        with suppress(DataError):
            assert all(isinstance(value, int | float) for value in read_numbers(data).values())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"window": 4, "hop": 0}, "window must be 8 to 32768, not 4; hop must be 1"),
        ({"low_hz": 900, "high_hz": 100}, "band edges must rise from 0 to less than 8000 Hz"),
        ({"high_hz": 8000}, "to less than 8000 Hz, not 125 to 8000"),
        ({"gain_bits": 14}, "gain_bits must be 15 or more for a transform of 512 samples, not 14"),
        ({"smoothing_bits": 2}, "smoothing_bits must be 3 or more"),
        ({"scale": 0}, "scale must be more than 0"),
        ({"output": "int4"}, "output must be one of logarithm, int8, ratio, not 'int4'"),
    ],
)
def test_front_ends_that_cannot_be(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        MicroFrontEnd(**settings)


def test_front_ends_by_name():
    front_end = create("micro:hop=320,output=logarithm")
    assert (front_end.hop, str(front_end.format)) == (320, "fxp-u16/6")
    assert create("micro-speech").hop == 320
    assert front_end.stream().buffers == {"samples": 960, "noise": 160}
    with pytest.raises(FxpsimError, match="did you mean 'low_hz'"):
        create("micro:low_h=3")
    with pytest.raises(DataError, match="audio must be int16"):
        front_end.rows(np.zeros(500))


@given(st.floats(0, 2**24, width=32))
def test_logarithm_of_float32_is_a_unit_off_at_most(x):
    exact = np.log1p(np.float64(x))
    assert abs(np.float64(log1p(np.float32(x))) - exact) <= np.spacing(np.float32(exact))


@pytest.mark.parametrize(
    ("hertz", "mel"),
    [(125, 185.16954040527344), (500, 607.4490966796875), (3000, 1876.463745117187)],
)
def test_logarithm_of_float32_is_that_of_c(hertz, mel):
    """Mels as TensorFlow Lite Micro's own test, freq_to_mel_test.py, has them."""
    found = np.float32(1127) * log1p(np.float32(hertz) / np.float32(700))
    assert found == np.float32(mel)
