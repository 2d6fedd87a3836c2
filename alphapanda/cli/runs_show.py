"""`alphapanda runs show`: what a run's journal says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.text import Text

from alphapanda import config
from alphapanda.cli.flags import Json, RunFolder
from alphapanda.cli.journals import facts_of
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.journal.gaps import Gaps
from alphapanda.journal.journal import Journal
from alphapanda.research.curves import india
from alphapanda.research.lines import request_rows
from alphapanda.research.table import count
from alphapanda.runs.folders import folder_of

COUNTS = ("rows", "missed", "envelopes", "checkpoints", "bytes", "torn")


class _Type(msgspec.Struct):
    type: str


_TYPE = msgspec.json.Decoder(_Type)


def runs_show(run: RunFolder, json: Json = False) -> None:
    """Show one: its manifest, its events by type."""
    folder = folder_of(run, config.load().runs_dir)
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
        **requests_in(folder),
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


def requests_in(folder: Path) -> dict[str, Any]:
    """Return how the order requests of a run ended, each once, as its summary has them.

    Nothing while it runs, and of a version that did not count them so.
    """
    try:
        summary = msgspec.json.decode((folder / "summary.json").read_bytes())
    except FileNotFoundError:
        return {}
    return {"requests": summary["requests"]} if "requests" in summary else {}


def type_of(line: bytes) -> str:
    """Return the type of an envelope, whoever wrote it and whenever."""
    try:
        return _TYPE.decode(line).type[:40]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "no event"


def readable(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return those facts of a run that people read otherwise than programs, a line or several."""
    made = int(datetime.fromisoformat(facts["made"]).timestamp()) * 10**9
    return {
        "strategies": ", ".join(facts["strategies"]),
        "made": f"{india(made)} IST",
        **{name: count(facts[name]) for name in COUNTS},
        "events": listed(f"{name}: {count(number)}" for name, number in facts["events"].items()),
        **(
            {"requests": listed(f"{name.strip()}: {value}" for name, value in request_rows(facts))}
            if "requests" in facts
            else {}
        ),
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
