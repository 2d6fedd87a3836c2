"""`alphapanda dlq show`: dead letters with their contents."""

from __future__ import annotations

import asyncio
import sys

from alphapanda import config
from alphapanda.bus.letters import about, printable, show_bytes
from alphapanda.cli.flags import Json
from alphapanda.cli.messages import Limit, Offset, Partition, Topic, check_limit, chosen
from alphapanda.cli.output import print_json


def dlq_show(
    topic: Topic,
    offset: Offset = None,
    partition: Partition = 0,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """Show dead letters with their contents."""
    check_limit(limit)
    found = asyncio.run(chosen(config.load(), topic, offset, partition, limit))
    if json:
        print_json({"letters": [{**about(one), "text": show_bytes(one.value)} for one in found]})
        return
    for each in found:
        for name, value in about(each).items():
            sys.stdout.write(f"{name:<16} {printable(str(value))}\n")
        sys.stdout.write(f"{show_bytes(each.value)}\n\n")
