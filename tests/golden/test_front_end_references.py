"""Float front ends of others: features near those of the programs that networks were trained with.

The stored features are TensorFlow's, in float32.
"""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim.frontend import create, references
from fxpsim.kws.recordings import audio_of_npz

#: Name -> array of the stored features, largest difference with triangles in float64, and with
#: TensorFlow's own in float32.
STORED = {
    "mlperf-mfcc": ("mlperf_mfcc", 1.3e-4, 1.2e-4),
    "mlperf-lfbe10": ("mlperf_lfbe10", 1.5e-6, 1.5e-6),
    "mlperf-lfbe40": ("mlperf_lfbe40", 3.5e-6, 1.5e-6),
    "sww": ("sww_lfbe40", 3e-6, 4.7e-7),
    "arm-mfcc49": ("arm_mfcc49", 7.6e-6, 7.6e-6),
    "arm-mfcc25": ("arm_mfcc25", 7.6e-6, 7.6e-6),
}


@pytest.fixture(scope="module")
def stored(test_data):
    with np.load(test_data / "frontend" / "frontend_goldens_dev.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def speech(test_data):
    clips = audio_of_npz(test_data / "gsc12" / "gsc12_dev.npz")
    return lambda rows: np.stack([clips[row].second() for row in rows])


@pytest.mark.parametrize("name", STORED)
def test_features(stored, monkeypatch, name):
    key, tolerance, closer = STORED[name]
    front_end = create(name)
    features = front_end.features(stored["audio"])
    assert features.shape == stored[key].shape
    assert np.abs(features - stored[key]).max() < tolerance
    matrices = {
        (bins, low): stored[f"mel_matrix_{text}_40x{bins}"]
        for bins, low, text in ((257, 20, "20_4000"), (257, 0, "0_8000"), (513, 0, "0_8000"))
    }
    own = references.mel_matrix

    def theirs(rate, length, bands, low, high):
        matrix = matrices.get((length // 2 + 1, low)) if bands == 40 else None
        return own(rate, length, bands, low, high) if matrix is None else matrix.astype(float)

    monkeypatch.setattr(references, "mel_matrix", theirs)
    assert np.abs(front_end.features(stored["audio"]) - stored[key]).max() < closer


def agreeing(name, audio, wanted):
    """Return the share of codes that are the stored ones, none of them more than 1 away."""
    codes = create(name).rows(audio).astype(int).reshape(wanted.shape)
    assert np.abs(codes - wanted).max() <= 1
    share = float((codes == wanted).mean())
    print(f"{name}: {share:.6%} of {wanted.size} codes equal")
    return share


def test_codes_of_mlperf_networks(test_data, speech):
    with np.load(test_data / "mlperf_tiny_kws" / "mlperf_kws_dev.npz") as file:
        audio = speech(file["clip"][:300])
        assert agreeing("mlperf-mfcc", audio, file["mfcc_int8"][:300].astype(int)) > 0.9999
        assert agreeing("mlperf-lfbe10", audio, file["lfbe10_uint8"][:300].astype(int)) > 0.9998


def test_codes_of_arm_networks(test_data, speech):
    folder = test_data / "models" / "arm_kws_int8"
    with np.load(folder / "dnn_s.ref.npz") as file:
        wanted = file["input_int8"][:300].astype(int)
    assert agreeing("arm-mfcc25", speech(range(300)), wanted) > 0.9999
    with np.load(test_data / "gsc12" / "features_mlperf_subset_dev.npz") as file:
        rows = file["clip"][:300]
    with np.load(folder / "ds_cnn_s.ref.npz") as file:
        wanted = file["input_int8"][:300].astype(int)
    assert agreeing("arm-mfcc49", speech(rows), wanted) > 0.9999


def test_codes_of_the_streaming_wakeword_network(test_data):
    import wave

    with wave.open(str(test_data / "mlperf_sww" / "short_wav_easy10s.wav")) as file:
        frames = file.readframes(file.getnframes())
        audio = np.frombuffer(frames, np.int16).reshape(-1, file.getnchannels())[:, 0]
    with np.load(test_data / "models" / "mlperf_sww" / "str_ww_ref_model.ref.npz") as file:
        wanted = file["stream_features_int8"].astype(int)
    assert agreeing("sww", audio, wanted) > 0.999
