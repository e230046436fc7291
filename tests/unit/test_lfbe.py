"""The integer front end: near the float one, its constants, its errors, what it costs."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim.errors import ConfigError, DataError
from fxpsim.frontend import create
from fxpsim.frontend.fft import RealFft
from fxpsim.frontend.lfbe import Lfbe
from fxpsim.frontend.log2 import Log2Polynomial, Log2Table
from fxpsim.frontend.logmel import LogMel
from fxpsim.frontend.widths import (
    STAGES,
    float_snr,
    front_end_sweep,
    narrowest,
    one_at_a_time,
    stage_snr,
)
from fxpsim.kws.signals import coloured_noise, to_int16
from fxpsim.models import load
from fxpsim.spec import spectrum as spec

WIDE = Lfbe(
    window_bits=15, data_bits=24, twiddle_bits=24, power_bits=32, mel_weight_bits=16,
    log_entries=65536, log_bits=16,
)  # fmt: skip


def clips(count=6):
    """Coloured noise that swells and fades, from loud to quiet."""
    rng = np.random.default_rng(3)
    swell = np.sin(np.linspace(0, np.pi, 16000)) ** 2
    return np.stack(
        [to_int16(0.2 / 3**i * swell * coloured_noise(rng, 16000, i / 3)) for i in range(count)]
    )


def test_wide_words_give_the_float_codes():
    audio = clips()
    assert (WIDE.rows(audio) == LogMel().codes(audio)).mean() > 0.99
    snr = stage_snr(WIDE, audio)
    assert list(snr) == list(STAGES)
    assert min(snr[stage] for stage in ("window", "spectrum", "power", "mel")) > 90


def test_every_width_matters():
    audio = clips()
    stages = {"window_bits": "window", "data_bits": "spectrum", "twiddle_bits": "spectrum",
              "power_bits": "log", "mel_weight_bits": "mel", "log_entries": "log",
              "log_bits": "log"}  # fmt: skip
    values = {"window_bits": (4, 8), "data_bits": (8, 12), "twiddle_bits": (5, 9),
              "power_bits": (14, 20), "mel_weight_bits": (2, 6), "log_entries": (2, 16),
              "log_bits": (3, 5)}  # fmt: skip
    for name, stage in stages.items():
        wide, *narrow = one_at_a_time(WIDE, **{name: values[name]})
        ratios = [stage_snr(each, audio)[stage] for each in (*narrow, wide)]
        assert ratios == sorted(ratios), name


def test_block_scaling_beats_fixed_scaling():
    audio = clips()
    block, fixed = one_at_a_time(Lfbe(), scaling=["fixed"])
    assert stage_snr(block, audio)["log"] > stage_snr(fixed, audio)["log"] + 20


def test_the_fft_is_a_fourier_transform():
    fft = RealFft(64, 24, 24)
    words = np.random.default_rng(0).integers(-1000, 1000, 64)
    twiddles = [tuple(pair) for pair in fft.twiddles.tolist()]
    pairs = list(zip(words[::2].tolist(), words[1::2].tolist(), strict=True))
    half, shifts, _ = spec.fft(
        pairs, twiddles[::2], 23, None, fft.limits.tolist(), fft.hi, fft.rounding
    )
    spectrum, _ = spec.split(half, twiddles, 23, 0, fft.hi, fft.rounding)
    assert not any(shifts)  # far from full scale, a block drops nothing
    exact = np.fft.rfft(words)
    assert np.abs([complex(*pair) for pair in spectrum] - exact).max() < 4


def test_too_few_bits_saturate_and_are_counted():
    loud = np.where(np.arange(1152) // 4 % 2, 32767, -32768).astype(np.int16)
    fixed = Lfbe(scaling="fixed", stage_shifts=(0,) * 9)
    narrow = Lfbe(accumulator_bits=20)
    assert fixed.stages(loud).events["fft7"] > 0
    assert narrow.stages(loud).events["mel"] > 0
    assert not any(Lfbe().stages(loud).events.values())


def test_silence_is_the_lowest_code():
    assert (Lfbe().rows(np.zeros(16000, np.int16)) == -128).all()
    assert Lfbe().rows(np.zeros(100, np.int16)).shape == (0, 20)
    assert Lfbe().rows(np.zeros((3, 16000), np.int16)).shape == (3, 16, 20)


def test_sufficient_registers_suffice_and_no_fewer():
    front_end = Lfbe()
    most = ((1 << front_end.power_bits) - 1) * int(front_end.mel_codes.sum(axis=0).max())
    bits = front_end.sufficient_accumulator_bits
    assert most < 1 << bits
    assert most >= 1 << (bits - 1)


@pytest.mark.parametrize(
    ("log", "bound"),
    [
        # Half of the steepest stretch, log2(1 + 1 / entries) / 2, and half a unit of the last bit.
        (Log2Table(32, 9), np.log2(1 + 1 / 32) / 2 + 2**-10),
        (Log2Table(2, 16), np.log2(1.5) / 2 + 2**-17),
        # Interpolation at Chebyshev's nodes: f'''(0) / (3! 2**5) for degree 2, and the roundings.
        (Log2Polynomial(2, 14), 2 / np.log(2) / 6 / 32 + 2**-12),
    ],
)
def test_errors_of_logarithms_are_what_they_say(log, bound):
    codes, m = log.codes().tolist(), log.mantissa_bits
    values = [*range(1, 3000), *(2**k + d for k in range(20, 60, 7) for d in (-1, 0, 12345))]
    worst = max(abs(spec.log2_code(v, codes, m, log.bits) / 2**log.bits - np.log2(v))
                for v in values)  # fmt: skip
    assert worst <= log.error + 1e-12
    assert log.error <= bound
    assert worst > 0.9 * log.error


def test_what_it_keeps_and_what_it_does():
    front_end = Lfbe()
    buffers, operations = front_end.buffers(), front_end.operations()
    assert buffers["samples"] == 1024
    assert buffers["spectrum"] == 512 * 2
    assert buffers["twiddle table"] == 256 * 2 * 2
    # 3 frames of 256 / 2 * 8 butterflies; every bin but the ends counts for two bands.
    assert operations.butterflies == 3 * 1024
    assert operations.macs == 3 * np.count_nonzero(front_end.mel_codes)
    # Trivial ones left out: 1 in each of 1 + 2 + .. + 128 blocks of the 8 stages, and bin 0.
    assert front_end.fft.multiplications == 4 * (1024 - 255 + 255)
    assert [work.macs for work in front_end.work()] == [3 * 257 * 20]
    assert front_end.stream().buffers == {"samples": 2 * 1152}


def test_created_from_text():
    front_end = create("lfbe:data_bits=12,scaling=fixed,log_degree=2,rounding=floor")
    assert front_end == Lfbe(data_bits=12, scaling="fixed", log_degree=2, rounding="floor")
    assert isinstance(front_end.log, Log2Polynomial)
    with pytest.raises(ConfigError, match="stage_shifts cannot be written as text"):
        create("lfbe:stage_shifts=1")


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ConfigError) as told:
        Lfbe(window_bits=16, data_bits=3, twiddle_bits=30, power_bits=48, mel_weight_bits=0,
             accumulator_bits=1, log_entries=33, log_bits=2, rounding="jam")  # fmt: skip
    for part in (
        "window bits must be 2 to 15, not 16", "FFT data bits must be 4 to 24, not 3",
        "FFT twiddle bits must be 3 to 24, not 30", "power bits must be 2 to 47, not 48",
        "mel weight bits must be 1 to 16, not 0", "accumulator bits must be 2 to 56, not 1",
        "log entries must be a power of two", "log bits must be at least the 3 fraction bits",
        "block-scaled FFT must leave exact values alone",
    ):  # fmt: skip
        assert part in str(told.value)


def test_sums_too_wide_are_refused():
    with pytest.raises(ConfigError, match=r"56 bits or fewer, not 67 \(46 and 16\)"):
        Lfbe(power_bits=46, mel_weight_bits=16)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"length": 12}, "power of two of 4 or more, not 12"),
        ({"scaling": "blocks"}, "scaling must be block or fixed, not 'blocks'"),
        ({"rounding": "nearest_evn"}, "did you mean 'nearest_even'"),
        ({"rounding": "stochastic_equal"}, "must be deterministic"),
        ({"stage_shifts": (1,) * 9}, "stage shifts are for fixed scaling"),
        ({"scaling": "fixed", "stage_shifts": (1, 3)}, "stage shifts must be 9 numbers"),
    ],
)
def test_transforms_that_cannot_be(settings, says):
    with pytest.raises(ConfigError, match=says):
        RealFft(**settings)


def test_a_sweep_has_a_row_for_each_front_end():
    audio, labels = clips(), np.array([0, 1, 2, 3, 4, 5])
    points = one_at_a_time(Lfbe(), data_bits=(16, 8), accumulator_bits=(24,))
    table = front_end_sweep(points, audio, load("kws250k-8bit"), labels, snr_clips=3)
    assert table["data_bits"].tolist() == [16, 8, 16]
    assert table["register_bits"].tolist() == [41, 41, 24]
    assert table["equal_codes"][0] > table["equal_codes"][1]
    assert table["events"].tolist()[:2] == [0, 0]
    assert table["saturated_stages"][2] == "mel"
    assert (table["loss"] == table["accuracy_float"] - table["accuracy"]).all()
    assert (table["agreement"] <= 1).all()


def test_what_cannot_be_swept():
    with pytest.raises(ConfigError, match="for one float front end"):
        front_end_sweep([], clips(), load("kws250k-8bit"))
    with pytest.raises(DataError, match="must have a sound in them"):
        stage_snr(Lfbe(), np.zeros((2, 16000), np.int16))


def test_narrowest_is_within_its_allowance_and_one_bit_less_is_not():
    audio = clips(3)
    order = ("data_bits", "log_entries")
    found = narrowest(Lfbe(data_bits=18), audio, order=order)
    floor = float_snr(found, audio) - 1.0
    assert stage_snr(found, audio)["codes"] >= floor
    for name, less in (("data_bits", found.data_bits - 1), ("log_entries", found.log_entries // 2)):
        _, lower = one_at_a_time(found, **{name: [less]})
        assert stage_snr(lower, audio)["codes"] < floor
    with pytest.raises(ConfigError, match="loses more than 1 dB already"):
        narrowest(Lfbe(data_bits=8), audio)
