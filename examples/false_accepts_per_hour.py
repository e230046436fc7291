"""What a narrow accumulator costs on a device that listens all day, not on clips.

A spotter is judged by two numbers: words that it misses, and false accepts per hour.  Both are
counted here on minutes of synthetic speech, words one after the other, for registers that saturate
at every addition.
"""

from fxpsim import Accumulator, load
from fxpsim.detection import Listener, det, detector_for, shipped_recording
from fxpsim.frontend import front_end_for

graph = load("kws250k-4bit")
front_end, _ = front_end_for(graph)
detector = detector_for(graph, front_end)
recording = shipped_recording()
seconds = len(recording.samples) * front_end.hop / front_end.sample_rate
print(f"{seconds / 60:.1f} minutes, mean of {detector.smoothing} scores must pass 0.5")

for bits in (32, 14, 12, 11):
    narrow = graph.with_accumulators(Accumulator(bits, "saturate"))
    (row,) = det(Listener(narrow, front_end, detector), [recording], confidences=[0.5]).itertuples()
    print(
        f"{bits:2}-bit accumulators: {row.false_reject_rate:4.0%} missed "
        f"({row.false_rejects_low:.0%} to {row.false_rejects_high:.0%}), "
        f"{row.false_accepts_per_hour:4.0f} false accepts an hour "
        f"({row.false_accepts_low:.0f} to {row.false_accepts_high:.0f})"
    )
