"""A training run: courses one after another, that can be stopped and resumed at any step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from fxpsim.errors import DataError
from fxpsim.train.building import build_float, quantise
from fxpsim.train.choices import Stage
from fxpsim.train.corpora import Corpus
from fxpsim.train.recipe import Course, Recipe

__all__ = ["Training", "reproducible"]

#: Called with the name of a course, steps done, and their number.
Progress = Callable[[str, int, int], None]


@contextmanager
def reproducible() -> Iterator[None]:
    """Let torch add in one order: a single thread, and no algorithm that depends on timing."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)


class Training:
    """What a recipe makes of a corpus with one seed, step by step.

    The same recipe, features, seed and processor give the same network, whether the run was
    interrupted (:meth:`state`, :meth:`restore`) or not.

    Parameters
    ----------
    recipe, corpus, seed
        What to do, on the training speakers of what; the seed of all that is random.
    pretrained
        State of the float network, where the same start was trained before
        (:meth:`float_state`).

    Attributes
    ----------
    network : KeywordNetwork
        As it is now.
    """

    def __init__(
        self,
        recipe: Recipe,
        corpus: Corpus,
        seed: int,
        *,
        pretrained: dict[str, Tensor] | None = None,
    ) -> None:
        self.recipe, self.corpus, self.seed = recipe, corpus, seed
        part = corpus.part("train")
        self._generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(part), generator=self._generator)
        self._features = torch.from_numpy(part.features)[order]
        self._labels = torch.from_numpy(part.labels)[order]
        torch.manual_seed(seed)
        self._float = build_float(recipe, corpus)
        self.network = self._float
        self._place = 0
        self._optimiser: Any = None
        self._rate: Any = None
        self._begin()
        if pretrained is not None:
            self._float.load_state_dict(pretrained)
            self._next()

    @property
    def courses(self) -> tuple[Course, ...]:
        """All courses, the float network's first."""
        return (self.recipe.start, *self.recipe.courses)

    @property
    def done(self) -> bool:
        """Whether the network is ready."""
        return self._place == len(self.courses)

    @property
    def in_float(self) -> bool:
        """Whether the float network is still being trained."""
        return self._place == 0

    def float_state(self) -> dict[str, Tensor]:
        """Return the float network, for other recipes with the same start, corpus and seed."""
        return {name: value.clone() for name, value in self._float.state_dict().items()}

    def run(
        self, progress: Progress | None = None, pause: Callable[[], None] | None = None
    ) -> None:
        """Train to the end; ``pause`` is called after every step, when the state is consistent."""
        with reproducible():
            while not self.done:
                course = self.courses[self._place]
                name = "float network" if self.in_float else f"{course.quantised} quantised"
                while self._step < course.steps:
                    self._advance(course)
                    if progress:
                        progress(name, self._step, course.steps)
                    if pause:
                        pause()
                self._next()
                if pause:
                    pause()
        self.network.eval()

    def state(self) -> dict[str, Any]:
        """Return everything that :meth:`restore` needs: tensors, numbers, texts."""
        return {
            "place": self._place,
            "step": self._step,
            "float": self._float.state_dict(),
            "network": None if self.network is self._float else self.network.state_dict(),
            "optimiser": None if self.done else self._optimiser.state_dict(),
            "rate": None if self.done else self._rate.state_dict(),
            "generator": self._generator.get_state(),
            "torch": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a run with the same recipe, corpus and seed."""
        self._float.load_state_dict(state["float"])
        self._place = state["place"]
        if state["network"] is not None:
            self._float.eval()
            self._float.dropout = 0.0
            self.network = quantise(self.recipe, self._float, self._features)
        if not self.done:
            self._begin()
            self._optimiser.load_state_dict(state["optimiser"])
            self._rate.load_state_dict(state["rate"])
        if state["network"] is not None:
            self.network.load_state_dict(state["network"])
        self._step = state["step"]
        self._generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])

    def _begin(self) -> None:
        """Set up the course that ``_place`` says."""
        self._step = 0
        if self.done:
            return
        course = self.courses[self._place]
        self.network.quantize(course.quantised)
        self.network.dropout = course.dropout
        groups = [
            {"params": [values], "lr": course.learning_rate * self._unit(values)}
            for values in self.network.parameters()
        ]
        self._optimiser = torch.optim.AdamW(groups, weight_decay=course.weight_decay)
        self._rate = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser,
            [group["lr"] for group in groups],
            total_steps=course.steps,
            pct_start=0.15,
        )

    def _unit(self, values: Tensor) -> float:
        """Return the unit of a tensor's learning rate: of quantised networks its own size."""
        if self.in_float:
            return 1.0
        return float(values.detach().square().mean().sqrt()) or 1.0

    def _next(self) -> None:
        """Go from the end of a course to the beginning of the next."""
        self.network.eval()
        if self._place == 0 and self.recipe.weights is not None:
            self._float.dropout = 0.0
            self.network = quantise(self.recipe, self._float, self._features)
        self._place += 1
        self._begin()

    def _advance(self, course: Course) -> None:
        """Take one step."""
        network = self.network
        network.train()
        network.use_batch_moments(self._step < course.running_from * course.steps)
        chosen = torch.randint(len(self._features), (course.batch,), generator=self._generator)
        classes = len(self.corpus.classes)
        targets = functional.one_hot(self._labels[chosen], classes).float()
        targets = targets * (1 - course.smoothing) + course.smoothing / classes
        fmt = self.corpus.input_format
        unit = fmt.resolution / self.corpus.octave
        windows = self._features[chosen].float() * unit
        windows, targets = self.recipe.change(windows, targets, self._generator)
        codes = (windows / unit).round().clamp(fmt.lo, fmt.hi)
        if course.trust and not self.in_float:
            with torch.no_grad():
                opinion = functional.softmax(self._float(codes), 1)
            targets = (1 - course.trust) * targets + course.trust * opinion
        loss = functional.cross_entropy(network(codes), targets)
        if course.quantised is not Stage.NOTHING:
            loss = loss + network.penalty()
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        self._rate.step()
        self._step += 1
        if not all(torch.isfinite(values).all() for values in network.parameters()):
            raise DataError(
                f"weights must stay finite, but did not at step {self._step} of {course.steps} "
                f"with {course.quantised} quantised: lower its learning_rate of "
                f"{course.learning_rate}"
            )
