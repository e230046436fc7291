"""How many bytes a number of equal values takes, packed bit by bit or in machine containers."""

from __future__ import annotations

__all__ = ["container_bits", "container_bytes", "packed_bytes"]


def container_bits(bits: int) -> int:
    """Return the smallest of 8, 16, 32 and 64 bits that holds a value of `bits` (1..64)."""
    return max(8, 1 << (bits - 1).bit_length())


def container_bytes(count: int, bits: int) -> int:
    """Return the bytes of `count` values, each in a container of its own."""
    return count * container_bits(bits) // 8


def packed_bytes(count: int, bits: int) -> int:
    """Return the bytes of `count` values of `bits` stored without gaps, the last byte filled."""
    return -(-count * bits // 8)
