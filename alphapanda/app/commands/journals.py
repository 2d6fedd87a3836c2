"""The commands `verify`, `runs` and `schema`: what journals say, as a table or one JSON object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from alphapanda import config
from alphapanda.app.commands.backtest import progress_bar
from alphapanda.app.commands.output import print_json, print_table
from alphapanda.app.commands.report import folder_of
from alphapanda.app.deployment.relaying import publish
from alphapanda.app.verify import Verdict
from alphapanda.app.verify import verify as verified
from alphapanda.errors import AlphaPandaError, UsageError
from alphapanda.journal.journal import FILE, DamageError, Journal
from alphapanda.model import events
from alphapanda.model.events import RunStatus
from alphapanda.research.table import WIDTH, count

DIFFERENCE = 1


class _Type(msgspec.Struct):
    type: str


_TYPE = msgspec.json.Decoder(_Type)


def verify(run: str, *, json: bool) -> int:
    """Verify a run and print what was found; return the exit status."""
    with progress_bar(quiet=json, what="verify") as bar:
        show = None if bar is None else lambda done, total: bar(done, total, 0)
        found = verified(folder_of(run), progress=show)
    if json:
        print_json({"identical": found.identical, **asdict(found)})
    else:
        print_table(verdict_text(found))
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
            Text("the journal does not end with the run's recorded digest: it was cut"),
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
    table = Table(box=box.SIMPLE, show_header=False, width=min(Console().width, WIDTH))
    for name, value in (
        ("sequence", part.seq), ("topic", part.topic), ("type", part.type), ("field", part.field),
        ("recorded", part.recorded), ("replayed", part.replayed),
        ("input row", ", ".join(f"{k} {v}" for k, v in part.input.items())),
    ):  # fmt: skip
        table.add_row(name, Text(str(value)))
    return Group(Text(f"{head}: DIFFERENT from here on", style="bold red"), table, *notes)


def journals() -> Iterator[tuple[Path, Journal | AlphaPandaError]]:
    """Yield the runs that keep a journal, the newest last, or what is wrong with theirs."""
    folder = config.load().runs_dir
    for file in sorted(folder.glob(f"*/{FILE}"), key=lambda file: file.stat().st_mtime):
        try:
            yield file.parent, Journal.open(file)
        except (DamageError, UsageError) as error:
            yield file.parent, error


def facts_of(folder: Path, journal: Journal | AlphaPandaError) -> dict[str, Any]:
    """Return what a list of runs says of one."""
    size = (folder / FILE).stat().st_size
    if not isinstance(journal, Journal):
        return {"run": folder.name, "status": str(RunStatus.QUARANTINED), "bytes": size,
                "trouble": str(journal)}  # fmt: skip
    contents, manifest = journal.contents, journal.contents.manifest
    return {
        "run": folder.name,
        "status": journal.standing(),
        "mode": manifest["mode"],
        "broker": manifest["broker"],
        "strategies": [facts["name"] for facts in manifest["strategies"]],
        "made": manifest["made"],
        "rows": sum(place.rows for place in contents.batches),
        "envelopes": journal.seq,
        "checkpoints": len(contents.checkpoints),
        "bytes": size,
        "torn": 0 if contents.torn is None else contents.torn.size,
        "digest": contents.digest,
    }


def list_runs(*, json: bool) -> None:
    """Print the runs that keep a journal."""
    found = [facts_of(*run) for run in journals()]
    if json:
        print_json({"runs": found})
        return
    if not found:
        print_table(Text(f"no journals in {config.load().runs_dir}: backtest --journal keeps one"))
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("run", "status", "mode", "strategies"):
        table.add_column(name, overflow="fold")
    for name in ("rows", "envelopes", "MB"):
        table.add_column(name, justify="right")
    for facts in found:
        table.add_row(
            facts["run"], facts["status"], facts.get("mode", ""),
            ", ".join(facts.get("strategies", ())), count(facts.get("rows")),
            count(facts.get("envelopes")), f"{facts['bytes'] / 1e6:.1f}",
        )  # fmt: skip
    print_table(Group(table, *(Text(f["trouble"], style="red") for f in found if "trouble" in f)))


def show_run(run: str, *, json: bool) -> None:
    """Print a run: what it is, how it stands, its events by type."""
    folder = folder_of(run)
    journal = Journal.open(folder)
    facts = facts_of(folder if folder.is_dir() else folder.parent, journal)
    kinds: Counter[str] = Counter()
    for batch in journal.batches():
        kinds.update(_TYPE.decode(line).type for line in batch.envelopes)
    manifest = journal.contents.manifest
    facts |= {
        "events": dict(sorted(kinds.items())),
        "statuses": journal.contents.statuses,
        "options": manifest["options"],
        "data": manifest["data"],
        "params": {s["name"]: s["params"] for s in manifest["strategies"]},
    }
    if json:
        print_json(facts)
        return
    table = Table(box=box.SIMPLE, show_header=False, width=min(Console().width, WIDTH))
    for name, value in facts.items():
        if name == "options":
            continue
        table.add_row(name, Text(spelt(value)))
    print_table(table)


def spelt(value: Any) -> str:
    """Return a value of a JSON document in a line or several."""
    if isinstance(value, Mapping):
        return "\n".join(f"{k}: {v}" for k, v in value.items()) or "-"
    if isinstance(value, list):
        return "\n".join(map(str, value)) or "-"
    return str(value)


def relay(run: str, *, json: bool) -> None:
    """Publish a run's events that are not on the topics yet, and tell how many there are now."""
    folder = folder_of(run)
    envelopes = publish(folder)
    if json:
        print_json({"run": folder.name, "envelopes": envelopes})
    else:
        print_table(Text(f"{folder.name}: {count(envelopes)} envelopes are on the topics"))


def schema() -> None:
    """Print the JSON Schema of the events."""
    print_json(events.schema())
