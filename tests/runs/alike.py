"""Envelopes as two runs of one feed are compared: without what says which run it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alphapanda.events.events import decode
from alphapanda.journal.journal import FILE, Journal, JournalWriter
from alphapanda.journal.records import Reader


def envelopes(path: Path) -> list[bytes]:
    """Return all envelopes of a run."""
    return [line for batch in Journal.open(path).batches() for line in batch.envelopes]


def alike(lines: list[bytes]) -> list[dict[str, Any]]:
    """Return envelopes with run and broker taken out, and each output's id by its seq."""
    known: dict[str, int] = {}
    made = []
    for line in lines:
        envelope = decode(line)
        known[envelope.id] = envelope.seq
        document = json.loads(line)
        for name in ("id", "causation_id"):
            document[name] = known.get(document[name], document[name])
        document["key"] = document["key"].replace(envelope.run_id, "RUN")
        del document["run_id"], document["broker"]
        made.append(document)
    return made


def cut(file: Path, *, records: int = 1, torn: int = 0) -> None:
    """Take the last records off a journal, and leave so many bytes of the first of them."""
    found = list(Reader(file).records())
    with file.open("r+b") as journal:
        journal.truncate(found[-records].offset + torn)


def rewritten(path: Path, change: Any) -> Path:
    """Write a run's journal anew, whole and chained, with its batches changed; return its folder.

    `change` takes the list of batches and returns another: what a core with a bug would have left.
    """
    journal = Journal.open(path)
    batches = change(list(journal.batches()))
    folder = path.with_name(f"{path.name}-changed")
    folder.mkdir()
    manifest = {k: v for k, v in journal.contents.manifest.items() if k != "format"}
    writer = JournalWriter.create(folder / FILE, manifest)
    for batch in batches:
        writer.batch(batch.columns, batch.controls, batch.envelopes, batch.missed)
    for status in journal.contents.statuses:
        writer.status(**status)
    writer.close()
    return folder
