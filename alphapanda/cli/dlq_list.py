"""`alphapanda dlq list`: dead letters, one a line."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from alphapanda import config
from alphapanda.bus import dead_letters, topic_reader, topics
from alphapanda.bus.dead_letters import Letter
from alphapanda.cli.flags import Json
from alphapanda.cli.messages import Limit, about, check_limit, moment, plain, printable
from alphapanda.cli.output import print_json
from alphapanda.config.settings import Settings
from alphapanda.events.topics import BROKERS, DLQ


def dlq_list(
    topic: Annotated[
        str | None, typer.Argument(metavar="TOPIC", help="Of one topic. (default: of all)")
    ] = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List dead letters: where each came from, when, and why."""
    check_limit(limit)
    found = asyncio.run(gathered(config.load(), topic, limit))
    if json:
        print_json({"letters": [about(each) for each in found]})
        return
    for each in found:
        line = (
            f"{moment(each.ts_ms * 1_000_000)}  {each.topic:<26} letter "
            f"{each.partition}/{each.offset} of {each.origin_partition}/{each.origin_offset}, "
            f"{each.size} bytes: {each.reason}"
        )
        sys.stdout.write(f"{printable(line)}\n")
    if not found:
        sys.stdout.write("no dead letters\n")


async def gathered(settings: Settings, topic: str | None, limit: int) -> list[Letter]:
    """Return the newest letters of a topic or of all."""
    if topic is not None:
        names = [plain(topic) + DLQ]
    else:
        names = await topic_reader.existing(settings, topics.wanted(BROKERS))
        names = [name for name in names if name.endswith(DLQ)]
    found = []
    for name in names:
        found += [
            dead_letters.letter(each) for each in await topic_reader.newest(settings, name, limit)
        ]
    return sorted(found, key=lambda each: (each.ts_ms, each.topic, each.offset))[-limit:]
