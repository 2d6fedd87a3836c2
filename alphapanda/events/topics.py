"""Where each type of event is published, by what key, who writes it and who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from alphapanda.events.events import SHARED, Broker, EventType

BROKERS = tuple(Broker)
DLQ = ".dlq"
"""What is added to a topic's name for the messages of it that could not be used."""


class Topic(NamedTuple):
    """A topic. In `name`, `{broker}` stands for whose money it was."""

    name: str
    key: str
    producer: str
    consumers: tuple[str, ...]


INSTRUMENT, FEED, PAIR = "EXCHANGE:SYMBOL", "feed", "strategy:instrument"
ORDER, STRATEGY, SCOPE, RUN = "run id:order", "strategy", "scope", "run id"
THEIRS = "run id:broker's order"
MARKET_READERS = ("trade", "project")
READERS = ("project",)

TOPICS: dict[EventType, Topic] = {
    EventType.MARKET_TICK: Topic("market.ticks", INSTRUMENT, "feed", MARKET_READERS),
    EventType.MARKET_BAR: Topic("market.bars", INSTRUMENT, "feed", MARKET_READERS),
    EventType.FEED_STATE: Topic("market.status", FEED, "feed", MARKET_READERS),
    EventType.FEED_GAP: Topic("market.status", FEED, "trade", READERS),
    EventType.SESSION_PHASE: Topic("market.status", FEED, "feed", READERS),
    EventType.TRADING_SIGNAL: Topic("{broker}.signals.raw", PAIR, "trade", READERS),
    EventType.VALIDATED_SIGNAL: Topic("{broker}.signals.validated", PAIR, "trade", READERS),
    EventType.REJECTED_SIGNAL: Topic("{broker}.signals.rejected", PAIR, "trade", READERS),
    EventType.ORDER_PLACED: Topic("{broker}.orders.submitted", ORDER, "trade", READERS),
    EventType.ORDER_ADOPTED: Topic("{broker}.orders.submitted", ORDER, "trade", READERS),
    EventType.ORDER_MODIFY_SENT: Topic("{broker}.orders.submitted", ORDER, "trade", READERS),
    EventType.ORDER_CANCEL_SENT: Topic("{broker}.orders.submitted", ORDER, "trade", READERS),
    EventType.ORDER_ACKNOWLEDGED: Topic("{broker}.orders.acknowledged", ORDER, "trade", READERS),
    EventType.ORDER_MODIFIED: Topic("{broker}.orders.modified", ORDER, "trade", READERS),
    EventType.ORDER_TRIGGERED: Topic("{broker}.orders.modified", ORDER, "trade", READERS),
    EventType.ORDER_FILLED: Topic("{broker}.orders.filled", ORDER, "trade", READERS),
    EventType.ORDER_CANCELLED: Topic("{broker}.orders.cancelled", ORDER, "trade", READERS),
    EventType.ORDER_EXPIRED: Topic("{broker}.orders.cancelled", ORDER, "trade", READERS),
    EventType.ORDER_FAILED: Topic("{broker}.orders.failed", ORDER, "trade", READERS),
    EventType.ORDER_UNKNOWN: Topic("{broker}.orders.unknown", ORDER, "trade", READERS),
    EventType.EXTERNAL_ORDER: Topic("{broker}.orders.external", THEIRS, "trade", READERS),
    EventType.EXTERNAL_POSITION: Topic("{broker}.pnl.snapshots", INSTRUMENT, "trade", READERS),
    EventType.CHARGE_BOOKED: Topic("{broker}.pnl.snapshots", STRATEGY, "trade", READERS),
    EventType.PNL_SNAPSHOT: Topic("{broker}.pnl.snapshots", STRATEGY, "trade", READERS),
    EventType.COMMAND: Topic("{broker}.commands", SCOPE, "trade", READERS),
    EventType.TRADING_STOPPED: Topic("{broker}.system", RUN, "trade", READERS),
    EventType.BROKER_SESSION: Topic("{broker}.system", RUN, "trade", READERS),
    EventType.RECONCILED: Topic("{broker}.system", RUN, "trade", READERS),
    EventType.RUN_STATE: Topic("{broker}.system", RUN, "trade", READERS),
    EventType.SYSTEM_ERROR: Topic("{broker}.system", RUN, "any", READERS),
}


def topic_of(kind: EventType, broker: str) -> str:
    """Return the topic of a type of event for a broker (or `shared`, for the market's)."""
    name = TOPICS[kind].name.format(broker=broker)
    if name.startswith("market.") != (broker == SHARED):
        raise AssertionError(f"{kind} of broker '{broker}' has no topic")
    return name


def topics(broker: str) -> Iterator[str]:
    """Yield the topics that a broker's deployment uses, the market's included, each once."""
    named = (topic.name.format(broker=broker) for topic in TOPICS.values())
    yield from dict.fromkeys(named)
