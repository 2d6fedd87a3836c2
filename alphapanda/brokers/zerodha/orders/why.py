"""Why an order ended or no new risk is taken, in words, and the core's codes for them."""

from __future__ import annotations

import re
from enum import StrEnum

from alphapanda.brokers.zerodha.answers import Answer, Outcome
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import Reason


class Why(StrEnum):
    """Reasons that a broker gives."""

    REJECTED = "REJECTED"
    """The broker or the exchange refused it."""
    MARGIN = "MARGIN"
    HOLDINGS = "HOLDINGS"
    LAPSED = "LAPSED"
    """Its answer was lost, and it never appeared in the order book."""
    AUTH = "AUTH"
    """The session is over."""
    RATE = "RATE"
    """Too many messages."""
    IP = "IP"
    """The app does not list this machine's address."""
    SYNC = "SYNC"
    """Our books and the broker's differ, or it was never sent."""
    UNKNOWN = "UNKNOWN"
    """Whether an order works is not known."""
    RESERVE = "RESERVE"
    """What is left of the day's messages is kept for exits."""
    ASKED = "ASKED"
    """It was cancelled as the core asked."""
    IOC = "IOC"
    SESSION_END = "SESSION_END"
    EXTERNAL = "EXTERNAL"
    """Somebody else ended it: the broker, the exchange, or a person at the terminal."""


ENDS = {Why.ASKED: "STRATEGY", Why.UNKNOWN: "SYNC", Why.RESERVE: "RATE"}
"""Of the core's reasons, where it has another word: 0, STRATEGY, is "as was asked"."""
BLOCKS = {
    Why.AUTH: "AUTH_LOST", Why.IP: "READ_ONLY", Why.SYNC: "READ_ONLY",
    Why.UNKNOWN: "BLOCKED_UNKNOWN", Why.RESERVE: "DAILY_LIMIT_RESERVE",
}  # fmt: skip
MARGIN = re.compile(r"insufficient funds|margin exceeds", re.IGNORECASE)
HOLDINGS = re.compile(r"insufficient (?:stock|holding)|authorisation at depository|check holdings",
                      re.IGNORECASE)  # fmt: skip


def end_code(why: Why) -> int:
    """Return the core's reason for the end of an order."""
    return int(Reason[ENDS.get(why, why.value)])


def block_code(why: Why) -> int:
    """Return the core's code for a refusal of new risk."""
    return int(RejectionCode[BLOCKS[why]])


def refusal_of(answer: Answer) -> Why:
    """Return why an order was refused by an answer."""
    by_outcome = {
        Outcome.IP_REFUSED: Why.IP, Outcome.AUTH_LOST: Why.AUTH, Outcome.RATE_LIMITED: Why.RATE,
    }  # fmt: skip
    if answer.outcome in by_outcome:
        return by_outcome[answer.outcome]
    by_type = {"MarginException": Why.MARGIN, "HoldingException": Why.HOLDINGS}
    return by_type.get(answer.error_type) or rejection_of(answer.text)


def rejection_of(text: str) -> Why:
    """Return why an order was rejected, by the broker's words."""
    if MARGIN.search(text):
        return Why.MARGIN
    return Why.HOLDINGS if HOLDINGS.search(text) else Why.REJECTED
