"""Messages become envelopes, or the reason why not: form, place and values that can't be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alphapanda.errors import AlphaPandaError
from alphapanda.events.events import (
    SHARED,
    Bar,
    Envelope,
    EventError,
    FeedGap,
    FeedState,
    FeedStatus,
    Fill,
    Order,
    Tick,
    decode,
)
from alphapanda.events.feeds import feed_of
from alphapanda.events.topics import BROKERS, topic_of
from alphapanda.model.money import to_scaled

EARLIEST_NS = 631_152_000 * 10**9
LATEST_NS = 4_102_444_800 * 10**9
"""The years 1990 to 2099: every event lies between."""


class PoisonError(AlphaPandaError):
    """A message that can't be applied, however often it is tried; the reason goes with it."""


def taken_in(message: Any, most: int) -> Envelope:
    """Return the envelope in a message of at most so many bytes.

    Raises:
        PoisonError: if there is none, or one that can't be; with what is wrong.
    """
    value: bytes = message.value or b""
    if len(value) > most:
        raise PoisonError(f"{len(value)} bytes; the most is {most}")
    try:
        envelope = decode(value)
    except EventError as error:
        raise PoisonError(str(error)) from error
    why = misplaced(envelope, message.topic, message.key or b"") or impossible(envelope)
    if why:
        raise PoisonError(f"{envelope.type}: {why}")
    return envelope


def misplaced(envelope: Envelope, topic: str, key: bytes) -> str:
    """Say why an envelope can't be on a topic, or under a key; empty if it can."""
    market = topic.startswith("market.")
    if envelope.broker not in ((SHARED,) if market else BROKERS):
        return f"broker {envelope.broker!r} on {topic}"
    try:
        place = topic_of(envelope.type, envelope.broker)
    except AssertionError:
        place = "no topic"
    if place != topic:
        return f"belongs on {place}, not on {topic}"
    if envelope.key.encode() != key:
        return f"its key is {envelope.key!r}, the message's {key!r}"
    return ""


def impossible(envelope: Envelope) -> str:
    """Say which value of an envelope can't be; empty if all can."""
    if not EARLIEST_NS <= envelope.ts <= LATEST_NS:
        return f"ts {envelope.ts} is not between the years 1990 and 2099"
    return CHECKS.get(type(envelope.data), nothing)(envelope.data)


def nothing(_: Any) -> str:
    """Find nothing wrong: whatever has its type's form can be."""
    return ""


def wrong_bar(bar: Bar) -> str:
    """Say what of a bar can't be."""
    low, high = to_scaled(bar.low), to_scaled(bar.high)
    if not all(low <= to_scaled(each) <= high for each in (bar.open, bar.close)):
        return "open or close is not between low and high"
    return negative(low=bar.low)


def wrong_fill(fill: Fill) -> str:
    """Say what of a fill can't be."""
    return "qty is 0" if fill.qty == 0 else negative(price=fill.price)


def wrong_feed(state: FeedState) -> str:
    """Say what of a feed's state can't be."""
    try:
        feed_of(state)
    except EventError as error:
        return str(error)
    return "" if state.status in tuple(FeedStatus) else f"status {state.status!r}"


def negative(**prices: str) -> str:
    """Name the first price below 0; empty if there is none."""
    found = (f"{name} is {price}" for name, price in prices.items() if price.startswith("-"))
    return next(found, "")


# A signal may want nonsense: that is for the risk gate to refuse, and part of the run.
CHECKS: dict[type, Callable[[Any], str]] = {
    Tick: lambda tick: negative(last=tick.last, bid=tick.bid, ask=tick.ask),
    Bar: wrong_bar,
    FeedState: wrong_feed,
    FeedGap: lambda gap: (
        "" if gap.first <= gap.last or gap.before_ns else f"from {gap.first} to {gap.last}"
    ),
    Order: lambda order: negative(price=order.price),
    Fill: wrong_fill,
}
