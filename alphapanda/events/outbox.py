"""Where a run's envelopes wait for their readers."""

from __future__ import annotations

from typing import Protocol


class Outbox(Protocol):
    """A run's outputs in order. Calls come from a worker thread, one at a time."""

    def read(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return (seq, envelope as JSON) of up to `limit` with seq > after; none if none is yet."""

    def finished(self) -> bool:
        """Say if the run has ended, so that nothing follows what `read` returns afterwards."""
