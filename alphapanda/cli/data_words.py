"""The words of `alphapanda data`: import, list, show, check, synth, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alphapanda.cli.flags import option

app = typer.Typer(
    no_args_is_help=True,
    help="Market data: import it into the catalogue, look at it, check it, make it up.",
)

MAKE, ROWS, OUT = "What the files are", "Which rows", "Catalogue and output"
STYLE = "What the made-up market is like"

Root = Annotated[
    Path | None,
    option("--root", metavar="FOLDER", panel=OUT, text="The catalogue. (default: data/)"),
]
Json = Annotated[bool, option("--json", panel=OUT, text="Print one JSON object.")]
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


@app.command("import")
def import_(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Files, folders or patterns: CSV and text, Parquet, JSON."
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
               text="Keep --map, --kind, --interval, --exchange, --stamps, --dates under a name."),
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
    price_scale: PriceScale = None,
    dates: Dates = None,
    corporate_actions: Actions = None,
    names: Annotated[
        Path | None,
        option("--names", metavar="CSV", panel=MAKE,
               text="Lines FILE,NAME: instruments of files whose names don't say them."),
    ] = None,
    at: Annotated[
        str | None,
        option("--at", metavar="TIME", panel=MAKE,
               text="Of a file without times, as an option chain: '2025-07-01 10:15' in India."),
    ] = None,
    keep_repeats: Annotated[
        bool,
        option("--keep-repeats", panel=ROWS, text="Rows that repeat another exactly stay: trades."),
    ] = False,
    replace: Annotated[
        bool,
        option("--replace", panel=OUT, text="Bars that differ take the place of those there."),
    ] = False,
    root: Root = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Bring files into the catalogue: whole or not at all, nothing twice, all drops told."""
    from alphapanda.cli import data  # noqa: PLC0415 (DuckDB takes a while to import)

    said = {
        "kind": kind, "interval": interval, "map": map_, "exchange": exchange, "stamps": stamps,
        "qty_scale": qty_scale, "instrument": instrument, "lot_size": lot_size,
        "price_scale": price_scale, "dates": dates, "names": names, "at": at,
        "keep_repeats": keep_repeats or None, "corporate_actions": corporate_actions,
    }  # fmt: skip
    data.import_(
        paths, said, mapping=mapping, save_map=save_map, replace=replace, root=root, json=json
    )


@app.command("list")
def list_(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", help="Only these: names or patterns, NIFTY25*."),
    ] = None,
    root: Root = None,
    json: Json = False,
) -> None:
    """List what the catalogue has: instruments, kinds, days, rows, size."""
    from alphapanda.cli import data  # noqa: PLC0415

    data.list_(names or [], root, json=json)


@app.command()
def show(
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
    from alphapanda.cli import data  # noqa: PLC0415

    data.show(
        name, kind=kind, interval=interval, first=from_, last=to, rows=rows, root=root, json=json
    )


@app.command()
def synth(
    out: Annotated[
        Path,
        option("--out", metavar="FILE", panel=OUT, text="Parquet file. (default: synth.parquet)"),
    ] = Path("synth.parquet"),
    kind: Annotated[
        str, option("--kind", metavar="KIND", panel=MAKE, text="tick or bar. (default: tick)")
    ] = "tick",
    day: Annotated[
        str,
        option("--from", metavar="DATE", panel=MAKE, text="First day. (default: 2025-08-04)"),
    ] = "2025-08-04",
    days: Annotated[
        int, option("--days", metavar="N", panel=MAKE, text="Weekdays. (default: 1)")
    ] = 1,
    instruments: Annotated[
        int, option("--instruments", metavar="N", panel=MAKE, text="Shares. (default: 5)")
    ] = 5,
    ticks: Annotated[
        int,
        option("--ticks", metavar="N", panel=MAKE, text="Of a share and day. (default: 20000)"),
    ] = 20_000,
    seed: Annotated[
        int, option("--seed", metavar="N", panel=MAKE, text="Same seed, same bytes. (default: 7)")
    ] = 7,
    jumps: Annotated[
        float,
        option("--jumps", metavar="N", panel=STYLE, text="More jumps, of a share and day."),
    ] = 0.0,
    correlation: Annotated[
        float | None,
        option("--correlation", metavar="SHARE", panel=STYLE,
               text="Of the returns of any two shares, 0.6. (default: 0.1 to 0.4)"),
    ] = None,
    halts: Annotated[
        float,
        option("--halts", metavar="SHARE", panel=STYLE,
               text="Of a share's days on which it is halted for a while, 0.1."),
    ] = 0.0,
    chain: Annotated[
        int | None,
        option("--chain", metavar="N", panel=STYLE, text="Quotes of options on the first share, N "
               "strikes a side, in FILE-chain.parquet, and FILE.csv for --instruments."),
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Make up NSE-like sessions: auction, volume smile, bid and ask, names that move together."""
    from alphapanda.cli import data  # noqa: PLC0415

    data.synth(
        out, kind=kind, day=day, days=days, instruments=instruments, ticks=ticks, seed=seed,
        style=(jumps, correlation, halts), chain=chain, json=json,
    )  # fmt: skip


@app.command()
def check(
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
) -> None:  # fmt: skip
    """Check data against calendar, order, bounds and each other; exit status 1 with findings."""
    from alphapanda.cli import data  # noqa: PLC0415

    said = {
        "kind": kind, "interval": interval, "map": map_, "instrument": instrument,
        "instruments": instruments, "from": from_, "to": to, "exchange": exchange,
        "calendar": calendar, "dates": dates, "price_scale": price_scale,
        "corporate_actions": corporate_actions,
    }  # fmt: skip
    data.check(paths or [], said, root=root, json=json)
