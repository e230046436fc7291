"""What makes few recordings many: changes to the sound (numpy) and to the features (torch)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxpsim.kws.signals import CLIP_SAMPLES, SAMPLE_RATE, rms

__all__ = ["FeatureAugmentation", "SoundAugmentation"]

Sounds = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SoundAugmentation:
    """Random changes of sounds, float32 [clips, 16000] in units of full scale.

    Attributes
    ----------
    speed
        Largest change of the natural logarithm of the playback rate (tempo and pitch together).
    shift
        Largest shift in time, seconds.
    gain_db
        Largest change of level, dB.
    snr_db
        Range of the signal-to-noise ratio, dB.
    noisy
        Share of clips that get noise.
    babble_db
        Range of the level of a second voice under the first, dB.
    babbling
        Share of clips that get a second voice.
    """

    speed: float = 0.2
    shift: float = 0.13
    gain_db: float = 8.0
    snr_db: tuple[float, float] = (0.0, 25.0)
    noisy: float = 0.7
    babble_db: tuple[float, float] = (6.0, 20.0)
    babbling: float = 0.2

    def __call__(self, sounds: Sounds, noises: Sounds, rng: np.random.Generator) -> Sounds:
        """Return changed copies of ``sounds``; ``noises`` [recordings, 16000] are mixed in."""
        out = np.stack([self._one(sound, noises, rng) for sound in sounds])
        others = rng.permutation(len(out))
        gains = 10 ** (-rng.uniform(*self.babble_db, size=len(out)) / 20)
        gains *= rng.random(len(out)) < self.babbling
        mixed: Sounds = out + gains[:, None].astype(np.float32) * out[others]
        return mixed

    def _one(self, sound: Sounds, noises: Sounds, rng: np.random.Generator) -> Sounds:
        rate = np.exp(rng.uniform(-self.speed, self.speed))
        start = rng.uniform(-self.shift, self.shift) * SAMPLE_RATE
        middle = CLIP_SAMPLES / 2
        samples = np.arange(CLIP_SAMPLES)
        times = (samples - middle) * rate + middle + start
        moved = np.interp(times, samples, sound, left=0.0, right=0.0)
        moved *= 10 ** (rng.uniform(-self.gain_db, self.gain_db) / 20)
        if rng.random() < self.noisy:
            noise = np.roll(noises[rng.integers(len(noises))], rng.integers(CLIP_SAMPLES))
            level = max(rms(moved), 1e-4) * 10 ** (-rng.uniform(*self.snr_db) / 20)
            moved += noise * (level / max(rms(noise), 1e-5))
        changed: Sounds = moved.astype(np.float32)
        return changed


@dataclass(frozen=True, slots=True)
class FeatureAugmentation:
    """Random changes of log-mel windows, [clips, rows, bands] in log2 units; new at every step.

    Attributes
    ----------
    stretch, warp
        Largest change of the natural logarithm of the time and of the band scale; the second
        imitates vocal tracts of other lengths (N. Jaitly, G. Hinton, ICML 2013 workshop).
    shift
        Largest shift, rows.
    equaliser
        Standard deviation of a spectral tilt, log2 units at the outer bands.
    mask_rows, mask_bands
        Longest masked run (D. S. Park et al., SpecAugment, arXiv:1904.08779).
    mix
        Largest share of another clip, with labels mixed alike
        (H. Zhang et al., mixup, arXiv:1710.09412).
    """

    stretch: float = 0.1
    warp: float = 0.05
    shift: float = 0.7
    equaliser: float = 0.5
    mask_rows: float = 0.0
    mask_bands: float = 0.0
    mix: float = 0.3

    def __call__(
        self, windows: Tensor, targets: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return changed windows and their class targets [clips, classes]."""
        clips, rows, bands = windows.shape

        def uniform(scale: float) -> Tensor:
            return (torch.rand(clips, 1, generator=generator) * 2 - 1) * scale

        row, band = torch.arange(rows)[None].float(), torch.arange(bands)[None].float()
        if self.stretch or self.shift:
            at = (row - rows / 2) * uniform(self.stretch).exp() + rows / 2 + uniform(self.shift)
            windows = _sample(windows, at)
        if self.warp:
            at = band * uniform(self.warp).exp()
            windows = _sample(windows.transpose(1, 2), at).transpose(1, 2)
        if self.equaliser:
            across = band / (bands - 1) * 2 - 1
            tilt = torch.randn(clips, 1, generator=generator) * across
            bow = torch.randn(clips, 1, generator=generator) * 0.5 * torch.cos(torch.pi * across)
            windows = windows + self.equaliser * (tilt + bow)[:, None]
        if self.mask_rows or self.mask_bands:
            hidden = _run(row, self.mask_rows, generator, clips)[:, :, None]
            hidden = hidden | _run(band, self.mask_bands, generator, clips)[:, None]
            windows = torch.where(hidden, windows.mean((1, 2), keepdim=True), windows)
        if self.mix:
            share = torch.rand(clips, 1, generator=generator) * self.mix
            windows = windows + share[:, :, None] * (windows.roll(1, 0) - windows)
            targets = targets + share * (targets.roll(1, 0) - targets)
        return windows, targets


def _sample(windows: Tensor, at: Tensor) -> Tensor:
    """Rows of ``windows`` at fractional positions [clips, rows], linearly interpolated."""
    at = at.clamp(0, windows.shape[1] - 1)
    below = at.floor().clamp(max=windows.shape[1] - 2)
    fraction = (at - below)[:, :, None]
    index = below.long()[:, :, None].expand_as(windows)
    return torch.lerp(windows.gather(1, index), windows.gather(1, index + 1), fraction)


def _run(positions: Tensor, longest: float, generator: torch.Generator, clips: int) -> Tensor:
    length = torch.rand(clips, 1, generator=generator) * longest
    start = torch.rand(clips, 1, generator=generator) * (positions.shape[1] - length)
    return (positions >= start) & (positions < start + length)
