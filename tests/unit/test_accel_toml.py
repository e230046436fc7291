"""TOML into dataclasses: strict, with every mistake named where it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pytest

from accel_models.errors import ConfigError
from accel_models.toml import read_toml, structure


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


@dataclass(frozen=True, slots=True)
class Inner:
    bits: int
    rate: float = 1.0

    def __post_init__(self) -> None:
        if self.bits < 2:
            raise ValueError(f"bits must be 2 or more, not {self.bits}")


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    colour: Colour = Colour.RED
    active: bool = False
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    named: dict[str, Inner] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    mixed: int | str = 0


GOOD = """
name = "x"
colour = "green"
active = true
words = ["a", "b"]
mixed = "eight"
inner = {bits = 8, rate = 2}
many = [{bits = 3}, {bits = 4}]
[named.first]
bits = 5
"""


def _written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_good_file(tmp_path: Path) -> None:
    got = read_toml(_written(tmp_path, GOOD), Outer)
    assert got == Outer(
        "x",
        Colour.GREEN,
        True,
        Inner(8, 2.0),
        (Inner(3), Inner(4)),
        {"first": Inner(5)},
        ("a", "b"),
        "eight",
    )
    assert isinstance(got.inner, Inner)
    assert isinstance(got.inner.rate, float)
    assert got == read_toml(str(tmp_path / "settings.toml"), Outer)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = 3", "name must be a text, not 3"),
        ("", "name is missing"),
        ('name = "x"\ncolor = "red"', "unknown key 'color'; did you mean 'colour'?"),
        ('name = "x"\ncolour = "reed"', "colour cannot be 'reed'; did you mean 'red'?"),
        ('name = "x"\nactive = 1', "active must be true or false, not 1"),
        ('name = "x"\nwords = "ab"', "words must be a list, not 'ab'"),
        ('name = "x"\nnamed = 3', "named must be a table, not 3"),
        ('name = "x"\nmixed = 1.5', "mixed must be a whole number or a text, not 1.5"),
        ('name = "x"\ninner = 3', "inner must be a table, not 3"),
        ('name = "x"\ninner = {bits = 16.7}', "inner.bits must be a whole number, not 16.7"),
        ('name = "x"\ninner = {bits = true}', "inner.bits must be a whole number, not True"),
        ('name = "x"\ninner = {bits = "8"}', "inner.bits must be a whole number, not '8'"),
        ('name = "x"\ninner = {bits = 8, rate = inf}', "inner.rate must be finite, not inf"),
        (
            'name = "x"\ninner = {bits = 8, rte = 1}',
            "inner: unknown key 'rte'; did you mean 'rate'",
        ),
        ('name = "x"\ninner = {bits = 1}', "bits must be 2 or more, not 1"),
        ('name = "x"\nmany = [{bits = 3}, {}]', "many[1].bits is missing"),
        ('name = "x"\n[named.a]\nbits = "b"', "named.a.bits must be a whole number, not 'b'"),
        ("name = ", "is not valid TOML: Invalid value (at end of document)"),
    ],
)
def test_one_mistake(tmp_path: Path, text: str, sentence: str) -> None:
    path = _written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_toml(path, Outer)
    assert str(path) in str(caught.value)
    assert sentence in str(caught.value)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    text = 'colour = "blue"\nactiv = true\ninner = {bits = "x", rate = "y"}'
    with pytest.raises(ConfigError) as caught:
        read_toml(_written(tmp_path, text), Outer)
    assert len(str(caught.value).splitlines()) == 1 + 5


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read: No such file"):
        read_toml(tmp_path / "nowhere.toml", Outer)
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    with pytest.raises(ConfigError, match="must be UTF-8 text"):
        read_toml(tmp_path / "latin.toml", Outer)


def test_tables_from_elsewhere() -> None:
    with pytest.raises(ConfigError, match=r"^the command line: name must be a text, not 1$"):
        structure({"name": 1}, Outer, "the command line")
