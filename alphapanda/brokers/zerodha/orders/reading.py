"""Rows of Kite's lists, read strictly: one that does not fit is no row, and is counted.

Only what decides something is read; unknown fields pass, `5.0` is 5, and a price that has more than
four decimals is none of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from alphapanda.brokers.zerodha.answers import bounded
from alphapanda.model.calendar import INDIA
from alphapanda.model.money import BOUND, SCALE

COMPLETE, CANCELLED, REJECTED = "COMPLETE", "CANCELLED", "REJECTED"
FINAL = (COMPLETE, CANCELLED, REJECTED)
OPEN, TRIGGER_PENDING = "OPEN", "TRIGGER PENDING"
AT_EXCHANGE = (
    OPEN, TRIGGER_PENDING, "MODIFY VALIDATION PENDING", "MODIFY PENDING", "MODIFIED",
    "CANCEL PENDING",
)  # fmt: skip
"""Not final, and the exchange has it."""
UNDER_WAY = ("MODIFY VALIDATION PENDING", "MODIFY PENDING", "MODIFIED", "CANCEL PENDING")
BEFORE = ("PUT ORDER REQ RECEIVED", "AMO REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING")
"""Not yet at the exchange."""
KNOWN = (*FINAL, *AT_EXCHANGE, *BEFORE)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
FIRST_YEAR = 2000
"""A time before it stands for none."""


class OrderRow(NamedTuple):
    """An order as the book shows it; quantities unsigned, prices scaled."""

    order_id: str
    status: str
    name: str
    """EXCHANGE:SYMBOL."""
    buys: bool
    product: str
    kind: str
    variety: str
    parent_id: str
    qty: int
    filled: int
    price: int
    trigger: int
    tags: tuple[str, ...]
    text: str
    """The broker's words."""
    ts: int
    """Of the exchange, else of the request, ns UTC; 0: none."""
    cancelled: int = 0

    @property
    def is_final(self) -> bool:
        """Whether Kite says that nothing can happen to it any more."""
        return self.status in FINAL

    @property
    def signed(self) -> int:
        """The quantity, negative of a sale."""
        return self.qty if self.buys else -self.qty

    @property
    def is_protected_market(self) -> bool:
        """Whether it is a market order that rests as a limit order."""
        return "mktp" in self.tags


class TradeRow(NamedTuple):
    """One execution; the quantity is unsigned, the price scaled."""

    order_id: str
    trade_id: str
    exchange: str
    name: str
    buys: bool
    product: str
    qty: int
    price: int
    ts: int
    """0: no time."""


class PositionRow(NamedTuple):
    """A position of an instrument under a product, signed; the average price is scaled."""

    name: str
    product: str
    qty: int
    average: int
    overnight: int


class HoldingRow(NamedTuple):
    """Shares in the account."""

    name: str
    quantity: int
    t1: int
    used: int
    collateral: int
    mtf: int
    authorised: int

    @property
    def free(self) -> int:
        """What may be sold: settled and yesterday's; `quantity` is less what was sold today."""
        return self.quantity + self.t1


class Funds(NamedTuple):
    """Money of a segment, scaled."""

    net: int
    cash: int
    """Seen to be 0 for a funded account: shown, never believed."""


class List(NamedTuple):
    """Rows that were read, and what did not fit."""

    rows: tuple[Any, ...]
    odd: tuple[str, ...]


class OddError(ValueError):
    """A field that does not fit."""


