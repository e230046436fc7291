"""Narrow weights spill seldom. Do wide ones, if the schedule knows them?

Eight 16-bit lanes must be widened before they overflow. The rule for any 8-bit weights allows one
product a lane; a schedule made from the actual weights allows as many as their sums leave room for.
"""

import numpy as np

import accel_models as am
import fxpsim as fx

model = am.create("neon")
print("network        spills: rule  planned   cycles: rule  planned")
for bits in (8, 5, 4):
    graph = fx.load(f"kws250k-{bits}bit")
    plan = fx.plan_spills(graph)
    rule = {
        name: fx.presets.neon_smlal(-(-layer.additions // layer.worst_case))
        for name, layer in plan.layers.items()
    }
    estimates = [
        model.estimate(each.work()) for each in (graph.with_accumulators(rule), plan.graph)
    ]
    spills = [int(estimate.table.spills.sum()) for estimate in estimates]
    cycles = [round(estimate.compute_cycles) for estimate in estimates]
    print(f"kws250k-{bits}bit {spills[0]:13d} {spills[1]:8d} {cycles[0]:14d} {cycles[1]:8d}")

# The schedule is part of the network: every lane is followed, and none overflows.
inputs = np.random.default_rng(0).choice([-128, 127], (50, *graph.input.shape))
trace = fx.simulate(plan.graph, inputs, proofs=False)
assert trace.overflow.events.sum() == 0
assert (trace.output == fx.simulate(graph, inputs).output).all()
