"""The journal of a run: its manifest, its batches, checkpoints of its state, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Self

from msgspec import UNSET

from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.events import EventType, RunState, RunStatus, alone, encode, event_id
from alphapanda.journal import checking
from alphapanda.journal.checking import StrangeError
from alphapanda.journal.packing import Batch, pack, unpack
from alphapanda.journal.published import published
from alphapanda.journal.records import DamageError, Reader, Record, Torn, Writer, is_written
from alphapanda.model.columns import Columns
from alphapanda.model.texts import Texts

FILE = "journal.apj"
FORMAT = 1
STOPPED = "stopped in order"
"""The note of a run's last word, when it was stopped and goes on another time."""


class RecordKind(IntEnum):
    """What a record of the file holds."""

    MANIFEST = 1
    BATCH = 2
    CHECKPOINT = 3
    STATUS = 4


@dataclass
class Contents:
    """What a journal says of its run, but for the batches themselves."""

    path: Path
    manifest: dict[str, Any] = field(default_factory=dict)
    batches: list[Place] = field(default_factory=list)
    checkpoints: list[Place] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    torn: Torn | None = None

    @property
    def status(self) -> RunStatus:
        """How the run stands, by its last word."""
        return RunStatus(self.statuses[-1]["status"]) if self.statuses else RunStatus.RUNNING

    @property
    def ended(self) -> bool:
        """Say if nothing will follow."""
        return self.status in (RunStatus.ENDED, RunStatus.RECOVERED)

    @property
    def digest(self) -> str:
        """The digest the run ended with; empty while it has not."""
        return str(self.statuses[-1].get("digest", "")) if self.ended else ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies, and how much of the run lies before it."""

    offset: int
    end: int
    batch: int
    """Batches before it."""
    seq: int
    """Envelopes before it."""
    count: int = 0
    """Envelopes in it."""
    rows: int = 0
    """Market rows in it."""
    missed: int = 0
    """Rows of the feed before these that never came."""


class Standing(StrEnum):
    """How a run stands that has not ended, for whoever looks at it from outside."""

    RUNNING = "running"
    """A process writes its journal."""
    STOPPED = "stopped"
    """It was stopped in order, and can go on."""
    UNFINISHED = "unfinished"
    """Nobody writes it: it was killed, or its end was cut off. It can go on."""


class Journal:
    """A run's journal as it is read: from the start, or on from where it was read to before."""

    def __init__(self, path: Path) -> None:
        self.contents = Contents(path)
        self._reader = Reader(path)
        self._cached: tuple[int, list[bytes]] = (-1, [])
        self._damage: DamageError | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a journal's file, or that of a run directory, and read it through.

        Raises:
            UsageError: if there is none.
            DamageError: if it is damaged before its end.
        """
        file = path / FILE if path.is_dir() else path
        if not file.is_file():
            raise UsageError(f"{path}: no journal ({FILE}) is there; --journal writes one")
        made = cls(file)
        made.refresh()
        if not made.contents.manifest:
            raise UsageError(f"{file}: not one whole record; it is no journal, or it was cut")
        return made

    def refresh(self) -> None:
        """Take in what was added since.

        Raises:
            DamageError: if it does not follow what was before.
        """
        if self._damage is not None:  # the reader is past it
            raise self._damage
        for record in self._reader.records():
            self._take(record)
        self.contents.torn = self._reader.torn()

    # Whole, it may still say what can't be: others may have written it, or a later release.
    def _take(self, record: Record) -> None:
        try:
            self._understand(record)
        except StrangeError as error:
            self._damage = DamageError(
                f"{self.contents.path}: record {record.number} at byte {record.offset:,} is whole, "
                f"but {error}; restore the file from a backup, or read it with the release that "
                "wrote it"
            )
            raise self._damage from None

    def _understand(self, record: Record) -> None:
        contents = self.contents
        if contents.ended:
            raise StrangeError("it follows the run's end")
        if (record.kind == RecordKind.MANIFEST) != (not contents.manifest):
            raise StrangeError("a journal has one manifest, its first record")
        if record.kind == RecordKind.MANIFEST:
            contents.manifest = manifest_of(record.payload, contents.path)
        elif record.kind == RecordKind.BATCH:
            self._add_batch(record, checking.head(record.payload))
        elif record.kind == RecordKind.CHECKPOINT:
            contents.checkpoints.append(
                Place(record.offset, record.end, len(contents.batches), self.seq)
            )
        elif record.kind == RecordKind.STATUS:
            contents.statuses.append(checking.status(record.payload))
        else:
            raise StrangeError(f"it is of the kind {record.kind}, which this release does not know")

    def _add_batch(self, record: Record, head: dict[str, Any]) -> None:
        if head["seq"] != self.seq:
            raise StrangeError(
                f"its batch begins with event {head['seq']}, but {self.seq} should follow"
            )
        self.contents.batches.append(Place(
            record.offset, record.end, len(self.contents.batches), head["seq"], head["envelopes"],
            head["rows"], head.get("missed", 0),
        ))  # fmt: skip

    @property
    def seq(self) -> int:
        """Envelopes so far."""
        if not self.contents.batches:
            return 0
        last = self.contents.batches[-1]
        return last.seq + last.count

    def batches(self, first: int = 0) -> Iterator[Batch]:
        """Yield the batches from one on."""
        for place in self.contents.batches[first:]:
            yield unpack(self._reader.read(place.offset, place.end))

    def snapshot(self, place: Place) -> bytes:
        """Return the state that a checkpoint holds."""
        return self._reader.read(place.offset, place.end)

    def read(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return up to `limit` envelopes behind a place, as a relay or projector asks for them.

        Place 0 is the start of the run, then come its envelopes (`seq` + 1), and last its end.
        """
        if not self.contents.manifest or after >= self.seq:
            self.refresh()
        if not self.contents.manifest:
            return []
        found = [(0, state(self.contents, RunStatus.RUNNING))] if after < 0 else []
        for number in range(self._batch_with(after), len(self.contents.batches)):
            place = self.contents.batches[number]
            if not place.count:
                continue
            lines = self._lines(number)
            start = max(after - place.seq, 0)
            chosen = lines[start : start + limit - len(found)]
            found += zip(range(place.seq + start + 1, place.seq + len(lines) + 1), chosen,
                         strict=False)  # fmt: skip
            if len(found) >= limit:
                return found
        if self.contents.ended and after <= self.seq and len(found) < limit:
            found.append((self.seq + 1, state(self.contents, self.contents.status)))
        return found

    def finished(self) -> bool:
        """Say if the run has ended by now, so that nothing will follow."""
        if not self.contents.ended:
            self.refresh()
        return self.contents.ended

    def standing(self) -> str:
        """Return how the run stands now: whether it has ended, and if not, whether one writes it.

        The file is read on after the look at its lock: an end is written before that is let go.
        """
        writes = is_written(self.contents.path)
        self.refresh()
        if self.contents.ended:
            return str(self.contents.status)
        if writes:
            return str(Standing.RUNNING)
        return str(Standing.STOPPED if self.stopped else Standing.UNFINISHED)

    @property
    def stopped(self) -> bool:
        """Say if the run was stopped in order, and nothing was written since."""
        contents = self.contents
        if not contents.statuses or contents.torn is not None:
            return False
        places = (*contents.batches[-1:], *contents.checkpoints[-1:])
        last = all(place.end < self._reader.offset for place in places)
        return last and contents.statuses[-1].get("note") == STOPPED

    # `after` counts from 1 for the first envelope, so it is the seq of the next one.
    def _batch_with(self, after: int) -> int:
        seq = max(after, 0)
        low, high = 0, len(self.contents.batches)
        while low < high:
            middle = (low + high) // 2
            place = self.contents.batches[middle]
            low, high = (middle + 1, high) if place.seq + place.count <= seq else (low, middle)
        return low

    def _lines(self, number: int) -> list[bytes]:
        if self._cached[0] != number:
            place = self.contents.batches[number]
            text = self._reader.read(place.offset, place.end)
            self._cached = (number, unpack(text).envelopes)
        return self._cached[1]

    def writer(self) -> JournalWriter:
        """Return a writer that goes on behind the last whole record; a torn end is cut off.

        Raises:
            UsageError: if the run has ended.
        """
        if self.contents.ended:
            raise UsageError(f"{self.contents.path}: this run has ended")
        return JournalWriter(Writer(self.contents.path, reader=self._reader), self.seq)


