"""Tables of layers on Arm cores have the numbers of the layers one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accel_models as am

MODELS = (
    "neon:cortex-a53",
    "neon:cortex-a72,weights=dram",
    "neon:neoverse-n2",
    "neon:cortex-m4,library=hale-1.0",
    "neon:cortex-a53,kernel=i8_n2",
    "neon:cortex-a53,convolution=im2col",
)
dense = st.builds(
    am.Work.dense,
    st.integers(1, 9),
    st.integers(1, 700),
    st.integers(1, 99),
    weight_bits=st.integers(1, 8),
    activation_bits=st.sampled_from([7, 8]),
    accumulator=st.sampled_from([am.Accumulator(bits) for bits in (16, 20, 32)]),
    gain_bits=st.sampled_from([0, 40]),
)
spilled = st.builds(
    am.Work.dense,
    st.integers(1, 9),
    st.integers(1, 700),
    st.integers(1, 99),
    weight_bits=st.integers(2, 8),
    accumulator=st.integers(1, 16).map(
        lambda n: am.Accumulator(16, outer_bits=32, products_per_spill=n)
    ),
)
convolutions = st.builds(
    am.Work.conv2d,
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20)),
    st.integers(1, 3),
    st.integers(1, 40),
    weight_bits=st.integers(1, 8),
)
depthwise = st.builds(
    am.Work.depthwise,
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 40)),
    st.integers(1, 3),
    weight_bits=st.integers(1, 8),
)


@pytest.mark.parametrize("text", MODELS)
@given(works=st.lists(dense | spilled | convolutions | depthwise, min_size=1, max_size=12))
def test_a_table_is_its_layers(text: str, works: list[am.Work]) -> None:
    model = am.create(text)
    works = [work for work in works if model.supports(work)] or [am.Work.dense(1, 8, 8)]
    one_by_one = model.estimate(works).table.reset_index(drop=True)
    table = am.estimate_many(model, am.work_table(works))
    for name in table.columns:
        np.testing.assert_allclose(
            table[name].astype(float), one_by_one[name].astype(float), rtol=1e-12, err_msg=name
        )


def test_a_table_says_which_layer_has_no_kernel() -> None:
    table = pd.DataFrame({"rows": 1, "inputs": 64, "outputs": 8, "weight_bits": [8, 17]})
    with pytest.raises(am.UnsupportedWorkError, match="design point 1 has 17-bit operands"):
        am.estimate_many("neon", table)
