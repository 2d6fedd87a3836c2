"""Rows of a feed that never came to a run: how many, and between which times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alphapanda.model.calendar import INDIA
from alphapanda.model.columns import Columns

STATUS = "with gaps"
"""How the status of a run begins whose feed had gaps."""


@dataclass
class Gaps:
    """Counts rows that came and rows that never did; `take` each step of a run in order."""

    rows: int = 0
    missed: int = 0
    gaps: int = 0
    after_ns: int = 0
    """The row before the first gap; 0 if there is none before it."""
    before_ns: int = 0
    """The row behind the last gap; 0 while none has come."""
    _last: int = 0
    _open: bool = False

    def take(self, missed: int, columns: Columns) -> None:
        """Take in a step: how many rows before it never came, and those that did."""
        if missed:
            self.after_ns = self._last if not self.gaps else self.after_ns
            self.gaps += not self._open
            self.missed += missed
            self._open, self.before_ns = True, 0
        if columns.rows:
            if self._open:
                self.before_ns, self._open = int(columns.ts[0]), False
            self.rows += columns.rows
            self._last = int(columns.ts[-1])

    @property
    def status(self) -> str:
        """Say what is missing, and between which times; empty if nothing is."""
        if not self.missed:
            return ""
        first = moment(self.after_ns) if self.after_ns else "the feed's start"
        last = moment(self.before_ns) if self.before_ns else "its end"
        several = f" in {self.gaps:,} gaps" if self.gaps > 1 else ""
        return (
            f"{STATUS}: {self.missed:,} rows of {self.rows + self.missed:,}{several}, "
            f"from {first} to {last}"
        )

    def facts(self) -> dict[str, Any]:
        """Return what is missing as a summary tells it: counts, and times in ns UTC or None."""
        return {
            "missed": self.missed, "rows": self.rows + self.missed, "gaps": self.gaps,
            "from_ns": self.after_ns or None, "to_ns": self.before_ns or None,
        }  # fmt: skip


def moment(ts_ns: int) -> str:
    """Return a time as India writes it, to the second."""
    at = datetime.fromtimestamp(ts_ns // 10**9, UTC).astimezone(INDIA)
    return f"{at:%Y-%m-%d %H:%M:%S} IST"
