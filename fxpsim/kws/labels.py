"""The twelve classes of the reference task, in the order of the network's outputs."""

from __future__ import annotations

__all__ = ["KEYWORDS", "LABELS", "SILENCE", "UNKNOWN", "label_of_word"]

KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
SILENCE = "_silence_"
UNKNOWN = "_unknown_"
LABELS = (*KEYWORDS, SILENCE, UNKNOWN)
"""Task of P. Warden, "Speech Commands", arXiv:1804.03209, section 7.1."""


def label_of_word(word: str) -> int:
    """Class index of a spoken word; every word that is no keyword is ``_unknown_``."""
    return LABELS.index(word if word in LABELS else UNKNOWN)
