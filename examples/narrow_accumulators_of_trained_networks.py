"""What do trained keyword networks of others lose with narrow accumulators?

MLPerf Tiny's reference network and four of Arm's, on recorded speech, with the bits of TensorFlow
Lite Micro: accuracy as it is, which must be the engine's own, and what it loses where every layer
has a register of 20, 18, 16 or 14 bits that saturates or wraps at every addition; the bias is added
last, as the engine does.

Needs networks, features and the engines' outputs in the folder FXPSIM_TEST_DATA; see below for
the files.
"""

import os
from pathlib import Path

import numpy as np

import fxpsim as fx

BITS = (20, 18, 16, 14)
MLPERF = "mlperf_tiny_kws/kws_ref_model"
ARM = {  # Zhang et al., Hello Edge, 2017: features with a hop of 40 ms, or of 20
    "arm_kws_int8/dnn_s": "arm_mfcc25",
    "arm_kws_int8/dnn_m": "arm_mfcc25",
    "arm_kws_int8/cnn_s": "arm_mfcc49",
    "arm_kws_int8/ds_cnn_s": "arm_mfcc49",
}
LABELS = (
    "_silence_",
    "_unknown_",
    "yes",
    "no",
    "up",
    "down",
    "left",
    "right",
    "on",
    "off",
    "stop",
    "go",
)


def read(folder, name):
    """Return a network, input codes, true classes and the engine's outputs."""
    graph = fx.load(folder / f"models/{name}.tflite", kernel_set="tflm")
    stored = np.load(folder / f"models/{name}.ref.npz")
    if name == MLPERF:
        samples = np.load(folder / "mlperf_tiny_kws/mlperf_kws_dev.npz")
        return graph, samples["mfcc_int8"], samples["label"], stored["output_int8_tflm"]
    clips = np.load(folder / "gsc12/gsc12_dev.npz")["label"]
    file = "features_dev" if ARM[name] == "arm_mfcc25" else "features_mlperf_subset_dev"
    features = np.load(folder / f"gsc12/{file}.npz")
    labels = np.array([LABELS.index(label) for label in clips])
    if "clip" in features:
        labels = labels[features["clip"]]
    return (
        graph,
        fx.quantize(features[ARM[name]], graph.input.format),
        labels,
        stored["output_int8"],
    )


def losses(graph, codes, labels, bits=BITS):
    """Return the accuracy with narrow registers by (bits, overflow mode)."""
    points = fx.accumulator_grid(bits, bias="last")
    table = fx.sweep(graph, codes, labels, accumulators=points)
    return {(row.bits, row.overflow): row.accuracy for row in table.itertuples()}


def main(folder):
    modes = [f"{bits} {mode}" for bits in BITS for mode in ("saturate", "wrap")]
    head = f"{'accuracy in %':14}{'clips':>6}{'engine':>8}{'ours':>7}"
    print(f"{head}   points lost:", *(f"{mode:>11}" for mode in modes))
    for name in (MLPERF, *ARM):
        graph, codes, labels, outputs = read(folder, name)
        ours = fx.evaluate(graph, codes, labels).accuracy
        engine = (outputs.argmax(axis=1) == labels).mean()
        row = f"{graph.name:14}{len(labels):6}{100 * engine:8.2f}{100 * ours:7.2f}"
        lost = [100 * (ours - narrow) for narrow in losses(graph, codes, labels).values()]
        print(f"{row}{'':15}", *(f"{points:11.1f}" for points in lost))


if __name__ == "__main__":
    if folder := os.environ.get("FXPSIM_TEST_DATA"):
        main(Path(folder))
    else:
        print("set FXPSIM_TEST_DATA to the folder of models/, mlperf_tiny_kws/ and gsc12/")
