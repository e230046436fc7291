"""A Hypothesis strategy of layers that a cost model can price."""

from __future__ import annotations

from itertools import product

from hypothesis import strategies as st

import accel_models as am

KERNELS = [(1, 1), (3, 3), (3, 1), (5, 2)]


@st.composite
def accumulators(draw: st.DrawFn) -> am.Accumulator:
    overflow = st.sampled_from(am.Overflow)
    bits = draw(st.integers(8, 32))
    if not draw(st.booleans()):
        return am.Accumulator(bits, draw(overflow))
    outer = draw(st.integers(max(bits, 20), 32))
    every = draw(st.none() | st.integers(1, 64))
    return am.Accumulator(bits, draw(overflow), outer, every, draw(overflow))


def works_for(model: am.CostModel | None = None) -> st.SearchStrategy[am.Work]:
    """Return layers of the kinds, windows and widths that a model takes (None: all of them)."""

    def takes(work: am.Work) -> bool:
        return model is None or bool(model.supports(work))

    def dense(**settings: int) -> am.Work:
        return am.Work.dense(1, 8, 8, **settings)

    def windowed(kind: str, kernel: tuple[int, int], stride: int) -> am.Work:
        image = (8, 8, 8)
        if kind == "depthwise":
            return am.Work.depthwise(image, kernel, stride=stride)
        return am.Work.conv2d(image, kernel, 8, stride=stride)

    weights = [bits for bits in range(1, 17) if takes(dense(weight_bits=bits))]
    activations = [bits for bits in (4, 5, 8, 8, 16) if takes(dense(activation_bits=bits))]
    windows = [
        (kind, kernel, stride)
        for kind, kernel, stride in product(("conv2d", "depthwise"), KERNELS, (1, 2))
        if stride <= min(kernel) and takes(windowed(kind, kernel, stride))  # every pixel is read
    ]
    return _works(weights, activations, windows).filter(takes)


@st.composite
def _works(
    draw: st.DrawFn,
    weights: list[int],
    activations: list[int],
    windows: list[tuple[str, tuple[int, int], int]],
) -> am.Work:
    sizes = st.integers(1, 300)
    settings: dict[str, object] = {
        "weight_bits": draw(st.sampled_from(weights)),
        "activation_bits": draw(st.sampled_from(activations)),
        "accumulator": draw(accumulators()),
        "bias_bits": draw(st.sampled_from([0, 8, 16, 32])),
        "gain_bits": draw(st.sampled_from([0, 40])),
    }
    if not windows or draw(st.booleans()):
        return am.Work.dense(draw(st.integers(1, 9)), draw(sizes), draw(sizes), **settings)
    kind, kernel, stride = draw(st.sampled_from(windows))
    image = draw(st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 80)))
    settings["stride"] = stride
    if kind == "conv2d":
        return am.Work.conv2d(image, kernel, draw(sizes), **settings)
    return am.Work.depthwise(image, kernel, draw(st.integers(1, 3)), **settings)
