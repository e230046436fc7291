"""What a network computes in training are the simulator's integers, at every layer."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="training needs PyTorch (the extra 'train')")

import fxpsim as fx  # noqa: E402
from fxpsim.ops import TensorSpec  # noqa: E402
from fxpsim.train.choices import Stage  # noqa: E402
from fxpsim.train.conversion import fixed_point, normalised, post_training  # noqa: E402
from fxpsim.train.network import Architecture, KeywordNetwork, float_network  # noqa: E402
from fxpsim.train.quantizers import A2Q, A2QPlus, DoReFa, LearnedStep, Squashed  # noqa: E402
from fxpsim.train.runs import check_bits  # noqa: E402
from fxpsim.train.windows import Patches  # noqa: E402

CLASSES = ("a", "b", "c")
ARCHITECTURES = [
    ((3, 5), Architecture.dense(), False),
    ((4, 6), Architecture.dense(7, 4), True),
    ((6, 5), Architecture.convolutional((4, Patches((2, 3), (2, 1)))), True),
    ((7, 7), Architecture.convolutional((3, Patches((3, 2))), (5, Patches((2, 2), (1, 2)))), True),
]
registers = st.builds(
    fx.Accumulator, st.integers(8, 32), overflow=st.sampled_from(["saturate", "wrap"])
)
#: Powers of ten of weights, gains and moments: more than any training makes of them.
sizes = st.sampled_from([-9, -4, -1, 0, 0, 1, 4, 9])


@st.composite
def floats(draw) -> tuple[KeywordNetwork, np.ndarray, np.random.Generator]:
    """A float network whose moments and gains are odd, and inputs for it."""
    shape, architecture, hidden = draw(st.sampled_from(ARCHITECTURES))
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    bits = draw(st.integers(2, 8))
    spec = TensorSpec(shape, fx.QFormat(bits, draw(st.integers(-1, 7))))
    if hidden:
        activation = draw(st.integers(2, 8))
        fmt = fx.QFormat(activation, draw(st.integers(0, activation)), signed=False)
        architecture = Architecture(
            architecture.hidden, fmt, fx.QFormat(8, draw(st.integers(0, 7)))
        )
    network = float_network(architecture, spec, len(CLASSES))
    with torch.no_grad():
        for layer in network.layers:
            layer.quantizer.latent.mul_(10.0 ** draw(sizes))
            typical = 2.0 ** rng.integers(4, 12)
            layer.variance.fill_(typical**2).mul_(10.0 ** (2 * draw(sizes)))
            layer.mean.copy_(torch.randn(layer.channels) * typical)
            layer.scale.copy_(torch.randn(layer.channels) * 10.0 ** draw(sizes))
            layer.shift.copy_(torch.randn(layer.channels) * 10.0 ** draw(st.integers(-3, 2)))
            if draw(st.booleans()):  # a channel that never changed, and one that is switched off
                layer.variance[0] = 0.0
                layer.scale[-1] = 0.0
    codes = rng.integers(spec.format.lo, spec.format.hi + 1, (17, *shape)).astype(np.int8)
    codes[0], codes[1] = spec.format.lo, spec.format.hi
    return network, codes, rng


def check(network: KeywordNetwork, codes: np.ndarray) -> None:
    """Compare in both modes, and what is read back from a file."""
    network.quantize(Stage.EVERYTHING)
    network.eval()
    graph = network.graph("small", CLASSES)
    check_bits(network, graph, codes)
    network.train()
    network.use_batch_moments(False)
    check_bits(network, graph, codes)
    with tempfile.TemporaryDirectory() as folder:
        fx.save(graph, Path(folder) / "small.fxp")
        check_bits(network, fx.load(Path(folder) / "small.fxp"), codes)


@settings(max_examples=40)
@given(floats(), st.data())
def test_gains_and_biases(made, data) -> None:
    network, codes, _ = made
    kind = data.draw(st.sampled_from([Squashed, DoReFa, LearnedStep, A2Q, A2QPlus]))
    bits = data.draw(st.integers(2 if issubclass(kind, A2Q) else 1, 8))
    register = data.draw(registers)

    def quantizer(weights, place, source):
        if issubclass(kind, A2Q):
            return kind(
                weights, bits, register_bits=register.bits, input_bits=source.bits,
                input_signed=source.signed,
            )  # fmt: skip
        return kind(weights, bits)

    constant_bits = data.draw(st.integers(2, 8))
    check(normalised(network, quantizer, register=register, constant_bits=constant_bits), codes)


@settings(max_examples=20)
@given(floats(), st.integers(1, 8))
def test_post_training(made, bits) -> None:
    network, codes, _ = made
    check(post_training(network, bits, torch.from_numpy(codes)), codes)


@settings(max_examples=40)
@given(floats(), st.integers(2, 8), registers, st.integers(0, 24), st.booleans())
def test_fixed_point(made, bits, register, frac, biased) -> None:
    network, codes, _ = made
    quantised = fixed_point(network, bits, register, torch.from_numpy(codes), frac=frac)
    with torch.no_grad():
        for layer in quantised.layers:
            if biased:
                layer.bias.uniform_(-1.5, 1.5)
    check(quantised, codes)
