"""Messages and dead letters as the terminal shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from alphapanda.bus import dead_letters, topic_reader
from alphapanda.bus.dead_letters import Letter
from alphapanda.bus.letters import strip_ending
from alphapanda.cli.flags import option
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.events.topics import DLQ
from alphapanda.model.calendar import INDIA

Limit = Annotated[int, option(metavar="N", text="At most, the newest. (default: 20)")]
Topic = Annotated[
    str, typer.Argument(metavar="TOPIC", help="The topic they were on, as paper.orders.filled.")
]
Offset = Annotated[
    int | None, option(metavar="N", text="Only this letter, by its offset in `dlq list`.")
]
Partition = Annotated[int, option(metavar="N", text="With --offset: of which. (default: 0)")]


def moment(ts_ns: int) -> str:
    """Return a time as it is in India, to the millisecond."""
    at = datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC).astimezone(INDIA)
    return f"{at:%Y-%m-%d %H:%M:%S}.{ts_ns // 1_000_000 % 1000:03d}"


async def chosen(
    settings: Settings, topic: str, offset: int | None, partition: int, limit: int
) -> list[Letter]:
    """Return the newest letters of a topic, or the one at an offset.

    Raises:
        UsageError: if there is none at the offset.
    """
    name = strip_ending(topic) + DLQ
    if offset is None:
        return [
            dead_letters.letter(each) for each in await topic_reader.newest(settings, name, limit)
        ]
    return [dead_letters.letter(await topic_reader.at(settings, name, partition, offset))]


def check_limit(limit: int) -> None:
    """Refuse a limit below 1."""
    if limit < 1:
        raise UsageError(f"--limit {limit}: at least 1")
