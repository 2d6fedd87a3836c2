"""`alphapanda rehearse`: a day traded live at the simulated exchange, no account needed."""

from __future__ import annotations

import dataclasses
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from alphapanda import config
from alphapanda.cli.kitesim import speed_of
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.cli.words import DATA, STRATEGY, Exchange, Json, Masters, Repair, option
from alphapanda.errors import UsageError
from alphapanda.model.calendar import INDIA
from alphapanda.research.table import count
from alphapanda.runs.discovery import find
from alphapanda.runs.readings import MONEY
from alphapanda.runtime.relaying import publish
from alphapanda.runtime.servers import served

RUN = "Run"
FINDING = 1


def rehearse(
    strategies: Annotated[list[str], typer.Argument(metavar="STRATEGY...", help=STRATEGY)],
    data: Annotated[
        list[str] | None,
        option(metavar="PATH", panel=DATA, text="The day: ticks, quotes or bars; again for each."),
    ] = None,
    instruments: Masters = None,
    instrument: Annotated[
        list[str] | None,
        option(metavar="NAME", panel=DATA, text="Only these; for legs in their order."),
    ] = None,
    exchange: Exchange = None,
    repair: Repair = False,
    param: Annotated[
        list[str] | None, option(metavar="NAME=VALUE", panel=RUN, text="Of the only strategy.")
    ] = None,
    cash: Annotated[str, option(metavar="RUPEES", panel=RUN, text="In the account.")] = "1000000",
    limits: Annotated[
        str, option(metavar="LIMITS", panel=RUN, text="default, wide, or a TOML file.")
    ] = "default",
    faults: Annotated[
        str, option(metavar="FAULTS", panel=RUN, text="calm, rough, or a file of faults.")
    ] = "calm",
    speed: Annotated[
        str, option(metavar="N", panel=RUN, text="Of the market; answers take real time.")
    ] = "60x",
    seed: Annotated[int, option(metavar="N", panel=RUN, text="Of what goes wrong.")] = 1,
    days: Annotated[
        int, option(metavar="N", panel=DATA, text="Of the data, from the first on. (default: 1)")
    ] = 1,
    no_jit: Annotated[
        bool, option("--no-jit", panel=RUN, text="Run as plain Python: nothing is compiled.")
    ] = False,
    bus: Annotated[
        bool,
        option("--bus", panel=RUN, text="Publish the run, on topics that begin with rehearsal."),
    ] = False,
    out: Annotated[
        Path | None,
        option(metavar="FOLDER", panel=RUN, text="Run directory. (default: runs/TIME-rehearsal)"),
    ] = None,
    json: Json = False,
) -> int:  # fmt: skip
    """Trade a day live at a simulated exchange, and compare its book with ours; status 1 if not one.

    Of data of several days it is the first; with --days N as many, a night between each two.

    \b
    No account is needed, and no setting of yours is read, but with --bus where its server is: an
    exchange on this machine plays the data, answers late, or wrongly, and keeps its own ledger.
      alphapanda rehearse ema_cross --data data --faults rough
    """  # noqa: D301, E501 (click keeps the lines below its mark as they are)
    from alphapanda.rehearsal import rehearse as rehearsals  # noqa: PLC0415 (loads DuckDB)

    if not data:
        raise UsageError("no data are named: --data FILE, a folder or a pattern")
    MONEY.value("cash", cash)
    speed_of(speed)
    settings = config.load()
    if bus:
        served(settings)
    if days < 1:
        raise UsageError(f"--days {days}: at least 1")
    folder = unused(out or default_folder(settings.runs_dir))
    wanted = rehearsals.Wanted(
        [absolute(name, settings.strategies_dir) for name in strategies],
        [str(Path(path).absolute()) for path in data],
        folder, [path.absolute() for path in instruments or ()], instrument or (), exchange,
        repair, param or (), cash, file_or_name(limits), file_or_name(faults), speed, seed,
        not no_jit, days,
    )  # fmt: skip
    console = Console(stderr=True)
    done = rehearsals.rehearse(
        wanted, lambda line: None if json else console.print(f"{line} ...", highlight=False)
    )
    published = publish(folder, settings, rehearsed=True).envelopes if bus else None
    show(done, folder, published, json=json)
    return 0 if done.fine else FINDING


