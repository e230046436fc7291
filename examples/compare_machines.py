"""What do fewer weight bits buy on a Cortex-A53, and on a small systolic array?"""

import accel_models as am
from fxpsim import load

machines = [am.create("neon:cortex-a53"), am.create("systolic:16x16")]
for name in ("kws250k-8bit", "kws250k-5bit", "kws250k-4bit"):
    work = load(name).work()
    memory = am.footprint(work)
    print(f"{name}: {memory.weights_packed:,} bytes of weights packed", end="")
    print(f", {memory.weights_container:,} in 8-bit containers")
    for machine in machines:
        cost = machine.estimate(work)
        print(f"  {machine.label}: {cost.cycles:,.0f} cycles ({cost.low:,.0f} to {cost.high:,.0f})")
