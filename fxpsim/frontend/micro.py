"""TensorFlow Lite Micro's audio front end in integers: microWakeWord's, and micro_speech's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.engine import compiled
from fxpsim.errors import ConfigError
from fxpsim.formats import Affine, QFormat
from fxpsim.frontend.framing import FramedStream, check_audio, row_count
from fxpsim.frontend.micro_constants import (
    WINDOW_BITS,
    Definition,
    Triangles,
    gain_table,
    triangles,
    window_coefficients,
)
from fxpsim.graph import Graph, Node, State
from fxpsim.ops import (
    FftScaleBits,
    FilterBank,
    NoiseEstimate,
    Op,
    PcanGain,
    Rfft,
    ScaledLog,
    ScaleUp,
    SpectralSubtraction,
    SpectrumEnergy,
    SquareRoot,
    Table,
    TensorSpec,
    Window,
)
from fxpsim.spec.signal import SNR_BITS
from fxpsim.steps import in_steps

if TYPE_CHECKING:
    from fxpsim.kernels.signal import Settings
    from fxpsim.ops import TensorFormat

__all__ = ["MicroFrontEnd", "MicroStream", "Output"]

IntArray = NDArray[Any]
#: Fraction bits of smoothing coefficients and of the least that remains of a signal.
_NOISE_BITS = 14
_LONGEST_WINDOW = 1 << 15
#: What networks are trained on for a logarithm's code of 1.
_FEATURE = 10 / 256


class Output(StrEnum):
    """What becomes of the logarithms."""

    LOGARITHM = "logarithm"  # nothing: 16 bits, log_shift of them fraction bits
    INT8 = "int8"  # 10 / 256 of them in units of ``scale``, rounded to nearest even
    RATIO = "ratio"  # 256 / 666 of them, rounded half up, less 128


@dataclass(frozen=True)
class MicroFrontEnd:
    """Window, block-scaled FFT, mel bands, noise suppression, gain control, logarithm.

    Defaults are those of microWakeWord's models (30 ms every 10 ms, codes of int8 inputs).

    Parameters
    ----------
    sample_rate : int
        Hz.
    window, hop : int
        Samples of a frame, and from one frame to the next.
    bands : int
        Mel bands.
    low_hz, high_hz : float
        Lower edge of the first and upper edge of the last band.
    even_smoothing, odd_smoothing : float
        What counts of a frame in the estimate of noise, in bands 0, 2, ... and 1, 3, ...
    min_signal_remaining : float
        What remains of a signal however large its noise.
    smoothing_bits : int
        Fraction bits of the estimate of noise.
    pcan : bool
        Whether there is gain control.
    pcan_strength, pcan_offset : float
        Gain: (noise + offset) ** -strength.
    gain_bits : int
        Fraction bits of gains.
    log_shift : int
        Fraction bits of logarithms.
    definition : Definition
        The microfrontend library, or the signal operators.
    output : Output
        Logarithms themselves, or which 8 bits.
    scale, zero_point : float, int
        What codes mean where the output is int8: those of the network's input.

    Raises
    ------
    ConfigError
        Naming everything that is wrong.

    Examples
    --------
    >>> MicroFrontEnd().rows(np.zeros(16000, np.int16)).shape
    (98, 40)
    """

    sample_rate: int = 16000
    window: int = 480
    hop: int = 160
    bands: int = 40
    low_hz: float = 125.0
    high_hz: float = 7500.0
    even_smoothing: float = 0.025
    odd_smoothing: float = 0.06
    min_signal_remaining: float = 0.05
    smoothing_bits: int = 10
    pcan: bool = True
    pcan_strength: float = 0.95
    pcan_offset: float = 80.0
    gain_bits: int = 21
    log_shift: int = 6
    definition: Definition = Definition.LIBRARY
    output: Output = Output.INT8
    scale: float = 0.10196078568696976
    zero_point: int = -128

    def __post_init__(self) -> None:
        problems = []
        for name, low, high in (
            ("sample_rate", 1, 1 << 20),
            ("window", 8, _LONGEST_WINDOW),
            ("hop", 1, 1 << 20),
            ("bands", 1, 256),
            ("smoothing_bits", 0, 16),
            ("gain_bits", 0, 31),
            ("log_shift", 0, 16),
            ("even_smoothing", 0, 1),
            ("odd_smoothing", 0, 1),
            ("min_signal_remaining", 0, 1),
            ("zero_point", -128, 127),
        ):
            if not low <= getattr(self, name) <= high:
                problems.append(f"{name} must be {low} to {high}, not {getattr(self, name)}")
        if not 0 <= self.low_hz < self.high_hz < self.sample_rate / 2:
            problems.append(
                f"band edges must rise from 0 to less than {self.sample_rate / 2:g} Hz, "
                f"not {self.low_hz:g} to {self.high_hz:g}"
            )
        if not (self.scale > 0 and self.pcan_offset > 0):
            problems.append("scale and pcan_offset must be more than 0")
        for name, kind in (("definition", Definition), ("output", Output)):
            try:
                object.__setattr__(self, name, kind(getattr(self, name)))
            except ValueError:
                names = ", ".join(kind)
                problems.append(f"{name} must be one of {names}, not {getattr(self, name)!r}")
        if not problems and self.pcan and not 0 <= self._snr_shift <= 31:
            problems.append(
                f"gain_bits must be {self._correction_bits + SNR_BITS} or more for a transform of "
                f"{self.fft_length} samples, not {self.gain_bits}"
            )
        if not problems and self.pcan and self.smoothing_bits < self._correction_bits:
            problems.append(f"smoothing_bits must be {self._correction_bits} or more")
        if problems:
            raise ConfigError("; ".join(problems))

    @property
    def fft_length(self) -> int:
        """Samples of the transform: the power of two that holds a window."""
        return 1 << (self.window - 1).bit_length()

    @property
    def _correction_bits(self) -> int:
        """Fraction bits that bands lack, by the transform's length and the weights'."""
        return self.fft_length.bit_length() - 1 - 6

    @property
    def _snr_shift(self) -> int:
        return self.gain_bits - self._correction_bits - SNR_BITS

    @property
    def _legacy(self) -> bool:
        return self.definition is Definition.LIBRARY

    @property
    def logarithm_format(self) -> QFormat:
        """Format of the logarithms."""
        return QFormat(16, self.log_shift, signed=not self._legacy)

    @property
    def format(self) -> TensorFormat:
        """Format of the codes; 8 bits are of 2.5 logarithms, as networks are trained on them."""
        if self.output is Output.LOGARITHM:
            return self.logarithm_format
        if self.output is Output.INT8:
            return Affine(8, self.scale, self.zero_point)
        return Affine(8, 666 / 256 * _FEATURE, -128)

    def rows(self, audio: ArrayLike) -> IntArray:
        """Return the codes of whole clips, each from reset.

        Parameters
        ----------
        audio : int16 array (n,) or (clips, n)

        Returns
        -------
        integer array (rows, bands) or (clips, rows, bands)

        Raises
        ------
        DataError
            The samples are not int16, or have other axes.
        """
        samples = check_audio(audio)
        clips = np.atleast_2d(samples)
        codes = self.advance(clips, np.zeros((len(clips), self.bands), np.int64))
        return codes[0] if samples.ndim == 1 else codes

    def stream(self) -> MicroStream:
        """Return a stream at reset."""
        return MicroStream(self)

    def advance(self, clips: NDArray[np.int16], noise: NDArray[np.int64]) -> IntArray:
        """Return the codes (clips, rows, bands) of clips (clips, n), whose ``noise`` goes on.

        ``noise`` (clips, bands) are estimates, which become those after the last row.
        """
        count = row_count(self, clips.shape[1])
        if not compiled():
            return self._by_graph(clips, count, noise)
        from fxpsim.kernels.signal import clips as run

        out = np.empty((len(clips), count, self.bands), np.uint16)
        run(np.ascontiguousarray(clips), self.hop, _settings(self), noise, out)
        table = _codes_table(self)
        codes: IntArray = out if table is None else table[-self.logarithm_format.lo :][out]
        return codes

    def _by_graph(self, clips: NDArray[np.int16], count: int, noise: NDArray[np.int64]) -> IntArray:
        """Do the same by the graph."""
        graph = self.graph()
        starts = self.hop * np.arange(count)[:, None]
        frames = clips[:, starts + np.arange(self.window)].astype(np.int32)
        run = in_steps(graph, frozenset({graph.output}), False).run
        tensors, after = run(frames, {"noise_before": noise})
        noise[:] = after["noise_before"]
        return tensors[graph.output]

    def graph(self) -> Graph:
        """Return one step, from a window of samples to a row of codes, as operations."""
        bank, table = self._triangles(), _codes_table(self)
        coefficients = window_coefficients(self.window, self.definition)
        smoothing = tuple(map(self._coefficient, (self.even_smoothing, self.odd_smoothing)))
        others = tuple((1 << _NOISE_BITS) - part for part in smoothing)
        least = self._coefficient(self.min_signal_remaining)
        estimate = NoiseEstimate(smoothing, others, self.smoothing_bits, _NOISE_BITS)
        logarithm = ScaledLog(1 << self.log_shift, self._correction_bits, self.logarithm_format)
        steps: list[tuple[str, Op, tuple[str, ...]]] = [
            ("window", Window(coefficients, WINDOW_BITS), ("input",)),
            ("scale_bits", FftScaleBits(self._legacy), ("window",)),
            ("scaled", ScaleUp(), ("window", "scale_bits")),
            ("spectrum", Rfft(self.fft_length), ("scaled",)),
            ("energy", SpectrumEnergy(bank.first_bin, bank.end_bin), ("spectrum",)),
            ("filter_bank", FilterBank(**bank.tables), ("energy",)),
            ("magnitude", SquareRoot(), ("filter_bank", "scale_bits")),
            ("noise", estimate, ("magnitude", "noise_before")),
            (
                "signal",
                SpectralSubtraction(least, self.smoothing_bits, _NOISE_BITS),
                ("magnitude", "noise"),
            ),
        ]
        if self.pcan:
            steps.append(("gain", self._gain_control(), ("signal", "noise")))
        steps.append(("logarithm", logarithm, (steps[-1][0],)))
        if table is not None:
            steps.append(("codes", Table(table, self.format), ("logarithm",)))
        frac = 6 - (self.fft_length.bit_length() - 1) + self.smoothing_bits
        reset = np.zeros(self.bands, np.int64)
        state = State("noise_before", QFormat(32, frac, signed=False), reset, "noise")
        return Graph(
            "micro_front_end",
            TensorSpec((self.window,), QFormat(16, 0)),
            tuple(Node(name, op, sources) for name, op, sources in steps),
            states=(state,),
        )

    def _triangles(self) -> Triangles:
        edges = self.low_hz, self.high_hz
        return triangles(self.sample_rate, self.fft_length, self.bands, *edges, self.definition)

    def _gain_control(self) -> PcanGain:
        input_bits = self.smoothing_bits - self._correction_bits
        gains = gain_table(self.pcan_strength, self.pcan_offset, self.gain_bits, input_bits)
        return PcanGain(gains, self._snr_shift)

    def _coefficient(self, value: float) -> int:
        exact = float(np.float32(value)) if self._legacy else value
        return int(exact * (1 << _NOISE_BITS))


class MicroStream(FramedStream):
    """A front end with the samples that it still needs and its estimates of noise.

    Parameters
    ----------
    front_end : MicroFrontEnd
        What to run.
    """

    front_end: MicroFrontEnd

    @property
    def buffers(self) -> dict[str, int]:
        """Bytes: the samples of a window, and a word of 32 bits for the noise of each band."""
        return super().buffers | {"noise": 4 * self.front_end.bands}

    def reset(self) -> None:
        """Go back to where the first sample is awaited."""
        super().reset()
        self._noise = np.zeros((1, self.front_end.bands), np.int64)

    def _rows(self, samples: NDArray[np.int16]) -> IntArray:
        rows: IntArray = self.front_end.advance(samples[None], self._noise)[0]
        return rows


@lru_cache(maxsize=16)
def _codes_table(front_end: MicroFrontEnd) -> NDArray[np.int8] | None:
    """Return the 8-bit code of every logarithm of 16 bits, or None where they are the output."""
    if front_end.output is Output.LOGARITHM:
        return None
    fmt = front_end.logarithm_format
    codes = np.arange(fmt.lo, fmt.hi + 1)
    if front_end.output is Output.INT8:
        scaled = np.rint(codes * _FEATURE / front_end.scale + front_end.zero_point)
    else:
        scaled = (codes * 256 + 333) // 666 - 128
    return np.asarray(scaled.clip(-128, 127), np.int8)


@lru_cache(maxsize=16)
def _settings(front_end: MicroFrontEnd) -> Settings:
    """Return the constants of the compiled front end: those of the graph's operations."""
    from fxpsim.kernels.signal import Settings, transform

    ops: dict[str, Any] = {node.name: node.op for node in front_end.graph()}
    bank, noise, logarithm = ops["filter_bank"], ops["noise"], ops["logarithm"]
    gain = ops.get("gain")
    return Settings(
        window=ops["window"].coefficients.astype(np.int16),
        window_shift=ops["window"].shift,
        legacy=ops["scale_bits"].legacy,
        transform=transform(front_end.fft_length),
        first_bin=ops["energy"].first,
        end_bin=ops["energy"].end,
        weights=bank.weights.astype(np.int16),
        unweights=bank.unweights.astype(np.int16),
        frequency_starts=bank.frequency_starts.astype(np.int16),
        weight_starts=bank.weight_starts.astype(np.int16),
        widths=bank.widths.astype(np.int16),
        smoothing=np.array(noise.smoothing),
        one_minus_smoothing=np.array(noise.one_minus_smoothing),
        least=ops["signal"].least,
        signal_bits=noise.signal_bits,
        coefficient_bits=noise.coefficient_bits,
        clamping=noise.clamping,
        gains=np.zeros(0, np.int16) if gain is None else gain.gains.astype(np.int16),
        snr_shift=0 if gain is None else gain.snr_shift,
        log_scale=logarithm.scale,
        correction_bits=logarithm.correction_bits,
        highest=logarithm.target.hi,
    )
