"""`alphapanda bootstrap`: the topics, made where they are missing."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

from alphapanda import config
from alphapanda.bus import topics
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.events.topics import BROKERS


def bootstrap(
    broker: Annotated[
        list[str] | None,
        option(metavar="NAME", text="replay, paper or zerodha; again for each. (default: all)"),
    ] = None,
    json: Json = False,
) -> None:
    """Make the topics on the server of Kafka's protocol; what is there already is compared."""
    for name in broker or ():
        if name not in BROKERS:
            hint = did_you_mean(name, BROKERS)
            raise UsageError(f"--broker {name}: one of {', '.join(BROKERS)}.{hint}")
    made = asyncio.run(topics.bootstrap(config.load(), broker or BROKERS))
    if json:
        print_json({"created": made.created, "kept": made.kept})
        return
    sys.stdout.write("".join(f"created {name}\n" for name in made.created))
    sys.stdout.write(f"{len(made.created)} topics created, {len(made.kept)} were there\n")
