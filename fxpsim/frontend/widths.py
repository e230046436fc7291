"""What word lengths of the integer front end cost: SNR by stage, and a network's answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.errors import ConfigError, DataError
from fxpsim.frontend.framing import check_audio
from fxpsim.frontend.lfbe import Lfbe
from fxpsim.simulation import simulate

if TYPE_CHECKING:
    import pandas as pd

    from fxpsim.graph import Graph

__all__ = [
    "NARROWED",
    "STAGES",
    "float_snr",
    "front_end_sweep",
    "narrowest",
    "one_at_a_time",
    "stage_snr",
]

FloatArray = NDArray[Any]
#: Stages whose values are compared with those of the float front end.
STAGES = ("window", "spectrum", "power", "mel", "log", "codes")
#: Word lengths, the dearest first.
NARROWED = (
    "data_bits", "twiddle_bits", "power_bits", "window_bits", "mel_weight_bits", "log_entries",
    "log_bits",
)  # fmt: skip
_SWEPT = (
    "window_bits", "data_bits", "twiddle_bits", "scaling", "rounding", "power_bits",
    "mel_weight_bits", "register_bits", "log", "log_bits",
)  # fmt: skip


def one_at_a_time(base: Lfbe, **settings: Iterable[object]) -> list[Lfbe]:
    """Return a front end, and all that differ from it in one setting.

    >>> [f.data_bits for f in one_at_a_time(Lfbe(data_bits=16), data_bits=(12, 8))]
    [16, 12, 8]
    """
    changed = [
        replace(base, **{name: value})  # type: ignore[arg-type]  # checked by the class
        for name, values in settings.items()
        for value in values
    ]
    return [base, *(each for each in dict.fromkeys(changed) if each != base)]


def stage_snr(front_end: Lfbe, clips: NDArray[np.int16]) -> dict[str, float]:
    """Return the signal-to-noise ratio of every stage over all clips, in dB.

    Signal is what the same front end gives in float64, noise is what the integers differ by.  Up to
    ``mel``, values are amplitudes or powers, and clips count alike however loud they are.  Of
    logarithms, clipped to what the output format holds, the signal is the deviation from a clip's
    mean.  ``codes`` adds the rounding to the output format, which the float front end has too
    (:func:`float_snr`).

    Parameters
    ----------
    front_end : Lfbe
    clips : int16 array (clips, n)
        Digital silence is left out: it has no signal.

    Returns
    -------
    dict
        By name, in the order of :data:`STAGES`.

    Raises
    ------
    DataError
        All clips are digital silence.
    """
    stages = [
        zip(_integers(front_end, c), _floats(front_end, c), strict=True) for c in _loud(clips)
    ]
    ratios = map(_ratio, STAGES, zip(*stages, strict=True))
    return dict(zip(STAGES, ratios, strict=True))


def float_snr(front_end: Lfbe, clips: NDArray[np.int16]) -> float:
    """Return what :func:`stage_snr` says of ``codes`` where the float features are rounded."""
    step, pairs = front_end.format.resolution, []
    for clip in _loud(clips):
        exact = _floats(front_end, clip)[-1]
        pairs.append((_clipped(front_end, np.rint(exact / step) * step), exact))
    return _ratio(STAGES[-1], pairs)


def _loud(clips: NDArray[np.int16]) -> list[NDArray[np.int16]]:
    loud = [clip for clip in check_audio(clips) if clip.any()]
    if not loud:
        raise DataError("clips must have a sound in them to have a signal-to-noise ratio")
    return loud


def narrowest(
    base: Lfbe,
    clips: NDArray[np.int16],
    *,
    loss_db: float = 1.0,
    order: Sequence[str] = NARROWED,
) -> Lfbe:
    """Return a front end from which no single bit more can go.

    Each setting of ``order`` in turn is lowered by one (``log_entries`` halved) as long as the
    codes' signal-to-noise ratio is at most ``loss_db`` below that of float features rounded to the
    same codes; then all are tried again until none can go lower.  What is lowered first goes
    furthest, so ``order`` is an order of cost.

    Raises
    ------
    ConfigError
        ``base`` itself loses more.
    """
    floor = float_snr(base, clips) - loss_db
    if stage_snr(base, clips)["codes"] < floor:
        raise ConfigError(f"the front end to start from loses more than {loss_db:g} dB already")
    found: Lfbe | None = None
    while found != base:
        found = base
        for name in order:
            while (lower := _lowered(base, name)) and stage_snr(lower, clips)["codes"] >= floor:
                base = lower
    return base


def _lowered(front_end: Lfbe, name: str) -> Lfbe | None:
    value = getattr(front_end, name)
    try:
        return replace(front_end, **{name: value // 2 if name == "log_entries" else value - 1})
    except ConfigError:
        return None


def front_end_sweep(
    front_ends: Sequence[Lfbe],
    audio: NDArray[np.int16],
    graph: Graph,
    labels: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    *,
    snr_clips: int = 50,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Run a network behind one integer front end after another, and behind the float one.

    Parameters
    ----------
    front_ends : sequence of Lfbe
        The points, all for one float front end (:func:`one_at_a_time`).
    audio : int16 array (clips, n)
        As long as the network's window.
    graph : Graph
        What is run on the codes.
    labels : array_like of int (clips,), optional
        True classes; without them there is no accuracy.
    groups : array_like of str (clips,), optional
        Whom each clip is of, for the intervals.
    snr_clips : int
        Signal-to-noise ratios are of so many clips, spread evenly over all.
    seed : int
        Of the bootstrap.
    progress : callable, optional
        Called with (points done, points in all).

    Returns
    -------
    DataFrame
        A row a point: its settings; ``snr_<stage>`` in dB (:func:`stage_snr`); ``equal_codes``,
        the share of codes that are the float front end's; ``agreement``, the share of clips with
        the same top class; ``accuracy``, ``accuracy_float`` and ``loss`` (their difference) with
        its 95 % interval ``loss_low`` to ``loss_high``, pair by pair; ``events``, words that
        saturated, and the stages with any; ``buffer_bytes``.
    """
    import pandas as pd

    from fxpsim.scoring import score

    clips = check_audio(audio)
    if len({front_end.reference for front_end in front_ends}) != 1 or clips.ndim != 2:
        raise ConfigError("front ends must be some, for one float front end, and audio be clips")
    floating = front_ends[0].floating.rows(clips)
    wanted = _scores(graph, floating)
    heard = clips[np.linspace(0, len(clips) - 1, min(snr_clips, len(clips))).astype(int)]
    rows: list[dict[str, Any]] = []
    for number, front_end in enumerate(front_ends):
        codes, events = _coded(front_end, clips)
        found = _scores(graph, codes)
        row: dict[str, Any] = {name: str(getattr(front_end, name)) for name in _SWEPT}
        row |= {name: getattr(front_end, name) for name in _SWEPT if name.endswith("bits")}
        row |= {f"snr_{stage}": db for stage, db in stage_snr(front_end, heard).items()}
        row["equal_codes"] = float((codes == floating).mean())
        row["agreement"] = float((found.argmax(axis=1) == wanted.argmax(axis=1)).mean())
        if labels is not None:
            ours = score(graph, found, labels, groups, seed)
            theirs = score(graph, wanted, labels, groups, seed)
            gain, low, high = ours.difference_interval(theirs)
            row |= {"accuracy": ours.accuracy, "accuracy_float": theirs.accuracy}
            row |= {"loss": -gain, "loss_low": -high, "loss_high": -low}
        row["events"] = sum(events.values())
        row["saturated_stages"] = " ".join(name for name, count in events.items() if count)
        row["buffer_bytes"] = sum(front_end.buffers().values())
        rows.append(row)
        if progress:
            progress(number + 1, len(front_ends))
    return pd.DataFrame(rows)


