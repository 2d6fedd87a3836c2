"""Dead letters for whoever looks at them: found in their topics, told without their contents."""

from __future__ import annotations

from typing import Any

from alphapanda.bus import topic_reader, topics
from alphapanda.bus.dead_letters import Letter, letter
from alphapanda.config.settings import Settings
from alphapanda.events.topics import BROKERS, DLQ

SHOWN_BYTES = 2_000


async def gathered(settings: Settings, topic: str | None, limit: int) -> list[Letter]:
    """Return the newest letters of a topic or of all, the newest last.

    Raises:
        UsageError: if there is no such topic.
        OutsideError: if the server does not answer.
    """
    if topic is not None:
        names = [strip_ending(topic) + DLQ]
    else:
        names = await topic_reader.existing(settings, topics.wanted(BROKERS))
        names = [name for name in names if name.endswith(DLQ)]
    found = []
    for name in names:
        found += [letter(each) for each in await topic_reader.newest(settings, name, limit)]
    return sorted(found, key=lambda each: (each.ts_ms, each.topic, each.offset))[-limit:]


def about(letter: Letter) -> dict[str, Any]:
    """Return what is known of a letter, without what is in it."""
    facts = letter._asdict() | {"key": show_bytes(letter.key), "whole": letter.whole}
    del facts["value"]
    return facts


def show_bytes(value: bytes) -> str:
    """Return bytes as text that can be printed, its beginning if it is long."""
    text = printable(value[:SHOWN_BYTES].decode("utf-8", "backslashreplace"))
    return (
        text if len(value) <= SHOWN_BYTES else f"{text} ... {len(value) - SHOWN_BYTES} bytes more"
    )


def printable(text: str) -> str:
    """Return text in which nothing moves the cursor or ends the line: others have written it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def strip_ending(topic: str) -> str:
    """Return a topic's name without the ending of dead letters."""
    return topic.removesuffix(DLQ)
