"""Corpora to train on: every form that is read, every refusal, speakers kept apart."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxpsim.errors import ConfigError, DataError
from fxpsim.formats import QFormat
from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.labels import KEYWORDS, LABELS
from fxpsim.kws.speakers import split_of
from fxpsim.train.corpora import (
    ARABIC_VALIDATION_SPEAKERS,
    Corpus,
    arabic,
    features,
    read_corpus,
    speech_commands,
)

SPEAKERS = {
    split: [name for name in (f"{i:08x}" for i in range(60)) if split_of(name) == split]
    for split in ("train", "validation", "test")
}


def small(**changes) -> Corpus:
    rng = np.random.default_rng(0)
    fields = {
        "name": "small",
        "features": rng.integers(-128, 128, (12, 3, 2)).astype(np.int8),
        "labels": np.arange(12) % 2,
        "groups": np.array([f"s{i // 2}" for i in range(12)]),
        "splits": np.repeat(["train", "validation", "test"], 4),
        "classes": ("yes", "no"),
        "input_format": QFormat(8, 3),
    }
    return Corpus(**(fields | changes))


def test_parts():
    corpus = small()
    part = corpus.part("validation")
    np.testing.assert_array_equal(part.features, corpus.features[4:8])
    assert part.groups.tolist() == ["s2", "s2", "s3", "s3"]
    assert (len(part), len(corpus)) == (4, 12)
    with pytest.raises(ConfigError, match=r"not 'valid'; did you mean 'validation'"):
        corpus.part("valid")


def test_saved_and_read(tmp_path):
    corpus = small()
    corpus.save(tmp_path / "small.npz")
    again = read_corpus(tmp_path / "small.npz")
    for name in ("features", "labels", "groups", "splits"):
        np.testing.assert_array_equal(getattr(again, name), getattr(corpus, name))
    assert (again.name, again.classes, again.input_format) == (
        "small",
        ("yes", "no"),
        QFormat(8, 3),
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"features": np.zeros((12, 6), np.int8)}, r"int8 codes \[clips, rows, bands\], not int8"),
        ({"features": np.full((12, 3, 2), np.nan)}, r"must be int8 codes .* not float64"),
        ({"features": np.zeros((0, 3, 2), np.int8)}, r"of shape \(0, 3, 2\)"),
        ({"input_format": QFormat(8, 3, signed=False)}, r"signed, of at most 8 bits"),
        ({"input_format": QFormat(4, 3)}, r"-8 to 7, not -128 to 127"),
        ({"labels": np.zeros(11, np.int64)}, r"labels must be integers, one a clip.*\(11,\)"),
        ({"labels": np.zeros(12)}, r"labels must be integers"),
        ({"labels": np.arange(12)}, r"labels must be 0 to 1, not 0 to 11"),
        ({"groups": np.arange(12)}, r"groups must be texts"),
        ({"groups": np.array(["a"] * 12)}, r"a speaker must be in one split, but not so 'a'$"),
        ({"splits": np.array(["train"] * 12)}, r"every split .* not so 'validation', 'test'"),
        ({"splits": np.array(["trian"] * 12)}, r"not 'trian'; did you mean 'train'"),
        ({"classes": ("yes", "no", "go")}, r"clips to train on, but not so 'go'"),
        ({"classes": tuple("abcdefgh")}, r"'c', 'd', 'e', 'f' and 2 more"),
    ],
)
def test_what_does_not_fit_is_said(changes, sentence):
    with pytest.raises(DataError, match=sentence):
        small(**changes)


def test_several_mistakes_at_once():
    with pytest.raises(DataError, match=r"'small': labels must be .*; groups must be"):
        small(labels=np.zeros(12), groups=np.arange(12))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"labels": None, "classes": None}, r"small.npz must have .*; it lacks labels, classes"),
        ({"input_format": np.array("s8.3.1")}, r"small.npz: "),
        ({"input_format": np.array(3)}, r"input_format must be one text"),
        ({"classes": np.array([1, 2])}, r"classes must be texts"),
        ({"labels": np.zeros(12)}, r"small.npz: corpus 'small': labels must be integers"),
    ],
)
def test_damaged_features(tmp_path, changes, sentence):
    small().save(tmp_path / "small.npz")
    with np.load(tmp_path / "small.npz") as arrays:
        kept = dict(arrays) | changes
    np.savez(tmp_path / "small.npz", **{k: v for k, v in kept.items() if v is not None})
    with pytest.raises(DataError, match=sentence):
        features(tmp_path / "small.npz")


def arabic_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    speaker = np.repeat([1, 5, 17, 23, 2], 2)
    return {
        "lfbe": rng.integers(0, 256, (10, 49, 40)).astype(np.uint8),
        "word": np.array(["up", "down"] * 5),
        "speaker": speaker.astype(np.int16),
        "split": np.where(speaker == 2, "val", "train"),
    }


def test_arabic(tmp_path):
    arrays = arabic_arrays()
    np.savez(tmp_path / "words.npz", **arrays)
    corpus = read_corpus(tmp_path / "words.npz")
    assert corpus.features.shape == (10, 25, 20)
    train = np.isin(corpus.splits, ["train"])
    mean = round(float(arrays["lfbe"][train][:, ::2, 10].mean()))
    assert corpus.features[3, 4, 5] == (int(arrays["lfbe"][3, 8, 10]) - mean) >> 1
    assert corpus.classes == ("down", "up")
    assert corpus.labels[:2].tolist() == [1, 0]
    assert set(corpus.part("validation").groups) == set(ARABIC_VALIDATION_SPEAKERS)
    assert set(corpus.part("test").groups) == {"2"}
    assert set(corpus.part("train").groups) == {"1"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lfbe": np.zeros((10, 49, 40))}, r"lfbe must be uint8 \[clips, 49, 40\], not float64"),
        ({"word": np.zeros(3)}, r"word must be texts, one a clip"),
        ({"split": np.array(["dev"] * 10)}, r"split must be 'train' or 'val', not 'dev'"),
        ({"speaker": np.zeros(10)}, r"speaker must be numbers or texts, one a clip, not float64"),
        ({"speaker": np.array([5, 2] * 5)}, r"must be in one split, but not so '2', '5'"),
        (
            {"split": np.array(["train"])},
            r"split must be texts, one a clip, not <U5 of shape \(1,\)",
        ),
    ],
)
def test_damaged_arabic(tmp_path, changes, sentence):
    np.savez(tmp_path / "words.npz", **(arabic_arrays() | changes))
    with pytest.raises(DataError, match=sentence):
        arabic(tmp_path / "words.npz")


def test_real_arabic(test_data):
    corpus = arabic(test_data / "arabic_sc" / "asc_lfbe40_dev.npz")
    sizes = {split: len(corpus.part(split)) for split in ("train", "validation", "test")}
    assert sizes == {"train": 6000, "validation": 1200, "test": 2400}
    assert len(corpus.classes) == 40


def wav(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    audio = rng.integers(-9000, 9000, 40000 if "noise" in str(path) else 16000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(audio.tobytes())


@pytest.fixture
def tree(tmp_path) -> Path:
    """A tree with a clip of every keyword and two other words of a speaker for each split."""
    root = tmp_path / "speech"
    for i, names in enumerate(SPEAKERS.values()):
        for word in (*KEYWORDS, "cat", "dog"):
            wav(root / word / f"{names[0]}_nohash_0.wav", i)
    for i in range(30):
        wav(root / "_background_noise_" / f"{i}.wav", i)
    return root


def lists(tree: Path, testing: str, validation: str | None) -> None:
    """Name the clips of a speaker in each of the official lists."""
    clips = [f"{path.parent.name}/{path.name}" for path in tree.glob("*/*_nohash_0.wav")]
    for name, speaker in (("testing", testing), ("validation", validation)):
        if speaker is not None:
            mine = sorted(clip for clip in clips if speaker in clip)
            (tree / f"{name}_list.txt").write_text("\n".join(mine))


def test_a_hash_splits_a_tree_without_lists(tree):
    corpus = speech_commands(tree, most_unknown=9)
    assert corpus.classes == LABELS
    assert corpus.metadata["front_end"]["bands"] == 20
    for split, names in SPEAKERS.items():
        part = corpus.part(split)
        words = part.labels != LABELS.index("_silence_")
        assert set(part.groups[words]) == {names[0]}
        assert words.sum() == 12
    assert (corpus.labels == LABELS.index("_silence_")).sum() == 60
    codes = LogMel().codes(speech_commands_audio(tree / "yes"))
    np.testing.assert_array_equal(corpus.features[corpus.labels == 0], codes)


def speech_commands_audio(folder: Path) -> np.ndarray:
    clips = []
    for path in sorted(folder.iterdir()):
        with wave.open(str(path), "rb") as file:
            clips.append(np.frombuffer(file.readframes(16000), "<i2"))
    return np.stack(clips)


def test_official_lists_decide(tree):
    lists(tree, testing=SPEAKERS["train"][0], validation=SPEAKERS["test"][0])
    corpus = speech_commands(tree)
    words = corpus.labels != LABELS.index("_silence_")
    for split, speaker in (("test", "train"), ("validation", "test"), ("train", "validation")):
        chosen = words & (corpus.splits == split)
        assert set(corpus.groups[chosen]) == {SPEAKERS[speaker][0]}


def test_lists_that_cannot_be(tree):
    lists(tree, testing=SPEAKERS["test"][0], validation=None)
    with pytest.raises(DataError, match=r"testing_list.txt and validation_list.txt, or neither"):
        speech_commands(tree)
    lists(tree, testing=SPEAKERS["test"][0], validation=SPEAKERS["test"][0])
    with pytest.raises(DataError, match=r"must be in one list, but cat/.* is in both"):
        speech_commands(tree)


def test_unknown_words_are_limited(tree):
    counts = [
        np.sum(
            speech_commands(tree, most_unknown=most).part("test").labels
            == LABELS.index("_unknown_")
        )
        for most in (1.0, 1.5, 2.0, 9.0)
    ]
    assert counts == [1, 2, 2, 2]


def test_a_corpus_without_training_clips(tree):
    lists(tree, testing=SPEAKERS["test"][0], validation=SPEAKERS["train"][0])
    for path in tree.glob(f"yes/{SPEAKERS['validation'][0]}*"):
        path.unlink()
    with pytest.raises(DataError, match=r"speech: corpus 'speech': every class .* not so 'yes'"):
        speech_commands(tree)


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="nothing is at"):
        read_corpus(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    with pytest.raises(DataError, match="must have the arrays lo, hi, offset"):
        read_corpus(tmp_path / "other.npz")


def test_copies_are_made_once_and_are_the_same_without_a_cache(tree, tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="training needs PyTorch (the extra 'train')")
    from fxpsim.train import copies

    made = []

    def counting(*arguments, **settings):
        made.append(settings["seed"])
        if len(made) == 2:
            raise KeyboardInterrupt
        return original(*arguments, **settings)

    original = copies.augmented
    monkeypatch.setattr(copies, "augmented", counting)
    monkeypatch.setattr(copies, "_BLOCK", 40)
    cache = tmp_path / "cache"
    plain = speech_commands(tree)
    with pytest.raises(KeyboardInterrupt):
        speech_commands(tree, copies=2, cache=cache)
    kept = len(list(cache.glob("*/*.npy")))
    made[:] = [0, 0]
    told = []
    corpus = speech_commands(tree, copies=2, cache=cache, progress=lambda *t: told.append(t))
    blocks = -(-len(plain.part("train")) // 40)
    assert len(made) - 2 == blocks * 2 - kept
    assert told[-1] == ("augmented copies", blocks * 2, blocks * 2)
    assert len(set(made[2:])) == len(made[2:])
    count, trained = len(plain), plain.splits == "train"
    np.testing.assert_array_equal(corpus.features[:count], plain.features)
    np.testing.assert_array_equal(corpus.labels[count:], np.tile(plain.labels[trained], 2))
    assert set(corpus.splits[count:]) == {"train"}
    before = len(made)
    next(cache.glob("*/*.npy")).write_bytes(b"damaged")
    again = speech_commands(tree, copies=2, cache=cache)
    assert len(made) == before + 1
    other = speech_commands(tree, copies=2)
    for same in (again, other):
        np.testing.assert_array_equal(same.features, corpus.features)
    seeded = speech_commands(tree, copies=2, cache=cache, seed=1)
    assert not np.array_equal(seeded.features, corpus.features)
    narrow = speech_commands(tree, front_end=replace(LogMel(), bands=10), copies=1, cache=cache)
    assert narrow.features.shape[2] == 10