def _coded(front_end: Lfbe, clips: NDArray[np.int16]) -> tuple[NDArray[Any], dict[str, int]]:
    """Return codes (clips, rows, bands), and how many words saturated in each stage."""
    passes = [front_end.stages(clip) for clip in clips]
    events = {name: sum(each.events[name] for each in passes) for name in passes[0].events}
    return np.stack([each.codes for each in passes]), events


def _scores(graph: Graph, codes: NDArray[Any]) -> NDArray[Any]:
    return simulate(graph, codes, probes=[graph.scores])[graph.scores]


def _floats(front_end: Lfbe, clip: NDArray[np.int16]) -> tuple[FloatArray, ...]:
    """Return the values of every stage in float64."""
    shape = front_end.reference
    count = shape.rows(len(clip)) * shape.frames_per_row
    frames = np.lib.stride_tricks.sliding_window_view(clip / 32768.0, shape.frame_length)
    windowed = frames[:: shape.hop][:count] * np.hanning(shape.frame_length + 1)[:-1]
    spectrum = np.fft.rfft(windowed, shape.fft_length)
    power = spectrum.real**2 + spectrum.imag**2
    mel = power @ shape.mel_matrix().astype(np.float64)
    rows = mel.reshape(-1, shape.frames_per_row, shape.bands).mean(axis=1)
    logs = np.log2(np.maximum(rows, 2.0**-60)) + shape.offset
    logs = _clipped(front_end, logs)
    return windowed, spectrum, power, rows, logs, logs


def _integers(front_end: Lfbe, clip: NDArray[np.int16]) -> tuple[FloatArray, ...]:
    """Return what the integers of every stage stand for."""
    made, plan, shape = front_end.stages(clip), front_end.plan, front_end.reference
    unit = -(15 + front_end.window_bits)
    words = made.words[:, : shape.frame_length] * 2.0 ** (made.word_exponents + unit)[:, None]
    spectrum = made.spectrum[..., 0] + 1j * made.spectrum[..., 1]
    exponents = plan.power_drop + 2 * unit
    power = made.power * 2.0 ** (2 * made.exponents + exponents)[:, None]
    exponents -= front_end.mel_weight_bits
    rows = made.sums * 2.0 ** (made.row_exponents + exponents)[:, None] / shape.frames_per_row
    return (
        words,
        spectrum * 2.0 ** (made.exponents + unit)[:, None],
        power,
        rows,
        _clipped(front_end, made.levels * 2.0**-plan.log_frac),
        made.codes * front_end.format.resolution,
    )


def _clipped(front_end: Lfbe, logs: FloatArray) -> FloatArray:
    fmt = front_end.format
    return np.clip(logs, fmt.lo * fmt.resolution, fmt.hi * fmt.resolution)


def _ratio(stage: str, pairs: Iterable[tuple[FloatArray, FloatArray]]) -> float:
    """Return the signal-to-noise ratio in dB of what was found and what is true, clip by clip."""
    energies = []
    for found, true in pairs:
        signal = true - true.mean() if stage in ("log", "codes") else true
        energies.append([np.sum(np.abs(x) ** 2) for x in (found - true, signal)])
    noises, signals = np.array(energies).T
    if stage not in ("log", "codes"):
        noises, signals = noises / signals, np.ones_like(signals)
    with np.errstate(divide="ignore"):  # an exact stage has no noise
        return float(10 * np.log10(signals.sum() / noises.sum()))
