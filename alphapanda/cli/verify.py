"""`alphapanda verify`: what a fresh core makes of a run's journal, and where it differs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from rich.console import Group, RenderableType
from rich.text import Text

from alphapanda import config
from alphapanda.cli.flags import Json, RunFolder, option
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.cli.progress import progress_bar
from alphapanda.research.table import count
from alphapanda.runs.folders import folder_of
from alphapanda.runs.verify import Verdict
from alphapanda.runs.verify import verify as verified

DIFFERENCE = 1


RecordedCode = Annotated[
    bool,
    option("--recorded-code", text="Run the strategy's code that the journal holds, where its "
           "files are not as they were: only of a journal that you trust."),
]  # fmt: skip


def verify(run: RunFolder, recorded_code: RecordedCode = False, json: Json = False) -> int:
    """Replay a run's journal through a fresh core: every envelope must come out the same."""
    settings = config.load()
    with progress_bar(quiet=json, what="verify") as bar:
        show = None if bar is None else lambda done, total: bar(done, total, 0)
        found = verified(
            folder_of(run, settings.runs_dir), settings.cache_dir, progress=show,
            recorded_code=recorded_code,
        )  # fmt: skip
    if json:
        print_json({"identical": found.identical, **asdict(found)})
    else:
        print_table(verdict_text(found), whole=True)
    return 0 if found.identical else DIFFERENCE


def verdict_text(found: Verdict) -> RenderableType:
    """Return a verdict for the terminal."""
    head = f"{found.run_id} ({found.status}): {count(found.rows)} input rows"
    counted = f"{head}, {count(found.envelopes)} envelopes"
    notes = [Text(f"note: {note}", style="yellow") for note in found.notes]
    part = found.difference
    if found.cut:
        body = [
            Text(f"{counted}: NOT ALL OF THE RUN", style="bold red"),
            Text("the journal ends before the run does: it was cut"),
            Text(f"recorded {found.recorded_digest} in summary.json"),
            Text(f"replayed {found.digest}"),
        ]
        return Group(*body, *notes)
    if part is None:
        same = "identical" if found.identical else "the same, but another digest was kept"
        body = [
            Text(f"{counted}: {same}"),
            Text(f"digest {found.digest}"),
        ]
        return Group(*body, *notes)
    table = whole_table()
    for name, value in (
        ("sequence", part.seq), ("topic", part.topic), ("type", part.type), ("field", part.field),
        ("recorded", part.recorded), ("replayed", part.replayed),
        ("input row", ", ".join(f"{k} {v}" for k, v in part.input.items())),
    ):  # fmt: skip
        table.add_row(name, Text(str(value)))
    return Group(Text(f"{head}: DIFFERENT from here on", style="bold red"), table, *notes)
