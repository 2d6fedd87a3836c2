"""`alphapanda data import`: files into the catalogue, and an account of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alphapanda import config
from alphapanda.cli.data_flags import (
    MAKE,
    OUT,
    ROWS,
    Actions,
    Dates,
    Exchange,
    Interval,
    Kind,
    Maps,
    PriceScale,
    Root,
    wanted,
)
from alphapanda.cli.data_tables import account_table
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json, print_table
from alphapanda.cli.progress import step_bars
from alphapanda.config.settings import Settings
from alphapanda.data.importers import mappings
from alphapanda.data.importers.importing import import_files
from alphapanda.runs.readings import pairs

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...", help="Files, folders or patterns: CSV and text, Parquet, JSON."
    ),
]
Mapped = Annotated[
    str | None,
    option("--mapping", metavar="NAME", panel=MAKE, text="Use a mapping that was saved."),
]
SaveMap = Annotated[
    str | None,
    option("--save-map", metavar="NAME", panel=MAKE,
           text="Keep --map, --kind, --interval, --exchange, --stamps, --dates under a name."),
]  # fmt: skip
Instrument = Annotated[
    str | None,
    option("--instrument", metavar="NAME", panel=MAKE,
           text="Of rows without a symbol. (default: the file's name)"),
]  # fmt: skip
Stamps = Annotated[
    str | None,
    option("--stamps", metavar="WHERE", panel=MAKE,
           text="Bars are stamped at their start or end. (default: start)"),
]  # fmt: skip
QtyScale = Annotated[
    int | None,
    option("--qty-scale", metavar="N", panel=MAKE, text="Units to a share, if fractional."),
]
LotSize = Annotated[
    int | None,
    option("--lot-size", metavar="N", panel=MAKE, text="Of an option chain's contracts."),
]
FileNames = Annotated[
    Path | None,
    option("--names", metavar="CSV", panel=MAKE,
           text="Lines FILE,NAME: instruments of files whose names don't say them."),
]  # fmt: skip
At = Annotated[
    str | None,
    option("--at", metavar="TIME", panel=MAKE,
           text="Of a file without times, as an option chain: '2025-07-01 10:15' in India."),
]  # fmt: skip
KeepRepeats = Annotated[
    bool,
    option("--keep-repeats", panel=ROWS, text="Rows that repeat another exactly stay: trades."),
]
Replace = Annotated[
    bool, option("--replace", panel=OUT, text="Bars that differ take the place of those there.")
]


def data_import(
    paths: Paths,
    kind: Kind = None,
    interval: Interval = None,
    map_: Maps = None,
    mapping: Mapped = None,
    save_map: SaveMap = None,
    instrument: Instrument = None,
    exchange: Exchange = None,
    stamps: Stamps = None,
    qty_scale: QtyScale = None,
    lot_size: LotSize = None,
    price_scale: PriceScale = None,
    dates: Dates = None,
    corporate_actions: Actions = None,
    names: FileNames = None,
    at: At = None,
    keep_repeats: KeepRepeats = False,
    replace: Replace = False,
    root: Root = None,
    json: Json = False,
) -> None:
    """Bring files into the catalogue: whole or not at all, nothing twice, all drops told."""
    said = {
        "kind": kind, "interval": interval, "map": map_, "exchange": exchange, "stamps": stamps,
        "qty_scale": qty_scale, "instrument": instrument, "lot_size": lot_size,
        "price_scale": price_scale, "dates": dates, "names": names, "at": at,
        "keep_repeats": keep_repeats or None, "corporate_actions": corporate_actions,
    }  # fmt: skip
    where = config.load()
    given = laid_over(where, said, mapping)
    asked = wanted(given)
    with step_bars("import", quiet=json) as told:
        account = import_files(
            root or where.data_dir, paths, asked, replacing=replace, progress=told
        )
    if save_map is not None:
        kept = mappings.save(where.mappings_dir, save_map, given)
        account.notes.append(f"mapping kept in {kept}: use it with --mapping {save_map}")
    if json:
        print_json(account_facts(account))
    else:
        print_table(account_table(account))


def laid_over(settings: Settings, said: Mapping[str, Any], mapping: str | None) -> dict[str, Any]:
    """Return what was said of the files, laid over a mapping that was saved."""
    given: dict[str, Any] = {key: value for key, value in said.items() if value not in (None, [])}
    if "map" in given:
        given["map"] = pairs(given["map"], "--map")
    if mapping is None:
        return given
    kept = mappings.load(settings.mappings_dir, mapping)
    return {**kept, **given, "map": {**kept.get("map", {}), **given.get("map", {})}}


def account_facts(account: Any) -> dict[str, Any]:
    """Return an import's account as one JSON object."""
    return {
        "files": account.files, "read": account.read, "new": account.new,
        "already_there": account.already,
        "dropped": {
            why: {"rows": count, "first": first} for why, (count, first) in account.dropped.items()
        },
        "written": [str(part.place) for part in account.parts],
        "instruments": account.instruments, "notes": account.notes,
        "became": [each.facts() for each in account.became],
    }  # fmt: skip
