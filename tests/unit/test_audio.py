"""Sound files: read rightly, or one clear sentence; never a traceback, never gigabytes."""

from __future__ import annotations

import struct
import sys
import tracemalloc

import numpy as np
import pytest

from fxpsim.audio import open_audio, read_audio
from fxpsim.errors import ConfigError, DataError

SOUND = np.random.default_rng(0).integers(-30000, 30000, 8000).astype(np.int16)


def wav(codes, rate=16000, bits=16, kind=1, channels=1, claimed=None):
    """Return the bytes of a WAV file, by the letter of its format."""
    data = np.asarray(codes).tobytes()
    size = len(data) if claimed is None else claimed
    frame = channels * bits // 8
    head = struct.pack(
        "<HHIIHH", kind, channels, rate, (rate * frame) % (1 << 32), frame % 65536, bits
    )
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(36 + size, 0xFFFFFFFF)) + body


@pytest.fixture(params=["libsndfile", "wave"])
def reader(request, monkeypatch):
    """Whether the extra ``audio`` is there."""
    if request.param == "wave":
        monkeypatch.setitem(sys.modules, "soundfile", None)
        monkeypatch.setitem(sys.modules, "soxr", None)
    else:
        pytest.importorskip("soundfile")
        pytest.importorskip("soxr")
    return request.param


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "sound.wav"
        path.write_bytes(content)
        return path

    return write


def test_sixteen_bits_are_taken_as_they_are(reader, file):
    audio = read_audio(file(wav(SOUND)))
    np.testing.assert_array_equal(audio.samples, SOUND)
    assert (audio.notes, audio.sample_rate, audio.seconds) == ((), 16000, 0.5)


