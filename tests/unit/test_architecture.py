"""The structure that docs/architecture.md promises: who may import what."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*ROOT.glob("fxpsim/**/*.py"), *ROOT.glob("accel_models/**/*.py")])

#: Libraries that have one home.
HOMES = {
    "numba": "fxpsim/kernels",
    "llvmlite": "fxpsim/kernels",
    "onnx": "fxpsim/importers/onnx",
    "scipy": "fxpsim/bounds",
    "soundfile": "fxpsim/audio.py",
    "soxr": "fxpsim/audio.py",
    "torch": "fxpsim/train",
    "matplotlib": "fxpsim/report",
    "jinja2": "fxpsim/report",
    "click": "fxpsim/cli",
    "rich": "fxpsim/cli",
    "hypothesis": "fxpsim/testing",
}
#: Layers, lowest first: a module imports only from its own layer or below.
LAYERS = [
    ("accel_models", "fxpsim.errors", "fxpsim.check_certificate"),
    ("fxpsim.formats", "fxpsim.npz", "fxpsim.audio"),
    ("fxpsim.accumulators", "fxpsim.orders", "fxpsim.presets", "fxpsim.draws"),
    ("fxpsim.spec", "fxpsim.engine"),
    ("fxpsim.schemes",),
    ("fxpsim.kernels",),
    ("fxpsim.dispatch",),
    ("fxpsim.scaled",),
    ("fxpsim.stats", "fxpsim.casts", "fxpsim.requantization", "fxpsim.zero_points"),
    ("fxpsim.matrices",),
    ("fxpsim.packed",),
    ("fxpsim.products", "fxpsim.traces", "fxpsim.ops", "fxpsim.interop"),
    ("fxpsim.fixed_array",),
    ("fxpsim.graph", "fxpsim.demand"),
    ("fxpsim.bounds", "fxpsim.importers"),
    ("fxpsim.schedule", "fxpsim.rings", "fxpsim.steps"),
    (
        "fxpsim.simulation",
        "fxpsim.streaming",
        "fxpsim.passes",
        "fxpsim.incremental",
        "fxpsim.models",
        "fxpsim.listing",
        "fxpsim.buffers",
    ),
    ("fxpsim.guarantees",),
    ("fxpsim.resampling", "fxpsim.det", "fxpsim.scoring", "fxpsim.frontend"),
    ("fxpsim.sweeps", "fxpsim.testing", "fxpsim.kws", "fxpsim.detection"),
    ("fxpsim.train", "fxpsim.report"),
    ("fxpsim.cli",),
]


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path):
    """Yield every module imported anywhere in a file, but for type checking only."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_of(module):
    matches = [
        (len(name), level)
        for level, names in enumerate(LAYERS)
        for name in names
        if module == name or module.startswith(f"{name}.")
    ]
    return max(matches)[1] if matches else None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: module_of(path))
def test_imports_point_down(path):
    module = module_of(path)
    own = layer_of(module)
    if module == "fxpsim":
        return  # the lazy front door knows every room
    assert own is not None, f"{module} has no place in LAYERS"
    for name in imports(path):
        top = name.partition(".")[0]
        if top in HOMES:
            home = HOMES[top]
            assert path.is_relative_to(ROOT / home), f"{module} imports {top}, at home in {home}"
        level = layer_of(name)
        if level is not None:
            assert level <= own, f"{module} imports {name}, which stands above it"
    if module.startswith("accel_models"):
        assert not any(name.partition(".")[0] in ("fxpsim", "numba") for name in imports(path))


def test_files_stay_small():
    long = {
        module_of(path): n for path in SOURCES if (n := len(path.read_text().splitlines())) > 450
    }
    assert not long


def test_nothing_opens_pickles():
    for path in SOURCES:
        text = path.read_text()
        assert "import pickle" not in text
        assert "allow_pickle=True" not in text
