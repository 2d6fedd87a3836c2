"""The command line: results on stdout, progress and messages on stderr, exit status by error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from alphapanda.errors import AlphaPandaError

INTERRUPTED = 130

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
    help="One compiled trading core for backtest, paper and live.",
)  # fmt: skip

Texts = Annotated[list[str] | None, typer.Option()]


@app.callback()
def root() -> None:
    """One compiled trading core for backtest, paper and live."""


@app.command()
def backtest(
    strategy: Annotated[
        str, typer.Argument(help="Name in strategies/, FILE.py, or a run file .toml")
    ],
    data: Annotated[list[str] | None, typer.Option(help="Parquet file, folder or pattern")] = None,
    instrument: Annotated[
        list[str] | None, typer.Option(help="Only these; of legs, in their order")
    ] = None,
    instruments: Annotated[list[str] | None, typer.Option(help="Kite instrument CSV")] = None,
    column: Annotated[
        list[str] | None, typer.Option("--map", help="NAME=COLUMN where a column has another name")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="tick, bar or quote")] = None,
    interval: Annotated[str | None, typer.Option(help="of bars: 1m, 60m, 1d")] = None,
    repair: Annotated[
        bool | None, typer.Option("--repair", help="Drop defective rows and count them")
    ] = None,
    qty_scale: Annotated[int | None, typer.Option(help="Multiply fractional quantities")] = None,
    exchange: Annotated[str | None, typer.Option(help="of symbols without one")] = None,
    first: Annotated[str | None, typer.Option("--from", help="IST date, inclusive")] = None,
    last: Annotated[str | None, typer.Option("--to", help="IST date, inclusive")] = None,
    param: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the strategy")] = None,
    cash: Annotated[str | None, typer.Option(help="Rupees, 1000000 by default")] = None,
    costs: Annotated[str | None, typer.Option(help="zerodha, none, 0.03%, or a rates file")] = None,
    limits: Annotated[str | None, typer.Option(help="default, wide, or a TOML file")] = None,
    calendar: Annotated[str | None, typer.Option(help="nse or always")] = None,
    product: Annotated[str | None, typer.Option(help="CNC, MIS or NRML")] = None,
    latency: Annotated[str | None, typer.Option(help="from order to exchange: 50ms")] = None,
    slippage: Annotated[str | None, typer.Option(help="of market orders: 2bp")] = None,
    limit_fill: Annotated[str | None, typer.Option(help="through, touch or queue")] = None,
    volume_share: Annotated[
        str | None, typer.Option(help="of traded volume an order may take: 10%")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="of random slippage")] = None,
    batch: Annotated[int | None, typer.Option(help="Rows given to the core at once")] = None,
    no_jit: Annotated[bool | None, typer.Option("--no-jit", help="Run as plain Python")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object")] = False,
    out: Annotated[Path | None, typer.Option(help="Run directory; runs/ID by default")] = None,
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
    out: Annotated[Path | None, typer.Option(help="Folder for the generated session")] = None,
) -> None:
    """Generate a session of NSE-like ticks and backtest ema_cross on it."""
    from alphapanda.app import command  # noqa: PLC0415

    command.demo(out)


@app.command()
def strategies() -> None:
    """List the strategies with their parameters."""
    from alphapanda.app import command  # noqa: PLC0415

    command.list_strategies()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(status(arguments))


def status(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        result: Any = app(arguments, standalone_mode=False)
    except AlphaPandaError as error:
        print(f"alphapanda: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("alphapanda: interrupted", file=sys.stderr)
        return INTERRUPTED
    except typer.Exit as error:
        return int(error.exit_code)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "show"):
            error.show()
            return 2
        raise
    return result if isinstance(result, int) else 0
