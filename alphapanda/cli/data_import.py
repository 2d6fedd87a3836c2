"""`alphapanda data import`: files into the catalogue, and an account of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from alphapanda import config
from alphapanda.cli.data_flags import MAKE, OUT, Exchange, Interval, Kind, Maps, Root, wanted
from alphapanda.cli.data_tables import account_table
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json, print_table
from alphapanda.cli.progress import step_bars
from alphapanda.data.importers import mappings
from alphapanda.data.importers.importing import import_files
from alphapanda.runs.readings import pairs


def data_import(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Files, folders or patterns: CSV, Parquet, Kite's JSON."
        ),
    ],
    kind: Kind = None,
    interval: Interval = None,
    map_: Maps = None,
    mapping: Annotated[
        str | None,
        option("--mapping", metavar="NAME", panel=MAKE, text="Use a mapping that was saved."),
    ] = None,
    save_map: Annotated[
        str | None,
        option("--save-map", metavar="NAME", panel=MAKE,
               text="Keep --map, --kind, --interval, --exchange, --stamps under a name."),
    ] = None,
    instrument: Annotated[
        str | None,
        option("--instrument", metavar="NAME", panel=MAKE,
               text="Of rows without a symbol. (default: the file's name)"),
    ] = None,
    exchange: Exchange = None,
    stamps: Annotated[
        str | None,
        option("--stamps", metavar="WHERE", panel=MAKE,
               text="Bars are stamped at their start or end. (default: start)"),
    ] = None,
    qty_scale: Annotated[
        int | None,
        option("--qty-scale", metavar="N", panel=MAKE, text="Units to a share, if fractional."),
    ] = None,
    lot_size: Annotated[
        int | None,
        option("--lot-size", metavar="N", panel=MAKE, text="Of an option chain's contracts."),
    ] = None,
    replace: Annotated[
        bool,
        option("--replace", panel=OUT, text="Bars that differ take the place of those there."),
    ] = False,
    root: Root = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Bring files into the catalogue: whole or not at all, nothing twice, all drops told."""
    said = {
        "kind": kind, "interval": interval, "map": map_, "exchange": exchange, "stamps": stamps,
        "qty_scale": qty_scale, "instrument": instrument, "lot_size": lot_size,
    }  # fmt: skip
    where = config.load()
    given: dict[str, Any] = {key: value for key, value in said.items() if value not in (None, [])}
    if "map" in given:
        given["map"] = pairs(given["map"], "--map")
    if mapping is not None:
        kept = mappings.load(where.mappings_dir, mapping)
        given = {**kept, **given, "map": {**kept.get("map", {}), **given.get("map", {})}}
    asked = wanted(given)
    with step_bars("import", quiet=json) as told:
        account = import_files(
            root or where.data_dir, paths, asked, replacing=replace, progress=told
        )
    if save_map is not None:
        saved = mappings.save(where.mappings_dir, save_map, given)
        account.notes.append(f"mapping kept in {saved}: use it with --mapping {save_map}")
    if json:
        print_json(account_facts(account))
    else:
        print_table(account_table(account))


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
    }  # fmt: skip
