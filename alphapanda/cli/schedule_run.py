"""`alphapanda schedule run`: a schedule's notebook, now."""

from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from alphapanda import config
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json
from alphapanda.errors import UsageError
from alphapanda.model.calendar import ist_date
from alphapanda.runs.stopping import orderly
from alphapanda.runtime.lifecycle import living
from alphapanda.runtime.scheduling import places_of, teller
from alphapanda.schedules import running, schedule
from alphapanda.schedules.records import Record, Status, facts_of

FINDING, INTERRUPTED = 1, 130


def schedule_run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of schedules/NAME.toml.")],
    day: Annotated[
        str | None,
        option("--date", metavar="DAY", text="The day it is for, a trading day or not. (default: "
               "today in India)"),
    ] = None,
    wait: Annotated[
        bool, option("--wait", text="For a scheduled run that goes on; else that is refused.")
    ] = False,
    json: Json = False,
) -> int:  # fmt: skip
    """Run a schedule's notebook now; status 1 if it does not go well."""
    settings = config.load()
    found, chosen = schedule.find(settings.schedules_dir, name), day_of(day)
    places = places_of(settings)
    with living(settings) as parts, orderly() as asked:
        folder, record = running.run(
            found, chosen, places, wait=wait, stopping=asked, tell=teller(settings, parts)
        )
    if json:
        print_json(facts_of(folder, record))
    else:
        sys.stdout.write(line(folder, record))
    if record.status == Status.INTERRUPTED:
        return INTERRUPTED
    return 0 if record.status == Status.DONE else FINDING


def day_of(text: str | None) -> date:
    """Return the day that was given, else today in India."""
    if text is None:
        return ist_date(time.time_ns())
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--date {text}: write a day as 2026-01-15") from None


def line(folder: Path, record: Record) -> str:
    """Return how a run went, and where its page is."""
    why = f": {record.reason}" if record.reason else ""
    return f"{record.name} {record.date} {record.status}{why}\n{folder / 'index.html'}\n"
