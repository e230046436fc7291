"""Runs of recipes on three words that differ in their loud band: seeds, states, what is learned."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the extra 'train')")

import fxpsim as fx  # noqa: E402
from fxpsim.errors import DataError  # noqa: E402
from fxpsim.kws.float_network import FloatNetwork  # noqa: E402
from fxpsim.train import building  # noqa: E402
from fxpsim.train.augmentation import FeatureAugmentation  # noqa: E402
from fxpsim.train.choices import QuantizerName, RegisterOverflow, Stage  # noqa: E402
from fxpsim.train.conversion import from_float  # noqa: E402
from fxpsim.train.corpora import Corpus  # noqa: E402
from fxpsim.train.recipe import Course, Recipe, Register, Weights  # noqa: E402
from fxpsim.train.runs import check_bits  # noqa: E402
from fxpsim.train.training import Training  # noqa: E402

START = Course(60, 0.02, 32, Stage.NOTHING, dropout=0.1)
EASY = FeatureAugmentation(stretch=0.02, mix=0.1)
COURSES = (Course(3, 0.01, 16, Stage.WEIGHTS), Course(4, 0.01, 16, trust=0.5, dropout=0.1))
RECIPES = {
    **{
        quantizer: Recipe(
            "", START, weights=Weights(quantizer, 4), courses=COURSES, change=EASY,
            register=Register(14),
        )
        for quantizer in QuantizerName
    },
    "fixed point": Recipe(
        "", START, weights=Weights(bits=4, pull=0.1), courses=COURSES[1:], change=EASY,
        register=Register(10, RegisterOverflow.WRAP, fixed_point=True),
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def small():
    """Networks of a few hundred weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "_DENSE", {24: (12, 8)})
        yield


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    rng = np.random.default_rng(0)
    labels = np.arange(180) % 3
    features = rng.integers(-40, 40, (180, 4, 6))
    features[np.arange(180), :, labels * 2] += 50
    speakers = np.array([f"s{i // 15:02}" for i in range(180)])
    splits = np.repeat(["train", "validation", "test"], 60)
    return Corpus(
        "tones", features.astype(np.int8), labels, speakers, splits, ("a", "b", "c"),
        fx.QFormat(8, 5),
    )  # fmt: skip


@pytest.fixture(scope="module")
def pretrained(corpus) -> dict:
    """The float network with which all recipes begin."""
    training = Training(replace(RECIPES["fixed point"], weights=None, courses=(),
                                register=Register()), corpus, 0)  # fmt: skip
    training.run()
    return training.float_state()


def right(network, corpus, split="validation") -> float:
    part = corpus.part(split)
    with torch.no_grad():
        decided = network(torch.from_numpy(part.features).float()).argmax(1).numpy()
    return float((decided == part.labels).mean())


def equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("name", RECIPES)
def test_stopped_at_any_step_a_run_ends_as_if_it_was_not(name, corpus, pretrained):
    def begun(**settings) -> Training:
        return Training(RECIPES[name], corpus, 7, **settings)

    states = []
    whole = begun(pretrained=pretrained)
    whole.run(pause=lambda: states.append(copy.deepcopy(whole.state())))
    again = begun(pretrained=pretrained)
    again.run()
    assert equal(whole.network, again.network)
    assert len(states) == sum(course.steps + 1 for course in RECIPES[name].courses)
    for state in states:
        torch.manual_seed(99)
        resumed = begun()
        resumed.restore(state)
        resumed.run()
        assert equal(resumed.network, whole.network)
    other = Training(RECIPES[name], corpus, 8, pretrained=pretrained)
    other.run()
    assert not equal(other.network, whole.network)
    graph = whole.network.graph("tiny", corpus.classes)
    check_bits(whole.network, graph, corpus.part("test").features)
    if name == QuantizerName.A2Q_PLUS:
        assert fx.guarantee(graph).holds()


def test_training_learns(corpus, pretrained):
    """From rounded, broken weights back to what the float network reached."""
    recipe = replace(
        RECIPES[QuantizerName.SQUASHED], weights=Weights(bits=1),
        courses=(Course(60, 0.02, 60, smoothing=0.0),),
    )  # fmt: skip
    training = Training(recipe, corpus, 0, pretrained=pretrained)
    train = corpus.part("train")

    def loss() -> float:
        training.network.eval()
        with torch.no_grad():
            scores = training.network(torch.from_numpy(train.features).float())
        return torch.nn.functional.cross_entropy(scores, torch.from_numpy(train.labels)).item()

    before = loss()
    training.run()
    assert loss() < 0.7 * before
    floating = building.build_float(recipe, corpus)
    floating.load_state_dict(pretrained)
    floating.eval()
    assert right(floating, corpus) > 0.9
    assert right(training.network, corpus) > 0.85


