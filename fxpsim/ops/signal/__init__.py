"""The stages of TensorFlow Lite Micro's audio front end, one operation each."""

from fxpsim.ops.signal.bands import (
    FilterBank,
    NoiseEstimate,
    PcanGain,
    ScaledLog,
    SpectralSubtraction,
    SquareRoot,
)
from fxpsim.ops.signal.spectrum import (
    FftScaleBits,
    Rfft,
    ScaleUp,
    SpectrumEnergy,
    Window,
)

__all__ = [
    "FftScaleBits",
    "FilterBank",
    "NoiseEstimate",
    "PcanGain",
    "Rfft",
    "ScaleUp",
    "ScaledLog",
    "SpectralSubtraction",
    "SpectrumEnergy",
    "SquareRoot",
    "Window",
]
