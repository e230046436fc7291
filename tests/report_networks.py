"""A tiny set and tiny networks of it, for the tests of the report."""

from __future__ import annotations

import numpy as np

from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.kws.float_network import FloatNetwork
from fxpsim.kws.labels import LABELS
from fxpsim.kws.quantization import quantize_network
from fxpsim.report.networks import Networks

__all__ = ["CLIPS", "FRAMES", "FRONT_END", "make_networks", "make_set"]

FRONT_END = LogMel(bands=4)
FRAMES, CLIPS = 5, 192


def make_set(title: str = "synthetic speech: a <test> of nothing") -> EvaluationSet:
    rng = np.random.default_rng(1)
    labels = np.arange(CLIPS) % len(LABELS)
    # A class is a pattern in noise, so that there is something to get right.
    patterns = np.random.default_rng(2).integers(-100, 100, (len(LABELS), FRAMES, FRONT_END.bands))
    noise = rng.integers(-30, 30, (CLIPS, FRAMES, FRONT_END.bands))
    return EvaluationSet(
        name="patterns",
        title=title,
        features=np.clip(patterns[labels] + noise, -128, 127).astype(np.int8),
        labels=labels.astype(np.int64),
        groups=np.array([f"voice{clip % 17}" for clip in range(CLIPS)]),
        description="patterns in noise",
        source="a test",
        front_end=FRONT_END,
    )


def make_networks(widths: tuple[int, ...] = (3, 8)) -> Networks:
    """Match the patterns: a projection and its transpose."""
    rng = np.random.default_rng(3)
    size, hidden = FRAMES * FRONT_END.bands, 32
    patterns = np.random.default_rng(2).integers(-100, 100, (len(LABELS), size)) / 400
    project = rng.normal(size=(size, hidden)) / 8
    network = FloatNetwork(
        name="tiny",
        weights=(
            project.astype(np.float32),
            (np.maximum(patterns @ project, 0)).T.astype(np.float32),
        ),
        gains=(np.ones(hidden, np.float32), np.ones(len(LABELS), np.float32)),
        biases=(np.zeros(hidden, np.float32), np.zeros(len(LABELS), np.float32)),
        activation_maximum=4.0,
        front_end=FRONT_END,
    )
    features = make_set().features
    graphs = {bits: quantize_network(network, bits, features) for bits in widths}
    return Networks(network, graphs, {"tiny.fxp": "0" * 64})
