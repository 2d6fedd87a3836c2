"""What `orders` and `positions` share: the runs at a broker, and its lists."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from alphapanda.cli.flags import option
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.events import Broker
from alphapanda.journal.journal import FILE, Journal
from alphapanda.runs.commands import registered_folders
from alphapanda.runs.folders import folder_of

DAY_S = 86_400
FINDING = 1
AtBroker = Annotated[
    str | None, option("--broker", metavar="BROKER", text="zerodha; there is no default.")
]
OfRun = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="A run: its folder, or its name under runs/. (default: "
                   "those at the broker that have not ended, or did within a day)"),
]  # fmt: skip


def require_broker(broker: str | None) -> None:
    """Refuse any broker but the one that there is.

    Raises:
        UsageError: it says what to write.
    """
    if broker != Broker.ZERODHA:
        raise UsageError("--broker zerodha says whose books to lay beside ours")


def journals_at(settings: Settings, run: str | None, broker: str) -> list[Journal]:
    """Return the journals of the runs at a broker that may hold or want something today.

    Raises:
        UsageError: if the run that is named trades elsewhere.
    """
    if run is not None:
        journal = Journal.open(folder_of(run, settings.runs_dir))
        if journal.contents.manifest.get("broker") != broker:
            raise UsageError(f"{run} is no run at {broker}")
        return [journal]
    inside = sorted(path.parent for path in settings.runs_dir.glob(f"*/{FILE}"))
    found = []
    for folder in dict.fromkeys([*inside, *registered_folders(settings.base_dir)]):
        if (folder / FILE).is_file():
            journal = Journal.open(folder)
            contents = journal.contents
            if contents.manifest.get("broker") == broker and (
                not contents.ended or is_recent(folder / FILE)
            ):
                found.append(journal)
    return found


def is_recent(path: Path) -> bool:
    """Say if a file was written within a day."""
    return time.time() - path.stat().st_mtime < DAY_S


def rows_of(data: Any, read: Callable[[Any], Any], what: str) -> tuple[Any, ...]:
    """Return the rows of one of Kite's lists.

    Raises:
        OutsideError: if some can't be read.
    """
    from alphapanda.brokers.zerodha.orders.reading import read_list  # noqa: PLC0415 (seldom needed)

    found = read_list(data, read)
    if found is None or found.odd:
        why = "it is no list" if found is None else found.odd[0]
        raise OutsideError(f"Kite's {what} can't be read: {why}; look at Kite")
    return tuple(found.rows)


def show_lines(
    lines: Sequence[Any], columns: dict[str, str], name: str, *, nothing: str, json: bool,
    **facts: str,
) -> int:  # fmt: skip
    """Print lines as a table or, by `name` behind other facts, as JSON; return the status."""
    if json:
        print_json({**facts, name: [line._asdict() for line in lines]})
    elif lines:
        print_lines(lines, columns)
    else:
        sys.stdout.write(f"{nothing}\n")
    return FINDING if any(not line.agrees for line in lines) else 0


def print_lines(lines: Iterable[Any], columns: dict[str, str]) -> None:
    """Print lines as a table: a column for each field."""
    table = whole_table(columns=list(columns.values()))
    for line in lines:
        values = (getattr(line, name) for name in columns)
        table.add_row(*(Text("" if value in (None, 0, "") else str(value)) for value in values))
    print_table(table)
