"""A log-mel front end in integers: window, real FFT, band powers, logarithm.

Words are two's complement of ``bits`` and saturate symmetrically (``hi = 2**(bits - 1) - 1``).
Every function that may saturate returns the number of words that did.
"""

from __future__ import annotations

from collections.abc import Sequence

from fxpsim.formats import Rounding
from fxpsim.spec.casts import round_shift

__all__ = [
    "add_frames",
    "block_shift",
    "fft",
    "input_shift",
    "log2_code",
    "log_polynomial",
    "mel_sums",
    "peak",
    "power_words",
    "row_code",
    "row_level",
    "split",
    "window_words",
]

Complex = tuple[int, int]


def _saturate(value: int, hi: int) -> tuple[int, int]:
    """Return a value brought into -hi to hi, and whether it had to be."""
    fitted = max(-hi, min(hi, value))
    return fitted, int(fitted != value)


def peak(data: Sequence[Complex]) -> int:
    """Return the largest magnitude of all real and imaginary parts."""
    return max(max(abs(re), abs(im)) for re, im in data)


def input_shift(largest: int, hi: int) -> int:
    """Return the fewest bits to drop (below 0: zeros to append) with which a frame surely fits.

    ``largest`` is the largest magnitude of the frame.
    """
    shift = max(largest, 1).bit_length() - hi.bit_length()
    return shift + (shift > 0 and largest > hi << shift)


def window_words(
    frame: Sequence[int], coefficients: Sequence[int], shift: int, hi: int, rounding: Rounding
) -> tuple[list[int], int]:
    """Return products of samples and window coefficients as words, ``2**-shift`` of their value."""
    words, events = [], 0
    for sample, coefficient in zip(frame, coefficients, strict=True):
        word, event = _saturate(round_shift(sample * coefficient, shift, rounding), hi)
        words.append(word)
        events += event
    return words, events


def block_shift(largest: int, limits: Sequence[int]) -> int:
    """Return the least shift at which a stage surely fits.

    ``limits[s]`` is the largest magnitude of inputs that a stage with shift ``s`` can take; any
    input fits with a shift of as many as there are limits.
    """
    return next((s for s, limit in enumerate(limits) if largest <= limit), len(limits))


def _twiddled(b: Complex, w: Complex) -> Complex:
    """Return the exact complex product."""
    return b[0] * w[0] - b[1] * w[1], b[0] * w[1] + b[1] * w[0]


