"""Functions of C's float32 as its libraries have them, not as they should be rounded.

Source: fdlibm (Sun Microsystems, 1993), ``s_log1p.c``, and its float version in newlib, FreeBSD and
glibc up to 2.40, with which front ends for devices compute their weights.
"""

from __future__ import annotations

import numpy as np

__all__ = ["log1p"]

_F = np.float32
_LN2_HIGH, _LN2_LOW = _F(6.9313812256e-01), _F(9.0580006145e-06)
#: Of the series of log((1 + s) / (1 - s)) in s**2, highest first.
_SERIES = tuple(
    map(
        _F,
        (
            1.4798198640e-01,
            1.5313838422e-01,
            1.8183572590e-01,
            2.2222198546e-01,
            2.8571429849e-01,
            4.0000000596e-01,
            6.6666668653e-01,
        ),
    )
)
#: sqrt(2) - 1 and sqrt(2), as the source has them.
_SMALL, _MIDDLE = _F((1 + 0x5413D7 / 2**23) / 4), _F(1 + 0x3504F7 / 2**23)


def log1p(x: np.float32) -> np.float32:
    """Return log(1 + x) of a float32 of 0 to 2**24, at most 1 unit in the last place off."""
    if x < _F(2.0**-15):
        return x - x * x * _F(0.5) if x >= _F(2.0**-29) else x
    exponent, lost, f = 0, _F(0), x
    if x >= _SMALL:
        u = _F(1) + x
        exponent = int(np.frexp(u)[1]) - 1
        # What 1 + x lost to rounding.
        lost = (_F(1) - (u - x) if exponent > 0 else x - (u - _F(1))) / u
        mantissa = np.ldexp(u, -exponent)
        if mantissa >= _MIDDLE:  # 1 <= mantissa < 2 comes down to around 1
            mantissa, exponent = mantissa * _F(0.5), exponent + 1
        f = mantissa - _F(1)
    half_square = _F(0.5) * f * f
    s = f / (_F(2) + f)
    z, series = s * s, _F(0)
    for coefficient in _SERIES:
        series = coefficient + z * series
    series *= z
    if exponent == 0:
        return f - (half_square - s * (half_square + series))
    k = _F(exponent)
    rest = s * (half_square + series) + (k * _LN2_LOW + lost)
    return k * _LN2_HIGH - ((half_square - rest) - f)
