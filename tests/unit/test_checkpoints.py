"""Checkpoints: whole, of the run that they are read for, written when it is time."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the extra 'train')")

from fxpsim.errors import DataError  # noqa: E402
from fxpsim.train.checkpoints import Checkpoint  # noqa: E402

IDENTITY = {"recipe": "abc", "seed": "0"}


def test_what_is_written_is_read(tmp_path):
    layer = torch.nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(layer.parameters(), 0.1)
    layer(torch.ones(4, 3)).sum().backward()
    optimiser.step()
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=5)
    state = {
        "place": 1,
        "network": layer.state_dict(),
        "optimiser": optimiser.state_dict(),
        "rate": rate.state_dict(),
        "random": torch.get_rng_state(),
        "nothing": None,
    }
    checkpoint = Checkpoint(tmp_path / "file", IDENTITY)
    assert checkpoint.read() is None
    checkpoint.write(state)
    found = Checkpoint(tmp_path / "file", IDENTITY).read()
    assert found["optimiser"]["param_groups"] == state["optimiser"]["param_groups"]
    assert found["rate"] == state["rate"]
    assert torch.equal(found["network"]["weight"], layer.weight)
    assert torch.equal(found["random"], state["random"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    checkpoint.delete()
    checkpoint.delete()
    assert not list(tmp_path.iterdir())


def test_it_is_written_when_it_is_time(tmp_path):
    now = 0.0
    checkpoint = Checkpoint(tmp_path / "file", IDENTITY, every=10.0, clock=lambda: now)
    offered = []
    for now in (1.0, 9.0, 10.0, 15.0, 19.9, 20.0):
        checkpoint.offer(lambda now=now: offered.append(now) or {"now": now})
    assert offered == [10.0, 20.0]
    assert checkpoint.read() == {"now": 20.0}


def test_a_write_that_fails_leaves_the_one_before(tmp_path):
    checkpoint = Checkpoint(tmp_path / "file", IDENTITY)
    checkpoint.write({"step": 1})
    with pytest.raises((AttributeError, TypeError)):
        checkpoint.write({"step": lambda: 2})
    assert checkpoint.read() == {"step": 1}


def test_another_run_is_refused(tmp_path):
    Checkpoint(tmp_path / "file", IDENTITY).write({})
    other = Checkpoint(tmp_path / "file", {"seed": "1", "recipe": "abc", "data": "x"})
    with pytest.raises(DataError, match=r"unfinished run with another data, seed: delete it"):
        other.read()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04damaged", b"\x80\x04no pickle"])
def test_a_damaged_file_is_said(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match=r"file is no checkpoint .*: delete it to start over"):
        Checkpoint(tmp_path / "file", IDENTITY).read()


class Foreign:
    """Anything that only unpickling brings back."""


def test_nothing_is_unpickled(tmp_path):
    torch.save({"identity": IDENTITY, "state": Foreign()}, tmp_path / "file")
    with pytest.raises(DataError, match="is no checkpoint"):
        Checkpoint(tmp_path / "file", IDENTITY).read()
