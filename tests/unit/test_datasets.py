"""Reading evaluation sets: every accepted form, every refusal, speakers kept apart."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from fxpsim.errors import ConfigError, DataError
from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.kws.float_network import FloatNetwork
from fxpsim.kws.labels import LABELS, label_of_word
from fxpsim.kws.recordings import recordings
from fxpsim.kws.speakers import split_of

SPEAKERS = [f"{i:08x}" for i in range(40)]
TEST_SPEAKER = next(s for s in SPEAKERS if split_of(s) == "test")
TRAIN_SPEAKER = next(s for s in SPEAKERS if split_of(s) == "train")


def sound(samples: int = 16000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9000, 9000, samples).astype(np.int16)


def write_wav(path: Path, audio: np.ndarray, rate: int = 16000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(audio.dtype.itemsize)
        file.setframerate(rate)
        file.writeframes(audio.tobytes())


def planes(clips: list[np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of the reader: zig-zag coded first differences as two byte planes."""
    flat = np.concatenate(clips)
    step = np.diff(flat, prepend=np.int16(0)).astype(np.int16)
    zigzag = ((step.astype(np.int32) << 1) ^ (step.astype(np.int32) >> 31)).astype(np.uint16)
    return {
        "lo": (zigzag & 255).astype(np.uint8),
        "hi": (zigzag >> 8).astype(np.uint8),
        "offset": np.cumsum([0, *map(len, clips)]),
    }


def write_audio_npz(path: Path, **changes: np.ndarray) -> None:
    arrays = {
        **planes([sound(16000, 1), sound(9000, 2), sound(20000, 3)]),
        "label": np.array(["yes", "_unknown_", "go"]),
        "speaker": np.array([TEST_SPEAKER, TEST_SPEAKER, TRAIN_SPEAKER]),
        "clip_name": np.array(["a", "b", "c"]),
    }
    arrays.update(changes)
    np.savez(path, **arrays)


def test_labels_are_the_twelve_classes_in_order() -> None:
    assert len(LABELS) == 12
    assert LABELS[0] == "yes"
    assert LABELS[-2:] == ("_silence_", "_unknown_")
    assert label_of_word("stop") == 8
    assert LABELS[label_of_word("marvin")] == "_unknown_"


def test_split_rule_is_frozen() -> None:
    """These ids must never change sides: trained weights depend on it."""
    assert split_of("00000000") == split_of("_silence_/1024.wav") == "train"
    assert split_of("00000002") == "validation"
    assert split_of("0000000c") == "test"


def test_split_shares() -> None:
    sides = [split_of(f"{i:08x}") for i in range(4000)]
    assert abs(sides.count("train") / 4000 - 0.70) < 0.03
    assert abs(sides.count("test") / 4000 - 0.15) < 0.02


def test_audio_npz_round_trip(tmp_path: Path) -> None:
    write_audio_npz(tmp_path / "speech.npz")
    clips = recordings(tmp_path / "speech.npz")
    assert [clip.word for clip in clips] == ["yes", "_unknown_", "go"]
    np.testing.assert_array_equal(clips[1].samples(), sound(9000, 2))
    np.testing.assert_array_equal(clips[1].second()[9000:], 0)
    np.testing.assert_array_equal(clips[2].second(), sound(20000, 3)[:16000])


def test_only_test_speakers_are_scored(tmp_path: Path) -> None:
    path = tmp_path / "speech.npz"
    write_audio_npz(path)
    scored = EvaluationSet.read(path)
    assert scored.labels.tolist() == [0, 11]
    assert set(scored.groups) == {TEST_SPEAKER}
    assert "1 clips were left out" in scored.description
    assert len(EvaluationSet.read(path, split="all")) == 3
    np.testing.assert_array_equal(scored.features[0], LogMel().codes(sound(16000, 1)))


def test_folder_tree(tmp_path: Path) -> None:
    for i, word in enumerate(("yes", "marvin", "_unknown_", "_silence_")):
        write_wav(tmp_path / word / f"{TEST_SPEAKER}_nohash_{i}.wav", sound(12000, i))
    write_wav(tmp_path / "_background_noise_" / "hum.wav", sound(3 * 16000 + 7))
    scored = EvaluationSet.read(tmp_path, split="all")
    words = [LABELS[i] for i in scored.labels]
    assert sorted(words) == ["_silence_"] * 4 + ["_unknown_"] * 2 + ["yes"]
    assert sum(scored.groups == TEST_SPEAKER) == 4


