"""The one rule that keeps the speakers of training, validation and test apart."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

__all__ = ["Split", "split_of"]

Split = Literal["train", "validation", "test"]


def split_of(speaker: str) -> Split:
    """Split of a speaker (or, where a clip has none, of the clip's name): 70 / 15 / 15 %.

    A hash, not a list: any recording of the same person, in whatever file, falls on one side.
    """
    percent = int.from_bytes(sha256(speaker.encode()).digest()[:8]) % 100
    if percent < 70:
        return "train"
    return "validation" if percent < 85 else "test"
