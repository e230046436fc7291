"""Arithmetic that is the same for one number and for an array of them.

A closed form written with these prices one layer (Python numbers, no numpy imported) or a table of
design points (numpy arrays) with the same result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

__all__ = [
    "Number",
    "bit_length",
    "ceil_div",
    "choose",
    "each",
    "each_unless",
    "larger",
    "largest",
    "root",
    "round_up",
    "smaller",
    "whole",
]

#: A number, or an array with one number for each design point.
Number = Any


def ceil_div(count: Number, size: Number) -> Number:
    """Return the parts of `size` that hold `count`, the last one filled up."""
    return -(-count // size)


def round_up(count: Number, size: Number) -> Number:
    """Return the next multiple of `size`."""
    return -(-count // size) * size


def larger(a: Number, b: Number) -> Number:
    """Return the larger of two numbers, each on its own."""
    if _one(a) and _one(b):
        return max(a, b)
    import numpy as np

    return np.maximum(a, b)


def smaller(a: Number, b: Number) -> Number:
    """Return the smaller of two numbers, each on its own."""
    if _one(a) and _one(b):
        return min(a, b)
    import numpy as np

    return np.minimum(a, b)


def largest(*numbers: Number) -> Number:
    """Return the largest of several numbers, each on its own."""
    found, *others = numbers
    for other in others:
        found = larger(found, other)
    return found


def choose(condition: Number, yes: Number, no: Number) -> Number:
    """Return `yes` where the condition holds and `no` elsewhere."""
    if _one(condition):
        return yes if condition else no
    import numpy as np

    return np.where(condition, yes, no)


def root(value: Number) -> Number:
    """Return the square root, correctly rounded."""
    if _one(value):
        return math.sqrt(value)
    import numpy as np

    return np.sqrt(value)


def bit_length(value: Number) -> Number:
    """Return the bits of a whole number from 0 to 2^53: the smallest b with value < 2^b."""
    if _one(value):
        return int(value).bit_length()
    import numpy as np

    return np.frexp(value)[1]


def whole(value: Number) -> Number:
    """Return a number without its fraction, as an integer."""
    return int(value) if _one(value) else value.astype("int64")


def each(function: Callable[..., Number], *numbers: Number) -> Number:
    """Return ``function(*numbers)``, or an array of it for each entry; texts stay as they are."""
    if all(_one(number) for number in numbers):
        return function(*numbers)
    import numpy as np

    rows = np.broadcast_arrays(*numbers)
    return np.array([function(*row) for row in zip(*(r.tolist() for r in rows), strict=True)])


def each_unless(
    condition: Number, plain: Number, function: Callable[..., Number], *numbers: Number
) -> Number:
    """Return `plain` where the condition holds; elsewhere call the function, as `each` does."""
    if all(_one(number) for number in (condition, *numbers)):
        return plain if condition else function(*numbers)
    import numpy as np

    kept, found, *rows = np.broadcast_arrays(condition, plain, *numbers)
    found, places = found.copy(), np.flatnonzero(~kept)
    if len(places):
        found[places] = each(function, *(row[places] for row in rows))
    return found


def _one(value: Number) -> bool:
    return not hasattr(value, "shape") or value.shape == ()
