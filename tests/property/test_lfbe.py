"""The integer front end: compiled loops give the bits of the rules, and block scaling is sure."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxpsim.engine import interpreted
from fxpsim.frontend.fft import RealFft
from fxpsim.frontend.lfbe import Lfbe
from fxpsim.frontend.logmel import LogMel
from fxpsim.spec import spectrum as spec

#: Rounding, scaling and data bits; few combinations, because each is compiled.
WAYS = st.sampled_from(
    [
        ("nearest_even", "block", (4, 16)),
        ("nearest_even", "block", (17, 24)),
        ("nearest_even", "fixed", (4, 16)),
        ("toward_zero", "block", (4, 16)),
        ("jam", "fixed", (17, 24)),
    ]
)


@st.composite
def shapes(draw):
    fft_length = draw(st.sampled_from([4, 8, 16, 32, 64]))
    return LogMel(
        frame_length=draw(st.integers(2, fft_length)),
        hop=draw(st.integers(1, fft_length)),
        fft_length=fft_length,
        frames_per_row=draw(st.integers(1, 3)),
        bands=draw(st.integers(1, 3)),
        low_hz=0.0,
        high_hz=8000.0,
        output_frac=draw(st.integers(-1, 3)),
    )


@st.composite
def front_ends(draw):
    rounding, scaling, (least, most) = draw(WAYS)
    shape = draw(shapes())
    data_bits = draw(st.integers(least, most))
    stages = shape.fft_length.bit_length() - 1
    shifts = st.lists(st.integers(0, 2), min_size=stages, max_size=stages).map(tuple)
    # Up to 16 bits, keep to lanes of 32.
    most_twiddle = 30 - data_bits if most == 16 else 24
    return Lfbe(
        shape,
        window_bits=draw(st.integers(2, 15)),
        data_bits=data_bits,
        twiddle_bits=draw(st.integers(3, most_twiddle)),
        scaling=scaling,
        stage_shifts=draw(st.none() | shifts) if scaling == "fixed" else None,
        rounding=rounding,
        power_bits=draw(st.integers(2, 34)),
        mel_weight_bits=draw(st.integers(1, 16)),
        accumulator_bits=draw(st.none() | st.integers(2, 56)),
        log_entries=draw(st.sampled_from([2, 16, 512])),
        log_degree=draw(st.integers(0, 3)),
        log_bits=draw(st.integers(3, 12)),
    )


@st.composite
def sounds(draw, samples):
    """Noise at any level, silence, square waves at full scale, single samples, a sudden start."""
    kind = draw(st.sampled_from(["noise", "square", "click", "silence", "onset"]))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    if kind == "noise":
        level = draw(st.sampled_from([1, 30, 3000, 32767]))
        return rng.integers(-level - 1, level + 1, samples).astype(np.int16)
    sound = np.zeros(samples, np.int16)
    if kind == "square":
        period = draw(st.integers(1, 16))
        sound[:] = np.where(np.arange(samples) // period % 2, 32767, -32768)
    elif kind == "onset":
        sound[:] = rng.integers(-2, 3, samples)
        sound[samples // 2 :] *= 16000
    elif kind == "click":
        sound[rng.integers(samples)] = -32768
    return sound


def check_bits(front_end, sound):
    """Compare everything that both make; return the events."""
    fast = front_end.stages(sound)
    with interpreted():
        slow = front_end.stages(sound)
    for field in fields(fast):
        np.testing.assert_array_equal(getattr(fast, field.name), getattr(slow, field.name))
    return fast.events


@given(st.data())
def test_compiled_is_specified(data):
    front_end = data.draw(front_ends())
    sound = data.draw(sounds(front_end.window + data.draw(st.integers(0, 2)) * front_end.hop))
    events = check_bits(front_end, sound)
    sure = [name for name in events if front_end.scaling == "block" and name != "power"]
    if front_end.accumulator_bits is not None:
        sure = [name for name in sure if name != "mel"]
    assert not any(events[name] for name in sure)


@pytest.mark.parametrize("data_bits", [4, 6, 16])
@pytest.mark.parametrize("period", [2, 3, 8])
def test_full_scale_with_few_bits(data_bits, period):
    """Block scaling rounds up to the next power of two; fixed scaling saturates both ways."""
    shape = LogMel(fft_length=32, frame_length=32, hop=16, bands=2, low_hz=0.0, high_hz=8000.0)
    square = np.where(np.arange(200) // period % 2, 32767, -32768).astype(np.int16)
    common = {"window_bits": 15, "data_bits": data_bits, "twiddle_bits": 12}
    assert check_bits(Lfbe(shape, **common), square)["window"] == 0
    fixed = Lfbe(shape, **common, scaling="fixed", stage_shifts=(0,) * 5)
    assert sum(check_bits(fixed, square).values()) > 100


@given(
    st.integers(4, 24), st.integers(3, 24), st.sampled_from(["nearest_up", "away_from_zero"]),
    st.integers(0, 4), st.data(),
)  # fmt: skip
def test_block_scaling_never_saturates(data_bits, twiddle_bits, rounding, log_size, data):
    """Any words at all, and above all those at the ends of their range."""
    fft = RealFft(4 << log_size, data_bits, twiddle_bits, rounding=rounding)
    word = st.sampled_from([-fft.hi, fft.hi]) | st.integers(-fft.hi, fft.hi)
    pairs = data.draw(st.lists(st.tuples(word, word), min_size=2 << log_size,
                               max_size=2 << log_size))  # fmt: skip
    twiddles = [tuple(pair) for pair in fft.twiddles.tolist()]
    half, shifts, events = spec.fft(
        pairs, twiddles[::2], fft.twiddle_frac, None, fft.limits.tolist(), fft.hi, fft.rounding
    )
    last = spec.block_shift(spec.peak(half), fft.limits[-1].tolist())
    _, final = spec.split(half, twiddles, fft.twiddle_frac, last, fft.hi, fft.rounding)
    assert not any([*events, final])
    assert max([*shifts, last]) <= 2


@given(st.data())
def test_any_split_of_the_samples_streams_the_same_rows(data):
    front_end = data.draw(front_ends())
    sound = data.draw(sounds(front_end.window + 5 * front_end.hop))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sound)), max_size=5)))
    stream = front_end.stream()
    parts = [stream.step(part) for part in np.split(sound, cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), front_end.rows(sound))
