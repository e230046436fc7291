"""Sums in any declared registers: lanes, chunks, spills, fractions, product registers.

The general kernel behind the tiles of :mod:`fxpsim.kernels.product`: it follows
:mod:`fxpsim.spec.sums` addition by addition, for a block of outputs at a time.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator, Chunked, Interleaved, Product
from fxpsim.draws import current_draws
from fxpsim.formats import Rounding
from fxpsim.formats.modes import STOCHASTIC
from fxpsim.kernels._jit import kernel
from fxpsim.kernels.scalars import OVERFLOW, ROUNDING, fit, round_shift
from fxpsim.kernels.step_draws import draw_step

__all__ = ["LEVELS", "MOST_OUTER", "Registers", "multiply"]

#: Levels of overflow statistics, in the order of the kernel's planes.
LEVELS = ("product", "node", "lane", "spill", "final")
_PRODUCT, _NODE, _LANE, _SPILL, _FINAL = range(len(LEVELS))
#: Registers beyond the innermost that are compiled for.
MOST_OUTER = 3
_BLOCK = 64
_WEIGHTED = ROUNDING[Rounding.STOCHASTIC_WEIGHTED]
_NEVER = np.int64(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class _Word:
    """A register in numbers: shifts that align its content and an addend, then its own shift.

    ``draw`` is which word of a step's draw rounds, -1 for none.
    """

    own_up: int
    addend_up: int
    shift: int
    lo: int
    hi: int
    rounding: int
    overflow: int
    draw: int

    @classmethod
    def of(
        cls, register: Accumulator | Product, frac: int, addend_frac: int, draw: int = -1
    ) -> _Word:
        common = max(frac, addend_frac)
        undeclared = register.frac is None and common == frac  # then even ``jam`` changes nothing
        rounding = Rounding.FLOOR if undeclared else register.rounding
        return cls(
            common - frac,
            common - addend_frac,
            common - frac,
            register.lo,
            register.hi,
            ROUNDING[rounding],
            OVERFLOW[register.overflow],
            draw if rounding in STOCHASTIC else -1,
        )


@dataclass(frozen=True)
class Registers:
    """A declared accumulator over products of some fraction, as the kernel wants it.

    ``words`` are, in order: product, tree node, innermost register, lane reduction, bias, then
    the outer registers.
    """

    accumulator: Accumulator
    product_frac: int

    @property
    def outers(self) -> tuple[Accumulator, ...]:
        """Registers beyond the one, or the lanes, that products are added into."""
        chain = self.accumulator.levels
        own = isinstance(self.accumulator.order, Interleaved)
        return chain[1:] if self.accumulator.spill or not own else chain

    def fit_int64(self, product_peak: int, bias_peak: int) -> bool:
        """Whether the kernel can run: every aligned sum fits, and the shapes are compiled for."""
        acc, words = self.accumulator, self.words
        if acc.rounding_constant:
            return False  # it belongs in the bias
        if len(self.outers) > MOST_OUTER or any(word.shift > 62 for word in words):
            return False
        if isinstance(acc.order, Interleaved) and self._lane_frac != self._reducer_frac:
            return False
        peak = product_peak << words[0].addend_up
        added = max(abs(words[0].lo), words[0].hi) if acc.product else peak
        order = acc.order
        if isinstance(order, Chunked):
            most = max(abs(words[1].lo), words[1].hi) if order.node_bits else added * order.size
            peak, added = max(peak, 2 * max(most, added)), max(most, added)
        sums = [peak, bias_peak << words[4].addend_up]
        for word in (words[2], *words[5:]):
            held = max(abs(word.lo), word.hi)
            sums += [(held << word.own_up) + (added << word.addend_up), 2 * held]
            added = held
        last = max(abs(words[4].lo), words[4].hi) << words[4].own_up
        return max(*sums, last + sums[1]) < 1 << 62

    @property
    def _lane_frac(self) -> int:
        acc = self.accumulator
        products = acc.product.frac if acc.product else self.product_frac
        return products if acc.frac is None else acc.frac

    @property
    def _reducer_frac(self) -> int:
        reducer = self.outers[0] if self.outers else self.accumulator
        return self._lane_frac if reducer.frac is None else reducer.frac

    @property
    def words(self) -> tuple[_Word, ...]:
        """The words, in the order above."""
        acc, frac = self.accumulator, self.product_frac
        products = acc.product or Product(62, frac)
        added = products.frac
        order = acc.order
        node_bits = order.node_bits if isinstance(order, Chunked) else None
        node = Accumulator(node_bits or 62, acc.overflow, signed=acc.signed or not node_bits)
        inner_frac = self._lane_frac
        product_draw, *draws = acc.draw_words
        words = [
            _Word.of(products, products.frac, frac, product_draw),
            _Word.of(node, added, added),
            _Word.of(acc, inner_frac, added, draws[0]),
        ]
        outer_words, below = [], inner_frac
        for register, draw in zip(self.outers, draws[-len(self.outers) :], strict=False):
            own = below if register.frac is None else register.frac
            outer_words.append(_Word.of(register, own, below, draw))
            below = own
        last = self.outers[-1] if self.outers else acc
        reducer = self.outers[0] if self.outers else acc
        # Lanes are added to each other in the register they are flushed into.
        lane_node = _Word.of(reducer, self._reducer_frac, self._reducer_frac)
        bias = _Word.of(last, below, frac, draws[-1])
        return (*words, lane_node, bias, *outer_words)


@kernel
def _round_by_draw(value, shift, mode, draw):
    """Return ``value * 2**-shift``, rounded by 32 random bits, for a shift of 0 to 62."""
    floor = value >> shift
    dropped = value - (floor << shift)
    if mode != _WEIGHTED:
        return floor + (draw & 1 & np.int64(dropped != 0))
    # The draw is below a fraction of 2**32 if it is below the next whole number.
    bound = dropped << (32 - shift) if shift <= 32 else -(-dropped >> (shift - 32))
    return floor + np.int64(draw < bound)


@kernel
def _into(total, word, draw):
    """Round an aligned sum into a register; return what it holds, and whether it overflowed."""
    if word[7] < 0:
        rounded = round_shift(total, word[2], word[5])
    else:
        rounded = _round_by_draw(total, word[2], word[5], draw)
    fitted = fit(rounded, word[3], word[4], word[6])
    return fitted, np.int64(fitted != rounded)


@kernel
def _note(events, first, level, j, event, step):
    if event:
        events[level, j] += 1
        first[level, j] = min(first[level, j], step)


@kernel
def _drive(
    a, b, bias, biased, words, outer, lanes, interleaved, tree, chunk, node, bounded, flushed,
    every, drawn, key_low, key_high, stream, samples, elements, value, events, first,
):  # fmt: skip
    """Fill ``value`` (M, N), ``events`` and ``first`` (M, levels, N).

    ``bias`` is (M, N), or (1, N) for all rows; ``biased`` is 0 for none, 1 first, 2 last;
    ``words`` has a row for each word, its fields in order; ``bounded`` says that products have a
    register; ``outer`` is the number of outer registers; ``flushed`` says of every addition whether
    the lanes are flushed after it, ``every`` (outer) after how many arrivals an outer register is,
    0 for once at the end.  ``drawn`` says that a register rounds by random bits:
    ``samples`` and ``elements`` (M,) have the sample and the first element of each row.
    """
    rows, length = a.shape
    # Views of an array count references: take them once, not for every number.
    product, tree_node, inner = words[0], words[1], words[2]
    lane_node, bias_word = words[3], words[4]
    outputs = b.shape[1]
    lane = np.zeros((lanes, _BLOCK), np.int64)
    total = np.zeros((MOST_OUTER, _BLOCK), np.int64)
    leaf = np.zeros((chunk, _BLOCK), np.int64)
    arrived = np.zeros(MOST_OUTER, np.int64)
    draws = np.zeros((4, _BLOCK), np.int64)
    product_draw, inner_draw = draws[max(0, product[7])], draws[max(0, inner[7])]
    bias_draw = draws[max(0, bias_word[7])]
    level_of_inner = _FINAL if outer == 0 else (_LANE if interleaved else _SPILL)
    for i in range(rows):
        bias_row = bias[i if bias.shape[0] > 1 else 0]
        for start in range(0, outputs, _BLOCK):
            width = min(_BLOCK, outputs - start)
            sample, element = np.uint64(samples[i]), np.uint64(elements[i]) + np.uint64(start)
            event = events[i, :, start : start + width]
            early = first[i, :, start : start + width]
            lane[:] = 0
            total[:] = 0
            arrived[:] = 0
            k = 0
            step = 0
            while True:
                # A bias is an addition to the outermost register.
                if biased == 1 and k == 0 and step == 0:
                    if drawn:
                        draw_step(key_low, key_high, stream, sample, element, np.uint64(0), draws)
                    for j in range(width):
                        aligned = bias_row[start + j] << bias_word[1]
                        if outer > 0:
                            held = total[outer - 1, j] << bias_word[0]
                        else:
                            held = lane[0, j] << bias_word[0]
                        fitted, over = _into(held + aligned, bias_word, bias_draw[j])
                        if outer > 0:
                            total[outer - 1, j] = fitted
                        else:
                            lane[0, j] = fitted
                        _note(event, early, _FINAL, j, over, 0)
                if k >= length:
                    break
                count = min(chunk, length - k)
                for c in range(count):
                    if drawn:
                        number = np.uint64(k + c + 1)
                        draw_step(key_low, key_high, stream, sample, element, number, draws)
                    x = np.int64(a[i, k + c])
                    for j in range(width):
                        exact = x * np.int64(b[k + c, start + j])
                        if bounded:
                            exact, over = _into(exact << product[1], product, product_draw[j])
                            _note(event, early, _PRODUCT, j, over, k + c + 1)
                        leaf[c, j] = exact
                k += count
                step = k
                left = count
                while left > 1:
                    for pair in range(left // 2):
                        for j in range(width):
                            exact = leaf[2 * pair, j] + leaf[2 * pair + 1, j]
                            if node:
                                fitted, over = _into(exact, tree_node, 0)
                                leaf[pair, j] = fitted
                                _note(event, early, _NODE, j, over, step)
                            else:
                                leaf[pair, j] = exact
                    if left % 2:
                        for j in range(width):
                            leaf[left // 2, j] = leaf[left - 1, j]
                    left = (left + 1) // 2
                addition = (step - 1) // chunk
                which = addition % lanes
                for j in range(width):
                    held = (lane[which, j] << inner[0]) + (leaf[0, j] << inner[1])
                    fitted, over = _into(held, inner, inner_draw[j])
                    lane[which, j] = fitted
                    _note(event, early, level_of_inner, j, over, step)
                last = k >= length
                if outer > 0 and flushed[addition]:
                    # Lanes, then each register whose time has come, into the next one.
                    if interleaved:
                        left = lanes
                        while left > 1:
                            pairs = left // 2 if tree else 1
                            for pair in range(pairs):
                                one, two = 2 * pair, 2 * pair + 1
                                for j in range(width):
                                    held = lane[one, j] + lane[two, j]
                                    fitted, over = _into(held, lane_node, 0)
                                    lane[pair, j] = fitted
                                    level = _FINAL if outer == 1 else _SPILL
                                    _note(event, early, level, j, over, step)
                            if tree:
                                if left % 2:
                                    for j in range(width):
                                        lane[left // 2, j] = lane[left - 1, j]
                                left = (left + 1) // 2
                            else:
                                for move in range(1, left - 1):
                                    for j in range(width):
                                        lane[move, j] = lane[move + 1, j]
                                left -= 1
                    into = 0
                    while True:
                        level = _FINAL if into == outer - 1 else _SPILL
                        word = words[5 + into]
                        word_draw = draws[max(0, word[7])]
                        for j in range(width):
                            addend = lane[0, j] if into == 0 else total[into - 1, j]
                            held = (total[into, j] << word[0]) + (addend << word[1])
                            fitted, over = _into(held, word, word_draw[j])
                            total[into, j] = fitted
                            _note(event, early, level, j, over, step)
                        if into == 0:
                            lane[:] = 0
                        else:
                            total[into - 1] = 0
                        arrived[into] += 1
                        if into == outer - 1:
                            break
                        if not (last or arrived[into] == every[into]):
                            break
                        arrived[into] = 0
                        into += 1
            if biased == 2 and drawn:
                number = np.uint64(length + 1)
                draw_step(key_low, key_high, stream, sample, element, number, draws)
            for j in range(width):
                held = total[outer - 1, j] if outer > 0 else lane[0, j]
                if biased == 2:
                    exact = (held << bias_word[0]) + (bias_row[start + j] << bias_word[1])
                    fitted, over = _into(exact, bias_word, bias_draw[j])
                    held = fitted
                    _note(event, early, _FINAL, j, over, length + 1)
                value[i, start + j] = held


def multiply(
    registers: Registers,
    a: NDArray,
    b: NDArray,
    bias: NDArray | None,
) -> tuple[NDArray, NDArray, NDArray]:
    """Return what the registers hold and did; the caller has made sure that int64 is enough.

    Stochastic rounding draws from :func:`fxpsim.draws.current_draws`.

    Parameters
    ----------
    registers : Registers
        At most :data:`MOST_OUTER` outer ones; lanes and the register they are flushed into share
        a fraction.
    a, b : integer arrays (M, K), (K, N), K at least 1
        Multiplicands.
    bias : int64 array (N,) or (M, N), or None
        At the products' fraction, without a rounding constant.

    Returns
    -------
    value : int64 array (M, N)
    events, first : int64 arrays (M, levels, N)
        Overflows by :data:`LEVELS`, and the first step (int64's highest for never).
    """
    acc, words = registers.accumulator, registers.words
    order, outers = acc.order, registers.outers
    interleaved, chunked = isinstance(order, Interleaved), isinstance(order, Chunked)
    fields = [astuple(word) for word in words]
    every = [(register.spill.every or 0) if register.spill else 0 for register in outers]
    lanes, chunk = order.lanes if interleaved else 1, order.size if chunked else 1
    additions = -(-a.shape[1] // chunk)
    rounds = -(-additions // lanes)
    ends = acc.spill.ends(rounds) if acc.spill else (rounds,)
    flushed = np.zeros(additions, np.bool_)
    flushed[np.minimum(np.array(ends) * lanes, additions) - 1] = True
    rows, outputs = len(a), b.shape[1]
    value = np.empty((rows, outputs), np.int64)
    events = np.zeros((rows, len(LEVELS), outputs), np.int64)
    first = np.full((rows, len(LEVELS), outputs), _NEVER)
    start = np.zeros((1, outputs), np.int64)
    if bias is not None:
        start = np.ascontiguousarray(bias.astype(np.int64).reshape(-1, outputs))
    draws = current_draws()
    seed = int(draws.seed)
    key = np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)
    tree = interleaved and order.reduce == "tree"
    _drive(
        # One type, one compilation.
        a.astype(np.int64), b.astype(np.int64), start,
        0 if bias is None else (1 if acc.bias == "first" else 2),
        np.array(fields, np.int64), len(outers),
        lanes, interleaved, tree, chunk, chunked and order.node_bits is not None,
        acc.product is not None, flushed, np.array(every, np.int64),
        acc.stochastic, *key, np.uint64(draws.stream), *draws.rows(rows, outputs),
        value, events, first,
    )  # fmt: skip
    return value, events, first