class JournalWriter:
    """Writes a run's journal; a record is on the disk when the call returns."""

    def __init__(self, writer: Writer, seq: int) -> None:
        self._writer = writer
        self.seq = seq

    @classmethod
    def create(cls, path: Path, manifest: Mapping[str, Any]) -> Self:
        """Begin a journal with its manifest.

        Raises:
            OutsideError: if the file cannot be made.
        """
        try:
            made = cls(Writer(path), 0)
        except OSError as error:
            raise OutsideError(f"can't write {path}: {error.strerror}") from error
        made._append(RecordKind.MANIFEST, {"format": FORMAT, **manifest})
        return made

    def batch(
        self, columns: Columns, controls: Any, envelopes: Sequence[bytes], missed: int = 0,
        texts: Sequence[Texts] = (),
    ) -> None:  # fmt: skip
        """Add what a step took in and gave out, and how many rows before it never came."""
        text = pack(columns, controls, envelopes, self.seq, missed, texts)
        self._writer.append(RecordKind.BATCH, text)
        self.seq += len(envelopes)

    def checkpoint(self, snapshot: bytes) -> None:
        """Add the state of the core behind the last batch."""
        self._writer.append(RecordKind.CHECKPOINT, snapshot)

    def status(self, status: RunStatus, *, ts: int, **facts: Any) -> None:
        """Add how the run stands, since when (ns UTC)."""
        self._append(RecordKind.STATUS, {"status": status, "ts": ts, **facts})

    def _append(self, kind: RecordKind, document: Mapping[str, Any]) -> None:
        self._writer.append(kind, json.dumps(document, ensure_ascii=False).encode())

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


