"""What a stream sends: events with a name, JSON data and, where they can be resumed, an id."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

_ENCODER = msgspec.json.Encoder()


class Frame(NamedTuple):
    """One event of a stream."""

    event: str
    data: Any
    id: str = ""

    def as_sse(self) -> bytes:
        """Return it as Server-Sent Events write it."""
        head = f"id: {self.id}\n" if self.id else ""
        return f"{head}event: {self.event}\ndata: ".encode() + _ENCODER.encode(self.data) + b"\n\n"

    def as_text(self) -> str:
        """Return it as a WebSocket sends it."""
        told = {"event": self.event, "id": self.id or None, "data": self.data}
        return _ENCODER.encode(told).decode()
