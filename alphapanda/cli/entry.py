"""The command line: results on stdout, progress and messages on stderr, exit status by error."""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

from alphapanda import __version__
from alphapanda.cli.lazy import all_commands
from alphapanda.cli.steering import clean
from alphapanda.errors import AlphaPandaError, OutsideError, UsageError

NAME = "alphapanda"
INTERRUPTED = 130


def print_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        print(f"alphapanda {__version__}")
        raise typer.Exit


def start(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """One compiled trading core for backtest, paper and live."""


def root() -> TyperGroup:
    """Return the word `alphapanda` with all that may follow it; its help is plain too."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
    app.callback()(start)
    group = typer.main.get_group(app)
    group.commands.update(all_commands())
    return group


def main() -> None:
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.umask(os.umask(0o777) | 0o027)  # what a trader decides is not for all on the machine
    warnings.showwarning = note
    code = carry_out()
    try:
        sys.stdout.flush()
    except OSError as error:  # the reader has gone, `| head`; or the disk is full, `> FILE`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = code or failed(error)
    gc.freeze()  # at its end Python would look for garbage in all that is left, for a second
    sys.exit(code)


def note(message: Warning | str, *_: Any, **__: Any) -> None:
    """Show a warning as one line."""
    print(f"alphapanda: note: {message}", file=sys.stderr)


def carry_out(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        # Click's main() handles interrupts and broken pipes itself; we need our own exit codes.
        words = list(sys.argv[1:] if arguments is None else arguments)
        with root().make_context(NAME, words) as context:
            result: Any = context.command.invoke(context)
    except OSError as error:
        result = failed(error)
    except MemoryError:
        result = report_error(
            OutsideError("not enough memory: take fewer days (--from, --to) or smaller windows")
        )
    except KeyboardInterrupt:
        print("alphapanda: interrupted", file=sys.stderr)
        result = INTERRUPTED
    except typer.Exit as error:
        result = int(error.exit_code)
    except Exception as error:
        if interrupts(error):
            print("alphapanda: interrupted", file=sys.stderr)
            return INTERRUPTED
        if not isinstance(error, AlphaPandaError) and not hasattr(error, "format_message"):
            raise
        result = explained(error)
    return result if isinstance(result, int) else 0


def interrupts(error: BaseException | None) -> bool:
    """Say if an exception is Ctrl-C as DuckDB tells it, or comes of that."""
    while error is not None:
        if type(error) is RuntimeError and str(error) == "Query interrupted":
            return True
        error = error.__cause__ or error.__context__
    return False


def explained(error: Any) -> int:
    """Print an error meant for the user, ours or the command line library's; return its status."""
    if isinstance(error, AlphaPandaError):
        return report_error(error)
    message = error.format_message()
    if message.startswith("Usage: "):  # a word that another follows stood alone: this is its help
        print(message)
        return UsageError.exit_status
    return report_error(UsageError(message))


def failed(error: OSError) -> int:
    """Print what the system refused and return the exit status; a reader that left is no error."""
    if isinstance(error, BrokenPipeError):
        return 0
    where = error.filename or "the output"
    return report_error(OutsideError(f"{where}: {error.strerror or error}"))


def report_error(error: AlphaPandaError) -> int:
    """Print an error and return its exit status."""
    print(f"alphapanda: {clean(str(error))}", file=sys.stderr)
    return error.exit_status
