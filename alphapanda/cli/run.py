"""`alphapanda run`: the roles of a process; a live table on stderr, what came of it on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import numpy as np
import typer
from rich import box
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from alphapanda import config
from alphapanda.cli.flags import STRATEGY, Json, option, run_options
from alphapanda.cli.output import print_json, print_table
from alphapanda.cli.sending import (
    AcceptClosing,
    AccountId,
    DryRun,
    LiveWish,
    MaxOrders,
    ReadOnly,
    Until,
)
from alphapanda.cli.show import result_table
from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.events import Broker
from alphapanda.model.calendar import INDIA
from alphapanda.model.money import text
from alphapanda.model.rows import Out
from alphapanda.research.result import Result
from alphapanda.research.table import count
from alphapanda.runs import paper
from alphapanda.runs.options import RUN
from alphapanda.runs.plan import RunPlan
from alphapanda.runtime.parts import Wanted
from alphapanda.runtime.roles import carry_out, chosen
from alphapanda.runtime.venues import ALL, Sending

DEPLOYMENT = "Deployment"
REFRESH_S = 0.25
FINDING = 1
"""The exit status of a run whose feed had gaps."""

FEED = ("replay:PATH, again for more files; bus: for the feed that runs, bus:FEED for one; "
        "kite:NSE:INFY,NSE:TCS for live ticks; run:FOLDER for another run's.")  # fmt: skip
OUT = "Run directory; a run that was stopped there goes on. (default: runs/TIME-paper-STRATEGY)"
SPEED = "Of a replay: 1x, 10x or max. (default: 1x)"


@run_options
def run(
    given: dict[str, Any],
    strategies: Annotated[
        list[str] | None,
        typer.Argument(metavar="STRATEGY...", help=f"{STRATEGY}. (default: those active in the "
                       "database)", show_default=False),
    ] = None,
    role: Annotated[
        list[str] | None,
        option(metavar="ROLE", panel=RUN, text="feed, trade, relay or project, again for each; or "
               "schedule or api alone. (default: the first four)"),
    ] = None,
    feed: Annotated[list[str] | None, option(metavar="FEED", panel=RUN, text=FEED)] = None,
    speed: Annotated[str | None, option(metavar="N", panel=RUN, text=SPEED)] = None,
    deployment: Annotated[
        str | None,
        option(metavar="NAME", panel=DEPLOYMENT, text="What deployments/NAME.toml binds: a process "
               "at each broker of its strategies."),
    ] = None,
    broker: Annotated[
        str | None,
        option(metavar="BROKER", panel=DEPLOYMENT, text="Only its run there: paper or zerodha."),
    ] = None,
    account: AccountId = None, dry_run: DryRun = False, read_only: ReadOnly = False,
    max_orders: MaxOrders = None, until: Until = None, accept_closing: AcceptClosing = False,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
    json: Json = False,
    out: Annotated[Path | None, option(metavar="FOLDER", panel=RUN, text=OUT)] = None,
) -> int:  # fmt: skip
    """Run what its roles say, in this process: all of them, or some beside others.

    \b
    One process, as paper:
      alphapanda run ema_cross --feed replay:data --speed 10x
    Several, with the topics between them; each may be stopped or killed, and goes on:
      alphapanda run --role feed --feed replay:data --speed 10x
      alphapanda run --role trade ema_cross --feed bus: --out runs/mine
      alphapanda run --role relay --out runs/mine
    Tables and board, by all that is on the topics:
      alphapanda run --role project
    What the database says is active, on another process's feed:
      alphapanda run --feed bus:
    Strategies on paper and at Zerodha beside each other, as deployments/morning.toml binds them;
    stopped or killed, the same command goes on:
      alphapanda run --deployment morning
    """  # noqa: D301 (click keeps the lines below its mark as they are)
    wished = LiveWish(account, dry_run, read_only, max_orders, until, accept_closing)
    if deployment is not None:
        from alphapanda.cli import deployed  # noqa: PLC0415 (seldom needed)

        deployed.refuse_beside(strategies, given, role, speed)
        return deployed.run_deployment(deployed.Asked(
            deployment, broker, wished, given, feed or (), out, json, supervised, carry_out_wanted,
        ))  # fmt: skip
    if broker is not None or supervised or wished != LiveWish():
        raise UsageError(
            "that goes with --deployment NAME; real orders without one: alphapanda live"
        )
    return carry_out_roles(
        strategies or [], given, roles=role or [], feed=feed or [], speed=speed, out=out, json=json
    )


def carry_out_roles(
    strategies: Sequence[str], given: Mapping[str, Any], *, roles: Sequence[str],
    feed: Sequence[str], speed: str | None, out: Path | None, json: bool,
    broker: Broker = Broker.PAPER, sending: Sending = ALL, until: date | None = None,
    accepts: bool = False,
) -> int:  # fmt: skip
    """Do what the roles of this process are, and print what came of it; return the exit status."""
    return carry_out_wanted(Wanted(
        strategies, given, feed, chosen(roles), speed, out=out, broker=broker, sending=sending,
        until=until, accepts=accepts,
    ), json=json)  # fmt: skip


def carry_out_wanted(wanted: Wanted, *, json: bool) -> int:
    """Do what is wanted of this process, and print what came of it; return the exit status."""
    try:
        with live_table(quiet=json) as show:
            result = carry_out(wanted, config.load(), show=show)
    except KeyboardInterrupt as stop:
        if stop.args:
            Console(stderr=True).print(f"stopped in order; {stop}")
        raise
    if not isinstance(result, Result):
        print_json(result) if json else print_facts(result)
    elif json:
        print_json(result.summary)
    else:
        print_table(result_table(result, width=Console().width))
    if isinstance(result, Result) and result.trouble:
        raise OutsideError(result.trouble)
    return FINDING if isinstance(result, Result) and "gaps" in result.summary else 0


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print what a process has done, a line each."""
    sys.stdout.write("".join(f"{name:<6} {value}\n" for name, value in facts.items()))


