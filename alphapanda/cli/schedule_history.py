"""`alphapanda schedule history`: the runs of schedules, from the files under `runs/schedule/`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from alphapanda import config
from alphapanda.cli.flags import Json
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.runtime.scheduling import places_of
from alphapanda.schedules.records import TROUBLE, history

FINDING = 1


def schedule_history(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only the runs of this schedule.")
    ] = None,
    json: Json = False,
) -> int:
    """List the runs of schedules; status 1 if one failed or was left in the middle."""
    root = places_of(config.load()).root
    runs = [each for each in history(root) if name in (None, each["name"])]
    if json:
        print_json({"runs": runs})
    elif not runs:
        print_table(Text(f"no runs of schedules in {root}"))
    else:
        columns = ("name", "date", "status", "started", "ended", "reason", "folder")
        table = whole_table(columns=columns)
        for each in runs:
            table.add_row(*(Text(str(each[column])) for column in columns))
        print_table(table, whole=True)
    return FINDING if any(each["status"] in TROUBLE for each in runs) else 0
