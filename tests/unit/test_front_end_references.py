"""Float front ends of others: shapes, streams, silence, errors."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim.errors import ConfigError, DataError
from fxpsim.frontend import create
from fxpsim.frontend.contract import FrontEnd

ROWS = {
    "mlperf-mfcc": (49, 10),
    "mlperf-lfbe10": (49, 10),
    "mlperf-lfbe40": (49, 40),
    "sww": (30, 40),
    "arm-mfcc49": (49, 10),
    "arm-mfcc25": (25, 10),
}
NOISE = np.random.default_rng(1).integers(-9000, 9000, (2, 16000)).astype(np.int16)


@pytest.mark.parametrize("name", ROWS)
def test_rows(name):
    front_end = create(name)
    assert isinstance(front_end, FrontEnd)
    codes = front_end.rows(NOISE)
    assert codes.shape == (2, *ROWS[name])
    assert codes.dtype == (np.int8 if front_end.format.signed else np.uint8)
    assert np.array_equal(front_end.rows(NOISE[1]), codes[1])
    assert front_end.rows(NOISE[0, :100]).shape == (0, front_end.bands)
    with pytest.raises(DataError, match="int16"):
        front_end.rows(NOISE.astype(float))


@pytest.mark.parametrize("name", ["sww", "arm-mfcc49", "arm-mfcc25"])
@pytest.mark.parametrize("cuts", [[1, 700, 701, 9000], range(333, 16000, 333)])
def test_streams(name, cuts):
    front_end = create(name)
    stream = front_end.stream()
    for _ in range(2):
        parts = [stream.step(part) for part in np.split(NOISE[0], cuts)]
        np.testing.assert_array_equal(np.concatenate(parts), front_end.rows(NOISE[0]))
        stream.reset()
    assert stream.buffers["samples"] >= 2 * front_end.window


@pytest.mark.parametrize("name", ["mlperf-mfcc", "mlperf-lfbe10", "mlperf-lfbe40"])
def test_what_divides_by_the_clips_maximum_cannot_stream(name):
    with pytest.raises(ConfigError, match="cannot stream"):
        create(name).stream()
    quiet = (NOISE // 100).astype(np.int16)
    louder = (quiet * 3).astype(np.int16)
    np.testing.assert_array_equal(create(name).rows(quiet), create(name).rows(louder))


@pytest.mark.parametrize("name", ROWS)
def test_silence_is_one_code_in_each_column(name):
    codes = create(name).rows(np.zeros(16000, np.int16))
    assert (codes == codes[0]).all()
    if "lfbe" in name or name == "sww":
        assert (codes == create(name).format.lo).all()


def test_a_tone_lights_its_band():
    tone = (8000 * np.sin(2 * np.pi * 1000 / 16000 * np.arange(16000))).astype(np.int16)
    # 1000 Hz is 1000 of the 2840 mel up to 8000 Hz, of which a band has 2840 / 41.
    assert abs(create("sww").features(tone).mean(axis=0).argmax() - (1000 / (2840 / 41) - 1)) < 1


def test_arm_has_two():
    from fxpsim.frontend.references import arm_mfcc

    with pytest.raises(ConfigError, match="49 or 25 rows a second, not 50"):
        arm_mfcc(50)
