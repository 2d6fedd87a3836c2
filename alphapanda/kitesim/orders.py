"""Orders: what was asked for, what became of it, and the history that clients can read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from alphapanda.kitesim.listings import Listing

BUY, SELL = "BUY", "SELL"
MARKET, LIMIT, SL, SLM = "MARKET", "LIMIT", "SL", "SL-M"

RECEIVED = "PUT ORDER REQ RECEIVED"
AMO_RECEIVED = "AMO REQ RECEIVED"
VALIDATION = "VALIDATION PENDING"
OPEN_PENDING = "OPEN PENDING"
TRIGGER_PENDING = "TRIGGER PENDING"
OPEN = "OPEN"
MODIFY_VALIDATION = "MODIFY VALIDATION PENDING"
MODIFY_PENDING = "MODIFY PENDING"
MODIFIED = "MODIFIED"
CANCEL_PENDING = "CANCEL PENDING"
COMPLETE, CANCELLED, REJECTED = "COMPLETE", "CANCELLED", "REJECTED"
FINAL = (COMPLETE, CANCELLED, REJECTED)


class Refusal(NamedTuple):
    """A call that is refused: what the answer says."""

    message: str
    error_type: str = "InputException"
    code: int = 400


@dataclass(frozen=True, slots=True)
class Terms:
    """What a call asks for; prices scaled."""

    listing: Listing
    variety: str
    side: str
    kind: str
    product: str
    qty: int
    price: int = 0
    trigger: int = 0
    validity: str = "DAY"
    ttl_minutes: int = 0
    disclosed: int = 0
    protection: int = 0
    """Of market orders, in hundredths of a percent; -100: automatic."""
    tag: str | None = None
    autoslice: bool = False
    legs: int = 0
    """Of an iceberg."""

    @property
    def buys(self) -> bool:
        """Whether it buys."""
        return self.side == BUY


@dataclass(slots=True)
class Order:
    """An order at the exchange."""

    number: int
    """Counts all orders of the simulator."""
    order_id: str
    terms: Terms
    placed_ts: int
    app: bool = True
    """Placed by a client of this key; else from elsewhere."""
    parent_id: str | None = None
    exchange_id: str | None = None
    status: str = RECEIVED
    message: str | None = None
    message_raw: str | None = None
    kind: str = ""
    """As the book shows it: a protected market order becomes LIMIT."""
    price: int = 0
    trigger: int = 0
    qty: int = 0
    filled: int = 0
    value: int = 0
    """Sum of price x quantity of its fills."""
    fills: list[tuple[int, int]] = field(default_factory=list)
    """Quantity and price of each."""
    cancelled: int = 0
    tags: list[str] = field(default_factory=list)
    request_ts: int = 0
    """Of the latest request."""
    exchange_ts: int | None = None
    update_ts: int | None = None
    expires_ts: int | None = None
    modifications: int = 0
    modified: bool = False
    waits_for: str | None = None
    """The request that is under way: place, modify, cancel or nothing."""
    triggered: bool = False
    meta: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def pending(self) -> int:
        """What is not filled; Kite does not reset it when an order is cancelled."""
        return 0 if self.status == REJECTED else self.qty - self.filled

    @property
    def average(self) -> int:
        """The average price of its fills."""
        return self.value // self.filled if self.filled else 0

    @property
    def is_final(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in FINAL

    @property
    def works(self) -> bool:
        """Whether the exchange may fill it."""
        return self.status in (OPEN, MODIFY_VALIDATION, MODIFY_PENDING, CANCEL_PENDING) and (
            self.exchange_id is not None and not self.awaits_trigger
        )

    @property
    def awaits_trigger(self) -> bool:
        """Whether it waits for its trigger."""
        return self.terms.kind in (SL, SLM) and not self.triggered


class Trade(NamedTuple):
    """One execution."""

    number: int
    order: Order
    qty: int
    price: int
    ts: int
