"""`alphapanda instruments show`: what a day's list says of an instrument."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer
from rich.text import Text

from alphapanda import config
from alphapanda.brokers.zerodha import dumps
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.data.instruments import read_master
from alphapanda.errors import UsageError
from alphapanda.model.instruments import Masters
from alphapanda.model.money import text

Name = Annotated[str, typer.Argument(metavar="NAME", help="EXCHANGE:SYMBOL, such as NSE:INFY.")]
Day = Annotated[
    str | None, option("--day", metavar="YYYY-MM-DD", text="As of a day. (default: the newest)")
]
MONEY = ("tick_size", "strike", "lower_circuit", "upper_circuit")


def instruments_show(name: Name, day: Day = None, json: Json = False) -> None:
    """Show an instrument as the newest list has it, or that of a day."""
    listed, path = dumps.newest(config.load().instruments_dir, until=parse_day("--day", day))
    instrument = Masters([read_master(path)]).at(listed).get(name)
    facts = instrument.facts()
    facts = {"as_of": str(listed), **facts}
    if json:
        print_json({**facts, **{key: text(facts[key]) for key in MONEY}})
        return
    table = whole_table()
    for key, value in facts.items():
        shown = text(value) if key in MONEY else str(value)
        table.add_row(key, Text(shown if value is not None else ""))
    print_table(table)


def parse_day(flag: str, written: str | None) -> date | None:
    """Return a day of the command line.

    Raises:
        UsageError: if it is none.
    """
    try:
        return None if written is None else date.fromisoformat(written)
    except ValueError:
        raise UsageError(f"{flag} {written}: write a day as 2026-01-31") from None
