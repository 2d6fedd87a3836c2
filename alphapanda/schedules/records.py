"""What is kept of a scheduled run: `runs/schedule/NAME/DAY/record.json`, ours and on the disk.

It is written before anything starts and takes its last form by a rename. A record that says
`running` while nobody holds the lock is of a run that was left in the middle.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from alphapanda import files
from alphapanda.errors import OutsideError, UsageError
from alphapanda.journal.records import locked
from alphapanda.model.calendar import INDIA

FOLDER, RECORD, LOCK = "schedule", "record.json", "lock"
NAP_S = 0.2
LEFT = "its process ended without a word: killed, or the machine went down"


class Status(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Somebody stopped it."""
    LEFT = "left"
    """Its process ended in the middle, and could not say why."""
    SKIPPED = "skipped"
    """It was due while no scheduler was running, and was not made up for."""


TROUBLE = (Status.FAILED, Status.INTERRUPTED, Status.LEFT)


class Attempt(msgspec.Struct, frozen=True):
    """One try at a notebook."""

    status: str
    started: str
    ended: str
    reason: str


class Record(msgspec.Struct, kw_only=True):
    """A run of a schedule; times are IST, ISO 8601."""

    name: str
    date: str
    """The day it is for."""
    status: str
    started: str
    ended: str = ""
    reason: str = ""
    """Why it did not go well."""
    due_ns: int | None = None
    """When it was due; None: a person started it."""
    pid: int = 0
    attempts: list[Attempt] = []
    notes: list[str] = []


def now_text(ns: int | None = None) -> str:
    """Return a time as records write it, to the second."""
    at = (time.time_ns() if ns is None else ns) / 1e9
    return datetime.fromtimestamp(at, INDIA).isoformat(timespec="seconds")


def write(folder: Path, record: Record) -> None:
    """Write a run's record, durably.

    Raises:
        OutsideError: if the system does not let it be written.
    """
    text = json.dumps(msgspec.to_builtins(record), indent=2, ensure_ascii=False) + "\n"
    try:
        files.write_text(folder / RECORD, text)
    except OSError as error:
        raise OutsideError(
            f"can't write {folder / RECORD}: {error.strerror or error}; free space, or let it be "
            "written, and run the schedule again"
        ) from error


def all_records(root: Path) -> list[tuple[Path, Record]]:
    """Return the runs that are kept, the one that began last at the end."""
    found = [(file.parent, read(file)) for file in root.glob(f"*/*/{RECORD}")]
    busy = running_folder(root)
    for folder, record in found:
        if record.status == Status.RUNNING and folder != busy:
            record.status, record.reason = Status.LEFT, record.reason or LEFT
    return sorted(found, key=lambda each: (each[1].started, each[0].name))


def read(file: Path) -> Record:
    """Return a record; one that can't be read says so of itself."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError) as error:
        return Record(name=file.parent.parent.name, date=file.parent.name[:10], started="",
                      status=Status.FAILED, reason=f"{file} can't be read: {error}")  # fmt: skip


def history(root: Path) -> list[dict[str, Any]]:
    """Return the runs as `schedule history --json` has them."""
    return [facts_of(folder, record) for folder, record in all_records(root)]


def facts_of(folder: Path, record: Record) -> dict[str, Any]:
    """Return what a history says of a run."""
    return {
        "name": record.name, "date": record.date, "status": str(record.status),
        "started": record.started, "ended": record.ended, "reason": record.reason,
        "folder": str(folder),
    }  # fmt: skip


def settle(root: Path) -> list[tuple[Path, Record]]:
    """Write into each record that was left in the middle that it was, and return them.

    Hold the lock meanwhile.
    """
    settled = []
    for file in sorted(root.glob(f"*/*/{RECORD}")):
        record = read(file)
        if record.status == Status.RUNNING:
            record.status, record.reason = Status.LEFT, record.reason or LEFT
            write(file.parent, record)
            settled.append((file.parent, record))
    return settled


def last_done(root: Path, name: str) -> Path | None:
    """Return the folder of the last run of a schedule that went well."""
    done = [f for f, r in all_records(root) if r.name == name and r.status == Status.DONE]
    return done[-1] if done else None


@contextmanager
def one_at_a_time(
    root: Path, *, wait: bool, stopping: Callable[[], bool] = lambda: False
) -> Iterator[Callable[[Path], None]]:
    """Hold the lock; yield what notes whose run holds it.

    Raises:
        UsageError: if another run holds it and nobody waits.
        KeyboardInterrupt: if the process is to stop while it waits.
        OutsideError: if the lock can't be made.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = os.open(root / LOCK, os.O_RDWR | os.O_CREAT, 0o640)
    except OSError as error:
        raise OutsideError(f"{root / LOCK}: {error.strerror}: no run was started") from error
    try:
        while not locked(file):
            if not wait:
                raise UsageError(busy_message(root))
            if stopping():
                raise KeyboardInterrupt
            time.sleep(NAP_S)
        os.ftruncate(file, 0)
        try:
            yield lambda folder: note_holder(file, root, folder)
        finally:
            with suppress(OSError):
                os.ftruncate(file, 0)
    finally:
        os.close(file)


def note_holder(file: int, root: Path, folder: Path) -> None:
    """Write into the lock whose it is."""
    try:
        os.pwrite(file, str(folder.relative_to(root)).encode(), 0)
    except OSError as error:
        raise OutsideError(f"{root / LOCK}: {error.strerror}: no run was started") from error


def running_folder(root: Path) -> Path | None:
    """Return the folder of the run that goes on now, if one does."""
    try:
        file = os.open(root / LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return root / os.pread(file, 1_000, 0).decode(errors="replace")
    finally:
        os.close(file)
    return None


def busy_message(root: Path) -> str:
    """Return who holds the lock."""
    folder = running_folder(root)
    what = "a scheduled run" if folder in (None, root) else f"{folder}"
    return f"{what} goes on, and scheduled runs go one at a time: wait for it, or write --wait"
