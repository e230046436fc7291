"""C++ programs of AMD's ap_fixed and Siemens' ac_fixed, made and run for one set of questions."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from fxpsim import Overflow, QFormat, Rounding, Wrap, WrapSignMagnitude
from fxpsim.formats import OverflowRule

SOURCES = Path(__file__).resolve().parent / "hls"
_ROUNDING = {
    Rounding.FLOOR: "TRN",
    Rounding.TOWARD_ZERO: "TRN_ZERO",
    Rounding.NEAREST_UP: "RND",
    Rounding.NEAREST_TO_ZERO: "RND_ZERO",
    Rounding.NEAREST_DOWN: "RND_MIN_INF",
    Rounding.NEAREST_AWAY: "RND_INF",
    Rounding.NEAREST_EVEN: "RND_CONV",
}
_OVERFLOW: dict[OverflowRule, tuple[str, int]] = {
    Overflow.SATURATE: ("SAT", 0),
    Overflow.SATURATE_TO_ZERO: ("SAT_ZERO", 0),
    Overflow.SATURATE_SYMMETRIC: ("SAT_SYM", 0),
    Overflow.WRAP: ("WRAP", 0),
}


@dataclass(frozen=True, slots=True)
class Library:
    """One of the two libraries: its header, and what it calls the modes."""

    prefix: str
    roundings: dict[Rounding, str]
    overflows: dict[OverflowRule, tuple[str, int]]

    def word(
        self,
        fmt: QFormat,
        rounding: Rounding = Rounding.FLOOR,
        overflow: OverflowRule = Overflow.WRAP,
    ) -> str:
        """Return the type of a format, with what assignment to it does."""
        name, count = self.overflows[overflow]
        modes = f"{self._name(self.roundings[rounding])}, {self._name(name)}, {count}"
        return f"Word<{fmt.bits}, {fmt.frac}, {str(fmt.signed).lower()}, {modes}>"

    def _name(self, mode: str) -> str:
        return f"{self.prefix.upper()}_{mode}"

    def headers(self) -> Path:
        """Return the folder of the library's headers, or skip."""
        try:
            files = importlib.metadata.files("hls4ml") or []
        except importlib.metadata.PackageNotFoundError:
            pytest.skip("needs the headers in hls4ml (pip install --no-deps hls4ml)")
        # There are two ac_fixed.h: the newer one is Catapult's own.
        name = f"{self.prefix}_fixed.h"
        found = [file for file in files if file.name == name and "quartus" not in file.parts]
        if not found:
            pytest.skip(f"this hls4ml carries no {name}")
        return Path(str(found[0].locate())).parent


AP = Library(
    "ap",
    _ROUNDING,
    _OVERFLOW
    | {Wrap(count): ("WRAP", count) for count in (1, 2, 3)}
    | {Overflow.WRAP_SIGN_MAGNITUDE: ("WRAP_SM", 0)}
    | {WrapSignMagnitude(count): ("WRAP_SM", count) for count in (1, 2, 3)},
)
AC = Library("ac", _ROUNDING | {Rounding.NEAREST_ODD: "RND_CONV_ODD"}, _OVERFLOW)


@dataclass(slots=True)
class Program:
    """Questions to a library, answered all at once."""

    library: Library
    calls: list[str] = field(default_factory=list)
    inputs: list[NDArray[np.int64]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    answers: list[NDArray[np.int64]] = field(default_factory=list)

    def ask(self, function: str, types: list[str], *inputs: ArrayLike, size: int,
            arguments: str = "") -> int:  # fmt: skip
        """Note a call of a function of ``hls/checks.hpp``; return the number of its answer."""
        self.calls.append(f"{function}<{', '.join(types)}>({arguments});")
        for block in inputs:
            codes = np.asarray(block, np.int64)
            self.inputs += [np.array([codes.size]), codes.ravel()]
        self.sizes.append(size)
        return len(self.calls) - 1

    def run(self, folder: Path) -> None:
        """Compile the program, run it once, and keep its answers."""
        compiler = shutil.which("g++") or shutil.which("clang++")
        if compiler is None:
            pytest.skip("needs a C++ compiler (g++ or clang++)")
        headers = self.library.headers()
        (folder / "table.inc").write_text("\n".join(self.calls))
        binary = folder / "program"
        # ap_fixed's operator= looks at a bit beyond a word that is shifted out altogether before it
        # finds that it needs none; its own assertion would stop there.
        options = ["-std=c++17", "-O0", "-w", "-DNDEBUG"]
        folders = [f"-I{path}" for path in (folder, SOURCES, headers)]
        source = str(SOURCES / f"{self.library.prefix}.cpp")
        subprocess.run([compiler, *options, *folders, source, "-o", str(binary)], check=True)
        given = np.concatenate(self.inputs).tobytes()
        done = subprocess.run([binary], input=given, check=True, capture_output=True)
        flat = np.frombuffer(done.stdout, np.int64)
        assert flat.size == sum(self.sizes)
        self.answers = np.split(flat, np.cumsum(self.sizes)[:-1])
