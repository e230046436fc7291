"""Saturating at the end is not saturating at every step.

A sum of 100 + 100 - 100 fits 8 bits, but its second partial sum does not.  Hardware that
saturates its register gives 27; tools that clip the final sum say 100.
"""

from fxpsim import Accumulator, matmul, matmul_stats

a, b = [[100, 100, -100]], [[1], [1], [1]]

print("exact:", matmul(a, b, Accumulator(32)).item())
print("saturating at every step:", matmul(a, b, Accumulator(8, "saturate")).item())
print("wrapping at every step:", matmul(a, b, Accumulator(8, "wrap")).item())

stats = matmul_stats(a, b, Accumulator(8, "saturate")).stats
print(f"{stats.events[0]} event at step {stats.first_step[0]}; transient: {stats.transient[0]} sum")