def fft(
    data: Sequence[Complex],
    twiddles: Sequence[Complex],
    twiddle_frac: int,
    shifts: Sequence[int] | None,
    limits: Sequence[Sequence[int]],
    hi: int,
    rounding: Rounding,
) -> tuple[list[Complex], list[int], list[int]]:
    """Return the radix-2 decimation-in-time FFT of M words, in natural order.

    A butterfly gives ``(a +- w b) 2**-shift``: the product has all its bits, the sum is rounded
    once, then saturated.

    Parameters
    ----------
    data : M pairs (real, imaginary)
    twiddles : M / 2 pairs
        ``exp(-2 pi i k / M)``, of ``twiddle_frac`` fraction bits.
    shifts : one for each of the log2(M) stages, or None
        None: :func:`block_shift` of the stage's inputs and ``limits``.

    Returns
    -------
    spectrum : list of M pairs
    shifts : list of int
        Of each stage.
    events : list of int
        Words that saturated in each stage.
    """
    size = len(data)
    stages = size.bit_length() - 1
    words = [data[int(f"{i:0{stages}b}"[::-1], 2)] for i in range(size)] if stages else list(data)
    taken, events = [], [0] * stages
    for stage in range(stages):
        shift = block_shift(peak(words), limits[stage]) if shifts is None else shifts[stage]
        half = 1 << stage
        for start in range(0, size, 2 * half):
            for j in range(half):
                a, b = words[start + j], words[start + j + half]
                product = _twiddled(b, twiddles[j * (size // (2 * half))])
                for sign, place in ((1, start + j), (-1, start + j + half)):
                    pair = []
                    for x, y in zip(a, product, strict=True):
                        exact = (x << twiddle_frac) + sign * y
                        rounded = round_shift(exact, twiddle_frac + shift, rounding)
                        word, event = _saturate(rounded, hi)
                        pair.append(word)
                        events[stage] += event
                    words[place] = (pair[0], pair[1])
        taken.append(shift)
    return words, taken, events


def split(
    spectrum: Sequence[Complex],
    twiddles: Sequence[Complex],
    twiddle_frac: int,
    shift: int,
    hi: int,
    rounding: Rounding,
) -> tuple[list[Complex], int]:
    """Return the lower half spectrum of 2 M real words from the FFT of their M pairs.

    ``X[k] = ((Z[k] + Z*[M - k]) - i w^k (Z[k] - Z*[M - k])) / 2``, times ``2**-shift``.

    Parameters
    ----------
    spectrum : M pairs
        Z, the transform of even samples as real and odd samples as imaginary parts.
    twiddles : M pairs
        ``exp(-i pi k / M)``.

    Returns
    -------
    list of M + 1 pairs; number of words that saturated
    """
    size = len(spectrum)
    result, events = [], 0
    for k in range(size + 1):
        z, mirrored = spectrum[k % size], spectrum[-k % size]
        even = (z[0] + mirrored[0], z[1] - mirrored[1])
        odd = (z[1] + mirrored[1], mirrored[0] - z[0])  # -i (Z[k] - Z*[M - k])
        # At k = M the twiddle is -1, which is that of 0 with the other sign.
        product = _twiddled(odd, twiddles[k % size])
        sign = -1 if k == size else 1
        pair = []
        for x, y in zip(even, product, strict=True):
            exact = (x << twiddle_frac) + sign * y
            word, event = _saturate(round_shift(exact, twiddle_frac + 1 + shift, rounding), hi)
            pair.append(word)
            events += event
        result.append((pair[0], pair[1]))
    return result, events


def power_words(
    spectrum: Sequence[Complex], shift: int, bits: int, rounding: Rounding
) -> tuple[list[int], int]:
    """Return ``(re**2 + im**2) 2**-shift`` in unsigned words, and how many saturated."""
    highest = (1 << bits) - 1
    exact = [round_shift(re * re + im * im, shift, rounding) for re, im in spectrum]
    return [min(p, highest) for p in exact], sum(p > highest for p in exact)


def mel_sums(
    power: Sequence[int], weights: Sequence[Sequence[int]], bits: int
) -> tuple[list[int], int]:
    """Return each band's sum of power times weight in an unsigned register that saturates.

    ``weights`` has a row for each bin.  Nothing is negative, so saturating at every addition is
    saturating the sum.  Also returns the number of bands that saturated.
    """
    highest = (1 << bits) - 1
    bands = zip(*weights, strict=True)
    sums = [sum(p * w for p, w in zip(power, band, strict=True)) for band in bands]
    return [min(s, highest) for s in sums], sum(s > highest for s in sums)


def add_frames(
    frames: Sequence[tuple[Sequence[int], int]], rounding: Rounding
) -> tuple[list[int], int]:
    """Add band sums of successive frames, each with an exponent of two.

    Whenever exponents differ, the one with the lower is rounded to the higher.

    Returns
    -------
    list of int, one a band; their exponent
    """
    total, exponent = list(frames[0][0]), frames[0][1]
    for bands, own in frames[1:]:
        high = max(own, exponent)
        total = [
            round_shift(t, high - exponent, rounding) + round_shift(b, high - own, rounding)
            for t, b in zip(total, bands, strict=True)
        ]
        exponent = high
    return total, exponent


def log_polynomial(mantissa: int, coefficients: Sequence[int], mantissa_bits: int) -> int:
    """Return a polynomial of ``mantissa * 2**-mantissa_bits``, by Horner's rule.

    ``coefficients`` begin with that of the highest power; each product is rounded to nearest, ties
    up, to the coefficients' fraction.
    """
    value = coefficients[0]
    for coefficient in coefficients[1:]:
        value = round_shift(value * mantissa, mantissa_bits, Rounding.NEAREST_UP) + coefficient
    return value


def log2_code(value: int, codes: Sequence[int], mantissa_bits: int, frac: int) -> int:
    """Return log2 of a whole number of 1 or more, with ``frac`` fraction bits.

    ``codes`` has ``log2(1 + i / 2**mantissa_bits)`` for every mantissa i; bits of the value below
    its mantissa are dropped.
    """
    exponent = value.bit_length() - 1
    mantissa = round_shift(value, exponent - mantissa_bits, Rounding.FLOOR)
    return (exponent << frac) + codes[mantissa - (1 << mantissa_bits)]


def row_level(
    value: int, exponent: int, codes: Sequence[int], mantissa_bits: int, frac: int, offset: int
) -> int:
    """Return ``log2(value * 2**exponent) + offset``, all with ``frac`` fraction bits; value > 0."""
    return log2_code(value, codes, mantissa_bits, frac) + (exponent << frac) + offset


def row_code(level: int, drop: int, lo: int, hi: int) -> int:
    """Return a level without its last ``drop`` bits, rounded to nearest even and saturated."""
    return max(lo, min(hi, round_shift(level, drop, Rounding.NEAREST_EVEN)))
