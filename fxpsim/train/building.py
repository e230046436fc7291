"""Networks that recipes ask for."""

from __future__ import annotations

from torch import Tensor

from fxpsim.accumulators import Accumulator, Spill
from fxpsim.formats import QFormat
from fxpsim.ops import TensorSpec
from fxpsim.orders import Chunked, Interleaved, Sequential
from fxpsim.train.choices import NetworkName, QuantizerName, Stage
from fxpsim.train.conversion import fixed_point, normalised, post_training
from fxpsim.train.corpora import Corpus
from fxpsim.train.network import Architecture, KeywordNetwork, float_network
from fxpsim.train.quantizers import A2Q, A2QPlus, DoReFa, LearnedStep, Squashed, WeightQuantizer
from fxpsim.train.recipe import Recipe, Register
from fxpsim.train.windows import Patches

__all__ = ["build_float", "quantise"]

#: Clips on which ranges and moments are measured before training.
CALIBRATION = 2048
#: A wider input leaves less for the layers behind, so that about 250 000 weights remain.
_DENSE = {320: (512, 128, 128), 500: (320, 192, 128)}
_CNN = ((32, Patches((5, 4), (2, 2))), (48, Patches((3, 3))), (64, Patches((3, 3))))


def architecture(recipe: Recipe, source: TensorSpec) -> Architecture:
    """Return the layers for an input."""
    formats = {"activation": _activation(recipe)}
    if recipe.network is NetworkName.KWS_CNN:
        return Architecture.convolutional(*_CNN, **formats)
    return Architecture.dense(*_DENSE.get(source.size, (256, 192, 128)), **formats)


def _activation(recipe: Recipe) -> QFormat:
    return QFormat(recipe.activation_bits, recipe.activation_bits - 2, signed=False)


def build_float(recipe: Recipe, corpus: Corpus) -> KeywordNetwork:
    """Return the untrained float network; draws from torch's generator."""
    source = TensorSpec(corpus.features.shape[1:], corpus.input_format)
    layers = architecture(recipe, source)
    return float_network(layers, source, len(corpus.classes), dropout=recipe.start.dropout)


def quantise(recipe: Recipe, network: KeywordNetwork, features: Tensor) -> KeywordNetwork:
    """Return what the recipe's courses begin with, or end with where there are none.

    Parameters
    ----------
    recipe
        With weights.
    network
        Trained in float.
    features
        Codes of training clips [clips, rows, bands], in random order.
    """
    assert recipe.weights is not None
    weights, bits = recipe.weights, recipe.register.bits
    calibration = features[:CALIBRATION]
    register = _accumulator(recipe.register)
    if recipe.register.fixed_point:
        frac = bits - 8 if recipe.register.frac is None else recipe.register.frac
        made = fixed_point(
            network, weights.bits, register, calibration, frac=frac, pull=weights.pull
        )
    elif not recipe.courses:
        made = post_training(network, weights.bits, calibration)
        for layer in made.layers:
            layer.register = register
    else:
        made = normalised(
            network,
            lambda latent, place, source: _quantizer(recipe, latent, source),
            register=register,
            constant_bits=recipe.constant_bits,
        )
    made.quantize(Stage.EVERYTHING)
    if recipe.courses and not recipe.register.fixed_point:
        made.estimate_moments(calibration)
    return made


def _accumulator(register: Register) -> Accumulator:
    if register.lanes > 1:
        return Accumulator(
            register.bits, register.overflow, order=Interleaved(register.lanes),
            spill=Spill(into=Accumulator(32, register.overflow)),
        )  # fmt: skip
    order = Chunked(register.chunk) if register.chunk > 1 else Sequential()
    return Accumulator(register.bits, register.overflow, order=order)


def _quantizer(recipe: Recipe, latent: Tensor, source: QFormat) -> WeightQuantizer:
    weights = recipe.weights
    assert weights is not None
    match weights.quantizer:
        case QuantizerName.SQUASHED:
            return Squashed(latent, weights.bits, pull=weights.pull)
        case QuantizerName.DOREFA:
            return DoReFa(latent, weights.bits)
        case QuantizerName.LEARNED_STEP:
            return LearnedStep(latent, weights.bits)
    kind = A2Q if weights.quantizer is QuantizerName.A2Q else A2QPlus
    return kind(
        latent,
        weights.bits,
        register_bits=recipe.register.bits,
        input_bits=source.bits,
        input_signed=source.signed,
    )