def unused(out: Path) -> Path:
    """Return the run's folder, beside which there is none of an earlier rehearsal."""
    folder = out.expanduser().absolute()
    if folder.exists() or folder.with_name(f"{folder.name}-base").exists():
        raise UsageError(f"--out {folder}: there is something already; choose another")
    return folder


def show(done: Any, folder: Path, published: int | None, *, json: bool) -> None:
    """Print what came of a rehearsal, and how many events of it were published."""
    if json:
        print_json({**facts_of(done), **({} if published is None else {"published": published})})
        return
    print_rehearsed(done)
    if published is not None:
        sys.stdout.write(f"published: {count(published)} events, on topics of rehearsal.zerodha\n")
    sys.stdout.write(f"the run: {folder}\n")


def default_folder(runs_dir: Path) -> Path:
    """Return a run folder of its own."""
    return runs_dir / f"{datetime.now(INDIA):%Y%m%d-%H%M%S}-rehearsal"


def absolute(name: str, strategies_dir: Path) -> str:
    """Return a strategy by its file and class, which any process finds."""
    spec = find(name, strategies_dir)
    return f"{spec.file}:{spec.cls.__name__}"


def file_or_name(text: str) -> str:
    """Return a file's path from anywhere, or a name as it is."""
    return str(Path(text).absolute()) if Path(text).suffix else text


def facts_of(done: Any) -> dict[str, Any]:
    """Return the object of `--json`."""
    facts = dataclasses.asdict(done.comparison)
    return {**facts, "day": done.day, "days": done.days, "days_left_out": done.days_left_out,
            "day_closed": done.day_closed, "verify": done.verify, "digest": done.digest,
            "faults": done.faults,
            "fills": done.summary.get("fills"), "pnl": done.summary.get("pnl"),
            "charges": done.summary.get("charges"), "rows": done.summary.get("ticks"),
            "dropped": done.summary.get("repairs", {}),
            "notes": done.summary.get("notes", [])}  # fmt: skip


def print_rehearsed(done: Any) -> None:
    """Print what happened, for a person."""
    found = done.comparison
    table = whole_table()
    others = f" (the data have {count(done.days_left_out)} days more)" if done.days_left_out else ""
    rows = {
        "day": f"{done.day}{others}", "days": count(done.days),
        "orders sent": count(found.orders_sent),
        "trades in both books": count(found.trades),
        "duplicates": count(found.duplicates), "lost": count(found.lost),
        "unknown, resolved": f"{count(found.unknown)}, {count(found.unknown_resolved)}",
        "foreign trades": count(found.foreign),
        "positions": "equal" if found.position_equal else "DIFFERENT",
        "cash of trades": "equal" if found.cash_equal else "DIFFERENT",
        "day closed, charges within Rs 1": "yes" if done.day_closed else "NO, see closing.json",
        "verify": done.verify,
        "what went wrong": ", ".join(f"{n} x {what}" for what, n in done.faults.items())
        or "nothing",
        "rows that came": count(done.summary.get("ticks", 0)),
        "on the way": ", ".join(
            f"{count(n)} {what}" for what, n in done.summary.get("repairs", {}).items()
        ) or "nothing lost",
        "P&L after charges": str(done.summary.get("pnl")),
    }  # fmt: skip
    for name, value in rows.items():
        table.add_row(name, Text(value))
    for line in found.differences[:10]:
        table.add_row("difference", Text(line))
    print_table(table)
    for note in done.summary.get("notes", ()):
        sys.stdout.write(f"note: {note}\n")
