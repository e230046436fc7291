"""Training: what is learned is what is exported, speakers stay apart, a seed repeats everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the extra 'train')")

from fxpsim.errors import DataError  # noqa: E402
from fxpsim.frontend.logmel import LogMel  # noqa: E402
from fxpsim.kws.labels import LABELS  # noqa: E402
from fxpsim.kws.recordings import Clip  # noqa: E402
from fxpsim.train.augmentation import FeatureAugmentation, SoundAugmentation  # noqa: E402
from fxpsim.train.kws250k import Recipe, main, train  # noqa: E402
from fxpsim.train.loop import Schedule, fit, logits_of, soft_targets  # noqa: E402
from fxpsim.train.material import Words, augmented, coloured_noises, real_words  # noqa: E402
from fxpsim.train.networks import ConvolutionalTeacher, DenseNetwork  # noqa: E402

UNCHANGED = FeatureAugmentation(stretch=0, warp=0, shift=0, equaliser=0, mix=0)
STILL = SoundAugmentation(speed=0, shift=0, gain_db=0, noisy=0, babbling=0)


def tones(clips: int) -> Words:
    """A word is a tone whose height is its label."""
    rng = np.random.default_rng(0)
    labels = np.arange(clips) % 12
    times = np.arange(16000) / 16000
    sounds = np.sin(2 * np.pi * (300 + 400 * labels[:, None]) * times) * 0.2
    return Words((sounds + 0.01 * rng.standard_normal(sounds.shape)).astype(np.float32), labels)


def test_unchanged_sounds_stay_as_they_are() -> None:
    words = tones(3)
    made = STILL(words.sounds, coloured_noises(1, 0), np.random.default_rng(0))
    np.testing.assert_allclose(made, words.sounds, atol=1e-6)


def test_sound_augmentation_mixes_at_the_asked_ratio() -> None:
    words = tones(2)
    change = SoundAugmentation(0, 0, 0, snr_db=(10, 10), noisy=1, babbling=0)
    made = change(words.sounds, coloured_noises(4, 0), np.random.default_rng(0))
    noise = made - words.sounds
    ratio = 20 * np.log10(np.std(words.sounds, axis=1) / np.std(noise, axis=1))
    np.testing.assert_allclose(ratio, 10, atol=0.1)


def test_sound_augmentation_shifts_and_changes_rate() -> None:
    words = tones(1)
    rng = np.random.default_rng(3)
    made = SoundAugmentation(0.2, 0, 0, noisy=0, babbling=0)(words.sounds, words.sounds, rng)
    rate = np.exp(np.random.default_rng(3).uniform(-0.2, 0.2))
    middle = made[0, 4000:12000] * np.hanning(8000)
    assert np.argmax(np.abs(np.fft.rfft(middle))) * 2 == pytest.approx(300 * rate, abs=2)


def test_copies_do_not_depend_on_threads() -> None:
    words = tones(4)
    sets = [
        augmented(words, 3, words.sounds, SoundAugmentation(), (LogMel(),), seed=1, threads=n)
        for n in (1, 3)
    ]
    np.testing.assert_array_equal(sets[0].views[0], sets[1].views[0])
    assert sets[0].labels.tolist() == [0, 1, 2, 3] * 3
    assert not np.array_equal(sets[0].views[0][:4], sets[0].views[0][4:8])


def test_feature_augmentation_off_is_the_identity() -> None:
    windows, targets = torch.randn(5, 6, 7), torch.rand(5, 12)
    made, wanted = UNCHANGED(windows, targets, torch.Generator())
    assert torch.equal(made, windows)
    assert torch.equal(wanted, targets)


def test_mixed_targets_stay_distributions() -> None:
    change = FeatureAugmentation(mix=0.8, mask_rows=3, mask_bands=3)
    targets = torch.eye(12)
    windows, wanted = change(torch.randn(12, 16, 20), targets, torch.Generator().manual_seed(0))
    torch.testing.assert_close(wanted.sum(1), torch.ones(12))
    assert torch.isfinite(windows).all()
    assert not torch.equal(wanted, targets)


def test_a_shift_moves_rows() -> None:
    ramp = torch.arange(16.0)[None, :, None].expand(64, 16, 3)
    change = FeatureAugmentation(stretch=0, warp=0, shift=2, equaliser=0, mix=0)
    made, _ = change(ramp, torch.zeros(64, 12), torch.Generator().manual_seed(0))
    moved = made[:, 8, 0] - 8
    assert moved.abs().max() <= 2
    assert moved.std() > 0.5
    torch.testing.assert_close(made[:, 7, 0] + 1, made[:, 8, 0])


def test_folded_network_is_the_trained_one() -> None:
    torch.manual_seed(0)
    front_end = LogMel()
    network = DenseNetwork(320, (24, 16), mean=-3.0, deviation=4.0, dropout=0.1)
    codes = torch.randint(-128, 128, (256, 16, 20), dtype=torch.int8)
    targets = soft_targets(torch.arange(256) % 12, 12, smoothing=0.1, teacher=None, trust=0.0)
    fit(network, codes, 0.125, targets, torch.ones(256), Schedule(30, 64, 1e-2), UNCHANGED, seed=0)
    folded = network.fold("small", front_end)
    expected = logits_of(network, codes, 0.125).numpy()
    np.testing.assert_allclose(folded.logits(codes.numpy()), expected, atol=0.02)
    assert folded.parameters == 320 * 24 + 24 * 16 + 16 * 12 + 2 * (24 + 16 + 12)
    assert folded.front_end == front_end


def test_targets_blend_labels_and_teacher() -> None:
    teacher = torch.tensor([[0.0, 0.0, 20.0]])
    targets = soft_targets(torch.tensor([1]), 3, smoothing=0.3, teacher=teacher, trust=0.5)
    torch.testing.assert_close(targets, torch.tensor([[0.05, 0.4, 0.55]]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", [DenseNetwork, ConvolutionalTeacher])
def test_training_learns_and_repeats(kind: type) -> None:
    words = tones(48)
    codes = torch.from_numpy(LogMel().codes((words.sounds * 32767).astype(np.int16)))
    labels = torch.from_numpy(words.labels)
    targets = soft_targets(labels, 12, smoothing=0.0, teacher=None, trust=0.0)
    results = []
    for _ in range(2):
        torch.manual_seed(4)
        network = DenseNetwork(320, (32,)) if kind is DenseNetwork else ConvolutionalTeacher(4)
        fit(
            network, codes, 0.125, targets, torch.ones(48), Schedule(60, 48, 1e-2),
            FeatureAugmentation(mix=0.1), seed=5,
        )  # fmt: skip
        results.append(logits_of(network, codes, 0.125))
    assert torch.equal(*results)
    assert (results[0].argmax(1) == labels).float().mean() > 0.9


def test_weights_decide_who_is_drawn() -> None:
    """Clips of weight 0 are never seen: their targets would make the loss infinite."""
    targets = torch.full((4, 12), float("nan"))
    targets[2] = torch.eye(12)[3]
    network = DenseNetwork(320, (8,))
    fit(
        network, torch.ones(4, 16, 20, dtype=torch.int8), 1.0, targets,
        torch.tensor([0.0, 0.0, 1.0, 0.0]), Schedule(3, 8, 1e-3), UNCHANGED, seed=0,
    )  # fmt: skip
    assert all(torch.isfinite(p).all() for p in network.parameters())


def test_default_recipe_has_250k_parameters() -> None:
    recipe = Recipe()
    rows = recipe.front_end.rows(16000)
    network = DenseNetwork(rows * recipe.front_end.bands, recipe.hidden)
    assert abs(network.fold("kws250k", recipe.front_end).parameters / 250_000 - 1) < 0.02


def test_whole_recipe_on_a_few_clips(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = tones(36)
    audio = (words.sounds * 32767).astype(np.int16)
    speakers = ["00000000"] * 24 + ["00000002"] * 12  # train, validation
    clips = [
        Clip(LABELS[label], speaker, f"{i}", lambda i=i: audio[i])  # type: ignore[misc]
        for i, (label, speaker) in enumerate(zip(words.labels, speakers, strict=True))
    ]
    monkeypatch.setattr("fxpsim.train.kws250k.recordings", lambda path: clips)
    monkeypatch.setattr("fxpsim.kws.datasets.recordings", lambda path: clips)
    lines: list[str] = []
    recipe = Recipe(
        hidden=(16,), real_copies=2, synthetic_per_class=0, noises=2, teacher_channels=2,
        schedule=Schedule(5, 16, 1e-2), teacher_schedule=Schedule(3, 8, 1e-2),
    )  # fmt: skip
    network = train(tmp_path, recipe, report=lines.append)
    assert lines[0] == "24 clips of 1 speakers"
    assert network.logits(np.zeros((1, 16, 20), np.int8)).shape == (1, 12)
    again = train(tmp_path, recipe, report=lines.append)
    np.testing.assert_array_equal(network.weights[0], again.weights[0])


def test_no_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "none"), "--out", str(tmp_path)]) == 1
    assert "nothing is at" in capsys.readouterr().err
    with pytest.raises(DataError, match="no clip of a training speaker"):
        real_words([])
