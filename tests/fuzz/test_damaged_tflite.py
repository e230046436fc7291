"""Damaged TensorFlow Lite files: a network or one clear error, fast, in little memory.

Files of real networks are truncated, flipped, spliced, and their numbers replaced by the worst
ones.  A few hundred in every run; ``HYPOTHESIS_PROFILE=long`` tries 25,000.
"""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from fxpsim import Graph, load
from fxpsim.errors import DataError

COUNT = 25_000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 300
NAMES = (
    "tflm_micro_speech/micro_speech_quantized",
    "tflm_micro_speech/audio_preprocessor_int8",
    "micro_wake_word/v2_vad",
    "micro_wake_word/v2_okay_nabu",
    "mlperf_tiny_kws/kws_ref_model",
    "arm_kws_int8/dnn_s",
    "arm_kws_int8/basic_lstm_small",
)
#: Numbers that readers get wrong.
WORST = (0, 1, 2, 3, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 1 << 24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
SECONDS, MEGABYTES = 5, 200


def structure(data):
    """Return the bytes that are no weights: runs of data that no number points into are long."""
    array = np.frombuffer(data, np.uint8)
    blocks = array[: len(array) // 64 * 64].reshape(-1, 64)
    zeros = (blocks == 0).mean(axis=1)
    return np.flatnonzero(zeros > 0.2) * 64


def damaged(rng, files):
    """Return one file with one to eight mistakes."""
    data = bytearray(files[rng.integers(len(files))])
    places = structure(bytes(data))
    for _ in range(rng.integers(1, 9)):
        if not data:
            break
        at = int(rng.integers(len(data)))
        if places.size and rng.random() < 0.8:
            at = min(int(rng.choice(places)) + int(rng.integers(64)), len(data) - 1)
        kind = rng.integers(7)
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at] = int(rng.integers(256))
        elif kind in (2, 3):
            at = at // 4 * 4
            data[at : at + 4] = int(rng.choice(WORST)).to_bytes(4, "little")
        elif kind == 4:
            other = files[rng.integers(len(files))]
            start, size = int(rng.integers(len(other))), int(rng.integers(1, 256))
            data[at : at + size] = other[start : start + size]
        elif kind == 5 and rng.random() < 0.2:
            del data[at:]
        else:
            at = at // 4 * 4
            value = int.from_bytes(data[at : at + 4], "little") + int(rng.integers(-64, 65))
            data[at : at + 4] = (value % (1 << 32)).to_bytes(4, "little")
    return bytes(data)


def test_damaged_files_are_refused_in_a_sentence(test_data, tmp_path):
    resource = pytest.importorskip("resource")
    files = [(test_data / "models" / f"{name}.tflite").read_bytes() for name in NAMES]
    rng = np.random.default_rng(20261)
    path = tmp_path / "damaged.tflite"
    refused = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(COUNT):
        path.write_bytes(damaged(rng, files))
        started = time.process_time()
        try:
            assert isinstance(load(path), Graph)
        except DataError as error:
            refused += 1
            sentence = str(error)
            assert sentence.startswith(str(path)), number
            assert len(sentence) < 600, number
            assert "\n" not in sentence, number
        seconds = time.process_time() - started
        assert seconds < SECONDS, f"file {number} took {seconds:.1f} s"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < MEGABYTES << 10, f"memory grew by {grown >> 10} MiB"
    assert COUNT / 4 < refused < COUNT


@pytest.mark.parametrize("size", [0, 3, 4, 7, 8, 11, 12, 20, 64, 1000])
def test_beginnings_of_files(test_data, tmp_path, size):
    path = tmp_path / "short.tflite"
    path.write_bytes((test_data / "models" / f"{NAMES[0]}.tflite").read_bytes()[:size])
    with pytest.raises(DataError, match=r"short\.tflite"):
        load(path)
