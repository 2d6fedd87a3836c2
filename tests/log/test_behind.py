"""A loop that logs goes on while the disk, or whoever reads the lines, does not."""

from __future__ import annotations

import asyncio
import logging
import threading

from alphapanda.log import behind
from alphapanda.log.behind import Behind


class Stuck(Behind):
    """Writes into a list, once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.lines = threading.Event(), []  # type: ignore[var-annotated]

    def emit(self, record: logging.LogRecord) -> None:
        """Wait, then write."""
        assert self.open.wait(60)
        self.lines.append(record.getMessage())


def logged(handler: Stuck, count: int) -> None:
    """Log some lines on a loop, while nothing can be written, and end."""

    async def go() -> None:
        for number in range(count):
            handler.handle(logging.LogRecord("x", logging.INFO, "", 0, "%d", (number,), None))
            await asyncio.sleep(0)

    asyncio.run(go())  # would not come back if it waited
    assert handler.lines == []
    handler.open.set()
    handler.close()


def test_a_loop_does_not_wait_for_its_lines() -> None:
    """It ends though none is written; closed, all are there, in order."""
    handler = Stuck()
    logged(handler, 500)
    assert handler.lines == [str(number) for number in range(500)]


def test_lines_without_room_are_counted() -> None:
    """More than may wait are left out, and a line says how many."""
    handler = Stuck()
    logged(handler, behind.MOST + 100)
    said = [line for line in handler.lines if "lines are not here" in line]
    kept = len(handler.lines) - len(said)
    assert sum(int(line.split()[0]) for line in said) == behind.MOST + 100 - kept > 0


def test_without_a_loop_a_line_is_there_at_once() -> None:
    """As ever: what is logged before a crash is in the file."""
    handler = Stuck()
    handler.open.set()
    handler.handle(logging.LogRecord("x", logging.INFO, "", 0, "now", None, None))
    assert handler.lines == ["now"]
