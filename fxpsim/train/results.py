"""What runs of a recipe reached: a file a run, and a table over seeds with intervals."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accel_models.errors import suggest
from fxpsim.errors import ConfigError, DataError
from fxpsim.npz import brief, check_file
from fxpsim.train.corpora import Corpus
from fxpsim.train.statistics import accuracy, gain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Run", "corpus_sha256", "read_runs", "results_table", "write_whole"]


@dataclass(frozen=True, slots=True)
class Run:
    """A recipe with one seed.

    Attributes
    ----------
    recipe, recipe_sha256, seed
        What was trained; the hash is of what the recipe says, not of how it is laid out.
    data
        Hash of the corpus (:func:`corpus_sha256`).
    network_sha256
        Of the ``.fxp`` file; empty for a float network, which has none.
    correct
        For each split that was scored, which clips are right: bits in hexadecimal, first clip
        first.
    facts
        Title, recipe text, versions, threads, seconds: what a reader wants and nobody compares.
    """

    recipe: str
    recipe_sha256: str
    seed: int
    data: str
    network_sha256: str = ""
    correct: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Stem of the run's files."""
        return f"{self.recipe}-seed{self.seed}"

    def right(self, split: str, clips: int) -> NDArray[np.bool_]:
        """Whether each clip of a split is right, bool [clips]."""
        packed = np.frombuffer(bytes.fromhex(self.correct[split]), np.uint8)
        return np.unpackbits(packed, count=clips).astype(np.bool_)

    def scored(self, split: str, right: NDArray[np.bool_]) -> dict[str, str]:
        """Return :attr:`correct` with a split more."""
        return {**self.correct, split: np.packbits(right).tobytes().hex()}

    def write(self, folder: Path, corpus: Corpus) -> None:
        """Write ``<name>.json``, with the accuracy of each split for those who read it."""
        shares = {
            split: float(self.right(split, len(corpus.part(split))).mean())  # type: ignore[arg-type]
            for split in self.correct
        }
        text = json.dumps({**asdict(self), "accuracy": shares}, indent=1) + "\n"
        write_whole(folder / f"{self.name}.json", text.encode())

    @classmethod
    def read(cls, path: Path) -> Run:
        """Read what :meth:`write` wrote; DataError where it is something else."""
        check_file(path)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            del document["accuracy"]
            run = cls(**document)
            for bits in run.correct.values():
                bytes.fromhex(bits)
        except Exception as error:  # a damaged file makes its readers raise nearly anything
            raise DataError(f"{path} is no result of a run ({brief(error)}): delete it") from None
        return run


def corpus_sha256(corpus: Corpus) -> str:
    """Return a hash of everything in a corpus that training and scoring read."""
    digest = sha256(repr((corpus.classes, corpus.input_format, corpus.octave)).encode())
    for array in (corpus.features, corpus.labels, corpus.groups, corpus.splits):
        digest.update(repr((array.dtype, array.shape)).encode() + array.tobytes())
    return digest.hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    unfinished = path.with_name(f".{path.name}-unfinished")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)


def read_runs(folder: Path, corpus: Corpus) -> list[Run]:
    """Return the runs in a folder that are of this corpus, by recipe and seed."""
    runs = [Run.read(path) for path in sorted(folder.glob("*-seed*.json"))]
    data = corpus_sha256(corpus)
    same = [run for run in runs if run.data == data]
    return sorted(same, key=lambda run: (run.recipe, run.seed))


def results_table(runs: Iterable[Run], corpus: Corpus, against: str | None = None) -> pd.DataFrame:
    """Return a row for each recipe and split, over all its seeds.

    Parameters
    ----------
    runs
        Of this corpus.
    corpus
        What they were scored on.
    against
        A recipe that every other is compared with, on the seeds that both have.

    Returns
    -------
    DataFrame
        recipe, split, seeds, accuracy, low, high (95 % over speakers), deviation (from seed to
        seed); with ``against``: gain, gain_low, gain_high and gain_seeds.

    Raises
    ------
    ConfigError
        There is no run of ``against``.
    """
    import pandas as pd

    recipes: dict[str, dict[int, Run]] = {}
    for run in runs:
        recipes.setdefault(run.recipe, {})[run.seed] = run
    if against is not None and against not in recipes:
        raise ConfigError(f"no run of recipe {against!r} is there{suggest(against, recipes)}")
    rows = []
    for recipe, by_seed in recipes.items():
        for split in ("validation", "test"):
            part = corpus.part(split)

            def right(of: Mapping[int, Run], seeds: Iterable[int]) -> NDArray[np.bool_]:
                return np.stack([of[seed].right(split, len(part)) for seed in seeds])  # noqa: B023

            def scored(of: Mapping[int, Run]) -> set[int]:
                return {seed for seed, run in of.items() if split in run.correct}  # noqa: B023

            if not (seeds := sorted(scored(by_seed))):
                continue
            row: dict[str, Any] = {"recipe": recipe, "split": split, "seeds": len(seeds)}
            found = accuracy(right(by_seed, seeds), part.groups)
            row |= {
                "accuracy": found.mean,
                "low": found.low,
                "high": found.high,
                "deviation": found.deviation,
            }
            if against is not None:
                shared = sorted(scored(by_seed) & scored(recipes[against]))
                if shared and recipe != against:
                    gained = gain(
                        right(by_seed, shared), right(recipes[against], shared), part.groups
                    )
                    row |= {
                        "gain": gained.mean,
                        "gain_low": gained.low,
                        "gain_high": gained.high,
                        "gain_seeds": len(shared),
                    }
            rows.append(row)
    return pd.DataFrame(rows)
