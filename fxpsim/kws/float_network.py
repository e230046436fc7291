"""A trained dense network in float: what quantisation starts from and is compared with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError
from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.labels import LABELS
from fxpsim.npz import read_npz

__all__ = ["FloatNetwork"]

_KEYS = ("activation_maximum", "front_end", "labels", "name")


@dataclass(frozen=True, slots=True, eq=False)
class FloatNetwork:
    """Dense layers, ``y = gain * (x @ W) + bias``, with a clipped ReLU between them.

    The input is the flattened window of feature codes as values: ``code * 2**-input_frac``,
    frame after frame.  Batch norm and the normalisation of the input are folded into gain and
    bias.

    Attributes
    ----------
    name
        What the network is called.
    weights
        float32 [inputs, outputs], one a layer.
    gains, biases
        float32 [outputs], one a layer.
    activation_maximum
        Cap of the clipped ReLU after every layer but the last.
    front_end
        What makes the features; its output format is the input format of the network.
    labels
        Classes in the order of the outputs.
    """

    name: str
    weights: tuple[NDArray[np.float32], ...]
    gains: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]
    activation_maximum: float
    front_end: LogMel
    labels: tuple[str, ...] = LABELS

    def __post_init__(self) -> None:
        problems = []
        if not self.weights or not len(self.weights) == len(self.gains) == len(self.biases):
            problems.append(
                "weights, gains and biases must be one a layer, not "
                f"{len(self.weights)}, {len(self.gains)} and {len(self.biases)}"
            )
        for i, (weight, gain, bias) in enumerate(
            zip(self.weights, self.gains, self.biases, strict=False)
        ):
            if weight.ndim != 2 or gain.shape != weight.shape[1:] or bias.shape != gain.shape:
                problems.append(
                    f"layer {i} must have weights (inputs, outputs) and a gain and a bias for each "
                    f"output, not shapes {weight.shape}, {gain.shape} and {bias.shape}"
                )
            elif i and weight.shape[0] != self.weights[i - 1].shape[-1]:
                problems.append(
                    f"layer {i} must take the {self.weights[i - 1].shape[-1]} outputs of the layer "
                    f"before, not {weight.shape[0]}"
                )
            elif not all(np.isfinite(array).all() for array in (weight, gain, bias)):
                problems.append(f"layer {i} must be finite, but holds NaN or infinity")
        if not self.activation_maximum > 0:
            problems.append(f"activation_maximum must be positive, not {self.activation_maximum}")
        if not problems and self.weights[-1].shape[1] != len(self.labels):
            problems.append(
                f"the last layer must have {len(self.labels)} outputs, one a label, "
                f"not {self.weights[-1].shape[1]}"
            )
        if problems:
            raise DataError(f"network {self.name!r}: {'; '.join(problems)}")

    @property
    def input_format(self) -> str:
        """Text of the input format, such as ``fxp-s8/4``."""
        return self.front_end.output_format

    @property
    def input_frac(self) -> int:
        """Fraction bits of the input codes."""
        return self.front_end.output_frac

    @property
    def parameters(self) -> int:
        """Number of weights, gains and biases."""
        return sum(a.size for a in (*self.weights, *self.gains, *self.biases))

    def logits(self, codes: NDArray[np.int8]) -> NDArray[np.float32]:
        """Class scores before softmax.

        Parameters
        ----------
        codes
            int8 [clips, frames, bands] or [clips, frames * bands] of :attr:`front_end`.

        Returns
        -------
        float32 [clips, classes]

        Raises
        ------
        DataError
            Where the window has another size.
        """
        rows = codes.reshape(len(codes), -1)
        if rows.shape[1] != self.weights[0].shape[0]:
            raise DataError(
                f"features must be windows of {self.weights[0].shape[0]} codes for {self.name}, "
                f"not of {rows.shape[1]} (shape {codes.shape})"
            )
        signal = rows.astype(np.float32) * np.float32(2.0**-self.input_frac)
        last = len(self.weights) - 1
        layers = zip(self.weights, self.gains, self.biases, strict=True)
        for i, (weight, gain, bias) in enumerate(layers):
            signal = (signal @ weight) * gain + bias
            if i < last:
                signal = np.clip(signal, np.float32(0), np.float32(self.activation_maximum))
        return signal

    def save(self, path: str | Path) -> None:
        """Write an npz: weights as float16 (half the size; 11 significant bits), the rest float32.

        A network is rounded to float16 by saving, so what is loaded is what was scored only
        where it had been rounded before (:func:`fxpsim.train.kws250k` does).
        """
        arrays: dict[str, Any] = {
            "activation_maximum": np.float32(self.activation_maximum),
            "front_end": np.array(json.dumps(asdict(self.front_end))),
            "labels": np.array(self.labels),
            "name": np.array(self.name),
        }
        for i in range(len(self.weights)):
            arrays[f"weight{i}"] = self.weights[i].astype(np.float16)
            arrays[f"gain{i}"] = self.gains[i].astype(np.float32)
            arrays[f"bias{i}"] = self.biases[i].astype(np.float32)
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> FloatNetwork:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            Where the file is missing, damaged, or no such network.
        """
        path = Path(path)
        arrays = read_npz(path)
        layers = sum(key.startswith("weight") for key in arrays)
        wanted = {f"{kind}{i}" for kind in ("weight", "gain", "bias") for i in range(layers)}
        missing = sorted((wanted | set(_KEYS)) - set(arrays))
        if missing or not layers:
            raise DataError(
                f"{path} must hold a float network (weight0, gain0, bias0, ..); "
                f"it lacks {', '.join(missing) or 'weight0'}"
            )

        def of(kind: str) -> tuple[NDArray[np.float32], ...]:
            return tuple(arrays[f"{kind}{i}"].astype(np.float32) for i in range(layers))

        try:
            return cls(
                name=str(arrays["name"]),
                weights=of("weight"),
                gains=of("gain"),
                biases=of("bias"),
                activation_maximum=float(arrays["activation_maximum"]),
                front_end=LogMel(**json.loads(str(arrays["front_end"]))),
                labels=tuple(str(label) for label in arrays["labels"]),
            )
        except (TypeError, ValueError) as error:
            raise DataError(f"{path} is no float network: {error}") from error

    @classmethod
    def shipped(cls) -> FloatNetwork:
        """Return the trained ``kws250k`` that the package carries."""
        with as_file(files("fxpsim.kws") / "data" / "kws250k-float.npz") as path:
            return cls.load(path)
