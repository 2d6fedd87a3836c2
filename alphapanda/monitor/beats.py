"""Heartbeats as files: `BASE/beats/ROLE-PID.json`, replaced each few seconds by its process.

They need no server, so whoever looks sees every process of this machine however much is down.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from alphapanda import files

FOLDER = "beats"
PERIOD_S = 5.0
LATE_S, GONE_S = 15.0, 30.0
"""From when on a process is late, and counts as gone."""
FORGET_S = 86_400.0
"""When the file of a process that has gone is removed by the next one."""
LARGEST = 262_144
"""Bytes of a beat that are read: the folder is the user's, and may hold anything."""


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """What a process says of itself; None is what it can't know."""

    role: str
    pid: int
    host: str
    version: str
    code: str
    """The hash of the package's sources."""
    config: str
    """The hash of its settings, secrets left out."""
    schema: str
    """The revision of the database that it needs."""
    started_ns: int
    ts_ns: int
    run_id: str = ""
    parts: dict[str, str] = {}
    """By part: `ok`, or what is wrong and what to do."""
    cpu: float | None = None
    """Of one core, 0.85 is 85 %."""
    rss_bytes: int | None = None
    memory: float | None = None
    """The same as a share of the machine's."""
    fds: int | None = None
    threads: int | None = None
    loop_lag_s: float = 0.0
    """The longest that its loop came late since the last beat."""
    disks: dict[str, int] = {}
    """Bytes free by what lies there: runs, logs."""
    figures: dict[str, float] = {}


class Seen(NamedTuple):
    """A beat as a reader finds it."""

    beat: Beat
    age_s: float

    @property
    def state(self) -> str:
        """Return `ok`, `late` or `gone`."""
        if self.age_s > GONE_S:
            return "gone"
        return "late" if self.age_s > LATE_S else "ok"


class Found(NamedTuple):
    """The beats of a base folder, and the files there that are none."""

    seen: list[Seen]
    strange: list[str]


def path_of(base: Path, beat: Beat) -> Path:
    """Return where a process's beat lies."""
    return base / FOLDER / f"{beat.role}-{beat.pid}.json"


def write(base: Path, beat: Beat) -> Path:
    """Replace a process's beat; a reader finds the one before or this one, whole.

    It is not synced: after a power cut there is nothing that beats.

    Raises:
        OSError: the system refuses.
    """
    path = path_of(base, beat)
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path, durable=False) as partial:
        partial.write_bytes(msgspec.json.encode(beat))
    return path


def remove(base: Path, beat: Beat) -> None:
    """Remove the beat of a process that ends in order; what is killed leaves its own."""
    with suppress(OSError):
        path_of(base, beat).unlink()
        (base / FOLDER).rmdir()  # unless others beat


def read(base: Path, now_ns: int | None = None) -> Found:
    """Return the beats of a base folder by role and pid.

    A file that is no beat is named, never an error: one bad file must not hide the others.
    """
    now = time.time_ns() if now_ns is None else now_ns
    found = Found([], [])
    for path in sorted((base / FOLDER).glob("[!.]*.json")):
        try:
            with path.open("rb") as file:
                beat = msgspec.json.decode(file.read(LARGEST), type=Beat)
        except FileNotFoundError:  # it ended meanwhile
            continue
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            found.strange.append(f"{path.name}: {str(error)[:200]}")
            continue
        found.seen.append(Seen(beat, max(0.0, (now - beat.ts_ns) / 1e9)))
    return found


def forget_old(base: Path, now_ns: int) -> None:
    """Remove the beats of processes that have gone a day ago."""
    for seen in read(base, now_ns).seen:
        if seen.age_s > FORGET_S:
            remove(base, seen.beat)
