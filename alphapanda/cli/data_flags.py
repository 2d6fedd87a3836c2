"""Options that commands about data share, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from alphapanda.cli.flags import option
from alphapanda.data import catalogue
from alphapanda.data.actions import read_actions
from alphapanda.data.importers.naming import read_names
from alphapanda.data.importers.orders import ORDERS
from alphapanda.data.importers.source import Wanted
from alphapanda.data.schema import SECOND_NS
from alphapanda.errors import UsageError
from alphapanda.model.calendar import INDIA
from alphapanda.model.interval import parse_interval
from alphapanda.runs.readings import DATE, KIND

STAMPS = ("start", "end")
MAKE, ROWS, OUT = "What the files are", "Which rows", "Catalogue and output"
STYLE = "What the made-up market is like"

Root = Annotated[
    Path | None,
    option("--root", metavar="FOLDER", panel=OUT, text="The catalogue. (default: data/)"),
]
Kind = Annotated[
    str | None, option("--kind", metavar="KIND", panel=MAKE, text="tick, bar or quote.")
]
Interval = Annotated[
    str | None, option("--interval", metavar="TIME", panel=MAKE, text="Of bars, 1m or 1d.")
]
Maps = Annotated[
    list[str] | None,
    option("--map", metavar="NAME=COLUMN", panel=MAKE, text="Where a column has another name."),
]
Names = Annotated[
    list[str] | None,
    option("--instrument", metavar="NAME", panel=ROWS, text="Only these: names or patterns."),
]
From = Annotated[
    str | None, option("--from", metavar="DATE", panel=ROWS, text="First day in India.")
]
To = Annotated[str | None, option("--to", metavar="DATE", panel=ROWS, text="Last day, inclusive.")]
Exchange = Annotated[
    str | None,
    option("--exchange", metavar="NAME", panel=MAKE,
           text="Of symbols without one. (default: NFO for contracts, else NSE)"),
]  # fmt: skip
Dates = Annotated[
    str | None,
    option("--dates", metavar="ORDER", panel=MAKE,
           text="dmy, mdy or ymd: what 07/01/2025 is, where no row tells."),
]  # fmt: skip
Actions = Annotated[
    Path | None,
    option("--corporate-actions", metavar="CSV", panel=MAKE,
           text="Lines instrument,ex_date,kind,from,to: an import adjusts what lies before."),
]  # fmt: skip
PriceScale = Annotated[
    int | None,
    option("--price-scale", metavar="N", panel=MAKE,
           text="Prices are taken N times, where they are finer than Rs 0.0001."),
]  # fmt: skip


def wanted(given: Mapping[str, Any]) -> Wanted:
    """Return what rows to read, and as what."""
    kind = given.get("kind")
    if kind is not None:
        kind = KIND.value("kind", kind)
    interval = given.get("interval")
    stamps = given.get("stamps", "start")
    if stamps not in STAMPS:
        raise UsageError(f"--stamps {stamps}: write start or end.")
    dates = given.get("dates")
    if dates is not None and dates not in ORDERS:
        raise UsageError(f"--dates {dates}: write {', '.join(ORDERS[:-1])} or {ORDERS[-1]}.")
    for name in ("qty_scale", "lot_size", "price_scale"):
        if given.get(name, 1) < 1:
            raise UsageError(
                f"--{name.replace('_', '-')} {given[name]}: write a whole number from 1."
            )
    return Wanted(
        kind=kind,
        interval_ns=None if interval is None else parse_interval(interval),
        mapping=given.get("map", {}),
        instrument=given.get("instrument"),
        exchange=given.get("exchange"),
        qty_scale=given.get("qty_scale", 1),
        lot_size=given.get("lot_size"),
        stamped_at_end=stamps == "end",
        dates=dates,
        actions=read_actions(given["corporate_actions"]) if "corporate_actions" in given else (),
        names=read_names(given["names"]) if "names" in given else {},
        keep_repeats=given.get("keep_repeats", False),
        price_scale=given.get("price_scale", 1),
        at_ns=time_ns(given["at"]) if "at" in given else None,
    )


def time_ns(text: str) -> int:
    """Return a time in India in ns."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(f"--at {text}: write '2025-07-01 10:15', the time in India.") from error
    if time.tzinfo is None:
        time = time.replace(tzinfo=INDIA)
    return round(time.timestamp()) * SECOND_NS


def days(first: str | None, last: str | None) -> tuple[Any, Any]:
    """Return --from and --to as dates.

    Raises: UsageError for what is no date, or the wrong way round.
    """
    low, high = (
        None if text is None else DATE.value(name, text)
        for name, text in (("from", first), ("to", last))
    )
    if low is not None and high is not None and low > high:
        raise UsageError(f"--from {first} lies after --to {last}")
    return low, high


def existing(folder: Path) -> Path:
    """Return a catalogue's folder.

    Raises:
        UsageError: it is none.
    """
    if not folder.is_dir() or not catalogue.is_catalogue(folder):
        catalogue.settle(folder)
    if not catalogue.is_catalogue(folder):
        raise UsageError(f"{folder} is no catalogue: make one with alphapanda data import PATH.")
    catalogue.settle(folder)
    return folder
