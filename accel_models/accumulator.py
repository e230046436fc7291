"""The registers of a sum, as hardware has to provide them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from accel_models.errors import WorkError, raise_all
from accel_models.fields import member, whole

__all__ = ["WIDEST", "Accumulator", "Overflow"]

WIDEST = 64  # bits of any value


class Overflow(StrEnum):
    """What a register does with a sum that does not fit."""

    WRAP = "wrap"
    SATURATE = "saturate"


@dataclass(frozen=True, slots=True)
class Accumulator:
    """The registers that products are added into.

    Attributes
    ----------
    bits
        Width of the register that takes each product.
    overflow
        What that register does at *every* addition.
    outer_bits
        Width of the register that it spills into; None: there is only one register.
    products_per_spill
        Products that a register takes before it is spilled and cleared. None, with an outer
        register: the worst-case rule, as many as can never overflow (`Work.worst_case_products`).
    outer_overflow
        What the outer register does at every spill.
    lanes
        Registers that share the products of one sum and are added at the end.
    product_bits
        Width that each product is cut to before it is added. None: all its bits.
    """

    bits: int = 32
    overflow: Overflow = Overflow.WRAP
    outer_bits: int | None = None
    products_per_spill: int | None = None
    outer_overflow: Overflow = Overflow.WRAP
    lanes: int = 1
    product_bits: int | None = None

    def __post_init__(self) -> None:
        mistakes = [
            *whole(self, "bits", 2, WIDEST),
            *member(self, "overflow", Overflow),
            *member(self, "outer_overflow", Overflow),
            *whole(self, "lanes", 1),
        ]
        if self.product_bits is not None:
            mistakes += whole(self, "product_bits", 1, WIDEST)
        if self.outer_bits is not None:
            mistakes += whole(self, "outer_bits", 2, WIDEST)
            if not mistakes and self.outer_bits < self.bits:
                mistakes.append(
                    f"outer bits must be {self.bits} (the inner bits) or more, "
                    f"not {self.outer_bits}"
                )
        if self.products_per_spill is not None:
            mistakes += whole(self, "products_per_spill", 1)
            if self.outer_bits is None:
                mistakes.append("products per spill need an outer accumulator: give outer_bits")
        raise_all(WorkError, "accumulator", mistakes)

    @property
    def final_bits(self) -> int:
        """Width at which a sum leaves: that of the outermost register."""
        return self.bits if self.outer_bits is None else self.outer_bits

    def __str__(self) -> str:
        inner = f"{self.bits}-bit {self.overflow}"
        if self.lanes > 1:
            inner = f"{self.lanes} lanes of {inner}"
        if self.outer_bits is None:
            return inner
        every = self.products_per_spill or "worst case"
        return f"{inner}, spill {every} into {self.outer_bits}-bit {self.outer_overflow}"
