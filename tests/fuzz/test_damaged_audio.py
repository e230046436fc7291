"""Damaged sound files are read, or refused in one sentence."""

from __future__ import annotations

import struct
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxpsim.audio import read_audio
from fxpsim.errors import DataError

SOUND = np.arange(-400, 400, dtype="<i2").tobytes()
HEAD = struct.pack(
    "<4sI4s4sIHHIIHH", b"RIFF", 36 + 1600, b"WAVE", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16
)
WAV = HEAD + b"data" + struct.pack("<I", 1600) + SOUND


@pytest.mark.parametrize("library", ["soundfile", "wave"])
@given(
    changes=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=6),
    length=st.one_of(st.just(len(WAV)), st.integers(0, len(WAV))),
)
def test_damaged_headers(tmp_path_factory, library, changes, length):
    content = bytearray(WAV)
    for place, value in changes:
        content[place] = value
    path = tmp_path_factory.getbasetemp() / f"{library}.wav"
    path.write_bytes(content[:length])
    with pytest.MonkeyPatch.context() as patch:
        if library == "wave":
            patch.setitem(sys.modules, "soundfile", None)
        else:
            pytest.importorskip("soundfile")
        try:
            audio, refused = read_audio(path), ""
        except DataError as error:
            refused = str(error)
    assert "\n" not in refused
    assert refused or audio.samples.size
