"""Which accumulator does a network need: proven, needed by data, and still good enough?

A 16-bit register is the hardware's favourite.  Three questions about it, for a network with
8-bit and one with 4-bit weights.
"""

from fxpsim import Accumulator, guarantee, load, peaks, simulate, sweep
from fxpsim.kws.datasets import EvaluationSet

speech = EvaluationSet.shipped()

for name in ("kws250k-8bit", "kws250k-4bit"):
    graph = load(name)
    # Whatever the input: no sum can leave registers of this width.
    print(f"{name}: proven safe with {guarantee(graph).minimum()} bits", end=", ")
    # This data: how far partial sums really go.
    print(f"this data needs {peaks(graph, speech.features)['bits'].max()} bits")
    # And if it overflows?
    points = [Accumulator(16, mode) for mode in ("saturate", "wrap")]
    table = sweep(graph, speech.features, speech.labels, accumulators=points)
    for row in table.itertuples():
        share = f"{row.overflow_outputs:.2%} of sums overflow"
        print(f"  16 bits, {row.overflow}: {row.accuracy:.1%}, {share}")

# Which layer is to blame, and when does it happen first?
narrow = Accumulator(16, "saturate")
trace = simulate(load("kws250k-8bit"), speech.features[:50], accumulator=narrow)
print(trace.overflow.groupby("node")[["events", "outputs", "transient", "persistent"]].sum())
