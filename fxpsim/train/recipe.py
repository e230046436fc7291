"""What a training run is told: TOML files, read into plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

from accel_models.toml import read_toml
from fxpsim.errors import DataError, suggest
from fxpsim.train.augmentation import FeatureAugmentation
from fxpsim.train.choices import NetworkName, QuantizerName, RegisterOverflow, Stage

__all__ = ["Course", "Recipe", "Register", "Weights", "list_recipes", "read_recipe"]

_SHIPPED = files("fxpsim.train") / "recipes"


@dataclass(frozen=True, slots=True)
class Course:
    """One stretch of training: AdamW on a one-cycle learning rate.

    Attributes
    ----------
    steps, batch
        How many, and clips in each.
    learning_rate
        The highest; of quantised networks in units of each tensor's root mean square.
    quantised
        ``"nothing"``, ``"weights"``, or ``"everything"``.
    weight_decay, smoothing, dropout
        Of AdamW; of the labels; of hidden outputs.
    trust
        Weight of the opinion of the float network with which the run began.
    running_from
        Share of the steps after which batch norms use their running moments, as later in use.
    """

    steps: int
    learning_rate: float
    batch: int = 256
    quantised: Stage = Stage.EVERYTHING
    weight_decay: float = 0.0
    smoothing: float = 0.1
    dropout: float = 0.0
    trust: float = 0.0
    running_from: float = 0.8

    def __post_init__(self) -> None:
        wrong = [
            f"{name} must be {least} or more, not {value}"
            for name, value, least in (("steps", self.steps, 1), ("batch", self.batch, 2))
            if value < least
        ]
        if not self.learning_rate > 0:
            wrong.append(f"learning_rate must be more than 0, not {self.learning_rate}")
        if not self.weight_decay >= 0:
            wrong.append(f"weight_decay must be 0 or more, not {self.weight_decay}")
        for name in ("smoothing", "dropout", "trust", "running_from"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                wrong.append(f"{name} must be 0 to 1, not {value}")
        if wrong:
            raise ValueError("; ".join(wrong))


@dataclass(frozen=True, slots=True)
class Weights:
    """How weights are quantised.

    Attributes
    ----------
    quantizer
        ``"squashed"`` (tanh), ``"dorefa"``, ``"learned-step"``, ``"a2q"`` or ``"a2q+"``.
    bits
        Of a weight, 1 to 8.
    pull
        Weight of the absolute-cosine regularisation; squashed weights only.
    """

    quantizer: QuantizerName = QuantizerName.SQUASHED
    bits: int = 8
    pull: float = 0.0

    def __post_init__(self) -> None:
        wrong = []
        if not 1 <= self.bits <= 8:
            wrong.append(f"weight bits must be 1 to 8, not {self.bits}")
        if self.bits == 1 and self.quantizer in (QuantizerName.A2Q, QuantizerName.A2Q_PLUS):
            wrong.append(f"{self.quantizer} needs a weight of 0, hence 2 bits or more, not 1")
        if not self.pull >= 0:
            wrong.append(f"pull must be 0 or more, not {self.pull}")
        elif self.pull and self.quantizer is not QuantizerName.SQUASHED:
            wrong.append(f"pull is for squashed weights, not for {self.quantizer}")
        if wrong:
            raise ValueError("; ".join(wrong))


@dataclass(frozen=True, slots=True)
class Register:
    """The accumulator of every layer.

    Attributes
    ----------
    bits, overflow
        Width, and what happens at its ends at every addition.
    lanes, chunk
        The order in which products meet there: so many interleaved registers, or so many products
        added up exactly before each addition.
    fixed_point
        One format for all weights and one for all transients: the output is a slice of bits of
        the register, and neither gains nor shifts are stored (FXP-QAT).
    frac
        Then: fraction bits of all weights; by default those with which the output is the
        register's highest bits.
    """

    bits: int = 32
    overflow: RegisterOverflow = RegisterOverflow.SATURATE
    lanes: int = 1
    chunk: int = 1
    fixed_point: bool = False
    frac: int | None = None

    def __post_init__(self) -> None:
        wrong = []
        if not 8 <= self.bits <= 32:
            wrong.append(f"register bits must be 8 to 32, not {self.bits}")
        for name in ("lanes", "chunk"):
            if not 1 <= (count := getattr(self, name)) <= 64:
                wrong.append(f"{name} must be 1 to 64, not {count}")
        if self.lanes > 1 and self.chunk > 1:
            wrong.append("a register has lanes or chunks, not both")
        if self.frac is not None and not self.fixed_point:
            wrong.append("frac is for fixed_point = true")
        if self.frac is not None and not 0 <= self.frac <= 24:
            wrong.append(f"frac must be 0 to 24, not {self.frac}")
        if wrong:
            raise ValueError("; ".join(wrong))


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a trained network, besides its data and seed.

    Attributes
    ----------
    title
        What it is, in a sentence.
    network
        ``"kws250k"`` (dense, about 250 000 parameters) or ``"kws_cnn"`` (convolutions).
    start
        The float network's training.
    weights
        None keeps the float network.
    courses
        What follows; none: post-training quantisation.
    register
        Of the quantised network.
    activation_bits, constant_bits
        Of hidden tensors; of gains and biases.
    change
        Random changes of the features.
    """

    title: str
    start: Course
    network: NetworkName = NetworkName.KWS250K
    weights: Weights | None = None
    courses: tuple[Course, ...] = ()
    register: Register = field(default_factory=Register)
    activation_bits: int = 8
    constant_bits: int = 8
    change: FeatureAugmentation = field(default_factory=FeatureAugmentation)

    def __post_init__(self) -> None:
        wrong = []
        for name in ("activation_bits", "constant_bits"):
            if not 2 <= (bits := getattr(self, name)) <= 8:
                wrong.append(f"{name} must be 2 to 8, not {bits}")
        if self.start.quantised is not Stage.NOTHING:
            wrong.append(f"start must have nothing quantised, not {self.start.quantised}")
        if self.weights is None and (self.courses or self.register != Register()):
            wrong.append("courses and register need weights")
        if self.courses and self.courses[-1].quantised is not Stage.EVERYTHING:
            wrong.append(f"the last course must quantise everything, not "
                         f"{self.courses[-1].quantised}")  # fmt: skip
        if self.register.fixed_point and self.weights is not None:
            if self.weights.quantizer is not QuantizerName.SQUASHED or self.weights.bits == 1:
                wrong.append("fixed_point needs squashed weights of 2 bits or more")
            if self.activation_bits != 8:
                wrong.append(f"fixed_point has transients of 8 bits, not {self.activation_bits}")
        if wrong:
            raise ValueError("; ".join(wrong))


def list_recipes() -> list[str]:
    """Return the names of the recipes that the package ships."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in _SHIPPED.iterdir()
        if entry.name.endswith(".toml")
    )


def read_recipe(recipe: str | Path) -> tuple[str, Recipe]:
    """Return name and content of a recipe, shipped (with or without ``.toml``) or a file.

    Raises
    ------
    DataError
        There is none, or it is not a recipe: everything that is wrong with it at once.
    """
    path = Path(recipe)
    name = path.name.removesuffix(".toml")
    if path.is_file():
        return name, read_toml(path, Recipe)
    if (known := list_recipes()) and str(recipe).removesuffix(".toml") in known:
        with as_file(_SHIPPED / f"{name}.toml") as shipped:
            return name, read_toml(shipped, Recipe)
    raise DataError(
        f"no recipe {str(recipe)!r}: it is neither a file nor a shipped name{suggest(name, known)}"
    )
