"""One run: a recipe on a corpus with one seed, from data to files, resumed where it stopped."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import fxpsim
from fxpsim.errors import DataError, GraphError
from fxpsim.formats import QFormat
from fxpsim.graph import Graph
from fxpsim.kws.float_network import FloatNetwork
from fxpsim.kws.speakers import Split
from fxpsim.models import load, save
from fxpsim.scoring import evaluate
from fxpsim.simulation import simulate
from fxpsim.train.building import CALIBRATION, build_float
from fxpsim.train.checkpoints import Checkpoint
from fxpsim.train.conversion import from_float
from fxpsim.train.corpora import Corpus, Part
from fxpsim.train.network import KeywordNetwork
from fxpsim.train.recipe import Recipe, Register
from fxpsim.train.results import Run, corpus_sha256, read_runs
from fxpsim.train.training import Training, reproducible

__all__ = ["check_bits", "run"]

#: Called with a stage, and how much is done of how much.
Progress = Callable[[str, int, int], None]
_BATCH = 1024


def run(
    name: str,
    recipe: Recipe,
    corpus: Corpus,
    seed: int,
    out: Path,
    *,
    begin: FloatNetwork | None = None,
    splits: Sequence[Split] = ("validation",),
    every: float = 20.0,
    progress: Progress | None = None,
) -> Run:
    """Train, unless it was done before, score, and write ``<name>-seed<seed>.fxp`` and ``.json``.

    The float network with which recipes begin is trained once and kept in ``out/cache``; so is
    where an unfinished run stands.  A run that was stopped and started again writes the bits of
    one that was not.

    Parameters
    ----------
    name, recipe
        Of the recipe.
    corpus, seed
        What it is trained on; of all that is random.
    out
        Folder, made where missing.
    begin
        A trained float network to begin with, in place of the recipe's own.
    splits
        What is scored, beside what was scored before.
    every
        Seconds from checkpoint to checkpoint.
    progress
        Called with the stage, steps done and steps in all.

    Raises
    ------
    DataError
        ``out`` has files of another run under these names.
    GraphError
        The simulator's integers are not those of the training: a mistake in the program.
    """
    if begin is not None:
        _check_begin(begin, recipe, corpus)
    done = Run(name, _hash(recipe, begin), seed, corpus_sha256(corpus))
    file, network_file = out / f"{done.name}.json", out / f"{done.name}.fxp"
    for other in read_runs(out, corpus):
        if other.recipe == name and other.recipe_sha256 != done.recipe_sha256:
            raise DataError(
                f"{out / other.name}.json is of another recipe: delete it, or write to another "
                "folder"
            )
    if file.exists():
        found = Run.read(file)
        if (found.recipe_sha256, found.data) != (done.recipe_sha256, done.data):
            raise DataError(f"{file} is of other data: delete it, or write to another folder")
        done = found
    stored = bool(done.network_sha256) and network_file.exists()
    if done.facts and (stored or recipe.weights is None) and set(splits) <= set(done.correct):
        return done
    started = time.monotonic()
    (out / "cache").mkdir(parents=True, exist_ok=True)
    if stored:
        sha = sha256(network_file.read_bytes()).hexdigest()
        if sha != done.network_sha256:
            raise DataError(f"{network_file} is not the network of {file}: delete both")
        graph = load(network_file)
        correct = {split: _simulated(graph, corpus.part(split)) for split in splits}
    else:
        checkpoint = _checkpoint(out, f"{done.name}-unfinished", done, every)
        network = _trained(recipe, corpus, seed, begin, out, checkpoint, progress)
        if recipe.weights is None:
            correct = {split: _in_float(network, corpus.part(split)) for split in splits}
            sha = ""
        else:
            metadata = {**corpus.metadata, "recipe": name, "seed": seed}
            graph = network.graph(done.name, corpus.classes, metadata)
            check_bits(network, graph, corpus.part("validation").features)
            correct = {split: _simulated(graph, corpus.part(split)) for split in splits}
            unfinished = out / "cache" / network_file.name
            save(graph, unfinished)
            unfinished.replace(network_file)
            sha = sha256(network_file.read_bytes()).hexdigest()
        checkpoint.delete()
    for split, right in correct.items():
        done = replace(done, correct=done.scored(split, right))
    facts = done.facts or _facts(recipe, corpus, time.monotonic() - started)
    done = replace(done, network_sha256=sha, facts=facts)
    done.write(out, corpus)
    return done


def check_bits(network: KeywordNetwork, graph: Graph, features: NDArray[np.int8]) -> None:
    """Check that every layer's codes are the simulator's, bit for bit.

    Raises
    ------
    GraphError
        Naming the first layer where they are not.
    """
    names = [f"act{i}" for i in range(len(network.layers))]
    for start in range(0, len(features), _BATCH):
        block = features[start : start + _BATCH]
        trace = simulate(graph, block, probes=names)
        with torch.no_grad(), reproducible():
            tensors = list(network.tensors(torch.from_numpy(block).float()))
        for name, codes in zip(names, tensors, strict=True):
            if not np.array_equal(trace[name], codes.numpy().reshape(trace[name].shape)):
                raise GraphError(
                    f"tensor {name!r} of {graph.name!r} must have the integers of the training, "
                    "but has others: please report this, with the recipe"
                )


def _trained(
    recipe: Recipe,
    corpus: Corpus,
    seed: int,
    begin: FloatNetwork | None,
    out: Path,
    checkpoint: Checkpoint,
    progress: Progress | None,
) -> KeywordNetwork:
    """Return the network at the end of the recipe."""
    if begin is not None:
        clips = torch.from_numpy(corpus.part("train").features)
        begun = from_float(
            begin,
            activation=build_float(recipe, corpus).layers[0].target,
            calibration=clips[:: max(1, len(clips) // CALIBRATION)],
        )
        training = Training(recipe, corpus, seed, pretrained=begun.state_dict())
        _advance(training, checkpoint, progress)
        return training.network
    # Always begun from a finished float network, so that it makes no difference who trained it.
    start = replace(
        recipe, title="", weights=None, courses=(), register=Register(), constant_bits=8
    )
    of_float = Run("float", _hash(start), seed, corpus_sha256(corpus))
    stem = f"float-{of_float.recipe_sha256[:12]}-{of_float.data[:12]}-seed{seed}"
    kept = _checkpoint(out, stem, of_float, checkpoint.every)
    training = Training(start, corpus, seed)
    _advance(training, kept, progress)
    if recipe.weights is not None:
        training = Training(recipe, corpus, seed, pretrained=training.float_state())
        _advance(training, checkpoint, progress)
    return training.network


def _advance(training: Training, checkpoint: Checkpoint, progress: Progress | None) -> None:
    state = checkpoint.read()
    if state is not None:
        training.restore(state)
    if not training.done:
        training.run(progress, lambda: checkpoint.offer(training.state))
        checkpoint.write(training.state())
    training.network.eval()


def _checkpoint(out: Path, stem: str, of: Run, every: float) -> Checkpoint:
    identity = {
        "recipe": of.recipe_sha256,
        "data": of.data,
        "seed": str(of.seed),
        "version of fxpsim": fxpsim.__version__,
        "version of torch": str(torch.__version__),
    }
    return Checkpoint(out / "cache" / f"{stem}.checkpoint", identity, every=every)


def _simulated(graph: Graph, part: Part) -> NDArray[np.bool_]:
    return evaluate(graph, part.features, part.labels, groups=part.groups).correct


def _in_float(network: KeywordNetwork, part: Part) -> NDArray[np.bool_]:
    with torch.no_grad(), reproducible():
        blocks = torch.from_numpy(part.features).split(_BATCH)
        decided = torch.cat([network(block.float()).argmax(1) for block in blocks])
    return np.asarray(decided.numpy() == part.labels)


def _check_begin(begin: FloatNetwork, recipe: Recipe, corpus: Corpus) -> None:
    wanted = [layer.quantizer.latent.shape for layer in build_float(recipe, corpus).layers]
    has = [weights.shape for weights in begin.weights]
    front_end = begin.front_end
    reads = QFormat(front_end.output_bits, front_end.output_frac)
    if reads != corpus.input_format:
        raise DataError(
            f"{begin.name} must read {corpus.input_format}, as the corpus has, not {reads}"
        )
    if wanted != has or begin.labels != corpus.classes:
        raise DataError(
            f"{begin.name} must have the layers that the recipe gives a network for this corpus, "
            f"{_sizes(wanted)} and {len(corpus.classes)} classes, not {_sizes(has)} "
            f"and {len(begin.labels)}"
        )


def _sizes(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join("x".join(map(str, shape)) for shape in shapes)


def _hash(recipe: Recipe, begin: FloatNetwork | None = None) -> str:
    text = repr(replace(recipe, title="")).encode()
    if begin is not None:
        arrays = (*begin.weights, *begin.gains, *begin.biases)
        text += b"".join(array.tobytes() for array in arrays)
    return sha256(text).hexdigest()


def _facts(recipe: Recipe, corpus: Corpus, seconds: float) -> dict[str, Any]:
    return {
        "title": recipe.title,
        "recipe": asdict(recipe),
        "corpus": corpus.name,
        "clips": {split: len(corpus.part(split)) for split in ("train", "validation", "test")},
        "seconds": round(seconds, 1),
        "versions": {
            "fxpsim": fxpsim.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": str(torch.__version__),
        },
        "machine": platform.machine(),
    }
