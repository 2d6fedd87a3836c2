"""`alphapanda dlq list`: dead letters, one a line."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from alphapanda import config
from alphapanda.bus.letters import about, gathered, printable
from alphapanda.cli.flags import Json
from alphapanda.cli.messages import Limit, check_limit, moment
from alphapanda.cli.output import print_json


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
