"""Which feeds there are: what they said on the topic of the market's state, newest last."""

from __future__ import annotations

from typing import NamedTuple

from alphapanda import log
from alphapanda.bus.topic_reader import newest
from alphapanda.config.settings import Settings
from alphapanda.events.events import Envelope, EventError, EventType, FeedStatus, decode
from alphapanda.events.feeds import Feed, feed_of
from alphapanda.events.topics import TOPICS

LOG = log.get(__name__)
STATES = TOPICS[EventType.FEED_STATE].name
MOST = 50_000
"""Events of the market's state that are looked at."""


class Announced(NamedTuple):
    """A feed that has begun, at `stamp_ms` of the server's time; `last` is None while it runs."""

    feed: Feed
    stamp_ms: int
    last: int | None = None

    @property
    def runs(self) -> bool:
        """Say if it has not ended; it may have been killed."""
        return self.last is None


async def announced(settings: Settings) -> dict[str, Announced]:
    """Return every feed by its id, as it last began; who began last comes last.

    Raises:
        UsageError: if the topic is not there.
        OutsideError: if the server does not answer.
    """
    found: dict[str, Announced] = {}
    for message in await newest(settings, STATES, MOST):
        event = feed_state(message.value or b"")
        if event is None:
            continue
        state = event.data
        if state.status == FeedStatus.BEGUN:
            found.pop(state.feed, None)
            found[state.feed] = Announced(feed_of(state), message.timestamp)
        elif state.feed in found:
            found[state.feed] = found[state.feed]._replace(last=state.last)
    return found


def feed_state(event: bytes) -> Envelope | None:
    """Return the event that bytes hold, if it is one of a feed's state that can be."""
    try:
        found = decode(event)
        if found.type == EventType.FEED_STATE:
            feed_of(found.data)
            return found
    except EventError as error:
        LOG.warning("passed over", topic=STATES, reason=str(error)[:200])
    return None
