"""The command line: results on stdout, progress and messages on stderr, exit status by error."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main

from alphapanda import __version__
from alphapanda.errors import AlphaPandaError, OutsideError, UsageError

NAME = "alphapanda"
INTERRUPTED = 130

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
    help="One compiled trading core for backtest, paper and live.",
)  # fmt: skip


def option(*names: str, metavar: str = "", panel: str = "", text: str) -> Any:
    """Return an option whose help shows what to write, under one of the headings."""
    return typer.Option(
        *names, metavar=metavar or None, rich_help_panel=panel or None, help=text,
        show_default=False,
    )  # fmt: skip


def version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        print(f"alphapanda {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One compiled trading core for backtest, paper and live."""


STRATEGY = "NAME in strategies/, FILE.py, FILE.py:CLASS, or a run file, backtests/NAME.toml"
DATA, RULES, PAPER, RUN = "Data", "Money and rules", "Orders on paper", "Run"

Texts = list[str] | None


@app.command()
def backtest(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help=STRATEGY)],
    data: Annotated[
        Texts,
        option(
            metavar="PATH",
            panel=DATA,
            text="Parquet file, folder or pattern; may be given again. Paths are relative to the "
            "current folder, those in a run file too.",
        ),
    ] = None,
    instrument: Annotated[
        Texts,
        option(metavar="NAME", panel=DATA, text="Only these; for legs in their order."),
    ] = None,
    instruments: Annotated[
        Texts, option(metavar="CSV", panel=DATA, text="Kite's instrument file, for lots and ticks.")
    ] = None,
    column: Annotated[
        Texts,
        option("--map", metavar="NAME=COLUMN", panel=DATA, text="Where a column has another name."),
    ] = None,
    kind: Annotated[
        str | None,
        option(metavar="KIND", panel=DATA, text="tick, bar or quote; else told from it."),
    ] = None,
    interval: Annotated[
        str | None, option(metavar="TIME", panel=DATA, text="Of bars, 1m or 1d; else told from it.")
    ] = None,
    first: Annotated[
        str | None, option("--from", metavar="DATE", panel=DATA, text="First day in India.")
    ] = None,
    last: Annotated[
        str | None, option("--to", metavar="DATE", panel=DATA, text="Last day, inclusive.")
    ] = None,
    repair: Annotated[
        bool | None,
        option("--repair", panel=DATA, text="Drop defective rows and count them."),
    ] = None,
    qty_scale: Annotated[
        str | None, option(metavar="N", panel=DATA, text="Units to a share, of fractional data.")
    ] = None,
    exchange: Annotated[
        str | None,
        option(metavar="NAME", panel=DATA, text="Of symbols without one. (default: NSE)"),
    ] = None,
    param: Annotated[
        Texts, option(metavar="NAME=VALUE", panel=RUN, text="Parameter of the strategy.")
    ] = None,
    cash: Annotated[
        str | None, option(metavar="RUPEES", panel=RULES, text="At the start. (default: 1000000)")
    ] = None,
    costs: Annotated[
        str | None,
        option(
            metavar="COSTS",
            panel=RULES,
            text="zerodha, none, 0.03%, or a file of rates. (default: zerodha)",
        ),
    ] = None,
    limits: Annotated[
        str | None,
        option(
            metavar="LIMITS", panel=RULES, text="default, wide, or a TOML file. (default: default)"
        ),
    ] = None,
    calendar: Annotated[
        str | None, option(metavar="NAME", panel=RULES, text="nse or always. (default: nse)")
    ] = None,
    product: Annotated[
        str | None,
        option(
            metavar="PRODUCT",
            panel=RULES,
            text="CNC, MIS or NRML. (default: shares CNC, derivatives NRML)",
        ),
    ] = None,
    latency: Annotated[
        str | None,
        option(metavar="TIME", panel=PAPER, text="From order to exchange, 50ms. (default: 0)"),
    ] = None,
    slippage: Annotated[
        str | None,
        option(metavar="RATE", panel=PAPER, text="Of market orders, 2bp or 0.02%. (default: 0)"),
    ] = None,
    limit_fill: Annotated[
        str | None,
        option(
            metavar="WHEN",
            panel=PAPER,
            text="A resting limit fills when the price goes through it, touches it, or has taken "
            "the queue: through, touch or queue. (default: through)",
        ),
    ] = None,
    volume_share: Annotated[
        str | None,
        option(
            metavar="SHARE", panel=PAPER, text="Of traded volume an order takes. (default: 100%)"
        ),
    ] = None,
    seed: Annotated[
        str | None, option(metavar="N", panel=PAPER, text="Of random slippage. (default: 7)")
    ] = None,
    batch: Annotated[
        str | None, option(metavar="N", panel=RUN, text="Rows given to the core at once.")
    ] = None,
    no_jit: Annotated[
        bool | None,
        option("--no-jit", panel=RUN, text="Run as plain Python: slow, for print and breakpoints."),
    ] = None,
    json: Annotated[bool, option("--json", panel=RUN, text="Print one JSON object.")] = False,
    out: Annotated[
        Path | None,
        option(metavar="FOLDER", panel=RUN, text="Run directory. (default: runs/TIME-STRATEGY)"),
    ] = None,
) -> None:
    """Run a strategy over recorded data, by its name or by a run file."""
    given = {
        "data": data, "instrument": instrument, "instruments": instruments, "map": column,
        "kind": kind, "interval": interval, "repair": repair, "qty_scale": qty_scale,
        "exchange": exchange, "from": first, "to": last, "params": param, "cash": cash,
        "costs": costs, "limits": limits, "calendar": calendar, "product": product,
        "latency": latency, "slippage": slippage, "limit_fill": limit_fill,
        "volume_share": volume_share, "seed": seed, "batch": batch, "no_jit": no_jit, "out": out,
    }  # fmt: skip
    from alphapanda.app import command  # noqa: PLC0415 (the core takes a second to import)

    command.backtest(strategy, {k: v for k, v in given.items() if v not in (None, [])}, json=json)


