"""Memory that tells whether somebody wrote beside it."""

from __future__ import annotations

import numpy as np

CANARY = 77


class Guarded:
    """Memory with a margin of canaries on both sides."""

    def __init__(self):
        self.made = []

    def empty(self, shape, dtype=float, **options):
        count = int(np.prod(shape))
        store = np.full(count + 128, CANARY, dtype)
        self.made.append((store, count))
        return store[64 : 64 + count].reshape(shape)

    def check(self):
        for store, count in self.made:
            assert (store[:64] == CANARY).all()
            assert (store[64 + count :] == CANARY).all()
