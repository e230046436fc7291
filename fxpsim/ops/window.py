"""Windows over height and width: where they stand, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import GraphError
from fxpsim.formats.qformat import check_int

__all__ = ["Pair", "Window", "window"]

IntArray = NDArray[Any]
Pair = tuple[int, int]
_MOST = 1 << 16


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle that steps over an image (height, width, channels).

    Parameters
    ----------
    size : (int, int)
        Height and width of the rectangle, in taps.
    stride, dilation : (int, int)
        Pixels from one position to the next, and from one tap to the next.
    top_left, bottom_right : (int, int)
        Pixels of padding above and on the left, below and on the right.
    """

    size: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    top_left: Pair = (0, 0)
    bottom_right: Pair = (0, 0)

    def __post_init__(self) -> None:
        least = {"size": 1, "stride": 1, "dilation": 1, "top_left": 0, "bottom_right": 0}
        wrong = []
        for name, low in least.items():
            given = getattr(self, name)
            pair = tuple(given) if isinstance(given, Sequence) else ()
            if len(pair) != 2:
                wrong.append(f"window {name} must be (height, width), not {given!r}")
            wrong += [w for v in pair if (w := check_int(f"window {name}", v, low, _MOST))]
            object.__setattr__(self, name, pair)
        if wrong:
            raise GraphError("; ".join(wrong))

    @classmethod
    def same(cls, size: Pair, image: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Window:
        """Return the window with as many positions as the image over the stride, rounded up.

        TensorFlow's SAME: where the padding is odd, the extra pixel is below and on the right.
        """
        bare = cls(size, stride, dilation)  # checks the numbers
        reach = [(taps - 1) * step + 1 for taps, step in zip(size, dilation, strict=True)]
        total = [
            max(0, (-(-pixels // step) - 1) * step + far - pixels)
            for pixels, step, far in zip(image, stride, reach, strict=True)
        ]
        before = (total[0] // 2, total[1] // 2)
        return replace(
            bare, top_left=before, bottom_right=(total[0] - before[0], total[1] - before[1])
        )

    @property
    def padded(self) -> bool:
        """Whether there is any padding."""
        return any((*self.top_left, *self.bottom_right))

    @property
    def pointwise(self) -> bool:
        """Whether every pixel is a window of its own."""
        return self == window((1, 1))

    def positions(self, image: Pair) -> Pair:
        """Return how many positions there are in height and width; GraphError where none is."""
        found = tuple(
            (pixels + before + after - ((taps - 1) * spread + 1)) // step + 1
            for pixels, before, after, taps, spread, step in zip(
                image, self.top_left, self.bottom_right, self.size, self.dilation, self.stride,
                strict=True,
            )
        )  # fmt: skip
        if min(found) < 1:
            raise GraphError(
                f"a window of {self.size[0]} x {self.size[1]} (dilation {self.dilation}) must fit "
                f"the padded image, but that has {image[0]} x {image[1]} pixels and padding "
                f"{self.top_left}, {self.bottom_right}"
            )
        return found[0], found[1]

    def pad(self, images: IntArray, value: int) -> IntArray:
        """Return images (n, height, width, channels) with their padding."""
        if not self.padded:
            return images
        (top, left), (bottom, right) = self.top_left, self.bottom_right
        n, height, width, channels = images.shape
        shape = n, height + top + bottom, width + left + right, channels
        padded = np.full(shape, value, images.dtype)
        padded[:, top : top + height, left : left + width] = images
        return padded

    def view(self, images: IntArray) -> IntArray:
        """Return padded images as windows (n, positions, taps, channels), without copying.

        The shape is (n, rows, columns, height, width, channels).
        """
        bare = window(self.size, self.stride, self.dilation)
        rows, columns = bare.positions(images.shape[1:3])
        images = np.ascontiguousarray(images)
        n, down, right, each = images.strides
        strides = (
            n, down * self.stride[0], right * self.stride[1],
            down * self.dilation[0], right * self.dilation[1], each,
        )  # fmt: skip
        shape = (len(images), rows, columns, *self.size, images.shape[3])
        view: IntArray = np.ndarray(shape, images.dtype, images, 0, strides)  # as_strided is slow
        view.flags.writeable = False
        return view


#: A window that may have been made before: checking takes longer than a small layer's sums.
window = lru_cache(maxsize=1024)(Window)
