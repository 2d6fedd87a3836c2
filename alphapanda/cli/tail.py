"""`alphapanda tail`: a topic's events as lines."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any

import msgspec
import typer

from alphapanda import config
from alphapanda.bus import topic_reader
from alphapanda.bus.letters import printable, show_bytes
from alphapanda.cli.flags import Json, option
from alphapanda.cli.messages import check_limit, moment
from alphapanda.cli.output import print_json
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.events.events import EventError, decode

WIDTH = 32


def tail(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="As paper.orders.filled.")],
    limit: Annotated[int, option(metavar="N", text="The newest so many. (default: 20)")] = 20,
    follow: Annotated[
        bool, option("--follow", text="Go on with what comes, until Ctrl-C.")
    ] = False,
    json: Json = False,
) -> None:
    """Print a topic's events, one a line."""
    if follow and json:
        raise UsageError("--json prints one object, which --follow never ends: leave one out")
    check_limit(limit)
    settings = config.load()
    found = asyncio.run(topic_reader.newest(settings, topic, limit))
    if json:
        print_json({"topic": topic, "messages": [as_facts(each) for each in found]})
        return
    for each in found:
        sys.stdout.write(f"{printable(as_line(each))}\n")
    if follow:
        asyncio.run(print_following(settings, topic))


async def print_following(settings: Settings, topic: str) -> None:
    """Print what comes, until interrupted."""
    async for message in topic_reader.following(settings, topic):
        sys.stdout.write(f"{printable(as_line(message))}\n")
        sys.stdout.flush()


def as_line(message: Any) -> str:
    """Return a message as people read it: time in India, type, key, what its payload says."""
    try:
        envelope = decode(message.value or b"")
    except EventError as error:
        return f"{moment(message.timestamp * 1_000_000)}  ? offset {message.offset}: {error}"
    told = msgspec.to_builtins(envelope.data)
    known = (envelope.key, "", None)
    parts = " ".join(f"{name}={brief(value)}" for name, value in told.items() if value not in known)
    place = f"{envelope.run_id or envelope.source}#{envelope.seq}"
    return f"{moment(envelope.ts)}  {envelope.type:<17} {envelope.key:<{WIDTH}} {parts}  [{place}]"


def brief(value: Any) -> str:
    """Return a value of a payload as a line has room for it: of a collection, its length."""
    if isinstance(value, dict):
        return f"{{{len(value)}}}"
    return f"[{len(value)}]" if isinstance(value, (list, tuple)) else str(value)


def as_facts(message: Any) -> dict[str, Any]:
    """Return a message for a program: its place, and its envelope or why it is none."""
    facts = {"partition": message.partition, "offset": message.offset}
    try:
        return {**facts, "envelope": msgspec.to_builtins(decode(message.value or b""))}
    except EventError as error:
        return {**facts, "error": str(error), "text": show_bytes(message.value or b"")}
