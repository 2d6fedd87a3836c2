"""A gate before a process's recording: a test says how many rows may pass, and when.

A feed at a pace makes a test wait, and races it; rows behind a gate flow as fast as they are taken,
and stand still, as a feed does between two rows, until more may pass.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

VARIABLE = "ALPHAPANDA_TEST_GATE"
STEP = 250
"""The most rows of a portion: a run of a few thousand has many."""
NAP_S = 0.005
ALL = 1 << 60


class Gate:
    """The gate as a test holds it, shut at first."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "gate"
        self.let(0)

    @property
    def variables(self) -> dict[str, str]:
        """Return what a forked process is given, so that its rows come through this gate."""
        return {VARIABLE: str(self._file)}

    def let(self, rows: int = ALL) -> None:
        """Let so many rows of the recording pass in all."""
        part = self._file.with_suffix(".part")
        part.write_text(str(rows))
        part.rename(self._file)


def install() -> None:
    """Let this process's recordings come through the gate that its variables name, if any."""
    name = os.environ.get(VARIABLE)
    if name is None:
        return
    from alphapanda.brokers.replay import ReplaySource  # noqa: PLC0415

    ReplaySource.rows = gated(Path(name), ReplaySource.rows)  # type: ignore[method-assign]


def gated(file: Path, rows: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Return a source's `rows` with a gate before it."""

    def passing(source: Any, taken: int, stopping: Callable[[], bool]) -> Iterator[Any]:
        passed = taken
        for portion in rows(source, taken, stopping):
            columns, at = portion.columns, 0
            while at < columns.rows and not stopping():
                free = int(file.read_text()) - passed
                if free <= 0:
                    time.sleep(NAP_S)
                    yield portion._replace(columns=columns.slice(0, 0))
                    continue
                part = columns.slice(at, at + min(free, STEP))
                yield portion._replace(columns=part)
                passed, at = passed + part.rows, at + part.rows

    return passing
