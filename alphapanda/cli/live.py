"""`alphapanda live`: real orders, of the same core."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from alphapanda import config
from alphapanda.brokers.zerodha.addresses import addresses_of
from alphapanda.cli import run
from alphapanda.cli.commanding import confirm_account
from alphapanda.cli.flags import STRATEGY, Json, option, run_options
from alphapanda.cli.words import day_of
from alphapanda.errors import UsageError
from alphapanda.events.events import Broker
from alphapanda.runs.options import RUN
from alphapanda.runtime.venues import Sending

ORDERS = "Orders at the broker"


@run_options
def live(
    strategies: Annotated[list[str], typer.Argument(metavar="STRATEGY...", help=STRATEGY)],
    given: dict[str, Any],
    feed: Annotated[list[str] | None, option(metavar="FEED", panel=RUN, text=run.FEED)] = None,
    broker: Annotated[
        str | None, option(metavar="BROKER", panel=ORDERS, text="zerodha; there is no default.")
    ] = None,
    account: Annotated[
        str | None,
        option(metavar="ID", panel=ORDERS, text="The account's id; without it, it is asked for."),
    ] = None,
    dry_run: Annotated[
        bool, option("--dry-run", panel=ORDERS, text="Send nothing: each order ends at once.")
    ] = False,
    read_only: Annotated[
        bool,
        option("--read-only", panel=ORDERS, text="Send only cancellations, and what closes."),
    ] = False,
    max_orders: Annotated[
        int | None,
        option(metavar="N", panel=ORDERS, text="New orders to send; what closes always passes."),
    ] = None,
    until: Annotated[
        str | None,
        option(metavar="DATE", panel=RUN, text="Last day; each day the same command goes on. "
               "(default: the first on which nothing is held over night)"),
    ] = None,
    accept_closing: Annotated[
        bool,
        option("--accept-closing", panel=ORDERS,
               text="Close the day although closing.json names differences."),
    ] = False,
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
    if sum((dry_run, read_only, max_orders is not None)) > 1:
        raise UsageError("write one of --dry-run, --read-only and --max-orders")
    if max_orders is not None and max_orders < 1:
        raise UsageError(f"--max-orders {max_orders}: at least 1; --read-only sends none")
    settings = config.load()
    addresses = addresses_of(settings)
    confirm_account(account, settings.zerodha.user_id, "live sends real orders")
    if addresses.simulator and not json:
        sys.stderr.write("SIMULATOR: no real account, no real money\n")
    return run.carry_out_roles(
        strategies, given, roles=[], feed=feed or ["kite:"], speed=None, out=out, json=json,
        broker=Broker.ZERODHA, sending=Sending(dry_run, read_only, max_orders),
        until=day_of("until", until), accepts=accept_closing,
    )  # fmt: skip
