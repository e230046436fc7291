"""Stopped anywhere and started again, training ends with the same bits."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the extra 'train')")

from torch import nn  # noqa: E402

from fxpsim.errors import DataError  # noqa: E402
from fxpsim.train.checkpoints import Checkpoint  # noqa: E402

STEPS = 6
IDENTITY = {"recipe": "abc", "seed": "0"}


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """Thrown where a run is killed."""


def train(checkpoint: Checkpoint, stop: int = -1) -> tuple[dict, int]:
    """Two phases, the second on a network made of the first's; returns states and steps run."""
    torch.manual_seed(0)
    ran, width = 0, 4
    network = nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Dropout(0.5))
    for phase in ("float", "quantised"):
        if phase == "quantised":
            network = nn.Sequential(*network, nn.Linear(width, 2))
        generator = torch.Generator().manual_seed(7)
        optimiser = torch.optim.AdamW(network.parameters(), 0.05)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.05, total_steps=STEPS)
        parts = {
            "network": network, "optimiser": optimiser, "rate": rate, "generator": generator,
        }  # fmt: skip
        for step in range(checkpoint.resume(phase, parts), STEPS):
            if ran == stop:
                raise Stopped
            loss = network(torch.randn(8, 3, generator=generator)).square().sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
            ran += 1
            checkpoint.done(phase, step + 1, parts, last=step + 1 == STEPS)
    return network.state_dict(), ran


def ticking() -> float:
    ticking.now += 1.0
    return ticking.now


ticking.now = 0.0


def opened(path: Path, every: float) -> Checkpoint:
    return Checkpoint(path, IDENTITY, every=every, clock=ticking)


@pytest.mark.parametrize("every", [0.0, 3.0, 1e9])
@pytest.mark.parametrize("stop", [0, 1, 4, 6, 7, 11])
def test_a_stopped_run_ends_with_the_same_bits(tmp_path, stop, every):
    whole, _ = train(opened(tmp_path / "whole", 1e9))
    with pytest.raises(Stopped):
        train(opened(tmp_path / "cut", every), stop)
    again, ran = train(opened(tmp_path / "cut", every))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    redone = ran + stop - 2 * STEPS
    assert redone == 0 if every == 0.0 else 0 <= redone <= STEPS


def test_a_run_stopped_again_and_again(tmp_path):
    whole, _ = train(opened(tmp_path / "whole", 1e9))
    for _ in range(2 * STEPS - 1):
        with pytest.raises(Stopped):
            train(opened(tmp_path / "cut", 0.0), stop=1)
    again, ran = train(opened(tmp_path / "cut", 0.0), stop=1)
    assert ran == 1
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_what_is_kept_does_not_change_with_the_network(tmp_path):
    checkpoint = opened(tmp_path / "file", 0.0)
    layer = nn.Linear(2, 2)
    checkpoint.done("phase", 1, {"layer": layer}, last=False)
    before = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight += 1
    assert checkpoint.resume("phase", {"layer": layer}) == 1
    assert torch.equal(layer.weight, before)


def test_another_run_is_refused(tmp_path):
    checkpoint = opened(tmp_path / "file", 0.0)
    checkpoint.done("phase", 1, {}, last=True)
    with pytest.raises(DataError, match=r"unfinished run with another data, seed: delete it"):
        Checkpoint(tmp_path / "file", IDENTITY | {"seed": "1", "data": "x"})
    checkpoint.delete()
    assert not list(tmp_path.iterdir())
    checkpoint.delete()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04damaged", b"\x80\x04no pickle"])
def test_a_damaged_file_is_said(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match=r"file is no checkpoint .*: delete it to start over"):
        opened(tmp_path / "file", 0.0)


def test_nothing_is_unpickled(tmp_path):
    torch.save({"identity": IDENTITY, "phases": {"a": Stopped()}}, tmp_path / "file")
    with pytest.raises(DataError, match="is no checkpoint"):
        opened(tmp_path / "file", 0.0)


@pytest.mark.parametrize("parts", [{"layer": nn.Linear(3, 2)}, {"other": nn.Linear(2, 2)}, {}])
def test_other_parts_are_refused(tmp_path, parts):
    checkpoint = opened(tmp_path / "file", 0.0)
    checkpoint.done("phase", 1, {"layer": nn.Linear(2, 2)}, last=True)
    with pytest.raises(DataError, match=r"does not fit phase 'phase' .* delete it to start over"):
        opened(tmp_path / "file", 0.0).resume("phase", parts)
