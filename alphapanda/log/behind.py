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
    _making = threading.Lock()

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a line, behind those that wait; from a loop, hand it over."""
        if asyncio._get_running_loop() is None:
            lines, thread = self._lines, self._thread
            if lines is not None and threading.current_thread() is not thread:
                lines.join()
            return bool(super().handle(record))
        if not self.filter(record):
            return False
        with self._making:  # there may be loops in several threads
            if self._lines is None:
                made: queue.Queue[logging.LogRecord | None] = queue.Queue(MOST)
                writer = threading.Thread(
                    target=self._write_all, args=(made,), name="log", daemon=True
                )
                writer.start()
                self._lines, self._thread = made, writer
            try:
                self._lines.put_nowait(record)
            except queue.Full:
                self._left_out += 1
        return True

    def close(self) -> None:
        """Write what waits, then close."""
        with self._making:
            lines, thread = self._lines, self._thread
            self._lines = self._thread = None
        if lines is not None and thread is not None:
            lines.put(None)
            thread.join()
        super().close()

    def _write_all(self, lines: queue.Queue[logging.LogRecord | None]) -> None:
        while (record := lines.get()) is not None:
            super().handle(record)
            left_out, self._left_out = self._left_out, 0
            if left_out:
                super().handle(overflow_record(record, left_out))
            lines.task_done()


def overflow_record(record: logging.LogRecord, left_out: int) -> logging.LogRecord:
    """Return the line that says how many there was no room for."""
    said = f"{left_out} lines are not here: more than {MOST} waited for the disk"
    return logging.LogRecord(record.name, logging.ERROR, "", 0, said, None, None)
