"""`alphapanda data fetch`: candles from Kite into the catalogue."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer
from rich.text import Text

from alphapanda import config, log
from alphapanda.brokers.zerodha import dumps, history
from alphapanda.brokers.zerodha.candles import interval_of
from alphapanda.brokers.zerodha.sessions import logged_in
from alphapanda.cli.data_flags import Root
from alphapanda.cli.flags import Json, option
from alphapanda.cli.instruments_show import parse_day
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.cli.progress import step_bars
from alphapanda.data.instruments import read_master
from alphapanda.errors import OutsideError, UsageError
from alphapanda.model.calendar import ist_date
from alphapanda.research.table import count

Names = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="EXCHANGE:SYMBOL, such as NSE:INFY.")
]
Interval = Annotated[
    str,
    option("--interval", metavar="LENGTH", text="minute, 3minute, 5minute, 10minute, 15minute, "
           "30minute, 60minute or day. (default: minute)"),
]  # fmt: skip
From = Annotated[str, option("--from", metavar="YYYY-MM-DD", text="The first day.")]
To = Annotated[str | None, option("--to", metavar="YYYY-MM-DD", text="(default: today)")]
Oi = Annotated[bool, option("--oi", text="With open interest, of contracts.")]
Continuous = Annotated[
    bool, option("--continuous", text="Day candles of a future, those before it joined.")
]
SHOWN_GAPS = 5


def data_fetch(
    names: Names, from_: From, to: To = None, interval: Interval = "minute", oi: Oi = False,
    continuous: Continuous = False, root: Root = None, json: Json = False,
) -> None:  # fmt: skip
    """Fetch candles from Kite into the catalogue; stopped, the same command goes on."""
    settings = config.load()
    length = interval_of(interval)
    first, last = parse_day("--from", from_), parse_day("--to", to)
    assert first is not None
    with log.running(settings):
        try:
            listed, path = dumps.newest(settings.instruments_dir)
            master = read_master(path)
            if len(set(names)) < len(names):
                raise UsageError("an instrument is named twice: write each once")
            with logged_in(settings) as client, step_bars("fetch", quiet=json) as bar:
                today = ist_date(client.clock())
                request = history.HistoryRequest(
                    [master.get(name) for name in names], length, first, last or today, oi,
                    continuous,
                )  # fmt: skip
                accounts = history.fetch(client, settings.data_dir if root is None else root,
                                         request, progress=bar)  # fmt: skip
        except OutsideError as error:
            error.args = (f"{error}; what was fetched stays, the same command goes on",)
            raise
    note = "" if listed == today else f"instruments as of {listed}, not of today"
    if json:
        print_json({"instruments": [facts(each) for each in accounts], "note": note})
        return
    table = whole_table(columns=("instrument",), numbers=(
        "calls", "new candles", "there already", "days fetched before"
    ))  # fmt: skip
    for each in accounts:
        numbers = (each.asked, each.new, each.already, each.before)
        table.add_row(Text(each.name), *(Text(count(number)) for number in numbers))
    print_table(table)
    for line in [line for each in accounts for line in remarks(each)] + ([note] if note else []):
        print_table(Text(line))


def facts(account: history.Account) -> dict[str, Any]:
    """Return what came of an instrument as JSON holds it."""
    return {
        "name": account.name, "calls": account.asked, "new": account.new,
        "already": account.already, "days_before": account.before,
        "dropped": dict(account.dropped), "gaps": [str(day) for day in account.gaps],
    }  # fmt: skip


def remarks(account: history.Account) -> list[str]:
    """Return what a person should know of an instrument's candles."""
    told = [f"{account.name}: {n} candles left out: {why}" for why, n in account.dropped.items()]
    if account.gaps:
        told.append(f"{account.name}: no candle on {days_text(account.gaps)}")
    return told


def days_text(days: list[date]) -> str:
    """Return the first of some days, and how many more there are."""
    more = len(days) - SHOWN_GAPS
    shown = ", ".join(map(str, days[:SHOWN_GAPS]))
    return f"{shown}{f' and {more} more trading days' if more > 0 else ''}"
