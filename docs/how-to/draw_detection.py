"""Draw the pictures of detect-words-in-audio.md: python docs/how-to/draw_detection.py.

All is computed from the synthetic speech that the package ships.
"""

from __future__ import annotations

from pathlib import Path

from fxpsim import Accumulator, load
from fxpsim.detection import Listener, det, detector_for, shipped_recording
from fxpsim.frontend import front_end_for
from fxpsim.report.listening import det_picture, listening_picture

SECONDS = 15
PICTURES = Path(__file__).parent / "pictures"


def main(folder: Path = PICTURES) -> None:
    """Write listening.png and det.png to a folder."""
    graph = load("kws250k-4bit")
    front_end, _ = front_end_for(graph)
    detector = detector_for(graph, front_end, confidence=0.6)
    recording = shipped_recording()
    rows = recording.samples[: round(SECONDS * front_end.sample_rate / front_end.hop)]
    listener = Listener(graph, front_end, detector)
    folder.mkdir(exist_ok=True)
    listening_picture(folder / "listening.png", listener, listener.listen_rows(rows))
    curves = {}
    for bits in (32, 11, 10):
        narrow = graph.with_accumulators(Accumulator(bits, "saturate"))
        curves[f"{bits}-bit accumulators"] = det(Listener(narrow, front_end, detector), [recording])
    det_picture(folder / "det.png", curves)


if __name__ == "__main__":
    main()
