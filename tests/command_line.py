"""The command line in this process."""

from __future__ import annotations

import pytest

from fxpsim.cli import main


def fxpsim(capsys, *arguments):
    """Return the exit code, the output and the error output."""
    with pytest.raises(SystemExit) as leave:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return leave.value.code, out, err


def write(path, content):
    path.write_bytes(content)
    return path
