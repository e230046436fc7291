"""Cost models that are closed forms: the same lines price one layer and a table of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from accel_models.demand import Demand
from accel_models.elementwise import Number
from accel_models.estimate import LayerEstimate
from accel_models.model import CostModel, Support
from accel_models.work import Work

__all__ = ["ClosedForm", "Price"]


@dataclass(frozen=True, slots=True)
class Price:
    """What one layer costs, or arrays with what each of many design points costs.

    The fields are those of `LayerEstimate`.
    """

    cycles: Number
    low: Number
    high: Number
    compute_cycles: Number
    ideal_cycles: Number
    memory_bytes: Mapping[str, Number]
    energy_by_component: Mapping[str, Number] | None = None
    counts: Mapping[str, Number] = field(default_factory=dict)
    resource_cycles: Mapping[str, Number] = field(default_factory=dict)


class ClosedForm(CostModel):
    """A `CostModel` whose formulas take numbers and arrays alike.

    A subclass says what it refuses and what the rest costs, with the arithmetic of
    `accel_models.elementwise`. `Demand.kind`, `Demand.arithmetic` and whether there is a window or
    an outer register are always the same for all entries; all other attributes may be arrays, and
    so may the settings that `vectors` names.
    """

    __slots__ = ()

    #: Settings that may be arrays.
    vectors: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def refusals(self, work: Demand) -> Iterator[tuple[Number, str]]:
        """Yield what this machine cannot do: where a condition holds, the reason why not."""

    @abstractmethod
    def price(self, work: Demand) -> Price:
        """Price what is not refused."""

    @abstractmethod
    def method(self, work: Work) -> str:
        """Return what runs a layer, as reports print it."""

    def supports(self, work: Work) -> Support:
        """Return whether nothing is refused, with the first reason."""
        return Support(next((reason for wrong, reason in self.refusals(work) if wrong), ""))

    def estimate_layer(self, work: Work) -> LayerEstimate:
        """Price one layer."""
        price = self.price(work)
        return LayerEstimate(
            name=work.name,
            method=self.method(work),
            macs=work.macs,
            cycles=price.cycles,
            low=price.low,
            high=price.high,
            compute_cycles=price.compute_cycles,
            ideal_cycles=price.ideal_cycles,
            memory_bytes=price.memory_bytes,
            energy_by_component=price.energy_by_component,
            counts=price.counts,
            resource_cycles=price.resource_cycles,
        )
