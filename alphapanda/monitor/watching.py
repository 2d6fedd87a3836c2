"""What the journals of a base folder say of its runs, read on each time from where it was left."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from alphapanda.config.settings import Settings
from alphapanda.errors import AlphaPandaError
from alphapanda.journal.journal import FILE, Journal, Standing

DONE = ("ended", "crashed-recovered")
QUARANTINED = "quarantined"
MOST = 20
"""Runs that are looked at: those whose journals were written last."""
MOST_EVENTS, PAGE = 50_000, 2_000
AMOUNTS = ("realised", "unrealised", "charges", "pnl")


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands by its journal; money as events have it."""

    run: str
    run_id: str
    status: str
    mode: str
    broker: str
    owner_id: str
    account_id: str
    strategies: tuple[str, ...]
    events: int
    rows: int
    missed: int
    row_ns: int
    """The time of the newest market row; 0 for none yet."""
    quiet_s: float
    """Seconds since its journal was written."""
    feed: str
    pnl: dict[str, dict[str, str]]
    """By strategy: realised, unrealised, charges, pnl, as its last snapshot says."""
    trouble: str = ""

    @property
    def trades(self) -> bool:
        """Whether a process writes its journal now."""
        return self.status == Standing.RUNNING


class _Told(msgspec.Struct):
    type: str
    data: msgspec.Raw


class _Pnl(msgspec.Struct):
    strategy: str
    realised: str
    unrealised: str
    charges: str
    pnl: str


class RunWatch:
    """Reads the newest runs' journals; `look` again reads only what was added."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.runs_dir
        self._base = settings.base_dir
        self._known: dict[Path, Followed] = {}

    def look(self) -> list[RunFacts]:
        """Return the runs, the one that was written last first; it reads files."""
        files = sorted(self._files(), key=written_ns, reverse=True)[:MOST]
        self._known = {file: self._known.get(file) or Followed(file) for file in files}
        return [self._known[file].facts() for file in files]

    def _files(self) -> list[Path]:
        from alphapanda.runs.commands import registered_folders  # noqa: PLC0415 (only here)

        found = [*self._folder.glob(f"*/{FILE}")]
        with suppress(OSError, ValueError, KeyError):
            found += [each / FILE for each in registered_folders(self._base)]
        return [file for file in dict.fromkeys(found) if file.is_file()]


def written_ns(file: Path) -> int:
    """Return when a file was written; 0 if it has gone."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def names_of(journal: Journal) -> list[str]:
    """Return the strategies of a run."""
    return [each["name"] for each in journal.contents.manifest.get("strategies", ())]


class Followed:
    """A run's journal, and what was read of it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._forget()
        self._last: RunFacts | None = None
        self._failed_ns = 0
        """When a journal that can't be read was written: one that has grown since is read anew."""

    def _forget(self) -> None:
        self._journal: Journal | None = None
        self._batches = self._events = 0
        self._rows = self._missed = self._row_ns = 0
        self._pnl: dict[str, dict[str, str]] = {}

    def facts(self) -> RunFacts:
        """Return how the run stands now."""
        if self._last is not None and self._last.status in DONE:
            return self._last
        written = written_ns(self.file)
        if self._last is not None and self._failed_ns == written:
            return self._last
        try:
            if self._journal is None:
                self._journal = Journal.open(self.file)
            status = self._journal.standing()
            self._read(self._journal)
        except (AlphaPandaError, OSError) as error:
            self._last, self._failed_ns = self._made(QUARANTINED, str(error)), written
            self._forget()
            return self._last
        self._last = self._made(status)
        return self._last

    def _read(self, journal: Journal) -> None:
        places = journal.contents.batches
        new, self._batches = places[self._batches :], len(places)
        self._rows += sum(place.rows for place in new)
        self._missed += sum(place.missed for place in new)
        newest = next((place for place in reversed(new) if place.rows), None)
        if newest is not None:
            self._row_ns = int(next(journal.batches(newest.batch)).columns.ts[-1])
        # A strategy's last snapshot may lie far back; what is older than so many events is not
        # worth the reading, and then there is no P&L to show rather than an old one.
        wanted = set(names_of(journal))
        end, first = journal.seq, max(self._events, journal.seq - MOST_EVENTS)
        self._events = end
        while end > first and wanted:
            start = max(first, end - PAGE)
            for _, line in reversed(journal.read(start, end - start)):
                if b'"pnl_snapshot"' in line:
                    wanted.discard(self._take(line, wanted))
            end = start

    def _take(self, line: bytes, wanted: set[str]) -> str:
        try:
            told = msgspec.json.decode(line, type=_Told)
            if told.type != "pnl_snapshot":
                return ""
            pnl = msgspec.json.decode(told.data, type=_Pnl)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ""
        if pnl.strategy in wanted:
            self._pnl[pnl.strategy] = {name: getattr(pnl, name) for name in AMOUNTS}
        return pnl.strategy

    def _made(self, status: str, trouble: str = "") -> RunFacts:
        manifest: dict[str, Any] = {} if self._journal is None else self._journal.contents.manifest
        folder = self.file.parent.name
        return RunFacts(
            run=folder, run_id=str(manifest.get("run_id", folder)), status=str(status),
            mode=str(manifest.get("mode", "")), broker=str(manifest.get("broker", "")),
            owner_id=str(manifest.get("owner_id", "")),
            account_id=str(manifest.get("account_id", "")),
            strategies=() if self._journal is None else tuple(names_of(self._journal)),
            events=0 if self._journal is None else self._journal.seq, rows=self._rows,
            missed=self._missed, row_ns=self._row_ns,
            quiet_s=max(0.0, (time.time_ns() - written_ns(self.file)) / 1e9),
            feed=str(manifest.get("feed", "")), pnl=dict(self._pnl), trouble=trouble,
        )  # fmt: skip
