"""The exchange's own book of what happened: every request, state and trade, in order and exact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class Ledger:
    """Entries of ints and texts; times are those of the data, so that runs can be compared."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = dict(facts)
        self.entries: list[dict[str, Any]] = []

    def write(self, kind: str, ts: int, **values: Any) -> None:
        """Add an entry."""
        self.entries.append({"number": len(self.entries) + 1, "kind": kind, "ts": ts, **values})

    def export(self, state: Mapping[str, Any]) -> bytes:
        """Return the ledger as JSON, always in the same form."""
        content = {**self.facts, "entries": self.entries, **state}
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
