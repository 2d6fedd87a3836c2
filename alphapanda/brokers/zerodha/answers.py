"""What an answer of Kite means, by one table: of its status, its `error_type` and its text.

No exception's class decides: several types have no class of their own, and some answers that are
errors look like success to the client.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

from alphapanda.errors import OutsideError
from alphapanda.log import redact


class Outcome(StrEnum):
    """What became of a request."""

    DONE = "done"
    REFUSED = "refused"
    """Kite will not do this; asking again changes nothing."""
    AUTH_LOST = "auth_lost"
    """The session is over."""
    FORBIDDEN = "forbidden"
    """The session may not do this: plan, permission, account."""
    IP_REFUSED = "ip_refused"
    """The app does not list the address that orders came from: all placing must stop."""
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    """Kite, or what stands behind it, fails or does not answer."""
    UNREADABLE = "unreadable"
    """An answer that is none of Kite's."""


class Fate(StrEnum):
    """What became of an order request, as far as its answer tells."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """By a proven refusal; a look into the book confirms it."""
    HALTED = "halted"
    """Refused, and so would be every other: no order may be sent."""
    UNKNOWN = "unknown"
    """It may be working: only the order book tells."""


class Answer(NamedTuple):
    """An answer, judged."""

    outcome: Outcome
    status: int
    """Of HTTP; 0 where none came."""
    error_type: str = ""
    text: str = ""
    data: Any = None


TEXT_BOUND = 300
LOOKED_AT = 4_096
"""Characters of a text from outside that are looked at."""
TIMED_OUT = re.compile(r"timed? ?-?out", re.IGNORECASE)
"""Seen with status 400 for orders that were placed all the same."""
NO_ADDRESS = re.compile(
    r"\bIP\b.*not allowed to place|no IPs? configured|allowed IPs", re.IGNORECASE | re.DOTALL
)
TOO_MANY = re.compile(r"too many requests", re.IGNORECASE)
BUSY = re.compile(r"being processed", re.IGNORECASE)
NOT_ENOUGH = re.compile(
    r"insufficient (?:funds|stock|holding)|margin exceeds|maximum allowed order", re.IGNORECASE
)

FORBIDDEN = ("PermissionException", "UserException", "TwoFAException")

RULES: tuple[tuple[Callable[[int, str, str], object], Outcome], ...] = (
    (lambda _, __, text: NO_ADDRESS.search(text), Outcome.IP_REFUSED),
    (lambda status, kind, _: status == 401 or kind == "TokenException", Outcome.AUTH_LOST),
    (lambda status, _, text: status == 429 or TOO_MANY.search(text), Outcome.RATE_LIMITED),
    (lambda _, __, text: TIMED_OUT.search(text), Outcome.UNAVAILABLE),
    (lambda status, _, __: status >= 500 or status < 400, Outcome.UNAVAILABLE),
    (lambda status, _, text: status == 428 or NOT_ENOUGH.search(text), Outcome.REFUSED),
    (lambda status, kind, _: status == 403 or kind in FORBIDDEN, Outcome.FORBIDDEN),
    (lambda _, kind, __: kind, Outcome.REFUSED),
    (lambda *_: True, Outcome.UNREADABLE),
)
"""What an error means by status, type and text; the first that fits counts. A text that is proven
counts for more than the type, which Kite has changed for the same text before."""
PROVEN = ("InputException", "MarginException", "HoldingException")
"""Types that say for certain that an order was not taken."""


def judge(status: int, content_type: str, body: bytes) -> Answer:
    """Return what an answer means."""
    kind = content_type.lower()
    if "csv" in kind and status == 200:
        return Answer(Outcome.DONE, status, data=body)
    if "json" not in kind:
        return foreign(status, f"an answer of type {bounded(content_type) or 'nothing'}")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return foreign(status, "JSON that can't be read")
    return judge_envelope(status, found)


def judge_envelope(status: int, found: Any) -> Answer:
    """Return what an answer in JSON means."""
    if not isinstance(found, dict):
        return foreign(status, "JSON that is no object")
    error_type = found.get("error_type")
    if found.get("status") == "success" and not error_type and status < 300:
        if "data" not in found:
            return foreign(status, "an answer without data")
        return Answer(Outcome.DONE, status, data=found["data"])
    name = error_type if isinstance(error_type, str) else ""
    return refused(status, bounded(name), bounded(found.get("message")))


def refused(status: int, error_type: str, text: str) -> Answer:
    """Return what an error of Kite means, by the first rule that fits."""
    fitting = (outcome for fits, outcome in RULES if fits(status, error_type, text))
    return Answer(next(fitting), status, error_type, text)


def foreign(status: int, text: str) -> Answer:
    """Return what an answer means that something else than Kite has written."""
    if status in (401, 429):
        return refused(status, "", text)
    down = status >= 500
    return Answer(Outcome.UNAVAILABLE if down else Outcome.UNREADABLE, status, "", text)


def unanswered(text: str) -> Answer:
    """Return what it means that no answer came, or not all of it."""
    return Answer(Outcome.UNAVAILABLE, 0, "", bounded(text))


FATES = {
    Outcome.IP_REFUSED: Fate.HALTED,
    Outcome.AUTH_LOST: Fate.HALTED,
    Outcome.RATE_LIMITED: Fate.REFUSED,
    Outcome.FORBIDDEN: Fate.REFUSED,
    Outcome.UNAVAILABLE: Fate.UNKNOWN,
    Outcome.UNREADABLE: Fate.UNKNOWN,
}


def fate(answer: Answer) -> Fate:
    """Return what became of an order that was answered so."""
    if answer.outcome is Outcome.DONE:
        known = isinstance(answer.data, dict) and answer.data.get("order_id")
        return Fate.ACCEPTED if known else Fate.UNKNOWN
    if answer.outcome is not Outcome.REFUSED:
        return FATES[answer.outcome]
    named = answer.error_type in PROVEN and not BUSY.search(answer.text)
    proven = named or answer.status == 428 or NOT_ENOUGH.search(answer.text)
    return Fate.REFUSED if proven else Fate.UNKNOWN


def bounded(text: object) -> str:
    """Return a text from outside as a line: without steering characters or secrets, not long."""
    plain = " ".join(str(text)[:LOOKED_AT].split()) if text is not None else ""
    clean = redact.scrub("".join(char for char in plain if char.isprintable()))
    return clean if len(clean) <= TEXT_BOUND else clean[:TEXT_BOUND] + "..."


DO = {
    Outcome.REFUSED: "change the request",
    Outcome.AUTH_LOST: "the session is over: alphapanda login zerodha",
    Outcome.FORBIDDEN: "see which plan and permissions the app has at developers.kite.trade",
    Outcome.IP_REFUSED: "register this machine's address at developers.kite.trade, and choose its "
                        "kind by ALPHAPANDA_ZERODHA__ADDRESS_FAMILY",
    Outcome.RATE_LIMITED: "another program uses this key too: wait a minute",
    Outcome.UNAVAILABLE: "try again in a minute; status.zerodha.com says if Kite is down",
    Outcome.UNREADABLE: "see what stands between this machine and Kite",
}  # fmt: skip


class KiteError(OutsideError):
    """A request that was not done; `answer` says why."""

    def __init__(self, what: str, answer: Answer) -> None:
        facts = ", ".join(filter(None, (answer.error_type, str(answer.status or ""))))
        why = f"{answer.text or answer.outcome}{f' ({facts})' if facts else ''}"
        super().__init__(f"Kite, {what}: {why}; {DO[answer.outcome]}")
        self.answer = answer

    @property
    def outcome(self) -> Outcome:
        """What became of the request."""
        return self.answer.outcome


class AuthLostError(KiteError):
    """The session is over; nothing more is asked of Kite until somebody logs in."""


def error_of(what: str, answer: Answer) -> KiteError:
    """Return the error of an answer that is not DONE."""
    lost = answer.outcome is Outcome.AUTH_LOST
    return AuthLostError(what, answer) if lost else KiteError(what, answer)