def test_testing_list_chooses(tmp_path: Path) -> None:
    for i in range(3):
        write_wav(tmp_path / "no" / f"{TEST_SPEAKER}_nohash_{i}.wav", sound(16000, i))
    (tmp_path / "testing_list.txt").write_text(f"no/{TEST_SPEAKER}_nohash_1.wav\n")
    scored = EvaluationSet.read(tmp_path)
    np.testing.assert_array_equal(scored.features, LogMel().codes(sound(16000, 1))[None])


def test_folder_of_npz_files_skips_those_without_audio(tmp_path: Path) -> None:
    write_audio_npz(tmp_path / "speech.npz")
    np.savez(tmp_path / "features.npz", mfcc=np.zeros((3, 4)))
    assert len(EvaluationSet.read(tmp_path, split="all")) == 3


def test_saved_features_come_back_bit_for_bit(tmp_path: Path) -> None:
    write_audio_npz(tmp_path / "speech.npz")
    made = EvaluationSet.read(tmp_path / "speech.npz", front_end=LogMel(bands=12), split="all")
    made.save(tmp_path / "one.npz")
    made.save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    back = EvaluationSet.read(tmp_path / "one.npz")
    np.testing.assert_array_equal(back.features, made.features)
    np.testing.assert_array_equal(back.groups, made.groups)
    assert (back.front_end, back.description) == (made.front_end, made.description)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"hi": np.zeros(5, np.uint8)}, "one length"),
        ({"lo": np.zeros(45000)}, "uint8"),
        ({"offset": np.array([0, 5, 3, 45000])}, "offset must rise"),
        ({"offset": np.array([0.0, np.nan, 3, 45000])}, "offset must rise"),
        ({"label": np.array(["yes", "no"])}, "label must be 3 strings"),
        ({"label": np.array([1, 2, 3])}, "label must be 3 strings"),
        ({"sample_rate": np.int32(8000)}, "16000 Hz"),
        ({"label": np.array(["yes", "no", None])}, "must be plain numbers"),
    ],
)
def test_damaged_audio_npz(tmp_path: Path, changes: dict, says: str) -> None:
    write_audio_npz(tmp_path / "bad.npz", **changes)
    with pytest.raises(DataError, match=says) as told:
        EvaluationSet.read(tmp_path / "bad.npz", split="all")
    assert "bad.npz" in str(told.value)


def test_missing_keys_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    with pytest.raises(DataError, match=r"lo, hi, offset.*it has weights"):
        EvaluationSet.read(tmp_path / "other.npz")


