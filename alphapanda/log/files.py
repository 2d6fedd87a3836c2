"""A channel's file: appended to by any number of processes, put aside when full or a day old."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from alphapanda.log.behind import Behind

DAY_S = 86_400
MODE = 0o640


class ChannelFile(Behind):
    """Writes lines to `CHANNEL.jsonl`; full files become `CHANNEL-TIME.jsonl`, later nothing."""

    def __init__(
        self,
        path: Path,
        *,
        size: int,
        files: int,
        keep_days: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.path, self.size, self.files, self.keep_days = path, size, files, keep_days
        self.clock = clock
        self._descriptor: int | None = None
        self._complained = False
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._prune()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line. A full disk is told once on stderr and never stops the caller."""
        line = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
        try:
            with self._alone():
                self._write(line)
        except OSError as error:
            if not self._complained:
                sys.stderr.write(f"alphapanda: log file {self.path}: {error.strerror}\n")
            self._complained = True
        else:
            self._complained = False

    def close(self) -> None:
        """Write what waits, and close the file."""
        super().close()
        self.acquire()
        try:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
        finally:
            self.release()

    def _write(self, line: bytes) -> None:
        if self._is_due(len(line)):
            self._put_aside()
        descriptor = self._opened()
        while line:
            line = line[os.write(descriptor, line) :]

    def _is_due(self, more: int) -> bool:
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return False
        aged = now.st_mtime // DAY_S < self.clock() // DAY_S
        return now.st_size > 0 and (aged or now.st_size + more > self.size)

    def _put_aside(self) -> None:
        moment = self.clock()
        while True:
            stamp = datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%S.%f")
            aside = self.path.with_name(f"{self.path.stem}-{stamp}{self.path.suffix}")
            if not aside.exists():
                break
            moment += 1e-6
        self.path.rename(aside)
        self._prune()

    def _prune(self) -> None:
        aside = sorted(self.path.parent.glob(f"{self.path.stem}-*{self.path.suffix}"))
        oldest = self.clock() - self.keep_days * DAY_S
        surplus = len(aside) + 1 - self.files
        for place, file in enumerate(aside):
            if place < surplus or file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)

    def _opened(self) -> int:
        # Another process may have put the file aside: then this one opens the new one.
        if self._descriptor is not None:
            mine = os.fstat(self._descriptor)
            try:
                same = os.path.samestat(mine, self.path.stat())
            except FileNotFoundError:
                same = False
            if same:
                return self._descriptor
            os.close(self._descriptor)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
        return self._descriptor

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes out."""
        try:
            import fcntl  # noqa: PLC0415 (absent on Windows, where processes need own folders)
        except ImportError:
            yield
            return
        lock = os.open(self.path.parent / ".lock", os.O_RDWR | os.O_CREAT, MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
