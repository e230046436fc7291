"""Compiled code on lesser machines, without compilation, and after an edit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = """
import numpy as np
from fxpsim import Accumulator, matmul, matmul_stats, spec
rng = np.random.default_rng(0)
a, b = rng.integers(-128, 128, (5, 37)), rng.integers(-128, 128, (37, 19))
bias = rng.integers(-999, 999, 19)
for bits in (8, 12, 16, 17, 24, 32, 40):
    for mode in ("saturate", "wrap"):
        for signed in (True, False):
            register = Accumulator(bits, mode, signed=signed)
            sums = spec.matmul(a.tolist(), b.T.tolist(), register, bias.tolist())
            expected = [[one.value for one in row] for row in sums]
            assert matmul(a, b, register, bias=bias).tolist() == expected, register
            result = matmul_stats(a, b, register, bias=bias)
            assert result.codes.tolist() == expected
            assert result.stats.events.sum() == sum(s.events for row in sums for s in row)
import fxpsim as fx
sums = rng.integers(-(2**31), 2**31, (40, 3))
for scheme in (
    fx.Gemmlowp([2**30, 2**31 - 1, 5], [-8, 2, -40], zero_point=3),
    fx.HalfUpTwice(1518500250, -20),
    fx.SingleRound([1, 2, 2**31 - 1], [0, 3, -15]),
    fx.Dyadic([3, -7, 2**31 - 1], [1, 2, 50]),
    fx.FloatScale([1e-7, 0.25, 3e-9]),
):
    expected = [
        [
            spec.offset_clamp(scheme.rule(value, *one), scheme.zero_point, -128, 127)
            for value, one in zip(row, scheme.constants() * 3)
        ]
        for row in sums.tolist()
    ]
    assert fx.requantize(sums, scheme).tolist() == expected, scheme
from fxpsim.kernels import _host
print("vnni", _host.has_vnni(), _host.vector_bits())
"""


def python(code, cwd=ROOT, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip


def test_a_generic_processor_gives_the_same_bits(tmp_path):
    done = python(CHECK, NUMBA_CPU_NAME="generic", FXPSIM_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "vnni False 256\n"


def test_without_compilation_the_specification_runs(tmp_path):
    done = python(CHECK, NUMBA_DISABLE_JIT="1", FXPSIM_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr


#: Elementwise kernels in place of the specification, which runs where compilation is off.
AS_PYTHON = """
import sys
import pytest
from fxpsim import engine
from fxpsim.dispatch import casts, counters, floats, rescaling
for module in (casts, counters, floats, rescaling):
    module.compiled = lambda: not engine._interpreted.get()
# Numpy's numbers warn where they wrap or are cast out of range; compiled ones mean to.
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-W", "ignore::RuntimeWarning",
    "-k", "not threads",  # whose arrays are long
    "tests/property/test_scalar_kernels.py", "tests/property/test_casts.py",
    "tests/property/test_requantization.py::test_compiled_is_the_rule"]))
"""


def test_scalar_kernels_are_right_as_plain_python():
    done = python(AS_PYTHON, NUMBA_DISABLE_JIT="1", HYPOTHESIS_PROFILE="few")
    assert done.returncode == 0, done.stdout


def test_scalar_kernels_stay_within_their_arrays(tmp_path):
    """The casts' kernels too, at greater length, in .ci/run."""
    code = (
        "import sys, pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', "
        "'tests/property/test_scalar_kernels.py']))"
    )
    done = python(code, NUMBA_BOUNDSCHECK="1", FXPSIM_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not Path("/proc/1").exists(), reason="needs a folder that nobody can write")
def test_without_a_writable_cache_there_is_one_warning():
    code = (
        "import warnings; warnings.simplefilter('always')\n"
        "import numpy as np; from fxpsim import Accumulator, matmul\n"
        "one = np.ones((2, 2), np.int8)\n"
        "assert matmul(one, one, Accumulator(16, 'saturate')).tolist() == [[2, 2], [2, 2]]"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "FXPSIM_CACHE_DIR": "/proc/1/fxpsim"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("compiled code is not kept") == 1


def test_an_edit_in_a_helper_is_noticed(tmp_path):
    """Numba's own cache would go on running the old code."""
    shutil.copytree(ROOT / "fxpsim", tmp_path / "fxpsim", ignore=shutil.ignore_patterns("data"))
    shutil.copytree(ROOT / "accel_models", tmp_path / "accel_models")
    code = (
        "import sys; sys.path.insert(0, '')\n"
        "import numpy as np, fxpsim\n"
        f"assert fxpsim.__file__.startswith({str(tmp_path)!r}), fxpsim.__file__\n"
        "one = np.ones((1, 3), np.int8)\n"
        "print(fxpsim.matmul(one, one.T, fxpsim.Accumulator(8, 'wrap')).item())"
    )
    cache = {"FXPSIM_CACHE_DIR": str(tmp_path / "cache")}
    first, second = (python(code, tmp_path, **cache) for _ in range(2))
    assert (first.stdout, second.stdout) == ("3\n", "3\n"), first.stderr
    steps = tmp_path / "fxpsim/kernels/steps.py"
    old = "return down(up, register.first)"
    assert old in steps.read_text()
    steps.write_text(steps.read_text().replace(old, f"return lanes.builder.neg({old[7:]})"))
    assert python(code, tmp_path, **cache).stdout == "-3\n"


def test_compiled_code_is_found_again(tmp_path):
    """A second start compiles nothing: every kernel has a name and constants that stay the same."""
    code = (
        "import numpy as np, fxpsim as fx\n"
        "one, fmt = np.ones((3, 3), np.int8), fx.QFormat(8, 4)\n"
        "for mode in ('saturate', 'wrap'):\n"
        "    fx.matmul_stats(one, one, fx.Accumulator(16, mode))\n"
        "    fx.matmul(one, one, fx.Accumulator(12, mode))\n"
        "    fx.quantize([0.1, 0.2], fmt, overflow=mode)\n"
        "    fx.cast([1, 2], fmt, fx.QFormat(4, 2), 'nearest_even', mode)\n"
    )
    kept = []
    for _ in range(2):
        done = python(code, FXPSIM_CACHE_DIR=str(tmp_path))
        assert done.returncode == 0, done.stderr
        kept.append(sorted(path.name for path in tmp_path.rglob("*.nb[ci]")))
    assert kept[0]
    assert kept[0] == kept[1]


def test_overloads_compiled_at_once_are_not_mixed_up(tmp_path):
    """Two processes that compile different overloads of one function keep both."""
    run = """
import sys, numpy as np
from fxpsim.kernels._jit import kernel

@kernel
def twice(a):
    return a[0] * 2

first, second = np.ones(1, sys.argv[1]), np.ones(1, sys.argv[2])
twice._cache._cache_file._load_index = lambda: {}  # as it was before the other one wrote
print(twice(first), twice(second), sum(twice.stats.cache_hits.values()))
"""
    script = tmp_path / "twice.py"
    script.write_text(run)
    environment = {
        **os.environ,
        "FXPSIM_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("NUMBA_DISABLE_JIT", None)
    found = []
    for kinds in (("i8", "f8"), ("f8", "i4"), ("i4", "i8")):
        done = subprocess.run(
            [sys.executable, str(script), *kinds], env=environment, cwd=ROOT,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found.append(done.stdout.split())
    assert found == [["2", "2.0", "0"], ["2.0", "2", "1"], ["2", "2", "2"]]
