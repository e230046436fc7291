"""Train the reference network ``kws250k`` in float on a Speech Commands folder.

``python -m fxpsim.train.kws250k --data FOLDER --out fxpsim/kws/data/`` writes
``kws250k-float.npz``; the same data, programs and processor give the same file.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from fxpsim.errors import DataError, FxpsimError
from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.kws.float_network import FloatNetwork
from fxpsim.kws.labels import LABELS
from fxpsim.kws.recordings import recordings
from fxpsim.train.augmentation import FeatureAugmentation, SoundAugmentation
from fxpsim.train.loop import Schedule, fit, logits_of, soft_targets
from fxpsim.train.material import augmented, coloured_noises, real_words, synthetic_words
from fxpsim.train.networks import ConvolutionalTeacher, DenseNetwork

__all__ = ["NAME", "Recipe", "main", "train"]

NAME = "kws250k"
FILE = "kws250k-float.npz"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that was chosen, on training and validation speakers only.

    Attributes
    ----------
    seed
        Of all that is random.
    hidden, dropout
        The network; 248 856 parameters with the default front end.
    front_end, teacher_front_end
        What the network and its teacher see.
    real_copies, synthetic_copies, real_share
        Augmented copies of each recording and each synthetic word, and how often a real one is
        drawn.
    synthetic_per_class
        Synthetic words of each class; 0 trains without the synthesizers.
    noises
        Coloured noises in the bank, beside the recorded ones.
    smoothing, trust
        Label smoothing, and the weight of the teacher's opinion.
    """

    seed: int = 2
    hidden: tuple[int, ...] = (512, 128, 128)
    dropout: float = 0.08
    front_end: LogMel = field(default_factory=LogMel)
    teacher_front_end: LogMel = field(default_factory=lambda: LogMel(frames_per_row=2, bands=40))
    teacher_channels: int = 24
    real_copies: int = 30
    synthetic_copies: int = 10
    real_share: float = 0.7
    synthetic_per_class: int = 230
    noises: int = 300
    smoothing: float = 0.05
    trust: float = 0.9
    sound: SoundAugmentation = field(default_factory=SoundAugmentation)
    change: FeatureAugmentation = field(default_factory=FeatureAugmentation)
    teacher_change: FeatureAugmentation = field(
        default_factory=lambda: FeatureAugmentation(
            stretch=0.0, warp=0.0, shift=0.0, equaliser=0.7, mask_rows=6.0, mask_bands=10.0
        )
    )
    schedule: Schedule = field(default_factory=lambda: Schedule(8000, 2048, 8e-3))
    teacher_schedule: Schedule = field(default_factory=lambda: Schedule(2000, 256, 3e-3, 0.02))


def train(data: Path, recipe: Recipe, *, report: Callable[[str], None] = print) -> FloatNetwork:
    """Train on the training speakers among the recordings at ``data``.

    Raises
    ------
    DataError
        Where there are no recordings, or a synthesizer is missing.
    """
    clips = [clip for clip in recordings(data) if clip.split == "train"]
    real = real_words(clips)
    if not len(real.silence):
        raise DataError(
            f"training needs _silence_ clips for noise, and {data} has none to train on"
        )
    report(f"{len(real.labels)} clips of {len({clip.speaker for clip in clips})} speakers")
    noises = np.concatenate([real.silence, coloured_noises(recipe.noises, recipe.seed)])
    front_ends = (recipe.front_end, recipe.teacher_front_end)
    parts = [
        augmented(
            real, recipe.real_copies, noises, recipe.sound, front_ends,
            seed=recipe.seed, progress=_progress("copies of recordings"),
        )
    ]  # fmt: skip
    shares = [recipe.real_share]
    if recipe.synthetic_per_class:
        words = synthetic_words(recipe.synthetic_per_class, _progress("synthetic words"))
        parts.append(
            augmented(
                words, recipe.synthetic_copies, noises, recipe.sound, front_ends,
                seed=recipe.seed + 1, progress=_progress("copies of synthetic words"),
            )
        )  # fmt: skip
        shares.append(1 - recipe.real_share)
    codes, teacher_codes = (
        torch.from_numpy(np.concatenate([part.views[i] for part in parts])) for i in range(2)
    )
    labels = torch.from_numpy(np.concatenate([part.labels for part in parts]))
    weights = torch.cat(
        [torch.full((len(part.labels),), share / len(part.labels)) for part, share in
         zip(parts, shares, strict=True)]
    )  # fmt: skip

    scale = 2.0**-recipe.teacher_front_end.output_frac
    mean, deviation = _moments(teacher_codes, scale)
    torch.manual_seed(recipe.seed)
    teacher = ConvolutionalTeacher(recipe.teacher_channels, mean=mean, deviation=deviation)
    teacher = teacher.to(memory_format=torch.channels_last)  # twice as fast on a CPU
    targets = soft_targets(labels, len(LABELS), smoothing=recipe.smoothing, teacher=None, trust=0.0)
    fit(
        teacher, teacher_codes, scale, targets, weights, recipe.teacher_schedule,
        recipe.teacher_change, seed=recipe.seed, progress=_progress("steps of the teacher"),
    )  # fmt: skip
    held_out = EvaluationSet.read(data, front_end=recipe.teacher_front_end, split="validation")
    right = logits_of(teacher, torch.from_numpy(held_out.features), scale).argmax(1).numpy()
    report(f"teacher: {100 * np.mean(right == held_out.labels):.1f} % on validation speakers")
    opinions = logits_of(teacher, teacher_codes, scale)

    scale = 2.0**-recipe.front_end.output_frac
    mean, deviation = _moments(codes, scale)
    network = DenseNetwork(
        codes[0].numel(), recipe.hidden, mean=mean, deviation=deviation, dropout=recipe.dropout
    )
    targets = soft_targets(
        labels, len(LABELS), smoothing=recipe.smoothing, teacher=opinions, trust=recipe.trust
    )
    fit(
        network, codes, scale, targets, weights, recipe.schedule, recipe.change,
        seed=recipe.seed, progress=_progress("steps of the network"),
    )  # fmt: skip
    return network.fold(NAME, recipe.front_end)


def _moments(codes: torch.Tensor, scale: float) -> tuple[float, float]:
    values = codes[:: max(1, len(codes) // 20000)].float() * scale
    return float(values.mean()), float(values.std())


def _progress(what: str) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        print(f"\r{done} of {total} {what}  ", end="\n" if done == total else "", file=sys.stderr)

    return show


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m fxpsim.train.kws250k", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Speech Commands recordings")
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {FILE}")
    parser.add_argument("--seed", type=int, default=Recipe().seed)
    options = parser.parse_args(arguments)
    started = time.monotonic()
    # Bit-for-bit repetition needs one order of summation, hence a fixed number of threads.
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    try:
        network = train(options.data, Recipe(seed=options.seed))
        options.out.mkdir(parents=True, exist_ok=True)
        network.save(options.out / FILE)
        for split in ("validation", "test"):
            scored = EvaluationSet.read(
                options.data,
                front_end=network.front_end,
                split=split,
            )
            right = network.logits(scored.features).argmax(1) == scored.labels
            print(f"{split}: {100 * right.mean():.1f} % of {scored.description}")
    except FxpsimError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(
        f"{options.out / FILE}: {network.parameters} parameters, {time.monotonic() - started:.0f} s"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
