"""Debian's speech synthesizers as programs: a word and a voice in, 16 kHz sound out."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError
from fxpsim.kws.signals import SAMPLE_RATE, resample
from fxpsim.kws.voices import Voice

__all__ = ["PACKAGES", "missing_packages", "speak"]

_PROGRAMS = {"espeak-ng": "espeak-ng", "flite": "flite", "festival": "text2wave"}
PACKAGES = {
    "espeak-ng": ("espeak-ng",),
    "flite": ("flite",),
    "festival": ("festival", "festvox-kallpc16k", "festvox-kdlpc16k", "festvox-us-slt-hts"),
}
"""Debian packages of each synthesizer and its voices."""


def missing_packages() -> tuple[str, ...]:
    """Debian packages to install before all voices can speak; empty where none is missing."""
    return tuple(
        package
        for synthesizer, program in _PROGRAMS.items()
        if shutil.which(program) is None
        for package in PACKAGES[synthesizer]
    )


def speak(
    word: str, voice: Voice, *, speed: float = 1.0, pitch: float = 1.0
) -> NDArray[np.float64]:
    """One spoken word, float64 [samples] at 16 kHz in units of full scale.

    Parameters
    ----------
    word
        English text.
    voice
        Who speaks.
    speed
        1 is the voice's own rate (espeak-ng: 175 words a minute); 1.2 is faster.
    pitch
        1 is the voice's own; 1.2 is higher.  Recorded voices (flite, festival) are
        resampled for it, so that the vocal tract shrinks as well.

    Raises
    ------
    DataError
        Where the synthesizer is not installed, or fails.
    """
    program = _PROGRAMS[voice.synthesizer]
    if shutil.which(program) is None:
        raise DataError(
            f"speech synthesis needs the program {program}, which is not installed: "
            f"apt-get install {' '.join(PACKAGES[voice.synthesizer])}"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        done = subprocess.run(
            _command(word, voice, speed, pitch, path),
            input=word,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not path.exists() or path.stat().st_size <= 44:
            reason = done.stderr.strip() or "no sound"
            raise DataError(f"{program} could not speak {word!r} as {voice}: {reason}")
        with wave.open(str(path)) as file:
            rate = file.getframerate()
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768.0
    heard_rate = rate if voice.synthesizer == "espeak-ng" else rate * pitch
    return resample(sound, round(sound.size * SAMPLE_RATE / heard_rate))


def _command(word: str, voice: Voice, speed: float, pitch: float, path: Path) -> list[str]:
    if voice.synthesizer == "espeak-ng":
        # -s words a minute (default 175), -p 0..99 (default 50): espeak-ng(1).
        rate, height = round(175 * speed), int(np.clip(round(50 * pitch), 0, 99))
        return [
            "espeak-ng", "-v", voice.name, "-s", str(rate), "-p", str(height), "-w", str(path), word
        ]  # fmt: skip
    # A resampled voice is faster by `pitch`; the stretch takes that back.
    stretch = pitch / speed
    if voice.synthesizer == "flite":
        return [
            "flite", "-voice", voice.name, "--setf", f"duration_stretch={stretch:.3f}",
            "-t", word, "-o", str(path),
        ]  # fmt: skip
    return [
        "text2wave", "-eval", f"(voice_{voice.name})",
        "-eval", f"(Parameter.set 'Duration_Stretch {stretch:.3f})", "-o", str(path),
    ]  # fmt: skip
