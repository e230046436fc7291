"""The signal operators of TensorFlow Lite Micro: custom operators, one node for each output.

Source: tensorflow/tflite-micro, ``signal/micro/kernels``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from fxpsim.errors import DataError, suggest
from fxpsim.formats import QFormat
from fxpsim.importers.tflite.flexbuffer import read_numbers
from fxpsim.importers.tflite.importer import Importer, Value
from fxpsim.importers.tflite.schema import Operator
from fxpsim.ops import (
    FftScaleBits,
    FilterBank,
    NoiseEstimate,
    PcanGain,
    Rfft,
    ScaledLog,
    ScaleUp,
    SpectralSubtraction,
    SpectrumEnergy,
    SquareRoot,
    TensorSpec,
    Window,
)
from fxpsim.ops.op import binary_point

__all__ = ["OPERATORS"]

_INT16 = 7  # TensorType of the schema


class _Reading:
    """A custom operator being read."""

    def __init__(self, importer: Importer, operator: Operator, inputs: int, outputs: int) -> None:
        if importer.kernels.name != "tflm":
            raise DataError(
                f"kernel set {importer.kernels.name!r} has no signal operators; 'tflm' has them"
            )
        if len(operator.inputs) != inputs or len(operator.outputs) != outputs:
            raise DataError(f"there must be {inputs} inputs and {outputs} outputs")
        self.importer, self.operator = importer, operator
        self._settings = read_numbers(operator.custom)

    def setting(self, name: str) -> int:
        """Return a setting that is a whole number."""
        value = self._settings.get(name)
        if not isinstance(value, int):
            raise DataError(f"there must be a whole number {name!r}{suggest(name, self._settings)}")
        return value

    def value(self, position: int) -> Value:
        """Return a computed input."""
        return self.importer.value(self.operator.inputs[position])

    def constant(self, position: int) -> NDArray[Any]:
        """Return an input that must be constant."""
        found = self.importer.constant(self.operator.inputs[position])
        if found is None:
            raise DataError(f"input {position} must be constant")
        self.importer.reserve(found.size)
        return found

    def emit(self, position: int, op: Any, *sources: Value) -> Value:
        """Append the operation that writes an output."""
        self.importer.emit(self.operator, position, op, *sources, batch=sources[0].batch)
        return self.importer.value(self.operator.outputs[position])


def _window(importer: Importer, operator: Operator) -> None:
    reading = _Reading(importer, operator, 2, 1)
    reading.emit(0, Window(reading.constant(1), reading.setting("shift")), reading.value(0))


def _fft_auto_scale(importer: Importer, operator: Operator) -> None:
    reading = _Reading(importer, operator, 1, 2)
    frame = reading.value(0)
    bits = reading.emit(1, FftScaleBits(), frame)
    reading.emit(0, ScaleUp(), frame, bits)


def _rfft(importer: Importer, operator: Operator) -> None:
    reading = _Reading(importer, operator, 1, 1)
    if reading.setting("T") != _INT16:
        raise DataError("a transform must be of int16")
    reading.emit(0, Rfft(reading.setting("fft_length")), reading.value(0))


def _energy(importer: Importer, operator: Operator) -> None:
    """Bins outside of the range hold zeros, where TensorFlow Lite Micro has whatever was there."""
    reading = _Reading(importer, operator, 1, 1)
    op = SpectrumEnergy(reading.setting("start_index"), reading.setting("end_index"))
    reading.emit(0, op, reading.value(0))


def _filter_bank(importer: Importer, operator: Operator) -> None:
    reading = _Reading(importer, operator, 6, 1)
    reading.emit(0, FilterBank(*map(reading.constant, range(1, 6))), reading.value(0))


def _square_root(importer: Importer, operator: Operator) -> None:
    reading = _Reading(importer, operator, 2, 1)
    reading.emit(0, SquareRoot(), reading.value(0), reading.value(1))


def _spectral_subtraction(importer: Importer, operator: Operator) -> None:
    reading = _Reading(importer, operator, 1, 2)
    level = reading.value(0)
    signal_bits = reading.setting("smoothing_bits")
    bits = reading.setting("spectral_subtraction_bits")
    noise = NoiseEstimate(
        (reading.setting("smoothing"), reading.setting("alternate_smoothing")),
        (reading.setting("one_minus_smoothing"), reading.setting("alternate_one_minus_smoothing")),
        signal_bits,
        bits,
        bool(reading.setting("clamping")),
    )
    frac = binary_point(level.spec).frac + signal_bits
    spec = TensorSpec(level.spec.shape, QFormat(32, frac, signed=False))
    before = importer.keep(f"{importer.tensor(operator.outputs[1]).name}:before", spec)
    estimate = reading.emit(1, noise, level, before)
    importer.current[before.name] = estimate
    least = reading.setting("min_signal_remaining")
    reading.emit(0, SpectralSubtraction(least, signal_bits, bits), level, estimate)


def _pcan(importer: Importer, operator: Operator) -> None:
    reading = _Reading(importer, operator, 3, 1)
    op = PcanGain(reading.constant(2), reading.setting("snr_shift"))
    reading.emit(0, op, reading.value(0), reading.value(1))


def _log(importer: Importer, operator: Operator) -> None:
    reading = _Reading(importer, operator, 1, 1)
    word = importer.tensor(operator.outputs[0]).word()
    scale = reading.setting("output_scale")
    power = scale.bit_length() - 1 if scale > 0 and scale & (scale - 1) == 0 else 0
    target = QFormat(word.bits, power, signed=word.signed)
    op = ScaledLog(scale, reading.setting("input_correction_bits"), target)
    reading.emit(0, op, reading.value(0))


#: What reads each operator.
OPERATORS: dict[str, Callable[[Importer, Operator], None]] = {
    "CUSTOM SignalEnergy": _energy,
    "CUSTOM SignalFftAutoScale": _fft_auto_scale,
    "CUSTOM SignalFilterBank": _filter_bank,
    "CUSTOM SignalFilterBankLog": _log,
    "CUSTOM SignalFilterBankSpectralSubtraction": _spectral_subtraction,
    "CUSTOM SignalFilterBankSquareRoot": _square_root,
    "CUSTOM SignalPCAN": _pcan,
    "CUSTOM SignalRfft": _rfft,
    "CUSTOM SignalWindow": _window,
}
