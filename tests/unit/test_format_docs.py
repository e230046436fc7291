"""What docs/explanation/formats-and-rounding.md says: its code runs, its table is true.

And its pictures exist, are drawn by the script beside it, and show what theory says.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from fxpsim import QFormat, Rounding, Target, quantize
from fxpsim.formats.modes import STOCHASTIC

PAGE = Path(__file__).resolve().parents[2] / "docs/explanation/formats-and-rounding.md"
ROW = re.compile(r"^\| `(\w+)` \|([-\d ]+)\|([-\d ]+)\| (`\w+`)?", re.MULTILINE)


def test_its_code_runs():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 3
    exec("\n".join(blocks), {})


ROWS = {match[1]: match for match in ROW.finditer(PAGE.read_text())}


def test_every_mode_has_a_row():
    assert set(ROWS) == {mode.value for mode in Rounding if mode not in STOCHASTIC}


@pytest.mark.parametrize("name", ROWS)
def test_the_rounding_table(name):
    _, ties, others, hls = ROWS[name].groups()
    codes = quantize([-1.5, -0.5, 0.5, 1.5, -0.7, 0.7], QFormat(8, 0), name).tolist()
    assert codes == [int(code) for code in (ties + others).split()]
    if hls:
        assert Target.parse(f"fixed<8,8,{hls.strip('`')}>").rounding == name


@pytest.fixture(scope="module")
def drawing():
    """The script that draws the pictures."""
    spec = importlib.util.spec_from_file_location(
        "draw_rounding", PAGE.with_name("draw_rounding.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_pictures_are_those_of_the_script(drawing, tmp_path):
    shown = set(re.findall(r"!\[[^]]+\]\(pictures/([^)]+)\)", PAGE.read_text()))
    drawing.main(tmp_path)
    assert shown == {path.name for path in tmp_path.iterdir()}
    assert shown <= {path.name for path in (PAGE.parent / "pictures").iterdir()}


def test_the_pictures_show_every_mode(drawing):
    assert set(drawing.ROUNDING) == {mode.value for mode in Rounding}


@pytest.mark.parametrize(
    ("name", "mean", "square"),
    [
        # Means of k/8 and of (k/8)**2: over k = 0 to 7, or to the nearest over k = -3 to 4.
        ("floor", -7 / 16, 140 / 512),
        ("ceil", 7 / 16, 140 / 512),
        ("toward_zero", 0, 140 / 512),
        ("nearest_up", 1 / 16, 44 / 512),
        ("nearest_even", 0, 44 / 512),
        ("jam_unbiased", 0, 140 / 512),
    ],
)
def test_means_and_roots_of_mean_squares(drawing, name, mean, square):
    assert drawing.moments(name) == pytest.approx((mean, square**0.5), abs=1e-12)


def test_stochastic_rounding_is_unbiased_in_the_picture(drawing):
    for name, square in (("stochastic_weighted", 84 / 512), ("stochastic_equal", 140 / 512)):
        assert drawing.moments(name) == pytest.approx((0, square**0.5), abs=0.002)
