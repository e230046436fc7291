"""Arm cores as a cost model: settings, choice of the kernel, the range and what it is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any, ClassVar, cast

from accel_models.closed_form import ClosedForm, Price
from accel_models.columns import WorkColumns
from accel_models.demand import LAYERS, Demand
from accel_models.elementwise import Number, choose
from accel_models.errors import ConfigError
from accel_models.estimate import Statement
from accel_models.keys import Doc
from accel_models.memory_map import MemoryMap, memory_map
from accel_models.model import CostModel, Support
from accel_models.neon.between import between_cycles
from accel_models.neon.core import Core, Order, Place, list_cores, read_core
from accel_models.neon.cycles import busiest, least
from accel_models.neon.kernel import Kernel, candidates, named, refuse, split_name
from accel_models.neon.layer import Layer, Shape, join
from accel_models.neon.libraries import factor_of, library_names
from accel_models.neon.loops import Epilogue, read_loop, rescales
from accel_models.neon.many import alike
from accel_models.neon.scenario import Code, Overlap, Scenario, scenarios
from accel_models.neon.statement import state
from accel_models.planning import Buffer
from accel_models.storage import container_bytes
from accel_models.work import Kind, Work, Workload

__all__ = ["Convolution", "NeonCore"]


class Convolution(StrEnum):
    """Whether windows are read in place or copied into rows of a matrix first."""

    DIRECT = "direct"
    IM2COL = "im2col"


@dataclass(frozen=True, slots=True)
class NeonCore(ClosedForm):
    """Cycles of layers on one Arm core.

    The settings are listed by ``accel_models.describe("neon")``; `weights`, `overlap` and `code`
    choose the default point, the range is over all of them.
    """

    name: ClassVar[str] = "neon"
    summary: ClassVar[str] = "Arm core with NEON, Helium or DSP instructions, from their costs"

    core: Annotated[str, Doc("name", "core, or a .toml file that describes one")] = "cortex-a53"
    kernel: Annotated[
        str | None,
        Doc("name", "loop to use: 'i8', 'i8_n16', a .toml file; none: the fastest exact one"),
    ] = None
    weights: Annotated[
        Place | None, Doc("memory", "where the weights are (default point); none: the core file's")
    ] = None
    overlap: Annotated[
        Overlap | None,
        Doc("mode", "stream against arithmetic (default point); none: additive if in order"),
    ] = None
    code: Annotated[Code, Doc("mode", "quality of the loops (default point)")] = Code.COMPILED
    packed: Annotated[bool, Doc("yes/no", "weights in their own bits: 1, 2, 4 or 5")] = False
    convolution: Annotated[Convolution, Doc("mode", "windows in place, or copied first")] = (
        Convolution.DIRECT
    )
    rescale: Annotated[
        Epilogue | None, Doc("mode", "what makes outputs of sums; none: what the work asks for")
    ] = None
    library: Annotated[
        str | None, Doc("name", "kernel library measured on Cortex-M; none: these loops")
    ] = None
    factor: Annotated[
        float | None,
        Doc("ratio", "compute cycles over these loops'; none: the library's", positive=True),
    ] = None
    clock_hz: Annotated[float | None, Doc("Hz", "clock; none: the core file's", positive=True)] = (
        None
    )
    l2_rate: Annotated[
        float | None, Doc("bytes/cycle", "L2 reads; none: the core file's", positive=True)
    ] = None
    dram_rate: Annotated[
        float | None, Doc("bytes/second", "DRAM reads; none: the core file's", positive=True)
    ] = None
    flash_rate: Annotated[
        float | None, Doc("bytes/cycle", "flash reads; none: the core file's", positive=True)
    ] = None
    spec: Core = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        CostModel.__post_init__(self)
        object.__setattr__(self, "spec", read_core(self.core))
        if self.weights is not None and self.weights not in self.spec.memory:
            places = ", ".join(self.spec.memory)
            raise ConfigError(f"weights cannot be in {self.weights} on {self.core}, only {places}")
        if self.kernel is not None:
            try:
                loop, _ = split_name(self.kernel)
            except ValueError as error:
                raise ConfigError(f"kernel {error}") from None
            read_loop(loop)
        if self.rescale is not None and self.rescale not in (usual := rescales(self.spec)):
            raise ConfigError(
                f"rescale cannot be {self.rescale} on {self.core}, only {', '.join(usual)}"
            )
        factor_of(self.library)

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return one preset for each core that ships with the package."""
        return {name: {"core": name} for name in list_cores()}

    @staticmethod
    def libraries() -> tuple[str, ...]:
        """Return the names that `library` takes."""
        return library_names()

    @property
    def default_point(self) -> Scenario:
        """The corner of the range that is the estimate's `cycles`."""
        in_order = self.spec.order is Order.IN
        usual = Overlap.ADDITIVE if in_order else Overlap.OVERLAPPED
        return Scenario(self.weights or self.spec.weights, self.overlap or usual, self.code)

    @property
    def clock(self) -> float:
        """Clock in Hz."""
        return self.spec.clock.value if self.clock_hz is None else self.clock_hz

    @property
    def rates(self) -> dict[Place, float | None]:
        """Bytes a cycle by memory; None where loads are part of the loops."""
        rates = {p: level.bytes_per_cycle(self.clock) for p, level in self.spec.memory.items()}
        given = {Place.L2: self.l2_rate, Place.FLASH: self.flash_rate}
        if self.dram_rate is not None:
            given[Place.DRAM] = self.dram_rate / self.clock
        return rates | {p: rate for p, rate in given.items() if rate is not None and p in rates}

    def supports(self, work: Work) -> Support:
        """Layers: floats that the core has, integers up to 16 bits; between them up to 8 bits."""
        if work.kind not in LAYERS:
            wide = work.activation_bits > 8
            return Support("has more than 8-bit activations between layers" if wide else "")
        if self.kernel is None:
            return Support(refuse(work, self.spec, self.packed))
        try:
            loop = named(self.kernel, work).loop
        except ValueError as error:
            return Support(str(error))
        if loop.runs_on(self.spec):
            return Support()
        return Support(f"is to run {self.kernel}, for which {self.core} has no instructions")

    def kernel_of(self, work: Work) -> Kernel:
        """Return the kernel that runs a layer at the default point."""
        return self.candidates(work)[0][0]

    def candidates(self, work: Work) -> list[tuple[Kernel, float]]:
        """Return every kernel that gives the bits asked for, fastest first, with its cycles.

        Cycles are those of the default point; among equals, as weights may take longer to arrive,
        the one with the least arithmetic is first. Where `kernel` is set, it is the only one.
        """
        here = self.default_point
        found = []
        for layer in self._layers(work):
            compute = self._compute(layer)
            found.append((self._cycles(layer, compute)[here], compute[here.code], layer.kernel))
        return [(kernel, cycles) for cycles, _, kernel in sorted(found, key=lambda item: item[:2])]

    def scenarios(self, work: Work) -> dict[Scenario, float]:
        """Return the cycles of one layer in every corner, each with the kernel fastest there."""
        tables = [self._cycles(layer, self._compute(layer)) for layer in self._layers(work)]
        return {corner: min(table[corner] for table in tables) for corner in tables[0]}

    def method(self, work: Work) -> str:
        """Return the name of the kernel that runs a layer at the default point."""
        return self.kernel_of(work).name if work.kind in LAYERS else str(work.operation)

    def refusals(self, work: Demand) -> Iterator[tuple[Number, str]]:
        """Yield why a layer cannot be priced, and of many layers which."""
        if isinstance(work, Work):
            reason = self.supports(work).reason
            yield bool(reason), reason
            return
        import numpy as np

        groups = list(alike(cast(WorkColumns, work)))
        size = sum(1 if places is None else len(places) for places, _ in groups)
        refused = np.zeros(size, bool)
        for places, one in groups:
            refused[slice(None) if places is None else places] = not self.supports(one)
        yield refused, "has no kernel here"

    def price(self, work: Demand) -> Price:
        """Price one layer, or columns; see `docs/explanation/arm-cores.md` for every formula."""
        if isinstance(work, Work):
            return self._price(work, work)
        import numpy as np

        columns = cast(WorkColumns, work)
        found = []
        for places, one in alike(columns):
            if places is None:
                return self._price(one, columns)
            found.append((places, self._price(one, columns.take(places))))
        order = np.argsort(np.concatenate([places for places, _ in found]))
        return _joined([price for _, price in found], [len(places) for places, _ in found], order)

    def _price(self, one: Work, sizes: Demand) -> Price:
        """Price layers that take the kernels of `one`."""
        if one.kind not in LAYERS:
            return self._between(one, sizes)
        layers, here = self._layers(one, sizes), self.default_point
        computes = [self._compute(layer) for layer in layers]
        tables = [self._cycles(*each) for each in zip(layers, computes, strict=True)]
        corners = scenarios(self.spec.memory)
        by_corner = {c: least(table[c] for table in tables) for c in corners}
        cycles = by_corner[here]
        fast = [
            choose(table[here] <= cycles, compute[here.code], math.inf)
            for table, compute in zip(tables, computes, strict=True)
        ]
        arithmetic = least(fast)

        def chosen(quantity: Callable[[Layer], Number]) -> Number:
            """Return a quantity of the kernel that is first among the candidates."""
            found = quantity(layers[-1])
            for layer, compute in zip(layers[-2::-1], fast[-2::-1], strict=True):
                found = choose(compute <= arithmetic, quantity(layer), found)
            return found

        streamed = chosen(lambda layer: layer.streamed_bytes)
        stream = chosen(lambda layer: layer.stream_cycles(self.rates[here.weights]))
        loaded = chosen(lambda layer: layer.loaded_bytes)
        moved = {"l1": loaded + container_bytes(sizes.output_values, one.output_bits)}
        if here.weights is not Place.L1:
            moved[str(here.weights)] = streamed
        energy = self.spec.energy
        return Price(
            cycles=cycles,
            low=least(by_corner.values()),
            high=busiest(by_corner.values()),
            compute_cycles=arithmetic,
            ideal_cycles=min(1.0, self._factor) * chosen(lambda layer: layer.ideal_cycles),
            memory_bytes=moved,
            energy_by_component=None if energy is None else {"board": cycles * energy.value},
            counts={
                "spills": chosen(lambda layer: layer.spills),
                "stored_weight_bytes": streamed,
            },
            resource_cycles={"compute": arithmetic, f"{here.weights} stream": stream},
        )

    def _between(self, one: Work, sizes: Demand) -> Price:
        """Price pooling or an elementwise operation: no weights, activations in L1."""
        cycles = {
            code: self._factor * between_cycles(self.spec, one.operation, sizes, code)
            for code in Code
        }
        here, energy = cycles[self.default_point.code], self.spec.energy
        moved = {
            "l1": container_bytes(sizes.input_values, one.activation_bits)
            + container_bytes(sizes.output_values, one.output_bits)
        }
        if self.default_point.weights is not Place.L1:
            moved[str(self.default_point.weights)] = 0 * here
        return Price(
            cycles=here,
            low=least(cycles.values()),
            high=busiest(cycles.values()),
            compute_cycles=here,
            ideal_cycles=0 * here,
            memory_bytes=moved,
            energy_by_component=None if energy is None else {"board": here * energy.value},
            counts={"spills": 0 * here, "stored_weight_bytes": 0 * here},
            resource_cycles={"compute": here, f"{self.default_point.weights} stream": 0 * here},
        )

    def memory(
        self, workload: Work | Iterable[Work], buffers: Iterable[Buffer] | None = None
    ) -> MemoryMap:
        """Return where constants and activations lie, weights stored as the kernels want them.

        Parameters
        ----------
        workload
            A network.
        buffers
            Its tensors with their lives; None: a chain.
        """
        workload = Workload(workload)
        layers = [work for work in workload if work.kind in LAYERS]
        loops = {k.name.partition("_n")[0]: k.loop for k in map(self.kernel_of, layers)}
        return memory_map(
            workload,
            code=[(name, loop.code_bytes) for name, loop in loops.items() if loop.code_bytes],
            stored_bits=self._stored_bits,
            scratch=self._scratch_bytes,
            buffers=buffers,
            alignment=int(self.spec.register_bits.value) // 8,
        )

    def _stored_bits(self, work: Work) -> int:
        return self.kernel_of(work).loop.stored_weight_bits if work.kind in LAYERS else 0

    def _scratch_bytes(self, work: Work) -> int:
        in_layer = work.kind in LAYERS
        return int(self.layer(self.kernel_of(work), work).scratch_bytes) if in_layer else 0

    def state(self, workload: Workload) -> Statement:
        """Say what was summed, and why the default point is where it is."""
        return state(self, workload)

    def layer(self, kernel: Kernel, work: Work, sizes: Demand | None = None) -> Layer:
        """Return a kernel set on a layer, with the epilogue and copies that the settings ask.

        Parameters
        ----------
        kernel
            What runs it.
        work
            A layer.
        sizes
            Layers like it, but for their sizes; None: the layer's own.
        """
        sizes = work if sizes is None else sizes
        windows = sizes.rows * sizes.inputs * sizes.groups
        copies = self.convolution is Convolution.IM2COL and work.kind is Kind.CONV2D
        return Layer(
            core=self.spec,
            kernel=kernel,
            shape=Shape(
                sizes.rows,
                sizes.inputs,
                sizes.outputs,
                by_channel=work.kind is Kind.DEPTHWISE,
            ),
            epilogue=self.rescale or kernel.rescale(work),
            copied_values=choose(sizes.input_values < windows, windows, 0) if copies else 0,
        )

    def calibrated(self, workload: Work | Iterable[Work], cycles: float) -> NeonCore:
        """Return this core with the factor of a library that takes `cycles` for a network.

        Raises
        ------
        ConfigError
            If the weights alone take longer to arrive.
        """
        plain = replace(self, library=None, factor=1.0).estimate(workload)
        stream = plain.cycles - plain.compute_cycles
        if cycles <= stream:
            raise ConfigError(f"cycles must be more than the {stream:,.0f} of the weight stream")
        return replace(self, library=None, factor=(cycles - stream) / plain.compute_cycles)

    def _layers(self, work: Work, sizes: Demand | None = None) -> list[Layer]:
        if self.kernel is None:
            kernels = candidates(work, self.spec, self.packed)
        else:
            kernels = [named(self.kernel, work)]
        return [self.layer(kernel, work, sizes) for kernel in kernels]

    @property
    def _factor(self) -> float:
        return factor_of(self.library) if self.factor is None else self.factor

    def _compute(self, layer: Layer) -> dict[Code, Number]:
        return {code: self._factor * layer.compute_cycles(code) for code in Code}

    def _cycles(self, layer: Layer, compute: dict[Code, Number]) -> dict[Scenario, Number]:
        stream = {place: layer.stream_cycles(rate) for place, rate in self.rates.items()}
        return {
            corner: join(compute[corner.code], stream[corner.weights], corner.overlap)
            for corner in scenarios(self.spec.memory)
        }


def _joined(prices: list[Price], counts: list[int], order: Any) -> Price:
    """Return prices of parts as one, in the order of the table."""
    import numpy as np

    def column(values: Iterable[Number]) -> Number:
        parts = [np.broadcast_to(v, count) for v, count in zip(values, counts, strict=True)]
        return np.concatenate(parts)[order]

    def columns(quantity: str) -> dict[str, Number]:
        tables = [getattr(price, quantity) for price in prices]
        return {name: column(table[name] for table in tables) for name in tables[0]}

    numbers = ("cycles", "low", "high", "compute_cycles", "ideal_cycles")
    return Price(
        **{name: column(getattr(price, name) for price in prices) for name in numbers},
        memory_bytes=columns("memory_bytes"),
        energy_by_component=columns("energy_by_component")
        if prices[0].energy_by_component
        else None,
        counts=columns("counts"),
        resource_cycles=columns("resource_cycles"),
    )
