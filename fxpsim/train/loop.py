"""One training loop for the network and its teacher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fxpsim.train.augmentation import FeatureAugmentation

__all__ = ["Schedule", "fit", "logits_of", "soft_targets"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how hard to train: AdamW on a one-cycle learning rate."""

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float = 0.1


def soft_targets(
    labels: Tensor, classes: int, *, smoothing: float, teacher: Tensor | None, trust: float
) -> Tensor:
    """Class targets, float32 [clips, classes]: smoothed labels, mixed with a teacher's opinion.

    G. Hinton et al., "Distilling the Knowledge in a Neural Network", arXiv:1503.02531, at
    temperature 1.
    """
    hard = functional.one_hot(labels, classes).float()
    targets = hard * (1 - smoothing) + smoothing / classes
    if teacher is None:
        return targets
    return (1 - trust) * targets + trust * functional.softmax(teacher, dim=1)


def fit(
    network: nn.Module,
    codes: Tensor,
    scale: float,
    targets: Tensor,
    weights: Tensor,
    schedule: Schedule,
    change: FeatureAugmentation,
    *,
    seed: int,
    progress: Progress | None = None,
) -> None:
    """Train in place.

    Parameters
    ----------
    network
        Module from windows [clips, rows, bands] to logits [clips, classes].
    codes, scale
        int8 [clips, rows, bands] and what one code is worth.
    targets
        float32 [clips, classes].
    weights
        Relative frequency with which each clip is drawn, [clips].
    schedule, change, seed
        Steps, augmentation and the seed of everything random.
    progress
        Called with steps done and their number.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    # float64, because float32 cannot tell the last of many thousand clips apart
    edges = torch.cumsum(weights.double(), 0)
    optimiser = torch.optim.AdamW(
        network.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.learning_rate, total_steps=schedule.steps, pct_start=0.1
    )
    network.train()
    for step in range(schedule.steps):
        draw = torch.rand(schedule.batch, dtype=torch.float64, generator=generator) * edges[-1]
        chosen = torch.searchsorted(edges, draw, right=True).clamp(max=len(edges) - 1)
        windows, wanted = change(codes[chosen].float() * scale, targets[chosen], generator)
        loss = functional.cross_entropy(network(windows), wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        rate.step()
        if progress and ((step + 1) % 50 == 0 or step + 1 == schedule.steps):
            progress(step + 1, schedule.steps)
    network.eval()


def logits_of(network: nn.Module, codes: Tensor, scale: float) -> Tensor:
    """Logits [clips, classes] of unchanged windows."""
    network.eval()
    with torch.no_grad():
        return torch.cat([network(part.float() * scale) for part in codes.split(1024)])
