"""`alphapanda data show`: an instrument of the catalogue."""

from __future__ import annotations

from typing import Annotated

import typer

from alphapanda import config
from alphapanda.cli.data_flags import ROWS, From, Interval, Kind, Root, To, days, existing
from alphapanda.cli.data_tables import instrument_table
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json, print_table
from alphapanda.data import holdings
from alphapanda.errors import UsageError


def data_show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An instrument: NSE:INFY or INFY.")],
    kind: Kind = None,
    interval: Interval = None,
    from_: From = None,
    to: To = None,
    rows: Annotated[
        int, option("--rows", metavar="N", panel=ROWS, text="First and last rows. (default: 5)")
    ] = 5,
    root: Root = None,
    json: Json = False,
) -> None:
    """Show an instrument of the catalogue: its days, prices, first and last rows."""
    first_day, last_day = days(from_, to)
    if rows < 1:
        raise UsageError(f"--rows {rows}: write a whole number from 1.")
    views = holdings.views(
        existing(root or config.load().data_dir), name, kind=kind, interval=interval,
        first=first_day, last=last_day, rows=rows,
    )  # fmt: skip
    if json:
        print_json({"instrument": views[0].name, "data": [view.facts() for view in views]})
    else:
        for view in views:
            print_table(instrument_table(view))
