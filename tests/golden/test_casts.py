"""Casts and sums against the HLS headers, ac_types and apytypes, row by row."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import (
    Accumulator,
    Overflow,
    Product,
    QFormat,
    Rounding,
    Wrap,
    WrapSignMagnitude,
    cast,
    mac_trace,
    matmul,
    quantize,
)

R, O = Rounding, Overflow  # noqa: E741
ROUNDING = {
    **{f"A{x}_RND": R.NEAREST_UP for x in "PC"},
    **{f"A{x}_RND_ZERO": R.NEAREST_TO_ZERO for x in "PC"},
    **{f"A{x}_RND_MIN_INF": R.NEAREST_DOWN for x in "PC"},
    **{f"A{x}_RND_INF": R.NEAREST_AWAY for x in "PC"},
    **{f"A{x}_RND_CONV": R.NEAREST_EVEN for x in "PC"},
    **{f"A{x}_TRN": R.FLOOR for x in "PC"},
    **{f"A{x}_TRN_ZERO": R.TOWARD_ZERO for x in "PC"},
    "AC_RND_CONV_ODD": R.NEAREST_ODD,
    "TRN": R.FLOOR,
    "TRN_ZERO": R.TOWARD_ZERO,
    "TRN_INF": R.CEIL,
    "TRN_AWAY": R.AWAY_FROM_ZERO,
    "TRN_MAG": R.TRN_MAG,
    "RND": R.NEAREST_UP,
    "RND_ZERO": R.NEAREST_TO_ZERO,
    "RND_INF": R.NEAREST_AWAY,
    "RND_MIN_INF": R.NEAREST_DOWN,
    "RND_CONV": R.NEAREST_EVEN,
    "RND_CONV_ODD": R.NEAREST_ODD,
    "JAM": R.JAM,
    "JAM_UNBIASED": R.JAM_UNBIASED,
}
OVERFLOW = {
    **{f"A{x}_SAT": O.SATURATE for x in "PC"},
    **{f"A{x}_SAT_ZERO": O.SATURATE_TO_ZERO for x in "PC"},
    **{f"A{x}_SAT_SYM": O.SATURATE_SYMMETRIC for x in "PC"},
    **{f"A{x}_WRAP": O.WRAP for x in "PC"},
    "AP_WRAP_SM": O.WRAP_SIGN_MAGNITUDE,
    "SAT": O.SATURATE,
    "WRAP": O.WRAP,
    "NUMERIC_STD": Wrap(1),  # of signed words; there are no others in the file
}
WITH_SATURATED_MSBS = {O.WRAP: Wrap, O.WRAP_SIGN_MAGNITUDE: WrapSignMagnitude}


def groups(file):
    """Yield every group of a file, as a dict, with its modes and rows."""
    columns = [str(name) for name in file["group_columns"]]
    for values in file["groups"].tolist():
        group = dict(zip(columns, values, strict=True))
        rounding = str(file["q_names"][group["q_mode"]])
        overflow = OVERFLOW[str(file["o_names"][group["o_mode"]])]
        if count := group.get("n_bits", 0):
            overflow = WITH_SATURATED_MSBS[overflow](count)
        rows = slice(group["row_start"], group["row_start"] + group["row_count"])
        yield group, ROUNDING[rounding], overflow, rows


def word(group, prefix):
    return QFormat(
        group[f"{prefix}_width"], group[f"{prefix}_frac"], bool(group[f"{prefix}_signed"])
    )


@pytest.mark.parametrize("name", ["cast_ap_fixed", "cast_ac_fixed", "cast_apytypes"])
@pytest.mark.filterwarnings("ignore:a cast of values")
def test_code_to_code(test_data, name):
    file = np.load(test_data / "golden" / f"{name}.npz", allow_pickle=False)
    inputs, outputs = file["in_raw"], file["out_raw"]
    regular = np.ones(len(inputs), bool)  # but for a known quirk of the HLS headers
    if "matches_round_then_overflow" in file:
        regular = file["matches_round_then_overflow"]
    for group, rounding, overflow, rows in groups(file):
        source, target = word(group, "in"), word(group, "out")
        result = cast(inputs[rows], source, target, rounding, overflow)
        kept = regular[rows]
        np.testing.assert_array_equal(
            result[kept], outputs[rows][kept], err_msg=str((group, rounding))
        )


def test_float_to_code(test_data):
    file = np.load(test_data / "golden" / "float_ap_fixed.npz", allow_pickle=False)
    for group, rounding, overflow, rows in groups(file):
        result = quantize(file["x"][rows], word(group, "out"), rounding, overflow)
        np.testing.assert_array_equal(result, file["out_raw"][rows], err_msg=str(group))


def test_sums_at_every_addition(test_data):
    """Chains of 32 multiply-accumulates, every step compared.

    Mode 0 rounds and overflows the sum; mode 1 the product first, and then the sum.
    """
    file = np.load(test_data / "golden" / "mac_ap_fixed.npz", allow_pickle=False)
    chains = 0
    for group, rounding, overflow, rows in groups(file):
        if overflow not in (O.SATURATE, O.WRAP):
            continue
        bits, frac = group["acc_width"], group["acc_frac"]
        product = Product(bits, frac, rounding, overflow) if group["mode"] else None
        accumulator = Accumulator(bits, overflow, frac=frac, rounding=rounding, product=product)
        formats = QFormat(16, group["a_frac"]), QFormat(16, group["b_frac"])
        parts = (file[name][rows].reshape(-1, 32) for name in ("a_raw", "b_raw", "acc_trace"))
        for x, w, expected in zip(*parts, strict=True):
            trace = mac_trace(x, w, accumulator, a_format=formats[0], b_format=formats[1])
            assert trace.registers[1:, 0].tolist() == expected.tolist(), group
            result = matmul(
                x[None], w[:, None], accumulator, a_format=formats[0], b_format=formats[1]
            )
            assert result.item() == expected[-1]
            chains += 1
    assert chains > 500
