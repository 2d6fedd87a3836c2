"""`alphapanda bootstrap | tail | dlq`: topics made, events as lines, dead letters sent again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from alphapanda import config
from alphapanda.bus import dead_letters, topic_reader, topics
from alphapanda.bus.dead_letters import Letter
from alphapanda.bus.topic_reader import Replayed
from alphapanda.cli.output import print_json
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.events.events import EventError, decode
from alphapanda.events.topics import BROKERS, DLQ
from alphapanda.model.calendar import INDIA

WIDTH = 32
SHOWN_BYTES = 2_000


def bootstrap(brokers: Sequence[str], *, json: bool) -> None:
    """Make the topics of some brokers, all if none is named, and say what was done."""
    for broker in brokers:
        if broker not in BROKERS:
            hint = did_you_mean(broker, BROKERS)
            raise UsageError(f"--broker {broker}: one of {', '.join(BROKERS)}.{hint}")
    made = asyncio.run(topics.bootstrap(config.load(), brokers or BROKERS))
    if json:
        print_json({"created": made.created, "kept": made.kept})
        return
    sys.stdout.write("".join(f"created {name}\n" for name in made.created))
    sys.stdout.write(f"{len(made.created)} topics created, {len(made.kept)} were there\n")


def tail(topic: str, *, limit: int, follow: bool, json: bool) -> None:
    """Print a topic's newest messages, and with `follow` those to come."""
    if follow and json:
        raise UsageError("--json prints one object, which --follow never ends: leave one out")
    checked(limit)
    settings = config.load()
    found = asyncio.run(topic_reader.newest(settings, topic, limit))
    if json:
        print_json({"topic": topic, "messages": [as_facts(each) for each in found]})
        return
    for each in found:
        sys.stdout.write(f"{printable(as_line(each))}\n")
    if follow:
        asyncio.run(print_following(topic))


async def print_following(topic: str) -> None:
    """Print what comes, until interrupted."""
    async for message in topic_reader.following(config.load(), topic):
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
    """Return a value of a payload as a line has room for it: of a list, how long it is."""
    return f"[{len(value)}]" if isinstance(value, (list, tuple)) else str(value)


def as_facts(message: Any) -> dict[str, Any]:
    """Return a message for a program: its place, and its envelope or why it is none."""
    facts = {"partition": message.partition, "offset": message.offset}
    try:
        return {**facts, "envelope": msgspec.to_builtins(decode(message.value or b""))}
    except EventError as error:
        return {**facts, "error": str(error), "text": shown(message.value or b"")}


def moment(ts_ns: int) -> str:
    """Return a time as it is in India, to the millisecond."""
    at = datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC).astimezone(INDIA)
    return f"{at:%Y-%m-%d %H:%M:%S}.{ts_ns // 1_000_000 % 1000:03d}"


def list_letters(topic: str | None, *, limit: int, json: bool) -> None:
    """Print dead letters, one a line."""
    checked(limit)
    found = asyncio.run(gathered(topic, limit))
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


def show_letters(
    topic: str, *, offset: int | None, partition: int, limit: int, json: bool
) -> None:  # fmt: skip
    """Print dead letters with what is in them."""
    checked(limit)
    found = asyncio.run(chosen(topic, offset, partition, limit))
    if json:
        print_json({"letters": [{**about(one), "text": shown(one.value)} for one in found]})
        return
    for each in found:
        for name, value in about(each).items():
            sys.stdout.write(f"{name:<16} {printable(str(value))}\n")
        sys.stdout.write(f"{shown(each.value)}\n\n")


def replay_letters(
    topic: str, *, offset: int | None, partition: int, limit: int, json: bool
) -> None:  # fmt: skip
    """Send dead letters to their topic again and say how many."""
    checked(limit)
    name = plain(topic)
    done = asyncio.run(replayed(topic, offset, partition, limit))
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
    topic: str, offset: int | None, partition: int, limit: int
) -> Replayed:  # fmt: skip
    """Send one letter, or those that have not been sent; return how many were, and were not.

    Raises:
        UsageError: if the one would only come back.
    """
    settings = config.load()
    if offset is not None:
        (one,) = await chosen(topic, offset, partition, 1)
        why = dead_letters.unfit(settings, one)
        if why:
            raise UsageError(printable(
                f"{one.topic}{DLQ} offset {one.offset}: it can't be sent again, it would only come "
                f"back: {why}"
            ))  # fmt: skip
        await topic_reader.send_again(settings, dead_letters.returned([one]))
        return Replayed(1)
    return await topic_reader.send_unsent(settings, plain(topic) + DLQ, limit)


async def gathered(topic: str | None, limit: int) -> list[Letter]:
    """Return the newest letters of a topic or of all."""
    settings = config.load()
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


async def chosen(topic: str, offset: int | None, partition: int, limit: int) -> list[Letter]:
    """Return the newest letters of a topic, or the one at an offset.

    Raises:
        UsageError: if there is none at the offset.
    """
    name = plain(topic) + DLQ
    settings = config.load()
    if offset is None:
        return [
            dead_letters.letter(each) for each in await topic_reader.newest(settings, name, limit)
        ]
    return [dead_letters.letter(await topic_reader.at(settings, name, partition, offset))]


def about(letter: Letter) -> dict[str, Any]:
    """Return what is known of a letter, without what is in it."""
    facts = letter._asdict() | {"key": shown(letter.key), "whole": letter.whole}
    del facts["value"]
    return facts


def shown(value: bytes) -> str:
    """Return bytes as text that can be printed, its beginning if it is long."""
    text = printable(value[:SHOWN_BYTES].decode("utf-8", "backslashreplace"))
    return (
        text if len(value) <= SHOWN_BYTES else f"{text} ... {len(value) - SHOWN_BYTES} bytes more"
    )


def printable(text: str) -> str:
    """Return text in which nothing moves the cursor or ends the line: others have written it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def plain(topic: str) -> str:
    """Return a topic's name without the ending of dead letters."""
    return topic.removesuffix(DLQ)


def checked(limit: int) -> None:
    """Refuse a limit below 1."""
    if limit < 1:
        raise UsageError(f"--limit {limit}: at least 1")
