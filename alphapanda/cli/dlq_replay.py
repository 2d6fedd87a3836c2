"""`alphapanda dlq replay`: dead letters sent to their topic again."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

from alphapanda import config
from alphapanda.bus import dead_letters, topic_reader
from alphapanda.bus.letters import printable, strip_ending
from alphapanda.bus.topic_reader import Replayed
from alphapanda.cli.flags import Json, option
from alphapanda.cli.messages import Offset, Partition, Topic, check_limit, chosen
from alphapanda.cli.output import print_json
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.events.topics import DLQ


def dlq_replay(
    topic: Topic,
    offset: Offset = None,
    partition: Partition = 0,
    limit: Annotated[
        int, option(metavar="N", text="At most, the oldest that were not sent. (default: 20)")
    ] = 20,
    json: Json = False,
) -> None:
    """Send dead letters to their topic again, each once; with --offset one, as often as asked.

    Those that can't be used now either stay where they are.
    """
    check_limit(limit)
    name = strip_ending(topic)
    done = asyncio.run(replayed(config.load(), topic, offset, partition, limit))
    if json:
        print_json({"topic": name, **done._asdict()})
        return
    said = [f"{done.sent} sent to {name} again"]
    if done.cut:
        said.append(f"{done.cut} were too large to be kept whole and are not")
    if done.bad:
        said.append(f"{done.bad} can't be used now either and are not: alphapanda dlq show {name}")
    sys.stdout.write(f"{'; '.join(said)}\n")


async def replayed(
    settings: Settings, topic: str, offset: int | None, partition: int, limit: int
) -> Replayed:  # fmt: skip
    """Send one letter, or those that have not been sent; return how many were, and were not.

    Raises:
        UsageError: if the one would only come back.
    """
    if offset is not None:
        (one,) = await chosen(settings, topic, offset, partition, 1)
        why = dead_letters.unfit(settings, one)
        if why:
            raise UsageError(printable(
                f"{one.topic}{DLQ} offset {one.offset}: it can't be sent again, it would only come "
                f"back: {why}"
            ))  # fmt: skip
        await topic_reader.send_again(settings, dead_letters.returned([one]))
        return Replayed(1)
    return await topic_reader.send_unsent(settings, strip_ending(topic) + DLQ, limit)
