"""Reading from Kite again, where it could not answer just now. What changes something never is."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TypeVar

from alphapanda import log
from alphapanda.brokers.zerodha.answers import KiteError, Outcome
from alphapanda.net.tasks import waits

LOG = log.get(__name__)
TRIES = 4
BUSY = (Outcome.RATE_LIMITED,)
"""Another program of the same key asked a moment before: the limits are the key's."""
BUSY_OR_DOWN = (Outcome.UNAVAILABLE, *BUSY)
FIRST_WAIT_S = 1.0
T = TypeVar("T")


def patiently(call: Callable[[], T], on: Collection[Outcome] = BUSY_OR_DOWN) -> T:
    """Return what a call returns; one that ends in such an outcome is made again.

    Raises:
        KiteError: if it fails otherwise, or again and again.
    """
    for number, wait_s in enumerate(waits(FIRST_WAIT_S, 8.0), 1):
        try:
            return call()
        except KiteError as error:
            if error.outcome not in on or number == TRIES:
                raise
            LOG.warning("asked again", why=error.answer.text, attempt=number)
            time.sleep(wait_s)
    raise AssertionError("waits end")
