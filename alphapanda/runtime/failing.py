"""A process that fails says so on the topics, for whoever watches them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alphapanda import log
from alphapanda.bus.relay import addressed
from alphapanda.bus.topic_reader import send_again
from alphapanda.config.settings import Settings
from alphapanda.errors import AlphaPandaError
from alphapanda.events.events import (
    Broker,
    Envelope,
    EventType,
    PartFailure,
    alone,
    encode,
    event_id,
)
from alphapanda.log.redact import scrub
from alphapanda.runtime.lifecycle import Parts

LOG = log.get(__name__)
TELL_S = 3.0
"""How long a process that has failed tries to say so."""


@contextmanager
def failure_told(
    settings: Settings, parts: Parts, part: str, concerned: Callable[[], str]
) -> Iterator[None]:
    """Publish `system_error` if what is done here fails, where a server is used; it fails anyway.

    `concerned` returns the run, or the feed, that is concerned.
    """
    try:
        yield
    except Exception as error:
        if settings.bus.enabled:
            parts.do(tried(settings, failure(part, concerned(), error)))
        raise


def failure(part: str, run_id: str, error: Exception) -> Envelope:
    """Return the event that a part has failed; no secret is in it."""
    ts = time.time_ns()
    data = PartFailure(part=part, message=scrub(f"{error}" or type(error).__name__))
    return alone(
        EventType.SYSTEM_ERROR, event_id(ts, run_id, part), ts, key=run_id or part, source=part,
        data=data, broker=Broker.PAPER, run_id=run_id,
    )  # fmt: skip


async def tried(settings: Settings, event: Envelope) -> None:
    """Publish an event, if the server takes it soon."""
    try:
        async with asyncio.timeout(TELL_S):
            await send_again(settings, [addressed(encode(event))])
    except (AlphaPandaError, TimeoutError) as error:
        LOG.warning("the failure is not on the topics", error=error)
