"""`alphapanda relay`: the rest of a run that has ended, to the topics."""

from __future__ import annotations

from rich.text import Text

from alphapanda.cli.flags import Json, RunFolder
from alphapanda.cli.output import print_json, print_table
from alphapanda.research.table import count
from alphapanda.runs.folders import folder_of
from alphapanda.runtime.relaying import publish


def relay(run: RunFolder, json: Json = False) -> None:
    """Publish the rest of a run that has ended to the topics."""
    folder = folder_of(run)
    envelopes = publish(folder)
    if json:
        print_json({"run": folder.name, "envelopes": envelopes})
    else:
        print_table(Text(f"{folder.name}: {count(envelopes)} envelopes are on the topics"))
