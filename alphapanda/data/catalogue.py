"""The catalogue: market data as Parquet in folders by kind, interval and date, changed only whole.

`ROOT/kind=bar/interval=1m/date=2025-08/rows.parquet`: ticks and quotes lie by day, bars of a minute
and more by month, day bars by year; the date is as much of the ISO date as that takes. Rows have
the canonical columns, by (ts, instrument); a bar's ts is its start, as in all files replayed.

An import writes beside, under a hidden name, and renames that to `.commit-...`: from then on it
counts, and whoever comes next moves what has not been moved (`settle`). Before, it is rubbish.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import cast

from alphapanda import files
from alphapanda.data.schema import SECOND_NS, Kind
from alphapanda.errors import OutsideError, UsageError
from alphapanda.model.calendar import DAY
from alphapanda.model.interval import interval_text, parse_interval

FILE = "rows.parquet"
INSTRUMENTS = "instruments"
"""Folder of Kite-style instruments files that imports wrote."""

STAGED, COMMITTED, LOCK = ".import-", ".commit-", ".lock"
FOLDER = re.compile(
    r"(?:^|/)kind=(tick|bar|quote)/interval=(\w+)/date=(\d{4}(?:-\d\d(?:-\d\d)?)?)/[^/]+$"
)
NONE = "none"
"""The interval of ticks and quotes in a path: DuckDB wants the same keys everywhere."""

MINUTE_NS = 60 * SECOND_NS


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """One file of a catalogue by what its folders say."""

    kind: Kind
    interval_ns: int
    """0 of ticks and quotes."""
    span: str
    """The start of an ISO date: a day, a month or a year."""

    @property
    def interval(self) -> str:
        """The interval of bars as a user writes it, else an empty text."""
        return interval_text(self.interval_ns) if self.interval_ns else ""

    @property
    def place(self) -> Path:
        """The file's path within a catalogue."""
        interval = f"interval={self.interval or NONE}"
        return Path(f"kind={self.kind}", interval, f"date={self.span}", FILE)

    def within(self, first: date | None, last: date | None) -> bool:
        """Tell whether it may have rows of these days."""
        low = "" if first is None else first.isoformat()[: len(self.span)]
        high = "9" if last is None else last.isoformat()[: len(self.span)]
        return low <= self.span <= high


def part_of(path: str | Path) -> Part | None:
    """Return what a path's folders say; None for a file of no catalogue."""
    found = FOLDER.search(Path(path).absolute().as_posix())
    if found is None:
        return None
    interval_ns = 0 if found[2] == NONE else parse_interval(found[2])
    return Part(cast("Kind", found[1]), interval_ns, found[3])


def span_length(kind: Kind, interval_ns: int) -> int:
    """Return how much of an ISO date names a part: files of a useful size."""
    if kind != "bar" or interval_ns < MINUTE_NS:
        return len("2025-08-04")
    return len("2025-08") if interval_ns < DAY else len("2025")


def is_catalogue(path: str | Path) -> bool:
    """Tell whether a folder is a catalogue's root."""
    return Path(path).is_dir() and any(Path(path).glob("kind=*"))


def parts(root: Path) -> dict[Part, Path]:
    """Return the files of a catalogue, sorted by what they are."""
    found = {part: path for path in root.glob("kind=*/**/*.parquet") if (part := part_of(path))}
    return dict(sorted(found.items()))


def root_of(path: str | Path) -> Path | None:
    """Return the root of the catalogue that a path leads into; None without one."""
    absolute = Path(path).absolute()
    for folder in (absolute, *absolute.parents):
        if folder.name.startswith("kind="):
            return folder.parent
    return absolute if is_catalogue(absolute) else None


def selected(
    files: Sequence[str], *, kind: str | None, interval: str | None,
    first: date | None, last: date | None,
) -> tuple[tuple[str, ...], Part | None]:  # fmt: skip
    """Return the files that may have rows of this kind on these days, and what they are.

    Only what lies in a catalogue is left out; where all does, the part says kind and interval.

    Raises: UsageError when the files are of several kinds and none is chosen, or nothing is left.
    """
    known = {file: part_of(file) for file in files}
    wanted_ns = None if interval is None else parse_interval(interval)
    fitting = {
        file: part for file, part in known.items()
        if part is None or (kind in (None, part.kind)
                            and (wanted_ns is None or part.interval_ns in (wanted_ns, 0)))
    }  # fmt: skip
    if not fitting:
        raise UsageError(
            f"The catalogue has no {kind or ''} {interval or ''}".rstrip() + there(known)
        )
    kept = {file: p for file, p in fitting.items() if p is None or p.within(first, last)}
    if not kept:
        spans = sorted(part.span for part in fitting.values() if part is not None)
        raise UsageError(f"No rows between --from and --to: there is {spans[0]} to {spans[-1]}.")
    kinds = {(part.kind, part.interval_ns) for part in kept.values() if part is not None}
    if len(kinds) > 1:
        raise UsageError(f"Choose with --kind and --interval{there(kept)}")
    told = next(iter(kept.values())) if None not in kept.values() else None
    return tuple(kept), told


def there(known: dict[str, Part | None]) -> str:
    """Return the end of a message: what a catalogue has."""
    kinds = sorted({(part.kind, part.interval) for part in known.values() if part is not None})
    return ": there is " + ", ".join(f"{kind} {interval}".strip() for kind, interval in kinds) + "."


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Keep other writers out of a catalogue, and finish or remove what a killed one left."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / LOCK).open("w") as lock, _held(lock.fileno()):
            _move_committed(root)
            _remove_staged(root)
            try:
                yield
            finally:
                _remove_staged(root)
    except OSError as error:
        raise OutsideError(
            f"can't write the catalogue {root}: {error.strerror or error}; free space, or choose "
            "another --root."
        ) from error


def settle(path: str | Path) -> None:
    """Finish the committed import of a killed process, where one lies in the path's catalogue."""
    root = root_of(path)
    if root is not None and any(root.glob(f"{COMMITTED}*")):
        with locked(root):
            pass


def stage(root: Path) -> Path:
    """Return a new folder, to be filled as the catalogue itself is."""
    folder = root / f"{STAGED}{os.getpid()}"
    folder.mkdir()
    return folder


def commit(root: Path, staged: Path, places: Iterable[Path]) -> None:
    """Make the staged files part of the catalogue: all of them or, when killed, none."""
    for place in places:
        files.sync(staged / place)
    committed = root / staged.name.replace(STAGED, COMMITTED)
    staged.rename(committed)
    files.sync(root)
    _move_committed(root)


def _move_committed(root: Path) -> None:
    for folder in sorted(root.glob(f"{COMMITTED}*")):
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            final = root / file.relative_to(folder)
            final.parent.mkdir(parents=True, exist_ok=True)
            file.replace(final)
            files.sync(final.parent)
        shutil.rmtree(folder)


def _remove_staged(root: Path) -> None:
    for folder in root.glob(f"{STAGED}*"):
        shutil.rmtree(folder)


@contextmanager
def _held(file: int) -> Iterator[None]:
    try:
        import fcntl  # noqa: PLC0415 (absent on Windows, where one writer at a time is up to you)
    except ImportError:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
