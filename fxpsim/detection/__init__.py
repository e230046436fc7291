"""From scores to detections with times, and how good they are on long recordings."""

from fxpsim.detection.curve import det
from fxpsim.detection.detector import Detection, Detector
from fxpsim.detection.listener import Heard, Listener
from fxpsim.detection.matching import Matches, Rule, Spoken, match
from fxpsim.detection.material import Recording, concatenated, shipped_recording
from fxpsim.detection.presets import classifier, detector_for, micro_wake_word, streaming_wakeword

__all__ = [
    "Detection",
    "Detector",
    "Heard",
    "Listener",
    "Matches",
    "Recording",
    "Rule",
    "Spoken",
    "classifier",
    "concatenated",
    "det",
    "detector_for",
    "match",
    "micro_wake_word",
    "shipped_recording",
    "streaming_wakeword",
]
