"""The proof that a run replays: its inputs through a fresh core, every envelope compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alphapanda.errors import UsageError
from alphapanda.events.envelopes import Translator
from alphapanda.events.events import Envelope, EventError, decode, encode
from alphapanda.events.inputs import Inputs, Position
from alphapanda.events.topics import topic_of
from alphapanda.journal.checking import within
from alphapanda.journal.gaps import Gaps
from alphapanda.journal.journal import Journal, Standing
from alphapanda.journal.packing import Batch
from alphapanda.journal.records import DamageError
from alphapanda.model.columns import Columns
from alphapanda.model.money import text
from alphapanda.model.rows import Control
from alphapanda.research.result import told_at_end
from alphapanda.runs.identity import made_by, made_with, versions
from alphapanda.runs.plan import RunPlan, expiries
from alphapanda.runs.rebuild import rebuilt
from alphapanda.runs.recorder import replay_batch, translator_of
from alphapanda.runs.runner import make_engine

Progress = Callable[[int, int], None]
MONEY = ("last", "bid", "ask", "open", "high", "low")


@dataclass(frozen=True)
class Difference:
    """The first envelope that did not come out the same."""

    seq: int
    topic: str
    type: str
    field: str
    recorded: Any
    replayed: Any
    input: dict[str, Any]
    """The input row that caused it."""


@dataclass
class Verdict:
    """What a verification found."""

    run_id: str
    status: str
    rows: int = 0
    envelopes: int = 0
    digest: str = ""
    recorded_digest: str = ""
    gaps: dict[str, Any] = field(default_factory=dict)
    """The rows of the feed that never came, if any did not."""
    cut: bool = False
    """The journal has no end, and what it holds is not all of the run in the summary."""
    difference: Difference | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def identical(self) -> bool:
        """Say if every envelope, and the digest where one was kept, came out the same."""
        same = self.digest == (self.recorded_digest or self.digest)
        return self.difference is None and same and not self.cut


def verify(
    path: Path, cache_dir: Path, *, progress: Progress | None = None, recorded_code: bool = False
) -> Verdict:
    """Replay a run's inputs and compare what comes out, to the byte.

    A strategy that is not in its files as it was runs, from the text in the journal, only if
    `recorded_code` allows it.

    Raises:
        UsageError: if there is no journal, other code of ours made it, its strategy is not as it
            was or no longer loads, or the summary that stands
            in for its end can't be read.
        DamageError: if the journal is damaged before its end.
    """
    journal = Journal.open(path)
    standing = journal.standing()
    manifest = journal.contents.manifest
    other_code = made_by(manifest, journal.contents.path)
    if other_code:
        raise UsageError(other_code)
    plan = rebuilt(manifest, recorded_code=recorded_code)
    total = sum(place.rows for place in journal.contents.batches)
    engine = make_engine(plan, expiries(plan), cache_dir=cache_dir, rows=total)
    translator = translator_of(plan, manifest)
    found = Verdict(manifest["run_id"], standing)
    found.notes += other_versions(manifest, plan)
    if standing == Standing.RUNNING:
        found.notes.append("it trades now: this is what was written so far")
    elif journal.contents.torn is not None:
        found.notes.append(f"{journal.contents.torn.size:,} bytes at the end were never finished")
    digest, gaps = hashlib.sha256(), Gaps()
    for batch in journal.batches():
        if not within(batch.columns, len(plan.instruments)):
            raise DamageError(
                f"{journal.contents.path}: the batch of event {batch.seq:,} holds rows of "
                "instruments that the manifest does not have"
            )
        translator.miss(batch.missed)
        gaps.take(batch.missed, batch.columns)
        before = translator.position
        rows = replay_batch(engine, batch)
        digest.update(rows.tobytes())
        again = translator.take(rows, batch.columns, batch.controls, batch.texts)
        replayed = [encode(envelope) for envelope in again]
        found.rows += batch.columns.rows
        found.envelopes += len(batch.envelopes)
        if replayed != batch.envelopes:
            found.difference = difference(batch, replayed, translator, before)
            break
        if progress is not None:
            progress(found.rows, total)
    if gaps.missed:
        found.gaps = gaps.facts()
        found.notes.insert(0, gaps.status)
    found.digest, found.recorded_digest = digest.hexdigest(), journal.contents.digest
    if standing in (Standing.STOPPED, Standing.UNFINISHED):
        end = told_at_end(journal.contents.path.parent)
        if end is not None and found.difference is None:
            found.recorded_digest, rows = end
            found.cut = end != (found.digest, found.rows)
            if found.cut:
                found.notes.append(f"summary.json tells of {rows:,} input rows")
    return found


def other_versions(manifest: Mapping[str, Any], plan: RunPlan) -> Iterator[str]:
    """Yield what is not as it was when the run was recorded, though it may be verified."""
    then, now = made_with(manifest), made_with(versions())
    for name, version in then.items():
        if version != now[name]:
            yield f"recorded with {name} {version}, replayed with {now[name]}"
    for spec, facts in zip(plan.specs, manifest["strategies"], strict=True):
        if spec.file != facts["file"]:
            yield f"{spec.name}: the code of the journal ran, not that of {facts['file']}"


def difference(
    batch: Batch, replayed: list[bytes], translator: Translator, before: Position
) -> Difference:
    """Return where two lists of envelopes part, down to the field."""
    pairs = zip(batch.envelopes, replayed, strict=False)
    shared = min(len(batch.envelopes), len(replayed))
    at = next((n for n, (one, other) in enumerate(pairs) if one != other), shared)
    recorded = read(batch.envelopes[at]) if at < len(batch.envelopes) else None
    fresh = read(replayed[at]) if at < len(replayed) else None
    name, old, new = first_field(recorded, fresh)
    told = fresh if fresh is not None else recorded
    topic, kind, cause = "", "", 0
    if isinstance(told, Envelope):
        topic, kind = topic_of(told.type, told.broker), str(told.type)
        cause = int(getattr(told.data, "cause", 0))
    inputs = Inputs(translator.feed, before, batch.columns, batch.controls)
    row = input_row(inputs, batch, before, cause, translator.instruments)
    return Difference(batch.seq + at, topic, kind, name, old, new, row)


def read(line: bytes) -> Envelope | bytes:
    """Return an envelope, or the bytes that are none."""
    try:
        return decode(line)
    except EventError:
        return line


def first_field(recorded: Any, replayed: Any) -> tuple[str, Any, Any]:
    """Return the first field in which two envelopes differ, with both values; `-` if one lacks."""
    one, other = flat(recorded), flat(replayed)
    if not one or not other:
        return "envelope", show_envelope(recorded), show_envelope(replayed)
    for name in {**one, **other}:
        if one.get(name) != other.get(name):
            return name, one.get(name), other.get(name)
    return "bytes", show_envelope(recorded), show_envelope(replayed)


def flat(envelope: Any) -> dict[str, Any]:
    """Return an envelope's fields, what matters first: type and data, then ids."""
    if not isinstance(envelope, Envelope):
        return {}
    document = json.loads(encode(envelope))
    data = {f"data.{name}": value for name, value in document.pop("data").items()}
    first = {name: document.pop(name) for name in ("type", "ts")}
    return {**first, **data, **document}


def show_envelope(envelope: Any) -> Any:
    """Return an envelope as a difference shows it: its type, or what stands in its place."""
    if envelope is None:
        return "-"
    return str(envelope.type) if isinstance(envelope, Envelope) else repr(envelope[:80])


def input_row(
    inputs: Inputs, batch: Batch, before: Position, cause: int, names: Any
) -> dict[str, Any]:
    """Return the input row of a cause, as a reader understands it."""
    place = inputs.place(cause)
    if place is None:
        return {"cause": cause, "kind": "the last row of the batch before"}
    kind, number = place
    if kind == "control":
        row = batch.controls[number]
        return {"cause": cause, "kind": f"control {Control(int(row['kind'])).name.lower()}",
                "ts": int(row["ts"])}  # fmt: skip
    columns: Columns = batch.columns
    present = {name: getattr(columns, name) for name in columns._fields if name != "row"}
    values = {
        name: text(int(column[number])) if name in MONEY else int(column[number])
        for name, column in present.items()
        if len(column)
    }
    instrument = names[int(columns.row[number])]
    return {"cause": cause, "kind": "market", "feed_seq": before.rows + number,
            "instrument": instrument, **values}  # fmt: skip