def test_truncated_npz(tmp_path: Path) -> None:
    write_audio_npz(tmp_path / "whole.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:4000])
    with pytest.raises(DataError, match=r"cut\.npz: not a whole zip archive"):
        EvaluationSet.read(tmp_path / "cut.npz")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing is at"):
        EvaluationSet.read(tmp_path / "absent")
    with pytest.raises(DataError, match="has neither"):
        EvaluationSet.read(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match="is neither"):
        EvaluationSet.read(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("audio", "rate", "channels", "says"),
    [
        (sound(), 8000, 1, "at 8000 Hz"),
        (sound(), 16000, 2, "2 channel"),
        (sound().astype(np.uint8), 16000, 1, "not 8-bit"),
    ],
)
def test_other_wav_files(
    tmp_path: Path, audio: np.ndarray, rate: int, channels: int, says: str
) -> None:
    write_wav(tmp_path / "yes" / "one.wav", audio, rate, channels)
    with pytest.raises(DataError, match=says):
        EvaluationSet.read(tmp_path, split="all")


def test_broken_wav_file(tmp_path: Path) -> None:
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "one.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"one\.wav cannot be read"):
        EvaluationSet.read(tmp_path, split="all")


def test_no_speaker_of_the_split(tmp_path: Path) -> None:
    write_wav(tmp_path / "yes" / f"{TRAIN_SPEAKER}_nohash_0.wav", sound())
    with pytest.raises(DataError, match=r"test split.*split='all'"):
        EvaluationSet.read(tmp_path)


def test_unknown_split() -> None:
    with pytest.raises(ConfigError, match="did you mean 'test'"):
        EvaluationSet.read("anywhere", split="tests")  # type: ignore[arg-type]


def test_wrong_features(tmp_path: Path) -> None:
    good = EvaluationSet.shipped()
    good.save(tmp_path / "features.npz")
    with np.load(tmp_path / "features.npz") as file:
        arrays = dict(file)
    wrong = {
        "features": np.full((720, 4, 4), np.nan, np.float32),
        "labels": np.full(720, 12),
        "groups": np.array(["one"]),
    }
    np.savez(tmp_path / "features.npz", **{**arrays, **wrong})
    with pytest.raises(DataError) as told:
        EvaluationSet.read(tmp_path / "features.npz")
    for part in ("int8", "labels must be 0 to 11, not 12 to 12", "groups"):
        assert part in str(told.value)
    arrays.pop("title")
    np.savez(tmp_path / "features.npz", **arrays)
    with pytest.raises(DataError, match="title"):
        EvaluationSet.read(tmp_path / "features.npz")


def test_shipped_set_and_network_fit() -> None:
    scored, network = EvaluationSet.shipped(), FloatNetwork.shipped()
    assert len(scored) >= 600
    assert set(scored.labels) == set(range(12))
    assert np.bincount(scored.labels).min() >= 40
    assert len({group.split()[0] for group in scored.groups}) == 4  # three synthesizers and noise
    assert scored.front_end == network.front_end
    assert abs(network.parameters / 250_000 - 1) < 0.02
    accuracy = np.mean(network.logits(scored.features).argmax(1) == scored.labels)
    assert accuracy > 0.5


def test_real_speech_is_recognised(test_data: Path) -> None:
    network = FloatNetwork.shipped()
    scored = EvaluationSet.read(test_data / "gsc12" / "gsc12_dev.npz", front_end=network.front_end)
    assert len(scored) == 555
    assert {split_of(group) for group in scored.groups} == {"test"}
    assert np.mean(network.logits(scored.features).argmax(1) == scored.labels) > 0.80


def small_network(**changes: object) -> FloatNetwork:
    rng = np.random.default_rng(0)
    fields: dict = {
        "name": "small",
        "weights": (
            rng.normal(size=(6, 5)).astype(np.float16).astype(np.float32),
            rng.normal(size=(5, 12)).astype(np.float16).astype(np.float32),
        ),
        "gains": (rng.normal(size=5).astype(np.float32), np.ones(12, np.float32)),
        "biases": (rng.normal(size=5).astype(np.float32), np.zeros(12, np.float32)),
        "activation_maximum": 0.5,
        "front_end": LogMel(bands=3),
    }
    return FloatNetwork(**{**fields, **changes})  # type: ignore[arg-type]


def test_network_computes_what_it_says() -> None:
    network = small_network()
    codes = np.random.default_rng(1).integers(-128, 128, (7, 2, 3)).astype(np.int8)
    hidden = codes.reshape(7, 6) / 8 @ network.weights[0] * network.gains[0] + network.biases[0]
    expected = np.minimum(np.maximum(hidden, 0), 0.5) @ network.weights[1]
    np.testing.assert_allclose(network.logits(codes), expected, rtol=1e-4, atol=1e-4)
    assert network.parameters == 6 * 5 + 5 * 12 + 2 * 17
    assert (network.input_format, network.input_frac) == ("fxp-s8/3", 3)


def test_network_file_round_trip(tmp_path: Path) -> None:
    network = small_network()
    network.save(tmp_path / "small.npz")
    back = FloatNetwork.load(tmp_path / "small.npz")
    codes = np.random.default_rng(1).integers(-128, 128, (7, 6)).astype(np.int8)
    np.testing.assert_array_equal(back.logits(codes), network.logits(codes))
    assert (back.front_end, back.labels) == (network.front_end, LABELS)


def test_wrong_networks() -> None:
    nan = np.full((6, 5), np.nan, np.float32)
    with pytest.raises(DataError, match="NaN"):
        small_network(weights=(nan, small_network().weights[1]))
    with pytest.raises(DataError, match="layer 1 must take the 5 outputs"):
        small_network(weights=(small_network().weights[0], np.zeros((4, 12), np.float32)))
    with pytest.raises(DataError, match="must have 13 outputs, one a label, not 12"):
        small_network(labels=("yes",) * 12 + ("no",))
    with pytest.raises(DataError, match="activation_maximum"):
        small_network(activation_maximum=0.0)
    with pytest.raises(DataError, match="windows of 6 codes"):
        small_network().logits(np.zeros((2, 7), np.int8))


def test_other_file_is_no_network(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(2))
    with pytest.raises(DataError, match="must hold a float network"):
        FloatNetwork.load(tmp_path / "x.npz")
