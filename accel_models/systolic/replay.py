"""Which words an array asks its buffers for, one after the other, and how many come from DRAM.

SCALE-Sim 3.0.0 fetches words into half a buffer, by hundredths of the whole, until it is full; from
then on nothing that was fetched before is found again. That is replayed here, fold by fold, in the
order in which the array asks (skewed: element i of a line one cycle after element i - 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from accel_models.demand import Demand
from accel_models.elementwise import Number, each

__all__ = ["replayed_inputs", "replayed_weights"]

Address = tuple[int, int]
Address3 = tuple[int, int, int]


def replayed_inputs(
    dataflow: str, rows: Number, columns: Number, work: Demand, words: Number
) -> Number:
    """Return the inputs of one group that come from DRAM, in words.

    Parameters
    ----------
    dataflow
        "os", "ws" or "is".
    rows, columns
        Size of the array.
    words
        What the whole buffer holds.
    """
    window, outputs = work.window, work.outputs // work.groups
    if window is None:
        shape = (work.rows, work.inputs, outputs)
        return each(_dense_inputs, dataflow, rows, columns, *shape, words)
    image_height, image_width, _ = window.image
    return each(
        _window_inputs,
        dataflow,
        rows,
        columns,
        outputs,
        words,
        image_height,
        image_width,
        work.inputs // window.taps,
        *window.kernel,
        *window.stride,
        *window.dilation,
        *window.before,
        *window.output,
    )


def replayed_weights(
    dataflow: str, rows: Number, columns: Number, work: Demand, words: Number
) -> Number:
    """Return the weights of one group that come from DRAM, in words; see `replayed_inputs`."""
    return each(
        _weights,
        dataflow,
        rows,
        columns,
        work.rows,
        work.inputs,
        work.outputs // work.groups,
        words,
    )


@lru_cache(maxsize=4096)
def _dense_inputs(flow: str, rows: int, columns: int, m: int, k: int, n: int, words: int) -> int:
    order = _input_order(flow, rows, columns, m, k, n)
    return _fetched(order, words)


@lru_cache(maxsize=4096)
def _window_inputs(
    flow: str,
    rows: int,
    columns: int,
    n: int,
    words: int,
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
    def pixels() -> Iterator[Address3]:
        for position, product in order:
            tap, channel = divmod(product, channels)
            y = position // output_width * step_height + tap // kernel_width * spread_height - above
            x = position % output_width * step_width + tap % kernel_width * spread_width - left
            if 0 <= y < image_height and 0 <= x < image_width:
                yield y, x, channel

    sizes = (output_height * output_width, kernel_height * kernel_width * channels, n)
    order = _input_order(flow, rows, columns, *sizes)
    return _fetched(pixels(), words)


@lru_cache(maxsize=4096)
def _weights(flow: str, rows: int, columns: int, m: int, k: int, n: int, words: int) -> int:
    if flow == "ws":
        return k * n  # each is loaded once
    if flow == "os":
        lines, streamed, repeats = range(0, n, columns), k, range(0, m, rows)
        tiles = ((low, min(low + columns, n)) for low in lines for _ in repeats)
    else:
        lines, streamed, repeats = range(0, k, rows), n, range(0, m, columns)
        tiles = ((low, min(low + rows, k)) for _ in repeats for low in lines)
    return _fetched((at for low, high in tiles for at in _skewed(streamed, low, high)), words)


def _input_order(flow: str, rows: int, columns: int, m: int, k: int, n: int) -> Iterator[Address]:
    """Yield (vector, product) in the order in which the array asks for inputs."""
    if flow == "os":
        for _ in range(0, n, columns):
            for low in range(0, m, rows):
                for product, vector in _skewed(k, low, min(low + rows, m)):
                    yield vector, product
    elif flow == "ws":
        for _ in range(0, n, columns):
            for low in range(0, k, rows):
                yield from _skewed(m, low, min(low + rows, k))
    else:
        for at in range(0, m, columns):
            for low in range(0, k, rows):
                for product in reversed(range(low, min(low + rows, k))):
                    for vector in range(at, min(at + columns, m)):
                        yield vector, product


def _skewed(length: int, low: int, high: int) -> Iterator[Address]:
    """Yield (step, line) for lines low..high - 1, each one step behind the one before."""
    for time in range(length + high - low - 1):
        for line in range(max(0, time - length + 1), min(time, high - low - 1) + 1):
            yield time - line, low + line


def _fetched(order: Iterable[object], words: int) -> int:
    """Return how many of these are not found in a buffer that forgets all when half is full."""
    half = int(words // 100 * 50)
    held: set[object] = set()
    fetched = 0
    for address in order:
        if address not in held:
            fetched += 1
            held.add(address)
            if len(held) >= half:
                held.clear()
    return fetched
