"""`alphapanda relay`: the rest of a run that has ended, to the topics."""

from __future__ import annotations

from typing import Annotated

from rich.text import Text

from alphapanda import config
from alphapanda.cli.flags import Json, RunFolder, option
from alphapanda.cli.output import print_json, print_table
from alphapanda.research.table import count
from alphapanda.runs.folders import folder_of
from alphapanda.runtime.relaying import publish

Again = Annotated[bool, option("--again", text="All of it; readers drop repeats.")]


def relay(run: RunFolder, again: Again = False, json: Json = False) -> None:
    """Publish the rest of a run that has ended to the topics."""
    settings = config.load()
    folder = folder_of(run, settings.runs_dir)
    done = publish(folder, settings, again=again)
    if json:
        print_json({"run": folder.name, **done._asdict()})
        return
    shares = f"{count(done.sent)} sent now, {count(done.earlier)} by earlier processes"
    lines = [f"{folder.name}: {count(done.envelopes)} envelopes: {shares}"]
    if done.damage:
        lines.append(f"relay.cursor was no place to go on from ({done.damage}): all were sent")
    if done.earlier:
        lines.append("if the topics no longer hold those, --again sends all")
    print_table(Text("\n".join(lines)), whole=True)