def state(contents: Contents, status: RunStatus) -> bytes:
    """Return the event that says how a run stands: that it began, or how it ended."""
    manifest = contents.manifest
    word = contents.statuses[-1] if status != RunStatus.RUNNING else {"ts": manifest["begun_ns"]}
    own = event_id(word["ts"], manifest["run_id"], str(status))
    told = published(manifest) if status == RunStatus.RUNNING else UNSET
    data = RunState(status=str(status), digest=word.get("digest", ""), note=word.get("note", ""),
                    manifest=told)  # fmt: skip
    return encode(alone(
        EventType.RUN_STATE, own, word["ts"], key=manifest["run_id"], source="journal", data=data,
        broker=manifest["broker"], run_id=manifest["run_id"],
    ))  # fmt: skip


def manifest_in(folder: Path) -> dict[str, Any]:
    """Return the manifest of the journal in a run's folder, {} without one; no more is read."""
    file = folder / FILE
    first = next(Reader(file).records(), None) if file.is_file() else None
    if first is None or first.kind != RecordKind.MANIFEST:
        return {}
    return manifest_of(first.payload, file)


def manifest_of(payload: bytes, path: Path) -> dict[str, Any]:
    """Return a manifest of a format that is known."""
    manifest = checking.document(payload)
    if manifest.get("format") != FORMAT:
        raise UsageError(
            f"{path}: a journal of format {manifest.get('format')!r:.20}; this release reads "
            f"{FORMAT}"
        )
    checking.check_manifest(manifest)
    return manifest


__all__ = [
    "FILE", "STOPPED", "Contents", "DamageError", "Journal", "JournalWriter", "Place", "Standing",
]  # fmt: skip
