"""`alphapanda data check`: what is wrong with data, as findings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alphapanda import config
from alphapanda.cli.data_flags import (
    ROWS,
    Actions,
    Dates,
    Exchange,
    From,
    Interval,
    Kind,
    Maps,
    Names,
    PriceScale,
    Root,
    To,
    days,
    existing,
    wanted,
)  # fmt: skip
from alphapanda.cli.data_tables import check_table
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json, print_table
from alphapanda.cli.progress import step_bars
from alphapanda.data.actions import read_actions
from alphapanda.data.quality.checking import Asked, check_paths
from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar
from alphapanda.runs.readings import pairs

FINDING = 1
CALENDARS = {"nse": Calendar.nse, "always": Calendar.always}


def data_check(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH...]", help="Files or catalogues. (default: the catalogue)"),
    ] = None,
    kind: Kind = None,
    interval: Interval = None,
    map_: Maps = None,
    dates: Dates = None,
    price_scale: PriceScale = None,
    corporate_actions: Actions = None,
    instrument: Names = None,
    instruments: Annotated[
        list[str] | None,
        option("--instruments", metavar="CSV", panel=ROWS,
               text="Kite's instrument file: names that it lacks are findings."),
    ] = None,
    from_: From = None,
    to: To = None,
    exchange: Exchange = None,
    calendar: Annotated[
        str | None,
        option("--calendar", metavar="NAME", panel=ROWS, text="nse or always. (default: nse)"),
    ] = None,
    root: Root = None,
    json: Json = False,
) -> int:  # fmt: skip
    """Check data against calendar, order, bounds and each other; exit status 1 with findings."""
    first, last = days(from_, to)
    name = calendar or "nse"
    if name not in CALENDARS and not Path(name).is_file():
        raise UsageError(f"--calendar {name}: write nse, always, or a TOML file.")
    asked = Asked(
        wanted=wanted({
            "kind": kind, "exchange": exchange,
            "map": pairs(map_ or (), "--map"),
            **({} if dates is None else {"dates": dates}),
            **({} if price_scale is None else {"price_scale": price_scale}),
        }),
        interval=interval, first=first, last=last,
        instruments=tuple(instrument or ()), masters=tuple(instruments or ()),
        actions=read_actions(corporate_actions) if corporate_actions else (),
        calendar=CALENDARS[name]() if name in CALENDARS else Calendar.load(Path(name)),
    )  # fmt: skip
    with step_bars("check", quiet=json) as told:
        where = paths or [str(existing(root or config.load().data_dir))]
        report = check_paths(where, asked, progress=told)
    if json:
        print_json(report.facts())
    else:
        print_table(check_table(report))
    return FINDING if report.findings else 0