@contextmanager
def live_table(*, quiet: bool) -> Iterator[paper.Show | None]:
    """Show how a run stands, a few times a second, on a terminal; elsewhere nothing."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    begun, last, first = monotonic(), 0.0, -1
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(trading: paper.PaperRun) -> None:
            nonlocal last, first
            if first < 0:
                first = trading.run.session.rows
            now = monotonic()
            if now - last >= REFRESH_S:
                last = now
                rate = (trading.run.session.rows - first) / max(now - begun, 1e-9)
                live.update(state_table(trading, rate), refresh=True)

        yield show


def state_table(trading: paper.PaperRun, rate: float) -> RenderableType:
    """Return the state of a run: its feed, what was decided, and what is held."""
    run, session = trading.run, trading.run.session
    counts, tables = run.gatherer.counts, session.engine.tables
    at = datetime.fromtimestamp(session.last_ns / 1e9, INDIA)
    total = run.plan.feed.rows
    of = "" if total is None else f" of {count(total)}"
    left = "" if total is None or not rate else f", {(total - session.rows) / rate:,.0f} s left"
    table = Table(box=box.SIMPLE, show_header=False, title=f"paper  {at:%Y-%m-%d %H:%M:%S} IST")
    table.add_row("rows", f"{count(session.rows)}{of}, {count(round(rate))}/s{left}")
    table.add_row("envelopes", count(trading.recorder.envelopes))
    table.add_row("signals", count(int(counts[Out.SIGNAL])))
    table.add_row("rejected", count(int(counts[Out.REJECTED])))
    table.add_row("orders", count(int(counts[Out.ORDER])))
    table.add_row("fills", count(int(counts[Out.FILL])))
    for k, name in enumerate(run.plan.names):
        ledger = tables["ledgers"][k]
        table.add_row(Text(f"P&L {name}"), text(int(ledger["cash"] + ledger["mark"])))
    table.add_row("held", Text(held(run.plan, tables)))
    return table


def held(plan: RunPlan, tables: Mapping[str, Any]) -> str:
    """Return the first positions that are held."""
    qty = tables["positions"]["qty"].reshape(len(plan.specs), -1).sum(axis=0)
    rows = np.flatnonzero(qty)
    shown = [f"{plan.instruments[row].name} {int(qty[row]):+,}" for row in rows[:6]]
    return ", ".join(shown + (["..."] if len(rows) > len(shown) else [])) or "nothing"
