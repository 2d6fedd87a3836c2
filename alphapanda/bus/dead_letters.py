"""Dead letters: messages that could not be used, kept beside their topic with the reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from alphapanda.bus.decoding import PoisonError, taken_in
from alphapanda.bus.publisher import Record
from alphapanda.config.settings import Settings
from alphapanda.events.topics import DLQ

REASON_CHARS = 500
DIGITS = 20
"""More than any number has that was written here."""
CUT_BYTES = 64 * 1024
"""What is kept of a message that was larger than a message may be."""


class Letter(NamedTuple):
    """A dead letter: its own offset in the topic of dead letters, and where it came from."""

    partition: int
    offset: int
    ts_ms: int
    topic: str
    origin_partition: int
    origin_offset: int
    group: str
    reason: str
    sha256: str
    size: int
    key: bytes
    value: bytes

    @property
    def whole(self) -> bool:
        """Say if all of the message is here."""
        return len(self.value) == self.size


def buried(settings: Settings, message: Any, *, reason: str, group: str) -> Record:
    """Return the dead letter of a message: its bytes as they were, and why, in headers."""
    value: bytes = message.value or b""
    size = str(len(value)).encode()
    if len(value) > settings.bus.message_bytes - CUT_BYTES:
        value = value[:CUT_BYTES]
    headers = (
        ("topic", message.topic.encode()),
        ("partition", str(message.partition).encode()),
        ("offset", str(message.offset).encode()),
        ("reason", reason[:REASON_CHARS].encode("utf-8", "backslashreplace")),
        ("sha256", hashlib.sha256(message.value or b"").hexdigest().encode()),
        ("bytes", size),
        ("group", group.encode()),
    )
    return Record(message.topic + DLQ, (message.key or b"")[:1000], value, headers)


def identity(headers: Iterable[tuple[str, bytes | None]]) -> bytes:
    """Return what makes a letter the same as another: the group, the message, its bytes."""
    told = dict(headers)
    parts = (told.get(name) or b"" for name in ("group", "topic", "partition", "offset", "sha256"))
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).digest()


def letter(message: Any) -> Letter:
    """Return the dead letter that a message of such a topic is; others' headers may be missing."""
    told = {name: (value or b"").decode("utf-8", "replace") for name, value in message.headers}
    value = message.value or b""
    return Letter(
        message.partition, message.offset, message.timestamp,
        told.get("topic", message.topic.removesuffix(DLQ)), number(told.get("partition", "")),
        number(told.get("offset", "")), told.get("group", ""), told.get("reason", "not said"),
        told.get("sha256", ""), number(told.get("bytes", str(len(value)))), message.key or b"",
        value,
    )  # fmt: skip


def number(text: str) -> int:
    """Return a header's number, -1 if it holds none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < DIGITS else -1


def unfit(settings: Settings, letter: Letter) -> str:
    """Say why a letter would only come back if it were sent again; empty if it need not."""
    if not letter.whole:
        return f"only {len(letter.value)} of {letter.size} bytes were kept"
    try:
        taken_in(letter, settings.bus.message_bytes)
    except PoisonError as error:
        return str(error)
    return ""


def returned(letters: Iterable[Letter]) -> list[Record]:
    """Return the messages that bring letters back to where they came from."""
    return [Record(each.topic, each.key, each.value) for each in letters]
