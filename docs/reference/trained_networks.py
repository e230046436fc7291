"""Prints the tables of trained-networks.md: python docs/reference/trained_networks.py [--draw].

What they show is in trained-*.csv, which `fxpsim train --against float --test` wrote.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPORA = {"arabic": "Arabic Speech Commands", "speech-commands": "Speech Commands, 12 classes"}
BITS = (8, 6, 5, 4, 3, 2, 1)
#: Rows of the second table: heading and recipe.
NARROW = {
    "post-training, 8-bit weights, 16-bit registers": "post-training-8bit-in-16",
    "FXP-QAT, 8-bit weights, 16-bit registers": "fixed-point-8bit-in-16",
    "post-training, 4-bit weights, 12-bit registers": "post-training-4bit-in-12",
    "FXP-QAT, 4-bit weights, 12-bit registers": "fixed-point-4bit-in-12",
    "FXP-QAT, 5-bit weights, 12-bit registers": "fixed-point-5bit-in-12",
    "FXP-QAT, 8-bit weights, 12-bit registers": "fixed-point-8bit-in-12",
    "one format, post-training, 8-bit weights, 11-bit registers": (
        "post-training-fixed-point-8bit-in-11"
    ),
    "FXP-QAT, 8-bit weights, 11-bit registers": "fixed-point-8bit-in-11",
    "one format, post-training, 4-bit weights, 11-bit registers": (
        "post-training-fixed-point-4bit-in-11"
    ),
    "FXP-QAT, 4-bit weights, 11-bit registers": "fixed-point-4bit-in-11",
    "FXP-QAT, 8-bit weights, 10-bit registers": "fixed-point-8bit-in-10",
    "A2Q+, 8-bit weights and activations, 16 bits, proven": "a2q-plus-8bit-in-16",
    "A2Q+, 8-bit weights, 4-bit activations, 16 bits, proven": (
        "a2q-plus-8bit-in-16-activations-4bit"
    ),
    "A2Q+, 4-bit weights and activations, 16 bits, proven": "a2q-plus-4bit-in-16-activations-4bit",
}


def results(corpus: str, split: str = "test") -> dict[str, dict[str, float]]:
    """Return the numbers of each recipe, in per cent and points."""
    with (HERE / f"trained-{corpus}.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["recipe"]: {
                name: 100 * float(text)
                for name, text in row.items()
                if name not in ("recipe", "split", "seeds", "gain_seeds") and text
            }
            for row in csv.DictReader(file)
            if row["split"] == split
        }


def shown(row: dict[str, float] | None) -> str:
    """Return accuracy with its interval."""
    if row is None:
        return ""
    return f"{row['accuracy']:.1f} ({row['low']:.1f} to {row['high']:.1f})"


def gained(row: dict[str, float] | None) -> str:
    """Return the paired difference to float with its interval."""
    if row is None:
        return ""
    return f"{row['gain']:+.1f} ({row['gain_low']:+.1f} to {row['gain_high']:+.1f})"


def by_bits(corpus: str) -> Iterator[str]:
    """Return the rows of float, post-training and trained networks at each width."""
    found = results(corpus)
    yield (
        "| weights | post-training, % | to float, points | two-stage training, % |"
        " to float, points |"
    )
    yield "|---|---|---|---|---|"
    yield f"| float | {shown(found['float'])} | | | |"
    for bits in BITS:
        rounded = found.get(f"post-training-{bits}bit")
        trained = found.get(f"two-stage-{bits}bit")
        yield (
            f"| {bits} bit{'s' * (bits > 1)} | {shown(rounded)} | {gained(rounded)} |"
            f" {shown(trained)} | {gained(trained)} |"
        )


def listed(corpus: str, rows: dict[str, str]) -> Iterator[str]:
    """Return a row for each recipe that was run."""
    found = results(corpus)
    yield "| network | accuracy, % | to float, points |"
    yield "|---|---|---|"
    for heading, recipe in rows.items():
        if recipe in found:
            yield f"| {heading} | {shown(found[recipe])} | {gained(found[recipe])} |"


def arabic_by_bits() -> Iterator[str]:
    """Return the first table of Arabic Speech Commands."""
    return by_bits("arabic")


def speech_commands_by_bits() -> Iterator[str]:
    """Return the first table of Speech Commands."""
    return by_bits("speech-commands")


def arabic_narrow() -> Iterator[str]:
    """Return narrow registers on Arabic Speech Commands."""
    return listed("arabic", NARROW)


def speech_commands_narrow() -> Iterator[str]:
    """Return narrow registers on Speech Commands."""
    return listed("speech-commands", NARROW)


TABLES = (
    arabic_by_bits,
    speech_commands_by_bits,
    arabic_narrow,
    speech_commands_narrow,
)


def draw(folder: Path) -> None:
    """Draw accuracy against bits of a weight."""
    import matplotlib as mpl  # noqa: TID251
    import matplotlib.pyplot as plt  # noqa: TID251

    mpl.use("Agg")

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for axes, (corpus, title) in zip(panels, CORPORA.items(), strict=True):
        found = results(corpus)
        reference = found["float"]
        axes.axhspan(reference["low"], reference["high"], color="#0072b2", alpha=0.12, lw=0)
        axes.axhline(reference["accuracy"], color="#0072b2", lw=1.5, label="float, 95 % interval")
        for kind, name, colour, marker in (
            ("post-training", "post-training", "#d55e00", "s"),
            ("two-stage", "two-stage training", "#009e73", "o"),
        ):
            known = [bits for bits in BITS if f"{kind}-{bits}bit" in found]
            rows = [found[f"{kind}-{bits}bit"] for bits in known]
            axes.errorbar(
                known,
                [row["accuracy"] for row in rows],
                [
                    [row["accuracy"] - row["low"] for row in rows],
                    [row["high"] - row["accuracy"] for row in rows],
                ],
                color=colour, marker=marker, markersize=5, lw=1.5, capsize=2, label=name,
            )  # fmt: skip
        axes.set(title=title, xlabel="bits of a weight", xticks=BITS)
        axes.grid(axis="y", color="#dddddd", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("accuracy on test speakers, %")
    panels[0].legend(frameon=False, loc="lower right")
    figure.savefig(folder / "trained-networks.png", dpi=120, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    if "--draw" in sys.argv:
        draw(HERE / "pictures")
    for table in TABLES:
        print("\n".join(table()), end="\n\n")