def test_one_channel_of_several_is_named(reader, file):
    both = file(wav(np.stack([SOUND, -SOUND // 2], axis=1), channels=2))
    first = read_audio(both)
    np.testing.assert_array_equal(first.samples, SOUND)
    assert first.notes == ("channel 0 of 2 channels",)
    np.testing.assert_array_equal(read_audio(both, channel=1).samples, -SOUND // 2)
    mean = read_audio(both, channel="mean")
    np.testing.assert_array_equal(mean.samples, np.rint((SOUND + -SOUND // 2) / 2))
    with pytest.raises(ConfigError, match="channel must be 0 to 1, or mean, not 2"):
        read_audio(both, channel=2)


def test_headers_that_promise_too_much_cost_no_memory(reader, file):
    for claimed in (3_000_000_000, 0xFFFFFFFE):
        path = file(wav(SOUND, claimed=claimed))
        tracemalloc.start()
        audio = read_audio(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        np.testing.assert_array_equal(audio.samples, SOUND)
        assert audio.notes == (
            f"the header claims {claimed} bytes of samples, but the file ends earlier",
        )
        assert peak < 1 << 23
        with open_audio(path) as held:
            assert held.seconds < 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cannot be read as"),
        (b"these are words, not sound" * 20, "cannot be read as"),
        (wav(SOUND)[:30], "cannot be read as"),
        (wav(SOUND)[:44], "audio must hold samples, but this holds none"),
        (wav(SOUND[:0]), "audio must hold samples, but this holds none"),
        (wav(SOUND, rate=0), "cannot be read|need pip install"),
        (wav(SOUND, rate=2_000_000_000), "sample rate must be 1000 to 768000|need pip install"),
        (wav(SOUND, channels=60000), "cannot be read as|holds none"),
    ],
)
def test_bad_files_are_one_sentence(reader, file, content, sentence):
    with pytest.raises(DataError, match=sentence) as error:
        read_audio(file(content))
    assert "\n" not in str(error.value)
    assert "sound.wav" in str(error.value)


def test_files_without_the_extra_say_what_to_install(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    for content in (
        wav(SOUND, rate=8000),
        wav(SOUND.astype(np.uint8), bits=8),
        b"fLaC" + b"0" * 99,
    ):
        with pytest.raises(DataError, match=r"pip install 'fxpsim\[audio\]'"):
            read_audio(file(content))


def test_missing_files_and_folders(reader, tmp_path):
    with pytest.raises(DataError, match="nothing is there"):
        read_audio(tmp_path / "none.wav")
    with pytest.raises(DataError, match="it is a folder"):
        read_audio(tmp_path)


class TestWithLibsndfile:
    """What the extra ``audio`` brings."""

    @pytest.fixture(autouse=True)
    def libraries(self):
        self.soundfile = pytest.importorskip("soundfile")
        self.soxr = pytest.importorskip("soxr")

    def test_other_widths_keep_what_sixteen_bits_hold(self, file):
        unsigned = read_audio(file(wav((SOUND >> 8).astype(np.int16) + 128, bits=16)))
        assert unsigned.notes == ()
        eight = file(wav(((SOUND >> 8) + 128).astype(np.uint8), bits=8))
        np.testing.assert_array_equal(read_audio(eight).samples, SOUND >> 8 << 8)
        wide = file(wav((SOUND.astype(np.int32) << 16) + 12345, bits=32))
        assert read_audio(wide).notes == ("PCM_32 samples rounded to 16 bits",)
        np.testing.assert_array_equal(read_audio(wide).samples, SOUND)

    def test_floats_are_rounded_clipped_and_checked(self, file):
        values = (SOUND / np.float32(32768)).astype(np.float32)
        np.testing.assert_array_equal(read_audio(file(wav(values, bits=32, kind=3))).samples, SOUND)
        loud = read_audio(file(wav(np.float32([0.5, 1.0, -1.5, 3.0]), bits=32, kind=3)))
        assert loud.samples.tolist() == [16384, 32767, -32768, 32767]
        assert loud.notes[-1] == "2 samples beyond full scale clipped"
        for bad in (np.nan, np.inf):
            values[1600] = bad
            with pytest.raises(DataError, match=f"finite numbers, but that at 0.100 s is {bad}"):
                read_audio(file(wav(values, bits=32, kind=3)))

    def test_flac_is_read_and_damage_said(self, tmp_path):
        path = tmp_path / "sound.flac"
        self.soundfile.write(path, SOUND, 16000)
        np.testing.assert_array_equal(read_audio(path).samples, SOUND)
        path.write_bytes(path.read_bytes()[:6000])
        with pytest.raises(DataError, match=r"sound\.flac is damaged: "):
            read_audio(path)

    @pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
    def test_resampling_is_said_and_does_not_depend_on_blocks(self, file, rate, monkeypatch):
        seconds = np.arange(3 * rate) / rate
        tone = np.rint(9000 * np.sin(2 * np.pi * 440 * seconds)).astype(np.int16)
        path = file(wav(tone, rate=rate))
        audio = read_audio(path)
        assert audio.notes == (f"resampled from {rate} to 16000 Hz",)
        assert audio.samples.size == 48000
        expected = 9000 * np.sin(2 * np.pi * 440 * np.arange(48000) / 16000)
        np.testing.assert_allclose(audio.samples[800:-800], expected[800:-800], atol=3)
        monkeypatch.setattr("fxpsim.audio._BLOCK", 777)
        np.testing.assert_array_equal(read_audio(path).samples, audio.samples)

    def test_resampling_needs_soxr(self, file, monkeypatch):
        monkeypatch.setitem(sys.modules, "soxr", None)
        with pytest.raises(DataError, match=r"needs soxr: pip install 'fxpsim\[audio\]'"):
            read_audio(file(wav(SOUND, rate=44100)))


def test_long_files_are_not_read_at_once(reader, file):
    with pytest.raises(DataError, match=r"must last at most 0\.25 s"):
        read_audio(file(wav(SOUND)), most_seconds=0.25)
    with open_audio(file(wav(SOUND))) as held:
        assert sum(block.size for block in held.blocks()) == SOUND.size
