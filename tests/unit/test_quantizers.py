"""Weight quantizers: the formulas of the papers, and norms that no gradient step can break."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the extra 'train')")

import fxpsim as fx  # noqa: E402
from fxpsim import spec  # noqa: E402
from fxpsim.train.quantizers import A2Q, A2QPlus, DoReFa, LearnedStep, Squashed  # noqa: E402
from fxpsim.train.quantizers.accumulator_aware import norm_limit, project  # noqa: E402
from fxpsim.train.quantizers.linear import least_error_step  # noqa: E402

INPUT = fx.QFormat(8, 0)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def aware(kind, weights, bits=8, register=12, fmt=INPUT):
    return kind(weights, bits, register_bits=register, input_bits=fmt.bits, input_signed=fmt.signed)


def step_error(weights: np.ndarray, step: float, largest: int) -> float:
    codes = np.clip(np.round(weights / step), -largest, largest)
    return float(((codes * step - weights) ** 2).sum())


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("kind", [Squashed, DoReFa, LearnedStep, A2Q, A2QPlus])
def test_codes_mean_what_is_multiplied(kind, bits):
    if issubclass(kind, A2Q):
        bits = max(bits, 2)  # there is no weight of 0 with 1 bit
        quantizer = aware(kind, normal(30, 4), bits, register=14)
    else:
        quantizer = kind(normal(30, 4), bits)
    multiplicands = quantizer().detach().numpy()
    values = fx.dequantize(quantizer.codes().numpy(), quantizer.format)
    np.testing.assert_array_equal(values * 2.0**quantizer.frac, multiplicands)
    assert quantizer.format.bits == bits
    assert 0 < np.abs(multiplicands).max() <= quantizer.largest
    quantizer().sum().backward()
    assert quantizer.latent.grad.abs().sum() > 0


@pytest.mark.parametrize("bits", range(2, 9))
def test_squashed_weights_are_tanh_in_steps_and_nearly_uniform(bits):
    quantizer = Squashed(normal(4000, 2), bits)
    largest = 2 ** (bits - 1) - 1
    with torch.no_grad():
        quantizer.latent.copy_(0.9 * normal(4000, 2, seed=1))
    latent = quantizer.latent.detach().numpy().astype(float)
    codes = quantizer.codes().numpy()
    scaled = np.tanh(latent) * largest
    sure = np.abs(scaled - np.floor(scaled) - 0.5) > 1e-4
    np.testing.assert_array_equal(codes[sure], np.floor(scaled + 0.5)[sure])
    shares = np.histogram(np.tanh(latent), 8, (-1, 1))[0] / latent.size
    assert 0.09 < shares.min() <= shares.max() < 0.16
    # An infinite latent is as large as a weight gets: codes are symmetric.
    with torch.no_grad():
        quantizer.latent.copy_(torch.sign(quantizer.latent) * 50)
    assert set(quantizer.codes().unique().tolist()) == {-largest, largest}


def test_squashed_begins_with_the_trained_weights():
    weights = normal(200, 3) * torch.tensor([0.01, 1.0, 30.0])
    quantizer = Squashed(weights, 6)
    step = least_error_step(weights, 31)
    wanted = (weights / step).clamp(-0.97 * 31, 0.97 * 31)
    torch.testing.assert_close(quantizer.real(), wanted, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("bits", range(1, 9))
def test_dorefa_levels(bits):
    """Equation 9 of arXiv:1606.06160 over its step; with 1 bit the sign."""
    quantizer = DoReFa(normal(300, 5), bits)
    n = 2**bits - 1
    t = np.tanh(quantizer.latent.detach().numpy().astype(float))
    levels = quantizer().detach().numpy()
    assert set((levels % 2).ravel()) == {1.0}
    assert np.abs(levels).max() == n
    if bits == 1:
        wanted, sure = np.where(t < 0, -1, 1), np.full(t.shape, True)
    else:
        scaled = n * (t / (2 * np.abs(t).max()) + 0.5)
        wanted = 2 * np.round(scaled) - n
        sure = np.abs(scaled - np.floor(scaled) - 0.5) > 1e-4
    np.testing.assert_array_equal(levels[sure], wanted[sure])
    assert sorted(set(quantizer.format.codebook)) == list(range(-n, n + 1, 2))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_learned_steps_begin_at_the_least_error(bits):
    weights = normal(150, 3) * torch.tensor([0.1, 1.0, 7.0])
    largest = 2 ** (bits - 1) - 1
    steps = LearnedStep(weights, bits).step.detach().numpy()[0]
    for channel, step in zip(weights.numpy().T.astype(float), steps, strict=True):
        tried = np.linspace(0.002, 1.2, 4000) * np.abs(channel).max() / largest
        best = min(step_error(channel, one, largest) for one in tried)
        assert step_error(channel, float(step), largest) <= 1.05 * best


def test_gradient_of_a_learned_step():
    """arXiv:1902.08153, section 2.2: scaled by 1 / sqrt(weights * largest code)."""
    weights = normal(40, 2)
    quantizer = LearnedStep(weights, 3)
    quantizer().sum().backward()
    step, w = quantizer.step.detach().numpy()[0].astype(float), weights.numpy().astype(float)
    inside = np.abs(w / step) < 3
    assert 0 < inside.sum() < inside.size
    wanted = np.where(inside, -w / step**2, 0).sum(0) / math.sqrt(40 * 3)
    np.testing.assert_allclose(quantizer.step.grad.numpy()[0], wanted, rtol=1e-4)
    np.testing.assert_allclose(quantizer.latent.grad.numpy(), inside / step, rtol=1e-5)


@pytest.mark.parametrize(
    ("register", "limits"),
    [
        (24, (65535, 32767, 65792, 524287, 1118480)),
        (16, (255, 127, 256, 2047, 4368)),
        (14, (63, 31, 64, 511, 1092)),
        (12, (15, 7, 16, 127, 272)),
    ],
)
def test_norm_limits(register, limits):
    """(2**(P-1) - 1) * 2**(signed - N), and (2**P - 2) / (2**N - 1), rounded down."""
    found = (
        norm_limit(register, 8, signed=True, centred=False),
        norm_limit(register, 8, signed=False, centred=False),
        norm_limit(register, 8, signed=False, centred=True),
        norm_limit(register, 4, signed=False, centred=False),
        norm_limit(register, 4, signed=False, centred=True),
    )
    assert found == limits


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("register", range(8, 17))
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_limits_are_safe_and_tight(register, bits, signed):
    """The worst inputs for all weights of one sign, and for halves of both signs."""
    fmt = fx.QFormat(bits, 0, signed=signed)
    worst, low, high = max(-fmt.lo, fmt.hi), -(1 << (register - 1)), (1 << (register - 1)) - 1
    one_sign = norm_limit(register, bits, signed=signed, centred=False)
    assert one_sign * worst <= high
    # Unsigned inputs: the paper bounds 2**N - 1 by 2**N.
    assert (one_sign + 1) * (1 << (bits - signed)) > high
    half = norm_limit(register, bits, signed=signed, centred=True) // 2
    assert fmt.hi * half - fmt.lo * half <= high
    assert fmt.lo * half - fmt.hi * half >= low
    assert (fmt.hi - fmt.lo) * (half + 1) > high


@pytest.mark.parametrize("radius", [0.5, 3.0, 40.0, 1e4])
def test_projection_is_the_nearest_point(radius):
    weights = normal(50, 6) * torch.tensor([0.0, 1e-3, 0.1, 1.0, 5.0, 100.0])
    found = project(weights, torch.full((6,), radius)).numpy().astype(float)
    for column, got in zip(weights.numpy().T.astype(float), found.T, strict=True):
        low, high = 0.0, np.abs(column).max()
        for _ in range(100):  # the threshold, by bisection
            middle = (low + high) / 2
            over = np.maximum(np.abs(column) - middle, 0).sum() > radius
            low, high = (middle, high) if over else (low, middle)
        inside = np.abs(column).sum() <= radius
        wanted = column if inside else np.sign(column) * np.maximum(np.abs(column) - high, 0)
        np.testing.assert_allclose(got, wanted, atol=1e-5 * max(1, np.abs(column).max()))
        assert np.abs(got).sum() <= radius * (1 + 1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("register", "bits"), [(8, 8), (11, 4), (12, 8), (14, 3), (16, 8)])
@pytest.mark.parametrize("fmt", [INPUT, fx.QFormat(8, 0, signed=False), fx.QFormat(3, 0)])
@pytest.mark.parametrize("kind", [A2Q, A2QPlus])
def test_no_gradient_step_leaves_the_limit(kind, fmt, register, bits, seed):
    weights = normal(60, 5, seed=seed) * torch.tensor([1e-6, 0.1, 1.0, 1e3, 1e9])
    quantizer = aware(kind, weights, bits, register, fmt)
    assert quantizer.limit == norm_limit(
        register, fmt.bits, signed=fmt.signed, centred=kind is A2QPlus
    )
    optimiser = torch.optim.Adam(quantizer.parameters(), lr=0.7)
    wanted = normal(60, 5, seed=seed + 9) * 100
    for _ in range(8):
        codes = quantizer.codes()
        assert codes.abs().max() <= 2 ** (bits - 1) - 1
        assert codes.abs().sum(0).max() <= quantizer.limit
        if kind is A2QPlus:
            for half in (codes.clamp(min=0), (-codes).clamp(min=0)):
                assert 2 * half.sum(0).max() <= quantizer.limit
        proof = fx.guarantee_layer(codes.numpy(), fmt)
        assert proof.minimum() <= register
        optimiser.zero_grad()
        (((quantizer() - wanted) ** 2).mean() + quantizer.penalty()).backward()
        optimiser.step()


def test_a_norm_above_the_limit_is_pulled_back():
    quantizer = aware(A2Q, normal(20, 2))
    assert quantizer.penalty().item() == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        quantizer.log_norm.copy_(torch.tensor([5.0, 3.0]))  # 32 and 8; the limit is 15
    quantizer.penalty().backward()
    assert quantizer.penalty().item() == pytest.approx(1e-3 * (32 - 15), rel=1e-4)
    assert quantizer.log_norm.grad[0] > 0
    assert quantizer.log_norm.grad[1] == 0


@pytest.mark.parametrize("kind", [A2Q, A2QPlus])
def test_one_bit_less_is_refuted(kind):
    """Four weights lose less than half of their norm to rounding, so the limit is needed."""
    register = 12
    quantizer = aware(kind, torch.tensor([[90.0], [-80.0], [70.0], [-75.0]]), 8, register)
    codes = quantizer.codes().numpy()
    assert np.abs(codes).sum() > quantizer.limit - 4
    proof = fx.guarantee_layer(codes, INPUT, accumulator=fx.Accumulator(register))
    assert proof.holds()
    assert proof.minimum() == register
    witness = proof.witness("layer", 0, bits=register - 1)
    rows, columns = [witness.inputs.ravel().tolist()], codes.T.tolist()
    for bits, overflows in ((register - 1, True), (register, False)):
        ((total,),) = spec.matmul(rows, columns, fx.Accumulator(bits))
        assert (total.events > 0) is overflows


@pytest.mark.parametrize("bits", [1, 2, 5])
def test_the_pull_ends_at_levels(bits):
    quantizer = Squashed(normal(7, 3), bits, pull=0.25)
    largest = quantizer.largest

    def penalty(value: float) -> float:
        with torch.no_grad():
            quantizer.latent.fill_(math.atanh(value / largest))
        return quantizer.penalty().item()

    levels = [1 - 1e-6, 1e-6 - 1] if bits == 1 else range(1 - largest, largest)
    between = [0.0] if bits == 1 else [level + 0.5 for level in range(-largest, largest)]
    assert max(penalty(value) for value in levels) < 1e-5
    assert min(penalty(value) for value in between) == pytest.approx(0.25, rel=1e-4)
    assert Squashed(normal(7, 3), bits).penalty().item() == 0