class Cache:
    """Rows as they were read last: most of a list has not changed since the one before."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._known: dict[object, tuple[Mapping[str, Any], Any]] = {}

    def read(self, row: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Any]) -> Any:
        """Return a row, read."""
        name = row.get(self._key)
        known = self._known.get(name) if isinstance(name, str) else None
        if known is not None and known[0] == row:
            return known[1]
        found = read(row)
        self._known[name] = row, found
        return found


def read_list(
    data: Any, read: Callable[[Mapping[str, Any]], Any], cache: Cache | None = None
) -> List | None:  # fmt: skip
    """Return the rows of a list; None if it is no list."""
    if not isinstance(data, list):
        return None
    rows, odd = [], []
    for each in data:
        if not isinstance(each, dict):
            odd.append(f"a row that is {type(each).__name__}")
            continue
        try:
            rows.append(read(each) if cache is None else cache.read(each, read))
        except OddError as error:
            odd.append(bounded(error))
    return List(tuple(rows), tuple(odd))


def order_row(row: Mapping[str, Any]) -> OrderRow:
    """Return a row of the order book.

    Raises:
        OddError: naming the field that does not fit.
    """
    tags = row.get("tags")
    marks = [each for each in tags if isinstance(each, str)] if isinstance(tags, list) else []
    tag = row.get("tag")
    if isinstance(tag, str) and tag and tag not in marks:
        marks.insert(0, tag)
    words = [row.get("status_message"), row.get("status_message_raw")]
    return OrderRow(
        identity(row, "order_id"), word(row, "status").strip().upper(), name_of(row), side(row),
        word(row, "product"), word(row, "order_type"), word(row, "variety"),
        row["parent_order_id"] if isinstance(row.get("parent_order_id"), str) else "",
        read_quantity(row, "quantity"), read_quantity(row, "filled_quantity"),
        price_or_none(row, "price"),
        price_or_none(row, "trigger_price"), tuple(marks),
        bounded(" / ".join(str(each) for each in words if each)) if any(words) else "",
        moment(row.get("exchange_update_timestamp")) or moment(row.get("exchange_timestamp"))
        or moment(row.get("order_timestamp")),
        0 if row.get("cancelled_quantity") is None else read_quantity(row, "cancelled_quantity"),
    )  # fmt: skip


def trade_row(row: Mapping[str, Any]) -> TradeRow:
    """Return an execution; its `order_timestamp` is a time without a day and is not read.

    Raises:
        OddError: naming the field that does not fit.
    """
    qty, paid = read_quantity(row, "quantity"), price(row, "average_price")
    if not qty or not paid:
        raise OddError(f"trade {row.get('trade_id')!r} of {qty} at {paid}")
    return TradeRow(
        identity(row, "order_id"), identity(row, "trade_id"), word(row, "exchange"), name_of(row),
        side(row), word(row, "product"), qty, paid,
        moment(row.get("fill_timestamp")) or moment(row.get("exchange_timestamp")),
    )  # fmt: skip


def position_row(row: Mapping[str, Any]) -> PositionRow:
    """Return a position of the list `net`.

    Raises:
        OddError: naming the field that does not fit.
    """
    return PositionRow(
        name_of(row), word(row, "product"), signed(row, "quantity"), average(row),
        signed(row, "overnight_quantity"),
    )  # fmt: skip


def holding_row(row: Mapping[str, Any]) -> HoldingRow:
    """Return a holding; pledged and margin-funded shares stand apart.

    Raises:
        OddError: naming the field that does not fit.
    """
    mtf = row.get("mtf")
    funded = read_quantity(mtf, "quantity") if isinstance(mtf, dict) and "quantity" in mtf else 0
    return HoldingRow(
        name_of(row), read_quantity(row, "quantity"), read_quantity(row, "t1_quantity"),
        read_quantity(row, "used_quantity"), read_quantity(row, "collateral_quantity"), funded,
        read_quantity(row, "authorised_quantity"),
    )  # fmt: skip


def read_positions(data: Any) -> List | None:
    """Return the present positions; None if there is no such list."""
    return read_list(data.get("net"), position_row) if isinstance(data, dict) else None


def read_funds(data: Any) -> dict[str, Funds] | None:
    """Return the money of each segment, rounded to our scale; None if it can't be told."""
    if not isinstance(data, dict):
        return None
    found = {}
    for segment in ("equity", "commodity"):
        row = data.get(segment)
        if not isinstance(row, dict):
            continue
        have = row.get("available")
        try:
            cash = number(have, "cash") if isinstance(have, dict) and "cash" in have else Decimal()
            found[segment] = Funds(*(int(each * SCALE) for each in (number(row, "net"), cash)))
        except OddError:
            return None
    return found or None


def name_of(row: Mapping[str, Any]) -> str:
    """Return EXCHANGE:SYMBOL."""
    return f"{word(row, 'exchange')}:{word(row, 'tradingsymbol')}"


def side(row: Mapping[str, Any]) -> bool:
    """Say if a row is of a purchase."""
    found = word(row, "transaction_type")
    if found not in ("BUY", "SELL"):
        raise OddError(f"transaction_type {found!r}")
    return found == "BUY"


def identity(row: Mapping[str, Any], name: str) -> str:
    """Return an id."""
    found = row.get(name)
    text = str(found) if isinstance(found, int) and not isinstance(found, bool) else found
    if not isinstance(text, str) or not ID.fullmatch(text):
        raise OddError(f"{name} {found!r:.60}")
    return text


def word(row: Mapping[str, Any], name: str) -> str:
    """Return a text that is there."""
    found = row.get(name)
    if not isinstance(found, str) or not found.strip() or len(found) > 64:
        raise OddError(f"{name} {found!r:.60}")
    return found


def number(row: Mapping[str, Any], name: str) -> Decimal:
    """Return a number as it is written."""
    found = row.get(name)
    if isinstance(found, bool) or not isinstance(found, (int, float, str)):
        raise OddError(f"{name} {found!r:.60}")
    try:
        value = Decimal(str(found))
    except InvalidOperation:
        raise OddError(f"{name} {found!r:.60}") from None
    if not value.is_finite() or abs(value) >= BOUND:
        raise OddError(f"{name} {found!r:.60}")
    return value


def signed(row: Mapping[str, Any], name: str) -> int:
    """Return a whole number; 5 and 5.0 are the same."""
    value = number(row, name)
    if value != int(value):
        raise OddError(f"{name} {row.get(name)!r:.60}")
    return int(value)


def read_quantity(row: Mapping[str, Any], name: str) -> int:
    """Return a quantity from 0 up."""
    value = signed(row, name)
    if value < 0:
        raise OddError(f"{name} {value}")
    return value


def price(row: Mapping[str, Any], name: str) -> int:
    """Return a price from 0 up, scaled."""
    value = number(row, name) * SCALE
    if value < 0 or value != int(value):
        raise OddError(f"{name} {row.get(name)!r:.60}")
    return int(value)


def price_or_none(row: Mapping[str, Any], name: str) -> int:
    """Return a price, 0 where an order has none."""
    return 0 if row.get(name) is None else price(row, name)


def average(row: Mapping[str, Any]) -> int:
    """Return an average, which may have any number of decimals, rounded to our scale."""
    return int((number(row, "average_price") * SCALE).to_integral_value())


def moment(text: object) -> int:
    """Return `YYYY-MM-DD HH:MM:SS` of India, ns UTC; 0 for anything else."""
    if not isinstance(text, str) or not MOMENT.fullmatch(text):
        return 0
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return 0
    if found.year < FIRST_YEAR:
        return 0
    return int(found.replace(tzinfo=INDIA).timestamp()) * 10**9
