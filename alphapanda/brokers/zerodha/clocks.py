"""The wall clock of a process that talks to Kite; of a simulator's process, the simulator's day."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

from alphapanda.brokers.zerodha.addresses import Addresses
from alphapanda.brokers.zerodha.answers import Answer, Outcome
from alphapanda.brokers.zerodha.transport import Request, Transport
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.model.calendar import DAY, IST

Clock = Callable[[], int]
"""Returns the time, ns UTC."""

HOUR = 3_600 * 10**9
ENDS_AT = 6 * HOUR
"""Of a day in India, at which every session ends."""
READ_AGAIN_S = 0.25
"""The longest that a simulator's time is continued without asking for it."""
ANSWER_S = 2.0
GIVEN_UP_S = 30.0
"""Without an answer."""


def session_end(now_ns: int) -> int:
    """Return when a session that begins now ends: the next 06:00 in India."""
    start = (now_ns + IST) // DAY * DAY - IST
    end = start + ENDS_AT
    return end if now_ns < end else end + DAY


def time_text(ns: int) -> str:
    """Return a time as India writes it, to the second."""
    moment = datetime.fromtimestamp(ns // 10**9, UTC) + timedelta(minutes=330)
    return f"{moment:%Y-%m-%d %H:%M:%S} IST"


def clock_of(settings: Settings, addresses: Addresses) -> Clock:
    """Return this machine's clock, or that of a simulator on it."""
    if not addresses.simulator:
        return time.time_ns
    return SimulatorClock(addresses.api, family=settings.zerodha.address_family)


class SimulatorClock:
    """The time of a simulator's day, continued between two looks at its speed."""

    def __init__(self, address: str, *, family: str) -> None:
        self._request = Request("GET", urljoin(address, "/_sim/clock"), {})
        self._transport = Transport(family=family, loopback_only=True)
        self._asked_at = self._read_at = float("-inf")
        self._now_ns = 0
        self.speed = 0.0
        """Seconds of the market in a second."""
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Return the time, ns UTC.

        Raises:
            OutsideError: if the simulator does not say.
        """
        with self._lock:
            if time.monotonic() - self._asked_at > READ_AGAIN_S:
                self._read()
            age = time.monotonic() - self._read_at
            return self._now_ns + int(age * self.speed * 1e9)

    # One answer that does not come in time is no reason to stop: the time goes on as it went.
    def _read(self) -> None:
        limit_s = ANSWER_S if self.speed else GIVEN_UP_S  # at first there is no time to go on with
        answer = self._transport.send(self._request, timeout_s=limit_s, judge=read_time)
        self._asked_at = time.monotonic()
        if answer.outcome is not Outcome.DONE:
            if self._asked_at - self._read_at < GIVEN_UP_S:
                return
            raise OutsideError(
                f"the simulator does not say its time at /_sim/clock ({answer.text}): start it, or "
                "set ALPHAPANDA_ZERODHA__API_URL"
            )
        self._now_ns, self.speed = answer.data
        self._read_at = self._asked_at


def read_time(status: int, _: str, body: bytes) -> Answer:
    """Return time and speed out of a simulator's answer."""
    try:
        found = json.loads(body)
        data = int(found["now_ns"]), float(found["speed"])
    except (ValueError, KeyError, TypeError):
        return Answer(Outcome.UNREADABLE, status, "", "an answer without now_ns and speed")
    return Answer(Outcome.DONE, status, data=data)
