"""The command line: ``fxpsim COMMAND``.  Exit codes: 0 fine, 1 wrong input, 2 no guarantee."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

import click

import fxpsim

__all__ = ["main"]

#: Commands, each in a module of its own that is imported only when it runs.
_COMMANDS = {
    "cost": "Estimate cycles and memory of a network on machines.",
    "data": "Download recorded speech to train and to score on.",
    "guarantee": "Prove how wide the accumulators of a network have to be.",
    "listen": "Hear a recording as it streams in, and print what is detected when.",
    "models": "List the networks that the package ships, or show one.",
    "report": "Write the report that an architect decides from.",
    "run": "Classify inputs bit by bit and print the top classes.",
    "sweep": "Measure accuracy and overflow against the accumulator.",
    "train": "Train networks for few bits by recipes.",
}

WRONG_INPUT, INTERRUPTED, TERMINATED = 1, 130, 143
# click would exit with 2, which here means that a guarantee does not hold.
click.UsageError.exit_code = WRONG_INPUT


class _Commands(click.Group):
    """Shows all commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"fxpsim.cli.{cmd_name}"), "command")  # noqa: B009
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from fxpsim.errors import suggest

            raise click.UsageError(f"no command {args[0]!r}{suggest(args[0], _COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(fxpsim.__version__, prog_name="fxpsim")
def cli() -> None:
    """Simulate keyword-spotting networks bit by bit, and project what they cost.

    Start with `fxpsim report --out report`, which needs nothing else.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    # A stop from outside unwinds as an exception does, so that unfinished files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it lives as long as the process
    try:
        code = cli.main(args=None if arguments is None else list(arguments), standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = WRONG_INPUT
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; keep the interpreter from flushing into it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if not _is_input_error(error):
            raise
        click.echo(f"Error: {error}", err=True)
        code = WRONG_INPUT
    sys.exit(code if isinstance(code, int) else 0)


def _is_input_error(error: Exception) -> bool:
    from accel_models import CostError
    from fxpsim.errors import FxpsimError

    return isinstance(error, (FxpsimError, CostError, OSError))


def _show_warning(message: Warning | str, *_: object) -> None:
    click.echo(f"Warning: {message}", err=True)
