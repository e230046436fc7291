"""Networks of published measurements and claims, as work."""

from __future__ import annotations

import itertools

import accel_models as am

#: A feed-forward acoustic model of 248,832 products and 784 outputs.
ACOUSTIC = (704, 192, 192, 192, 192, 16)
FLOAT: dict[str, object] = {"arithmetic": "float", "weight_bits": 32, "activation_bits": 32}


def acoustic(**settings: object) -> am.Workload:
    """Return a network of about 250,000 parameters, as streaming keyword spotters have."""
    return am.Workload(
        am.Work.dense(1, inputs, outputs, name=f"fc{i}", **settings)  # type: ignore[arg-type]
        for i, (inputs, outputs) in enumerate(itertools.pairwise(ACOUSTIC))
    )


def ds_cnn() -> am.Workload:
    """Return the keyword spotter of MLPerf Tiny: 2,656,768 products (pooling left out)."""
    gain = {"gain_bits": 40}
    layers = [am.Work.conv2d((49, 10, 1), (10, 4), 64, stride=2, name="conv", **gain)]
    for i in range(4):
        layers.append(am.Work.depthwise((25, 5, 64), 3, name=f"depthwise{i}", **gain))
        layers.append(am.Work.conv2d((25, 5, 64), 1, 64, name=f"pointwise{i}", **gain))
    return am.Workload([*layers, am.Work.dense(1, 64, 12, name="fc", **gain)])
