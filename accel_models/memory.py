"""What a network occupies: weights, biases and gains in flash, activations in RAM."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accel_models.storage import container_bytes, packed_bytes
from accel_models.work import Work, Workload

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Footprint", "LayerFootprint", "footprint"]


@dataclass(frozen=True, slots=True)
class LayerFootprint:
    """Bytes that one layer occupies.

    Attributes
    ----------
    name
        The layer's name.
    weights_packed, weights_container
        Weights without gaps between them, and each in 8, 16 or 32 bits.
    biases, gains
        One per output, packed.
    inputs, outputs
        Activations that live while the layer runs, each in its container.
    """

    name: str
    weights_packed: int
    weights_container: int
    biases: int
    gains: int
    inputs: int
    outputs: int

    @property
    def constants_packed(self) -> int:
        """Everything stored for the layer, weights packed."""
        return self.weights_packed + self.biases + self.gains

    @property
    def constants_container(self) -> int:
        """Everything stored for the layer, weights in containers."""
        return self.weights_container + self.biases + self.gains

    @property
    def activations(self) -> int:
        """Input and output together: what must live while the layer runs."""
        return self.inputs + self.outputs


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes that a network occupies.

    Stored bytes are sums over layers, so footprints add up. Activations are those of a
    feed-forward chain, whose buffers are reused: their peak is the largest layer's, not a sum.
    """

    layers: tuple[LayerFootprint, ...]

    @property
    def weights_packed(self) -> int:
        """Weights without gaps between them."""
        return self._sum(lambda layer: layer.weights_packed)

    @property
    def weights_container(self) -> int:
        """Weights, each in 8, 16 or 32 bits."""
        return self._sum(lambda layer: layer.weights_container)

    @property
    def biases(self) -> int:
        """Biases of all outputs."""
        return self._sum(lambda layer: layer.biases)

    @property
    def gains(self) -> int:
        """Multipliers with their shifts, of all outputs."""
        return self._sum(lambda layer: layer.gains)

    @property
    def constants_packed(self) -> int:
        """Everything stored, weights packed."""
        return self._sum(lambda layer: layer.constants_packed)

    @property
    def constants_container(self) -> int:
        """Everything stored, weights in containers."""
        return self._sum(lambda layer: layer.constants_container)

    @property
    def activations_peak(self) -> int:
        """Largest input and output that live together."""
        return max((layer.activations for layer in self.layers), default=0)

    @property
    def table(self) -> pd.DataFrame:
        """One row a layer, in bytes."""
        import pandas as pd

        rows = [
            {
                "layer": layer.name,
                "weights_packed_bytes": layer.weights_packed,
                "weights_container_bytes": layer.weights_container,
                "bias_bytes": layer.biases,
                "gain_bytes": layer.gains,
                "input_bytes": layer.inputs,
                "output_bytes": layer.outputs,
                "activation_bytes": layer.activations,
            }
            for layer in self.layers
        ]
        return pd.DataFrame(rows).set_index("layer") if rows else pd.DataFrame(rows)

    def __add__(self, other: Footprint) -> Footprint:
        if not isinstance(other, Footprint):
            return NotImplemented
        return Footprint(self.layers + other.layers)

    def _sum(self, quantity: Callable[[LayerFootprint], int]) -> int:
        return sum(quantity(layer) for layer in self.layers)


def footprint(work: Work | Iterable[Work]) -> Footprint:
    """Return what one layer or a network occupies, by layer."""
    return Footprint(tuple(_layer(item) for item in Workload(work)))


def _layer(work: Work) -> LayerFootprint:
    return LayerFootprint(
        name=work.name,
        weights_packed=packed_bytes(work.weights, work.weight_bits),
        weights_container=container_bytes(work.weights, work.weight_bits),
        biases=packed_bytes(work.outputs, work.bias_bits),
        gains=packed_bytes(work.outputs, work.gain_bits),
        inputs=container_bytes(work.input_values, work.activation_bits),
        outputs=container_bytes(work.output_values, work.output_bits),
    )
