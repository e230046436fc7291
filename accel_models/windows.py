"""How many positions a window has on an image."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Literal

from accel_models.errors import WorkError, raise_all

__all__ = ["Padding", "Pair", "positions"]

Pair = int | Sequence[int]
#: TensorFlow's names, or the pixels ((above, left), (below, right)).
Padding = Literal["same", "valid"] | Sequence[Pair]


def positions(
    layer: str, image: Sequence[int], kernel: Pair, stride: Pair, dilation: Pair, padding: Padding
) -> tuple[int, int]:
    """Return the positions of a window in height and width.

    Parameters
    ----------
    layer
        Name, for errors.
    image
        Height and width, in pixels.
    kernel
        Height and width of the window, in taps.
    stride, dilation
        Pixels from one position, and from one tap, to the next.
    padding
        "same": as many positions as the image over the stride, rounded up; "valid": none; or
        pixels ((above, left), (below, right)).

    Raises
    ------
    WorkError
        Naming everything that cannot be.
    """
    named = padding in ("same", "valid")
    mistakes: list[str] = []
    if not named and (isinstance(padding, str) or len(padding) != 2):
        mistakes.append(
            f"padding must be 'same', 'valid' or ((above, left), (below, right)), not {padding!r}"
        )
        padding = "valid"
    ends = ((0, 0), (0, 0)) if isinstance(padding, str) else padding
    size, taps = _pair("image", image, 1, mistakes), _pair("kernel", kernel, 1, mistakes)
    step, spread = _pair("stride", stride, 1, mistakes), _pair("dilation", dilation, 1, mistakes)
    before, after = (_pair("padding", end, 0, mistakes) for end in ends)
    found = []
    for axis, pixels in enumerate(size):
        room = pixels + before[axis] + after[axis] - ((taps[axis] - 1) * spread[axis] + 1)
        found.append(-(-pixels // step[axis]) if padding == "same" else room // step[axis] + 1)
    if not mistakes and min(found) < 1:
        mistakes.append(f"a window of {taps} must fit the padded image of {size}")
    raise_all(WorkError, f"work {layer!r}", mistakes)
    return found[0], found[1]


def _pair(label: str, value: Pair, low: int, mistakes: list[str]) -> tuple[int, int]:
    """Return (height, width), of which one number may stand for both; note what is wrong."""
    items = tuple(value) if isinstance(value, Sequence) else (value, value)
    whole = all(isinstance(item, Integral) and not isinstance(item, bool) for item in items)
    if len(items) != 2 or not whole or min(items) < low:
        mistakes.append(
            f"{label} must be (height, width), whole numbers of {low} or more, not {value!r}"
        )
        return 1, 1
    return int(items[0]), int(items[1])
