"""A window that slides over an image: where it stands, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Literal

from accel_models.errors import WorkError, raise_all

__all__ = ["Padding", "Pair", "Window", "place"]

Pair = int | Sequence[int]
#: TensorFlow's names, or the pixels ((above, left), (below, right)).
Padding = Literal["same", "valid"] | Sequence[Pair]


@dataclass(frozen=True, slots=True)
class Window:
    """A window on an image; made by `Work.conv2d`, `Work.depthwise` and `Work.pool`.

    Attributes
    ----------
    image
        Height, width and channels of the input.
    kernel
        Height and width, in taps.
    stride, dilation
        Pixels from one position, and from one tap, to the next: (height, width).
    before, after
        Padding (above, left) and (below, right), in pixels.
    pool
        Values (height, width) of which a machine that pools on the way in makes one pixel.

    The types are those of one layer; columns of many design points have integer arrays instead.
    """

    image: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    pool: tuple[int, int] = (1, 1)

    @property
    def span(self) -> tuple[int, int]:
        """Pixels from the first to the last tap, both included: height, width."""
        height, width = (
            (taps - 1) * spread + 1 for taps, spread in zip(self.kernel, self.dilation, strict=True)
        )
        return height, width

    @property
    def output(self) -> tuple[int, int]:
        """Positions of the window: height, width."""
        height, width = (
            (self.image[axis] + self.before[axis] + self.after[axis] - self.span[axis])
            // self.stride[axis]
            + 1
            for axis in (0, 1)
        )
        return height, width

    @property
    def positions(self) -> int:
        """Positions of the window, all together."""
        height, width = self.output
        return height * width

    @property
    def taps(self) -> int:
        """Taps of one channel."""
        return self.kernel[0] * self.kernel[1]

    @property
    def pixels(self) -> int:
        """Values of the image."""
        return self.image[0] * self.image[1] * self.image[2]


def place(
    layer: str,
    image: Sequence[int],
    kernel: Pair,
    stride: Pair,
    dilation: Pair,
    padding: Padding,
    pool: Pair = 1,
) -> Window:
    """Return a window on an image.

    Parameters
    ----------
    layer
        Name, for errors.
    image
        Height, width and channels.
    kernel
        Height and width of the window, in taps.
    stride, dilation
        Pixels from one position, and from one tap, to the next.
    padding
        "same": as many positions as the image over the stride, rounded up; "valid": none; or
        pixels ((above, left), (below, right)).
    pool
        Values that are pooled into each pixel on the way in.

    Raises
    ------
    WorkError
        Naming everything that cannot be.
    """
    if not isinstance(image, Sequence) or len(image) != 3:
        raise WorkError(f"work {layer!r}: image must be (height, width, channels), not {image!r}")
    named = padding in ("same", "valid")
    mistakes: list[str] = []
    if not named and (isinstance(padding, str) or len(padding) != 2):
        mistakes.append(
            f"padding must be 'same', 'valid' or ((above, left), (below, right)), not {padding!r}"
        )
        padding = "valid"
    ends = ((0, 0), (0, 0)) if isinstance(padding, str) else padding
    size, taps = _pair("image", image[:2], 1, mistakes), _pair("kernel", kernel, 1, mistakes)
    step, spread = _pair("stride", stride, 1, mistakes), _pair("dilation", dilation, 1, mistakes)
    before, after = (_pair("padding", end, 0, mistakes) for end in ends)
    channels, _ = _pair("image channels", image[2], 1, mistakes)
    pooled = _pair("pool", pool, 1, mistakes)
    if padding == "same":
        before, after = _same(size, taps, step, spread)
    window = Window((*size, channels), taps, step, spread, before, after, pooled)
    if not mistakes and min(window.output) < 1:
        mistakes.append(f"a window of {taps} must fit the padded image of {size}")
    raise_all(WorkError, f"work {layer!r}", mistakes)
    return window


def _same(
    size: tuple[int, int], taps: tuple[int, int], step: tuple[int, int], spread: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return TensorFlow's "same" padding: the odd pixel comes after."""
    totals = [
        max(0, (-(-pixels // s) - 1) * s + (k - 1) * d + 1 - pixels)
        for pixels, k, s, d in zip(size, taps, step, spread, strict=True)
    ]
    height, width = totals
    return (height // 2, width // 2), (height - height // 2, width - width // 2)


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
