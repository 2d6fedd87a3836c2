"""The commands `verify`, `runs` and `schema`: what journals say, as a table or one JSON object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from alphapanda import config
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.cli.progress import progress_bar
from alphapanda.errors import AlphaPandaError, OutsideError, UsageError
from alphapanda.events import events
from alphapanda.events.events import RunStatus
from alphapanda.journal.gaps import STATUS, Gaps
from alphapanda.journal.journal import FILE, DamageError, Journal
from alphapanda.research.curves import india
from alphapanda.research.table import count
from alphapanda.runs.folders import folder_of
from alphapanda.runs.verify import Verdict
from alphapanda.runs.verify import verify as verified
from alphapanda.runtime.relaying import publish

DIFFERENCE = 1
COUNTS = ("rows", "missed", "envelopes", "checkpoints", "bytes", "torn")


class _Type(msgspec.Struct):
    type: str


_TYPE = msgspec.json.Decoder(_Type)


def verify(run: str, *, recorded_code: bool, json: bool) -> int:
    """Verify a run and print what was found; return the exit status."""
    with progress_bar(quiet=json, what="verify") as bar:
        show = None if bar is None else lambda done, total: bar(done, total, 0)
        found = verified(folder_of(run), progress=show, recorded_code=recorded_code)
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


def journals() -> Iterator[tuple[Path, Journal | AlphaPandaError]]:
    """Yield the runs that keep a journal, the newest last, or what is wrong with theirs."""
    folder = config.load().runs_dir
    for file in sorted(folder.glob(f"*/{FILE}"), key=lambda file: file.stat().st_mtime):
        try:
            yield file.parent, Journal.open(file)
        except (DamageError, UsageError) as error:
            yield file.parent, error
        except OSError as error:
            yield file.parent, OutsideError(f"{file}: {error.strerror}")


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
        "missed": sum(place.missed for place in contents.batches),
        "envelopes": journal.seq,
        "checkpoints": len(contents.checkpoints),
        "bytes": size,
        "torn": 0 if contents.torn is None else contents.torn.size,
        "digest": contents.digest,
    }


def type_of(line: bytes) -> str:
    """Return the type of an envelope, whoever wrote it and whenever."""
    try:
        return _TYPE.decode(line).type[:40]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "no event"


def list_runs(*, json: bool) -> None:
    """Print the runs that keep a journal."""
    found = [facts_of(*run) for run in journals()]
    if json:
        print_json({"runs": found})
        return
    if not found:
        print_table(Text(f"no journals in {config.load().runs_dir}: backtest --journal keeps one"))
        return
    table = whole_table(
        columns=("run", "status", "mode", "strategies"), numbers=("rows", "envelopes", "MB")
    )
    for facts in found:
        table.add_row(
            Text(facts["run"]), standing_of(facts), facts.get("mode", ""),
            Text(", ".join(facts.get("strategies", ()))), count(facts.get("rows")),
            count(facts.get("envelopes")), f"{facts['bytes'] / 1e6:.1f}",
        )  # fmt: skip
    troubles = (Text(f["trouble"], style="red") for f in found if "trouble" in f)
    print_table(Group(table, *troubles), whole=True)


def standing_of(facts: Mapping[str, Any]) -> str:
    """Return how a run stands, with the rows of its feed that never came."""
    missed = facts.get("missed", 0)
    if not missed:
        return str(facts["status"])
    total = count(facts["rows"] + missed)
    return f"{facts['status']}, {STATUS}: {count(missed)} rows of {total}"


def show_run(run: str, *, json: bool) -> None:
    """Print a run: what it is, how it stands, its events by type."""
    folder = folder_of(run)
    journal = Journal.open(folder)
    facts = facts_of(folder if folder.is_dir() else folder.parent, journal)
    kinds: Counter[str] = Counter()
    gaps = Gaps()
    for batch in journal.batches():
        gaps.take(batch.missed, batch.columns)
        kinds.update(map(type_of, batch.envelopes))
    manifest = journal.contents.manifest
    facts |= {
        **({"gaps": gaps.status} if gaps.missed else {}),
        "events": dict(sorted(kinds.items())),
        "statuses": journal.contents.statuses,
        "options": manifest["options"],
        "data": manifest["data"],
        "params": {s["name"]: s["params"] for s in manifest["strategies"]},
    }
    if json:
        print_json(facts)
        return
    table = whole_table()
    for name, value in {**facts, **readable(facts)}.items():
        if name != "options":
            table.add_row(name, Text(str(value)))
    print_table(table, whole=True)


def readable(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return those facts of a run that people read otherwise than programs, a line or several."""
    made = int(datetime.fromisoformat(facts["made"]).timestamp()) * 10**9
    return {
        "strategies": ", ".join(facts["strategies"]),
        "made": f"{india(made)} IST",
        **{name: count(facts[name]) for name in COUNTS},
        "events": listed(f"{name}: {count(number)}" for name, number in facts["events"].items()),
        "statuses": listed(
            f"{india(said['ts'])} IST: {said['status']}, {said.get('note') or '-'}"
            for said in facts["statuses"]
        ),
        "data": listed(
            f"{file['path']}: {count(file['rows'])} rows, SHA-256 {file['sha256']}"
            for file in facts["data"]
        ),
        "params": listed(
            f"{name}: {', '.join(f'{key}={value}' for key, value in params.items()) or '-'}"
            for name, params in facts["params"].items()
        ),
    }


def listed(lines: Iterable[str]) -> str:
    """Return lines as one text, a dash if there are none."""
    return "\n".join(lines) or "-"


def relay(run: str, *, again: bool, json: bool) -> None:
    """Publish a run's events that are not on the topics yet, or all again; tell how many."""
    folder = folder_of(run)
    done = publish(folder, again=again)
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


def schema() -> None:
    """Print the JSON Schema of the events."""
    print_json(events.schema())
