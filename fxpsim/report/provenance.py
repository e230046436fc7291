"""What made a report: versions, machine, hashes."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fxpsim.kws.datasets import EvaluationSet

if TYPE_CHECKING:
    from fxpsim.report.study import Study

__all__ = ["provenance", "run_facts"]

_PACKAGES = ("numpy", "numba", "pandas", "matplotlib")


def provenance(study: Study) -> dict[str, Any]:
    """Return what was studied and what the cost models take for granted: the same every time."""
    evaluation = study.evaluation
    return {
        "network": study.networks.floating.name,
        "evaluation": {
            "name": evaluation.name,
            "title": evaluation.title,
            "description": evaluation.description,
            "source": evaluation.source,
            "clips": len(evaluation),
            "speech_clips": study.evidence.speech,
            "speakers_or_voices": study.evidence.voices,
            "enough_to_decide": study.evidence.enough,
            "sha256": _data_hash(evaluation),
        },
        "seed": study.seed,
        "models_sha256": dict(study.networks.hashes),
        "stored": None if study.stored is None else dict(study.stored),
        "cost_models": {
            core: {
                "basis": statement.basis,
                "relative_error": statement.relative_error,
                "error_basis": statement.error_basis,
                "assumptions": list(statement.assumptions),
                "sources": list(statement.sources),
            }
            for core, statement in study.statements.items()
        },
    }


def run_facts(seconds: float) -> dict[str, Any]:
    """Return what differs from run to run: time, versions, machine."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        **_machine(),
    }


def _machine() -> dict[str, str]:
    """Return versions of what computed, and the processor's name."""
    import fxpsim

    found = {"fxpsim": fxpsim.__version__, "Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return {**found, "system": platform.platform(terse=True), "processor": _processor()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _data_hash(evaluation: EvaluationSet) -> str:
    """Return the SHA-256 of features, labels and groups, whatever file they came from."""
    digest = hashlib.sha256()
    arrays: tuple[Any, ...] = (evaluation.features, evaluation.labels)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    digest.update("\n".join(evaluation.groups.tolist()).encode())
    return digest.hexdigest()
