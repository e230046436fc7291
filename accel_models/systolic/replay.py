"""How many words come from DRAM when a double buffer replays what an array asks for.

SCALE-Sim 3.0.0 fetches words into half a buffer, by hundredths of the whole, until it is full; from
then on nothing that was fetched before is found again. Words that are asked for in the same order
in every pass have closed forms. An image that half the buffer does not hold has none, because
windows overlap: there the requests are replayed in their order (skewed: element i of a line one
cycle after element i - 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from accel_models.demand import Demand
from accel_models.elementwise import Number, ceil_div, choose, each_unless, larger, smaller, whole
from accel_models.windows import Window

if TYPE_CHECKING:
    import numpy as np

__all__ = ["LONGEST", "held_words", "image_words", "replayed_inputs", "replayed_weights"]

#: Requests of one pass over an image that are replayed at most: some seconds, about 2 GB.
LONGEST = 1 << 25


def held_words(words: Number) -> Number:
    """Return after how many fetches a buffer of so many words forgets what it holds."""
    return larger(whole(words // 100) * 50, 1)


def image_words(work: Demand, window: Window) -> Number:
    """Return the values of one group's image that any tap of the window reads."""
    channels = work.inputs // window.taps
    height, width = (_touched(window, axis) for axis in (0, 1))
    return height * width * channels


def replayed_inputs(
    dataflow: str, rows: Number, columns: Number, work: Demand, held: Number
) -> Number:
    """Return the inputs of one group that come from DRAM, in words.

    Parameters
    ----------
    dataflow
        "os", "ws" or "is".
    rows, columns
        Size of the array.
    held
        `held_words` of the buffer.
    """
    window = work.window
    passes = 1 if dataflow == "is" else ceil_div(work.outputs // work.groups, columns)
    if window is None:
        return _repeated(work.rows * work.inputs, passes, held)
    image = image_words(work, window)
    return each_unless(
        image < held,
        image,
        _window_inputs,
        dataflow,
        rows,
        columns,
        passes,
        held,
        window.image[0],
        window.image[1],
        work.inputs // window.taps,
        *window.kernel,
        *window.stride,
        *window.dilation,
        *window.before,
        *window.output,
    )


def replayed_weights(
    dataflow: str, rows: Number, columns: Number, work: Demand, held: Number
) -> Number:
    """Return the weights of one group that come from DRAM, in words; see `replayed_inputs`."""
    inputs, outputs = work.inputs, work.outputs // work.groups
    if dataflow == "ws":
        return inputs * outputs
    if dataflow == "is":
        return _repeated(inputs * outputs, ceil_div(work.rows, columns), held)
    # A tile of `columns` outputs is read in every pass over the rows, then the next one is.
    passes = ceil_div(work.rows, rows)
    tile, tiles, last = inputs * columns, outputs // columns, inputs * (outputs % columns)
    fitting = larger(ceil_div(held, tile) - 1, 1)  # tiles that are held before one is cut in two
    cuts = larger(tiles - 1, 0) // fitting
    # What is left of a cut tile is the start of what the buffer holds next.
    many = choose(tile < held, tiles * tile + cuts * (held - fitting * tile), tiles * passes * tile)
    full = choose(tile < held, tile * (tiles - cuts * fitting), tiles * passes * tile % held)
    again = choose(full + last < held, 0, smaller(held - full, last))
    one = choose(last < held, last + again, passes * last)
    return choose(passes == 1, inputs * outputs, many + one)


def _repeated(size: Number, passes: Number, held: Number) -> Number:
    """Return fetches of words that are asked for in the same order in every pass."""
    return choose(size < held, size, size * passes)


def _touched(window: Window, axis: int) -> Number:
    """Return the rows (axis 0) or columns of the image that any tap reads."""
    size, taps, step = window.image[axis], window.kernel[axis], window.stride[axis]
    positions, before = window.output[axis], window.before[axis]

    def covered(length: Number) -> Number:
        at = smaller(length // step, positions - 1)
        reach = choose(at == positions - 1, taps, smaller(taps, step))
        return at * smaller(taps, step) + smaller(length - at * step, reach)

    near = covered(size + before) - covered(before)
    spread = window.dilation[axis]
    return each_unless(spread == 1, near, _spread, size, taps, step, spread, before, positions)


@lru_cache(maxsize=4096)
def _spread(size: int, taps: int, step: int, spread: int, before: int, positions: int) -> int:
    read = {at * step + tap * spread - before for at in range(positions) for tap in range(taps)}
    return sum(0 <= place < size for place in read)


@lru_cache(maxsize=4096)
def _window_inputs(
    flow: str,
    rows: int,
    columns: int,
    passes: int,
    held: int,
    image_height: int,
    image_width: int,
    channels: int,
    kernel_height: int,
    kernel_width: int,
    step_height: int,
    step_width: int,
    spread_height: int,
    spread_width: int,
    above: int,
    left: int,
    output_height: int,
    output_width: int,
) -> int:
    import numpy as np

    sizes = (output_height * output_width, kernel_height * kernel_width * channels)
    addresses = []
    for position, product in _input_order(flow, rows, columns, *sizes):
        tap, channel = np.divmod(product, channels)
        y = position // output_width * step_height + tap // kernel_width * spread_height - above
        x = position % output_width * step_width + tap % kernel_width * spread_width - left
        inside = (y >= 0) & (y < image_height) & (x >= 0) & (x < image_width)
        addresses.append(((y * image_width + x) * channels + channel)[inside])
    return _fetched(np.concatenate(addresses), passes, held)


def _input_order(
    flow: str, rows: int, columns: int, m: int, k: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (vectors, products) of each fold in the order in which the array asks for inputs."""
    import numpy as np

    if flow == "is":
        for at in range(0, m, columns):
            for low in range(0, k, rows):
                products = np.arange(low, min(low + rows, k))[::-1]
                vectors = np.arange(at, min(at + columns, m))
                yield np.tile(vectors, len(products)), np.repeat(products, len(vectors))
        return
    lines, length = (m, k) if flow == "os" else (k, m)
    for low in range(0, lines, rows):
        step, line = _skewed(length, min(rows, lines - low))
        yield (line + low, step) if flow == "os" else (step, line + low)


@lru_cache(maxsize=2)
def _skewed(length: int, lines: int) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and lines in order, each line one step behind the one before."""
    import numpy as np

    line, step = np.divmod(np.arange(lines * length), length)
    order = np.argsort(line + step, kind="stable")
    return step[order], line[order]


def _fetched(addresses: np.ndarray, passes: int, held: int) -> int:
    """Return fetches of passes over addresses, with a buffer that forgets all when it is full."""
    import numpy as np

    count = len(addresses)
    if not count:
        return 0
    order = np.argsort(addresses, kind="stable")
    same = addresses[order[1:]] == addresses[order[:-1]]
    before = np.empty(count, np.int64)  # the same word's last request, maybe one pass ago
    before[order[1:]] = order[:-1]
    firsts = np.flatnonzero(np.r_[True, ~same])
    lasts = np.r_[firsts[1:], count] - 1
    before[order[firsts]] = order[lasts] - count
    fetched = kept = emptied = at = 0
    while at < passes * count:
        turn, low = divmod(at, count)
        found = np.flatnonzero(before[low : low + 2 * held + 4096] < emptied - turn * count)
        if kept + len(found) < held:
            kept += len(found)
            fetched += len(found)
            at = min(at + 2 * held + 4096, (turn + 1) * count)
        else:
            fetched += held - kept
            at = emptied = at + int(found[held - kept - 1]) + 1
            kept = 0
    return fetched
