"""`alphapanda live`: real orders, of the same core."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from alphapanda import config
from alphapanda.cli import run
from alphapanda.cli.flags import STRATEGY, Json, option, run_options
from alphapanda.cli.sending import (
    AcceptClosing,
    AccountId,
    DryRun,
    LiveWish,
    MaxOrders,
    ReadOnly,
    Until,
    consented,
)
from alphapanda.errors import UsageError
from alphapanda.events.events import Broker
from alphapanda.runs.options import RUN

ORDERS = "Orders at the broker"


@run_options
def live(
    strategies: Annotated[list[str], typer.Argument(metavar="STRATEGY...", help=STRATEGY)],
    given: dict[str, Any],
    feed: Annotated[list[str] | None, option(metavar="FEED", panel=RUN, text=run.FEED)] = None,
    broker: Annotated[
        str | None, option(metavar="BROKER", panel=ORDERS, text="zerodha; there is no default.")
    ] = None,
    account: AccountId = None, dry_run: DryRun = False, read_only: ReadOnly = False,
    max_orders: MaxOrders = None, until: Until = None, accept_closing: AcceptClosing = False,
    json: Json = False,
    out: Annotated[Path | None, option(metavar="FOLDER", panel=RUN, text=run.OUT)] = None,
) -> int:  # fmt: skip
    """Trade live: real orders at a broker, on its live ticks, with a journal that survives a crash.

    \b
    Three consents are needed: the setting zerodha.enabled, --broker zerodha, and the account's id.
      alphapanda login zerodha
      alphapanda live ema_cross --broker zerodha --feed kite:NSE:INFY --dry-run
    What is held over night stays the run's: the next day the same command, with its --out, goes on.
    A rehearsal on a simulated exchange needs none of them: alphapanda rehearse
    """  # noqa: D301 (click keeps the lines below its mark as they are)
    if broker != Broker.ZERODHA:
        raise UsageError("--broker zerodha says where the orders go; on paper: alphapanda paper")
    wished = LiveWish(account, dry_run, read_only, max_orders, until, accept_closing)
    sending = wished.sending()
    consented(config.load(), account, "live sends real orders", quiet=json)
    return run.carry_out_roles(
        strategies, given, roles=[], feed=feed or ["kite:"], speed=None, out=out, json=json,
        broker=Broker.ZERODHA, sending=sending, until=wished.last_day(), accepts=accept_closing,
    )  # fmt: skip
