"""The errors a user meets.  Each message is a sentence that says what to change."""

from __future__ import annotations

from accel_models.errors import suggest

__all__ = ["ConfigError", "DataError", "FormatError", "FxpsimError", "GraphError", "suggest"]


class FxpsimError(ValueError):
    """Anything that is wrong with what the caller handed in."""


class FormatError(FxpsimError):
    """A number format, rounding mode, overflow mode or accumulator that cannot be."""


class GraphError(FxpsimError):
    """A network whose parts do not fit together."""


class DataError(FxpsimError):
    """A file or an array that cannot be read as what it should be."""


class ConfigError(FxpsimError):
    """A setting that cannot be."""