@app.command()
def demo(
    out: Annotated[
        Path | None,
        option(metavar="FOLDER", text="For the generated session. (default: runs/demo)"),
    ] = None,
) -> None:
    """Generate a session of NSE-like ticks and backtest ema_cross on it."""
    from alphapanda.app import command  # noqa: PLC0415

    command.demo(out)


@app.command()
def strategies(
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> None:
    """List the strategies with their parameters."""
    from alphapanda.app import command  # noqa: PLC0415

    command.list_strategies(json=json)


def main() -> None:
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    warnings.showwarning = note
    code = status()
    try:
        sys.stdout.flush()
    except OSError as error:  # the reader has gone, `| head`; or the disk is full, `> FILE`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = code or failed(error)
    sys.exit(code)


def note(message: Warning | str, *_: Any, **__: Any) -> None:
    """Show a warning as one line."""
    print(f"alphapanda: note: {message}", file=sys.stderr)


def status(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        group: Any = typer.main.get_command(app)
        # Not through its main(), which has its own mind about interrupts and broken pipes.
        with group.make_context(NAME, list(sys.argv[1:] if arguments is None else arguments)) as it:
            result: Any = group.invoke(it)
    except OSError as error:
        result = failed(error)
    except MemoryError:
        result = told(OutsideError("there is not enough memory: take fewer days, --from and --to"))
    except KeyboardInterrupt:
        print("alphapanda: interrupted", file=sys.stderr)
        result = INTERRUPTED
    except typer.Exit as error:
        result = int(error.exit_code)
    except Exception as error:
        if not isinstance(error, AlphaPandaError) and not hasattr(error, "format_message"):
            raise
        result = explained(error)
    return result if isinstance(result, int) else 0


def explained(error: Any) -> int:
    """Print an error meant for the user, ours or the command line library's; return its status."""
    if isinstance(error, AlphaPandaError):
        return told(error)
    message = error.format_message()  # empty where the help has been printed instead
    return told(UsageError(message)) if message else UsageError.exit_status


def failed(error: OSError) -> int:
    """Print what the system refused and return the exit status; a reader that left is no error."""
    if isinstance(error, BrokenPipeError):
        return 0
    where = error.filename or "the output"
    return told(OutsideError(f"{where}: {error.strerror or error}"))


def told(error: AlphaPandaError) -> int:
    """Print an error and return its exit status."""
    print(f"alphapanda: {error}", file=sys.stderr)
    return error.exit_status
