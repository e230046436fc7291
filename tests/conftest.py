"""What all tests share: where reference data lies, and Hypothesis profiles."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent

settings.register_profile("default", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("few", deadline=None, derandomize=True, max_examples=5)
settings.register_profile(
    "long",
    deadline=None,
    max_examples=3000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of reference data (golden vectors, real models, speech); not part of the project."""
    folder = Path(os.environ.get("FXPSIM_TEST_DATA", REPOSITORY / "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip("no reference data here (set FXPSIM_TEST_DATA to its folder)")
    return folder
