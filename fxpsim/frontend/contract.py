"""What every front end answers: rows of codes from samples, whole clips or as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from fxpsim.ops import TensorFormat

__all__ = ["FrontEnd", "FrontEndStream"]


@runtime_checkable
class FrontEndStream(Protocol):
    """A front end with what it keeps between two calls."""

    @property
    def buffers(self) -> Mapping[str, int]:
        """Bytes of everything that is kept from one call to the next, by name."""
        ...

    def step(self, samples: ArrayLike) -> NDArray[Any]:
        """Return the rows (rows, bands) that so many more int16 samples (n,) complete."""
        ...

    def reset(self) -> None:
        """Go back to where the first sample is awaited."""
        ...


@runtime_checkable
class FrontEnd(Protocol):
    """Audio samples in, rows of integer codes out.

    Attributes
    ----------
    sample_rate : int
        Hz.
    window, hop : int
        Samples that the first row needs; samples from one row to the next.
    format : QFormat or Affine
        Of the codes.
    bands : int
        Columns of a row.

    Notes
    -----
    The concatenation of what ``stream().step`` returns over any split of a clip is ``rows`` of it,
    bit for bit.
    """

    @property
    def sample_rate(self) -> int: ...  # noqa: D102 - see above
    @property
    def window(self) -> int: ...  # noqa: D102
    @property
    def hop(self) -> int: ...  # noqa: D102
    @property
    def format(self) -> TensorFormat: ...  # noqa: D102
    @property
    def bands(self) -> int: ...  # noqa: D102

    def rows(self, audio: NDArray[Any]) -> NDArray[Any]:
        """Return the codes of whole clips, each from reset.

        Parameters
        ----------
        audio : int16 array (n,) or (clips, n)

        Returns
        -------
        integer array (rows, bands) or (clips, rows, bands)

        Raises
        ------
        DataError
            The samples are not int16, or have other axes.
        """
        ...

    def stream(self) -> FrontEndStream:
        """Return a stream at reset.

        Raises
        ------
        ConfigError
            The definition normalises over the whole clip, which no stream can know.
        """
        ...
