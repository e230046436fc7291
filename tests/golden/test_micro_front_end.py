"""The micro front end beside what TensorFlow Lite Micro and microWakeWord made of real audio."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import load, simulate, stream
from fxpsim.frontend import create
from fxpsim.frontend.micro import MicroFrontEnd
from fxpsim.frontend.micro_constants import Definition, gain_table, triangles, window_coefficients
from fxpsim.kws.recordings import recordings

#: Bins that the energy is computed of; TensorFlow Lite Micro leaves the others as they were.
BINS = slice(5, 241)


@pytest.fixture(scope="module")
def speech(test_data):
    return test_data / "models/tflm_micro_speech"


@pytest.fixture(scope="module")
def stages(speech):
    return np.load(speech / "audio_preprocessor_int8.stages.npz")


@pytest.fixture(scope="module")
def wake_words(test_data):
    return recordings(test_data / "wakeword_alexa/wakeword_dev.npz")


def frames(audio, front_end):
    every = np.lib.stride_tricks.sliding_window_view(audio, front_end.window, axis=-1)
    return every[..., :: front_end.hop, :]


def in_silence(clip):
    """Return a recording between 0.5 s and 0.3 s of silence, as the stored features have it."""
    return np.concatenate([np.zeros(8000, np.int16), clip.samples(), np.zeros(4800, np.int16)])


def test_every_stage_of_the_preprocessor_is_that_of_the_engine(speech, stages):
    graph = load(speech / "audio_preprocessor_int8.tflite")
    trace = simulate(graph, frames(stages["audio"], create("micro-speech")), probes=["*"])
    compared = 0
    for key in stages.files:
        if key.startswith("t0"):
            codes = trace[graph.metadata["tensors"][str(int(key[1:]))]]
            stored = stages[key].reshape(codes.shape)
            kept = BINS if key in ("t024", "t025") else slice(None)
            np.testing.assert_array_equal(codes[..., kept], stored[..., kept], err_msg=key)
            compared += 1
    assert compared == 24


def test_the_preprocessor_streams(speech, stages):
    graph = load(speech / "audio_preprocessor_int8.tflite")
    device, windows = stream(graph), frames(stages["audio"][0], create("micro-speech"))
    np.testing.assert_array_equal([device.step(w) for w in windows], stages["t042"][0])
    assert graph.specs["signal_filter_bank"].format.bits == 48
    with pytest.raises(ValueError, match="kernel set 'reference' has no signal operators"):
        load(speech / "audio_preprocessor_int8.tflite", kernel_set="reference")


def test_stages_of_the_front_end_are_those_of_the_preprocessor(stages):
    front_end = create("micro-speech")
    trace = simulate(front_end.graph(), frames(stages["audio"], front_end), probes=["*"])
    for name, number in {
        "window": 20, "scale_bits": 22, "scaled": 21, "spectrum": 23, "energy": 28,
        "filter_bank": 29, "magnitude": 30, "signal": 31, "noise": 32, "gain": 33, "logarithm": 34,
        "codes": 42,
    }.items():  # fmt: skip
        stored = stages[f"t{number:03d}"]
        np.testing.assert_array_equal(trace[name], stored, err_msg=name)
    np.testing.assert_array_equal(front_end.rows(stages["audio"]), stages["t042"])


def test_constants_follow_from_their_definition(speech):
    stored = np.load(speech / "audio_preprocessor_int8.consts.npz")
    bank = triangles(16000, 512, 40, 125.0, 7500.0, Definition.OPERATORS)
    assert (bank.first_bin, bank.end_bin) == (BINS.start, BINS.stop)
    made = {
        "s0t1": window_coefficients(480, Definition.OPERATORS),
        "s0t8": gain_table(0.95, 80.0, 21, 7),
        "s0t9": bank.tables["widths"],
        "s0t10": bank.tables["weight_starts"],
        "s0t11": bank.tables["frequency_starts"],
        "s0t12": bank.tables["unweights"],
        "s0t13": bank.tables["weights"],
    }
    for name, constants in made.items():
        np.testing.assert_array_equal(constants, stored[name], err_msg=name)


def test_logarithms_are_those_of_the_library(test_data):
    stored = np.load(test_data / "frontend/frontend_goldens_dev.npz")
    rows = create("micro:output=logarithm").rows(stored["audio"])
    np.testing.assert_array_equal(rows, stored["microfrontend_uint16"])


@pytest.mark.parametrize(
    "name", ["v1_okay_nabu", "v2_alexa", "v2_okay_nabu", "v2_vad", "v2x_hey_home_assistant"]
)
def test_features_are_those_of_micro_wake_word(test_data, wake_words, name):
    path = test_data / f"models/micro_wake_word/{name}.tflite"
    fmt, stored = load(path).input.format, np.load(path.with_suffix(".ref.npz"))
    front_end = MicroFrontEnd(scale=fmt.scale, zero_point=fmt.zero_point)
    assert front_end.format == fmt
    for number, start, stop in zip(
        stored["clip"], stored["feature_offset"][:-1], stored["feature_offset"][1:], strict=True
    ):
        rows = front_end.rows(in_silence(wake_words[number]))[: stop - start]
        np.testing.assert_array_equal(rows, stored["features_int8"][start:stop])


def test_alexa_is_heard_in_her_name_alone(test_data, wake_words):
    """At the published setting: the mean of 5 probabilities is more than 0.9."""
    graph = load(test_data / "models/micro_wake_word/v2_alexa.tflite")
    front_end = create("micro")
    heard = {True: [], False: []}
    for clip in wake_words[::3]:
        rows = front_end.rows(in_silence(clip))
        steps = rows[: len(rows) // 3 * 3].reshape(1, -1, 3, 40)
        sums = np.convolve(simulate(graph, steps).output.reshape(-1), np.ones(5), "valid")
        heard[clip.word == "alexa"].append(sums.max() > 0.9 * 5 * 256)
    assert not any(heard[False])
    assert len(heard[False]) == 40
    assert len(heard[True]) == 70
    assert sum(heard[True]) >= 68


def test_micro_speech_from_audio(test_data, speech):
    stored = np.load(speech / "micro_speech_quantized.ref.npz")
    words = recordings(test_data / "gsc12/gsc12_dev.npz")
    clips = np.stack([words[number].samples() for number in stored["clip"]])
    rows = create("micro-speech").rows(clips)
    np.testing.assert_array_equal(rows, stored["features_int8"])
    graph = load(speech / "micro_speech_quantized.tflite")
    output = simulate(graph, rows.reshape(len(rows), -1)).output
    np.testing.assert_array_equal(output, stored["output_int8_tflm"])