def test_rounded_to_8_bits_little_changes(corpus, pretrained):
    recipe = replace(RECIPES[QuantizerName.LEARNED_STEP], courses=(), register=Register())
    scores = {}
    for bits in (8, 2):
        training = Training(
            replace(recipe, weights=Weights(QuantizerName.LEARNED_STEP, bits)), corpus, 0,
            pretrained=pretrained,
        )  # fmt: skip
        assert training.done
        training.run()
        with torch.no_grad():
            scores[bits] = training.network(torch.from_numpy(corpus.features).float())
    floating = building.build_float(recipe, corpus)
    floating.load_state_dict(pretrained)
    floating.eval()
    with torch.no_grad():
        wanted = floating(torch.from_numpy(corpus.features).float())
    assert (scores[8] - wanted).abs().max() < 0.5
    assert (scores[8] - wanted).abs().mean() < 0.1 < (scores[2] - wanted).abs().mean()


def test_courses_are_followed(corpus, pretrained):
    courses = (
        Course(4, 0.01, 16, Stage.WEIGHTS, dropout=0.3, weight_decay=2.0),
        Course(5, 0.02, 16, running_from=0.4),
    )
    recipe = replace(RECIPES[QuantizerName.SQUASHED], courses=courses)
    training = Training(recipe, corpus, 0, pretrained=pretrained)
    seen = []

    def note(name: str, done: int, total: int) -> None:
        layer = training.network.layers[0]
        group = training._optimiser.param_groups[0]
        seen.append(
            (name, done, total, layer.stage, training.network.dropout, layer.batch_moments,
             group["weight_decay"])
        )  # fmt: skip

    training.run(note)
    first, second = Stage.WEIGHTS, Stage.EVERYTHING
    assert seen == [
        *(("weights quantised", i, 4, first, 0.3, i <= 4 * 0.8 + 1, 2.0) for i in range(1, 5)),
        *(("everything quantised", i, 5, second, 0.0, i <= 2, 0.0) for i in range(1, 6)),
    ]


def test_weights_that_leave_all_bounds_are_told(corpus):
    start = replace(START, learning_rate=1e38, dropout=0.0)
    training = Training(Recipe("", start), corpus, 0)
    with pytest.raises(DataError, match=r"at step \d+ of 60 .* lower its learning_rate of 1e\+38"):
        training.run()


def test_learning_rates_are_in_units_of_each_tensor(corpus, pretrained):
    """A tensor a thousand times as large learns a thousand times as fast."""
    courses = (Course(5, 0.03, 16),)
    recipe = replace(RECIPES[QuantizerName.SQUASHED], courses=courses)
    training = Training(recipe, corpus, 0, pretrained=pretrained)
    sizes = [
        float(values.detach().square().mean().sqrt()) or 1.0
        for values in training.network.parameters()
    ]
    highest = [group["max_lr"] for group in training._optimiser.param_groups]
    np.testing.assert_allclose(highest, 0.03 * np.array(sizes), rtol=1e-6)


def test_from_float_is_the_float_network():
    network = FloatNetwork.shipped()
    rng = np.random.default_rng(0)
    rows = len(network.weights[0]) // network.front_end.bands
    codes = rng.integers(-128, 128, (50, rows, network.front_end.bands)).astype(np.int8)
    codes[25:] //= 4
    made = from_float(network)
    with torch.no_grad():
        scores = made(torch.from_numpy(codes).float()).numpy()
    calibration = torch.from_numpy(codes[25:])
    narrow = fx.QFormat(7, 5, signed=False)
    for settings in ({}, {"activation": narrow}):
        measured = from_float(network, calibration=calibration, **settings)
        with torch.no_grad():
            again = measured(torch.from_numpy(codes).float()).numpy()
        np.testing.assert_allclose(again, scores, atol=2e-3 if not settings else 0.5)
        first = measured.layers[0]
        sums = first.sums(calibration.float().flatten(1)).detach()
        torch.testing.assert_close(first.mean, sums.mean(0), rtol=1e-3, atol=1e-2)
    # The range of scores here ends where that of their format does.
    fmt = made.scores
    low, high = fmt.lo * fmt.resolution, fmt.hi * fmt.resolution
    wanted = np.clip(network.logits(codes), low, high)
    np.testing.assert_allclose(scores, wanted, atol=2e-3)
    assert np.abs(wanted).max() > 5
