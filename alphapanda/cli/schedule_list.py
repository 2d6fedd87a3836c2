"""`alphapanda schedule list`: the schedules of the base folder."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Group
from rich.text import Text

from alphapanda import config
from alphapanda.cli.flags import Json
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.model.calendar import ist_date
from alphapanda.runs import run_files
from alphapanda.runtime.scheduling import places_of
from alphapanda.schedules import planner, schedule
from alphapanda.schedules.records import history, now_text

FINDING = 1


def schedule_list(json: Json = False) -> int:
    """List the schedules: what runs, when next, how it went last; status 1 if a file is wrong."""
    settings = config.load()
    found = facts_of(settings)
    wrong = [each for each in found if each["problem"]]
    if json:
        print_json({"schedules": found})
    elif not found:
        print_table(Text(f"no schedules in {settings.schedules_dir}: docs/schedules.md shows one"))
    else:
        table = whole_table(columns=("schedule", "when", "next", "last", "notebook"))
        for each in found:
            table.add_row(*(Text(each[name]) for name in ("name", "when", "next", "last",
                                                          "notebook")))  # fmt: skip
        problems = (Text(each["problem"], style="red") for each in wrong)
        print_table(Group(table, *problems), whole=True)
    return FINDING if wrong else 0


def facts_of(settings: Settings) -> list[dict[str, Any]]:
    """Return what a list says of each schedule."""
    last = {run["name"]: run for run in history(places_of(settings).root)}
    now, found = time.time_ns(), []
    for name, file in run_files.files_by_name(settings.schedules_dir).items():
        run = last.get(name)
        facts = dict.fromkeys(("when", "next", "notebook", "problem"), "")
        facts |= {"name": name, "last": f"{run['date']} {run['status']}" if run else ""}
        try:
            facts |= facts_of_one(schedule.read(file), now)
        except UsageError as error:
            facts["problem"] = str(error)
        found.append(facts)
    return found


def facts_of_one(made: schedule.Schedule, now: int) -> dict[str, str]:
    """Return what a list says of a schedule whose file is right."""
    due = planner.next_due(made, now)
    coming = "never" if due is None else now_text(due.at_ns)
    if due is not None and ist_date(due.at_ns) > made.calendar.known_until:
        coming += f" (holidays are known until {made.calendar.known_until})"
    return {"when": made.said, "next": coming, "notebook": str(made.notebook)}
