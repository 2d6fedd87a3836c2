"""Messages that are none, made of good ones by a seed: each kind by a word of its reason."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

import msgspec

from alphapanda.bus.publisher import Record
from alphapanda.events.events import Envelope, EventType, Fill, Order, event_id
from tests.projection.made_up import trades
from tests.support.events import message

Spoil = Callable[[Random, Record], tuple[bytes | None, bytes | None]]
"""Makes key and value of a bad message out of a good one's."""
BRACKETS = ((b"[", b"]"), (b'{"a":', b"}"))
FIVE_MB, LARGE_ONES = 5_000_000, 3


class Bad(NamedTuple):
    """A message that can't be used."""

    topic: str
    key: bytes | None
    value: bytes | None
    why: str


def instead(*values: bytes | None) -> Spoil:
    """Let the value be something else."""
    return lambda chance, good: (good.key, chance.choice(values))


def changed(**to: object) -> Spoil:
    """Let fields of the envelope be others."""

    def spoil(_: Random, good: Record) -> tuple[bytes, bytes]:
        return good.key, msgspec.json.encode({**msgspec.json.decode(good.value), **to})

    return spoil


def data(field: bytes) -> Spoil:
    """Let the payload have one more field, whatever it was: the last of a name counts."""

    def spoil(_: Random, good: Record) -> tuple[bytes, bytes]:
        head, tail = good.value[:-2], good.value[-2:]
        assert tail == b"}}"
        return good.key, head + b"," + field + tail

    return spoil


def nested(chance: Random, good: Record) -> tuple[bytes | None, bytes | None]:
    """Let something unknown be deeper than any reader can follow, closed or not."""
    deep, (begin, end) = chance.randrange(20_000, 60_000), chance.choice(BRACKETS)
    inside = begin * deep + b"1" + end * (deep if chance.random() < 0.5 else 0)
    return good.key, good.value[:-2] + b',"x":' + inside + b"}}"


KINDS: dict[str, list[Spoil]] = {
    "not an event": [
        lambda c, good: (good.key, c.randbytes(c.randrange(200)) + b"\x00"),
        lambda c, good: (good.key, good.value[: c.randrange(len(good.value))]),
        lambda c, good: (good.key, good.value + c.choice([b"}", b"x", good.value])),
        lambda _, good: (good.key, good.value.decode().encode("utf-16")),
        lambda _, good: (good.key, good.value.replace(b"ema_cross", b"\\ud800")),
        lambda _, good: (good.key, good.value.replace(b"ema_cross", b"\xff")),
        instead(b"null", b"[]", b"1", b'""', b"{}", b"\xef\xbb\xbf{}"),
        instead(b'{"type":"order\\u001b[31m\\neaten"}'),
        changed(type="order_eaten"), changed(seq="7"), changed(data=[]), changed(run_id=None),
        data(b'"cause":-1'), data(b'"strategy":' + b"9" * 5_000), data(b'"cause":1e400'),
        *(data(b'"cause":' + word) for word in (b"NaN", b"Infinity", b"-Infinity", b"9" * 5_000)),
        nested,
    ],
    "truncated": [instead(b""), instead(None)],
    "known is 1": [changed(version=number) for number in (0, 2, 7, -1)],
    "its key is": [
        lambda _, good: (None, good.value), lambda _, good: (b"another's", good.value),
        lambda _, good: (b"\xff\xfe", good.value), lambda c, good: (c.randbytes(5_000), good.value),
    ],
    "belongs on": [changed(broker="paper")],
    "the years 1990": [changed(ts=1), changed(ts=2**63 - 1)],
}  # fmt: skip
ORDERS = {"price is -1.00": data(b'"price":"-1.00\\n"')}
FILLS = {**ORDERS, "qty is 0": data(b'"qty":0')}
LARGE = {"the most is": instead(b"x" * FIVE_MB)}


def bad(chance: Random, event: Envelope, number: int) -> Bad:
    """Return a bad message instead of a good one."""
    good = message(event)
    kinds = {why: chance.choice(ways) for why, ways in KINDS.items()}
    if isinstance(event.data, Order):
        kinds |= ORDERS
    if isinstance(event.data, Fill):
        kinds |= FILLS
    if number < LARGE_ONES:
        kinds = LARGE
    why = chance.choice(list(kinds))
    key, value = kinds[why](chance, good)
    return Bad(good.topic, key, value, why)


def with_untrue(run: str, count: int, chance: Random) -> tuple[list[Envelope], dict[int, str]]:
    """Return a run's events, some fills of which can't be true, and of these why, by their seq."""
    events: list[Envelope] = []
    why: dict[int, str] = {}
    for event in trades(run, count):
        if event.seq < 0:
            events.append(event)
            continue
        events.append(at(event, len(events) - 1))
        if event.type is EventType.ORDER_FILLED and chance.random() < 0.05:
            reason = chance.choice(list(UNTRUE))
            told = msgspec.structs.replace(event.data, **UNTRUE[reason])
            seq = len(events) - 1
            events.append(at(msgspec.structs.replace(event, data=told), seq))
            why[seq] = reason
    return events, why


def at(event: Envelope, seq: int) -> Envelope:
    """Return an event at another place of its run."""
    return msgspec.structs.replace(event, seq=seq, id=event_id(event.ts, event.run_id, seq))


UNTRUE: dict[str, dict[str, int]] = {
    "more filled than ordered": {},
    "a fill of nothing, or the other side's": {"qty": -1},
    "was never placed": {"order": 10**9},
}
