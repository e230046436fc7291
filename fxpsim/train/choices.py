"""Names that a recipe may use."""

from enum import StrEnum

__all__ = ["NetworkName", "QuantizerName", "RegisterOverflow", "Stage"]


class Stage(StrEnum):
    """How much of a network is quantised."""

    NOTHING = "nothing"
    WEIGHTS = "weights"
    EVERYTHING = "everything"


class NetworkName(StrEnum):
    """Architectures."""

    KWS250K = "kws250k"
    KWS_CNN = "kws_cnn"


class QuantizerName(StrEnum):
    """Ways to learn integer weights."""

    SQUASHED = "squashed"
    DOREFA = "dorefa"
    LEARNED_STEP = "learned-step"
    A2Q = "a2q"
    A2Q_PLUS = "a2q+"


class RegisterOverflow(StrEnum):
    """What happens at the ends of a register."""

    SATURATE = "saturate"
    WRAP = "wrap"
