"""What may go wrong between a gateway and the simulated exchange in virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alphapanda.brokers.zerodha.answers import Answer, Outcome, judge, unanswered
from alphapanda.kitesim.checks import UNLISTED

JSON = "application/json"


def error(status: int, kind: str | None, text: str) -> Answer:
    """Return what Kite's error means to us."""
    body = {"status": "error", "message": text, "error_type": kind, "data": None}
    return judge(status, JSON, json.dumps(body).encode())


def done(data: Any) -> Answer:
    """Return a success; its data are what JSON would have made of them."""
    return Answer(Outcome.DONE, 200, data=data)


class Fault:
    """What is answered in the place of a success, when, and whether the exchange acted."""

    def __init__(self, acts: bool, answer: Callable[[], Answer], *, waits: bool = False) -> None:
        self.acts, self.answer, self.waits = acts, answer, waits


FAULTS: dict[str, Fault] = {
    "timeout, placed": Fault(True, lambda: unanswered("no answer in time"), waits=True),
    "timeout, not placed": Fault(False, lambda: unanswered("no answer in time"), waits=True),
    "reset, placed": Fault(True, lambda: unanswered("the connection was cut")),
    "reset, not placed": Fault(False, lambda: unanswered("the connection was cut")),
    "half body": Fault(True, lambda: unanswered("the answer did not come whole in time")),
    "502 page, placed": Fault(True, lambda: judge(502, "text/html", b"<html>")),
    "502 page, not placed": Fault(False, lambda: judge(502, "text/html", b"<html>")),
    "504 JSON": Fault(True, lambda: error(504, "NetworkException", "Gateway timed out")),
    "503 JSON": Fault(True, lambda: error(503, "NetworkException", "unavailable")),
    "400 timed out": Fault(True, lambda: error(
        400, "OrderException", "Order request timed out. Please check the order book.")),
    "200 without data": Fault(True, lambda: judge(200, JSON, b'{"status":"success"}')),
    "200 without a number": Fault(True, lambda: judge(
        200, JSON, b'{"status":"success","data":{}}')),
    "wrong type": Fault(True, lambda: judge(200, "text/plain", b"{}")),
    "no type": Fault(True, lambda: judge(200, "", b"")),
    "a list": Fault(True, lambda: judge(200, JSON, b"[]")),
    "200 with an error": Fault(True, lambda: error(200, "GeneralException", "odd")),
    "302": Fault(True, lambda: judge(302, "text/html", b"")),
    "500 unknown type": Fault(True, lambda: error(500, None, "something")),
    "429": Fault(False, lambda: error(429, "NetworkException", "Too many requests")),
    "400 margin": Fault(False, lambda: error(400, "MarginException", "Insufficient funds.")),
    "refused, placed all the same": Fault(True, lambda: error(400, "InputException", "odd")),
    "403 address": Fault(False, lambda: error(403, "PermissionException", UNLISTED)),
}  # fmt: skip
"""Of a request that places an order; the first seventeen and more of reliability F1."""
PROFILE = {
    "user_id": "SIM001", "exchanges": ["NSE", "NFO"],
    "order_types": ["MARKET", "LIMIT", "SL", "SL-M"], "products": ["CNC", "MIS", "NRML"],
}  # fmt: skip
LIST_FAULTS = ("fails", "empty", "short", "shuffled", "late", "no list")


@dataclass
class Way:
    """What may go wrong, and how often."""

    place: float = 0.0
    """Chance of a fault of FAULTS for a new order."""
    change: float = 0.0
    lists: float = 0.0
    fixed: str = ""
    """The fault of every new order."""
    hidden_s: float = 0.0
    """How long each order is not in the book; -1: by the seed, up to 120 s."""
    lost_updates: float = 0.3
    kill_s: float = 0.0
    """When the process dies, and another goes on; 0: never."""
