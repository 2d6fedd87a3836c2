"""Handlers that never make a loop wait: what is logged on one is written by a thread behind it."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading

MOST = 10_000
"""Lines that wait for the disk; more than those are counted, and that is written."""


class Behind(logging.Handler):
    """A handler whose `emit` may wait for a disk, a lock or a reader; a loop does not."""

    _lines: queue.Queue[logging.LogRecord | None] | None = None
    _thread: threading.Thread | None = None
    _left_out = 0

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a line, behind those that wait; from a loop, hand it over."""
        if asyncio._get_running_loop() is None:
            if self._lines is not None and threading.current_thread() is not self._thread:
                self._lines.join()
            return bool(super().handle(record))
        if not self.filter(record):
            return False
        if self._lines is None:
            self._lines = queue.Queue(MOST)
            self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
            self._thread.start()
        try:
            self._lines.put_nowait(record)
        except queue.Full:
            self._left_out += 1
        return True

    def close(self) -> None:
        """Write what waits, then close."""
        if self._lines is not None and self._thread is not None:
            self._lines.put(None)
            self._thread.join()
            self._lines = self._thread = None
        super().close()

    def _write_all(self) -> None:
        assert self._lines is not None
        while (record := self._lines.get()) is not None:
            super().handle(record)
            left_out, self._left_out = self._left_out, 0
            if left_out:
                super().handle(told(record, left_out))
            self._lines.task_done()


def told(record: logging.LogRecord, left_out: int) -> logging.LogRecord:
    """Return the line that says how many there was no room for."""
    said = f"{left_out} lines are not here: more than {MOST} waited for the disk"
    return logging.LogRecord(record.name, logging.ERROR, "", 0, said, None, None)
