"""What docs/explanation/formats-and-rounding.md says: its code runs, its table is true."""

from __future__ import annotations

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
