"""Print the tables of proven-widths.md: ``proven_widths.py FOLDER [NAME...]``.

FOLDER has networks of others under ``models/`` and recordings beside it (``FXPSIM_TEST_DATA``);
NAMEs are shipped networks or files in ``models/``, all that are known where none is given.  One
JSON line a network goes to the error stream as soon as it is ready.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import fxpsim as fx
from fxpsim.engine import SlowPathWarning
from fxpsim.guarantees import BOUNDS
from fxpsim.kws.datasets import EvaluationSet

WAKE = ("v1_okay_nabu", "v2_alexa", "v2_okay_nabu", "v2_vad", "v2x_hey_home_assistant")
ARM = ("dnn_s", "dnn_m", "cnn_s", "ds_cnn_s", "basic_lstm_small")
NAMES = (
    *fx.list_models(),
    "mlperf_tiny_kws/kws_ref_model.tflite",
    *(f"arm_kws_int8/{name}.tflite" for name in ARM),
    "arm_mlzoo/ds_cnn_s_int16.tflite",
    "arm_kws_q7/dnn_q7.npz",
    "ai8x_kws20/kws20_v3.npz",
    "tflm_micro_speech/micro_speech_quantized.tflite",
    "mlperf_sww/str_ww_ref_model.tflite",
    *(f"micro_wake_word/{name}.tflite" for name in WAKE),
)
CLIPS, STEPS = 200, 1000


def recordings(folder, name, graph):
    """Return input codes of real speech (of the shipped synthetic one for shipped networks)."""
    if name in fx.list_models():
        return EvaluationSet.shipped().features[:CLIPS]
    if "kws_ref_model" in name:
        codes = np.load(folder / "mlperf_tiny_kws/mlperf_kws_dev.npz")["mfcc_int8"]
    else:
        path = folder / "models" / name
        stored = np.load(path.with_name(path.stem + ".ref.npz"))
        key = next(k for k in stored.files if k.startswith(("input_int", "features_int")))
        codes = stored[key]
    if graph.states:
        steps = min(STEPS, codes.size // graph.input.size)
        return codes.reshape(-1)[: steps * graph.input.size].reshape(1, steps, *graph.input.shape)
    return codes[:CLIPS].reshape(-1, *graph.input.shape)


def measure(folder, name):
    """Return the widths of every layer of a network by bound, and the seconds that took."""
    path = name if name in fx.list_models() else folder / "models" / name
    fx.guarantee(fx.load(path))  # compiles what it needs
    graph = fx.load(path)
    started = time.perf_counter()
    plain = fx.guarantee(graph)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    solved = fx.guarantee(graph, bounds=("prefix-exact", "reachability"))
    solving = time.perf_counter() - started
    needed = fx.peaks(graph, recordings(folder, name, graph)).groupby("node")["bits"].max()
    layers = {
        layer: {
            **{bound: plain.minimum(layer, bound=bound) for bound in BOUNDS},
            "reachability": solved.minimum(layer) if layer in solved.solved else None,
            "best": solved.minimum(layer),
            "needed": int(needed[layer]),
        }
        for layer in plain.layers
    }
    return {"name": Path(name).stem, "seconds": seconds, "solving": solving, "layers": layers}


def networks(found):
    """Return the table of the widest layers."""
    heads = ["network", "layers", *BOUNDS, "with reachability", "needed", "s", "s, solver"]
    lines = [heads, ["---"] * len(heads)]
    for one in found:
        layers = one["layers"].values()
        widest = [max(row[key] for row in layers) for key in (*BOUNDS, "best", "needed")]
        pairs = sum(row["reachability"] is not None for row in layers)
        times = f"{one['seconds']:.2f}", f"{one['solving']:.0f}"
        lines.append([one["name"], f"{len(layers)} ({pairs} pairs)", *widest, *times])
    return lines


def by_layer(one):
    """Return the table of one network."""
    heads = ["layer", *BOUNDS, "reachability", "needed"]
    lines = [heads, ["---"] * len(heads)]
    for name, row in one["layers"].items():
        cells = [row[bound] for bound in BOUNDS]
        lines.append([name, *cells, row["reachability"] or "not certified", row["needed"]])
    return lines


def main(folder, names):
    """Print the tables."""
    warnings.simplefilter("ignore", SlowPathWarning)
    found = []
    for name in names:
        found.append(measure(folder, name))
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    for lines in (networks(found), *(by_layer(one) for one in found if len(one["layers"]) <= 10)):
        print("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines), end="\n\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or NAMES)
