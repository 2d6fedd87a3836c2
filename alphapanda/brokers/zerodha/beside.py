"""Zerodha's orders and positions beside those of runs: what agrees, and what is whose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from alphapanda.brokers.zerodha.orders.reading import CANCELLED, HoldingRow, OrderRow, PositionRow
from alphapanda.brokers.zerodha.orders.tags import parse

EQUAL, DIFFERENT, FOREIGN, KIN, MISSING = (
    "equal", "DIFFERENT", "not ours", "OURS, UNKNOWN TO ANY RUN", "NOT AT THE BROKER",
)  # fmt: skip
MORE = "and more, not ours"
BROKER_STATES = {"COMPLETE": ("FILLED",), "REJECTED": ("FAILED",), "CANCELLED": (
    "CANCELLED", "EXPIRED", "FAILED")}  # fmt: skip
UNSENT = ("FAILED", "CANCELLED", "EXPIRED")
"""How an order may have ended that never had a number of the broker's."""


class Ours(Protocol):
    """An order as a run has it (`runs.kept_books.KeptOrder`)."""

    run: str
    order: int
    instrument: str
    product: str
    qty: int
    state: str
    filled: int
    broker_order_id: str


class OrderLine(NamedTuple):
    """An order of both books, or of one; quantities are signed, None where there is none."""

    instrument: str
    product: str
    standing: str
    run: str = ""
    order: int = 0
    state: str = ""
    qty: int | None = None
    filled: int | None = None
    broker_order_id: str = ""
    broker_state: str = ""
    broker_qty: int | None = None
    broker_filled: int | None = None

    @property
    def agrees(self) -> bool:
        """Whether nobody has to look."""
        return self.standing in (EQUAL, FOREIGN)

    @property
    def ours(self) -> str:
        """Our side in words, for a person."""
        if not self.run:
            return ""
        return f"{self.run} #{self.order}: {self.filled} of {self.qty} {self.state}"

    @property
    def theirs(self) -> str:
        """The broker's side in words."""
        if not self.broker_state:
            return ""
        filled = f"{self.broker_filled} of {self.broker_qty} {self.broker_state}"
        return f"{self.broker_order_id}: {filled}"


def order_lines(ours: Iterable[Ours], theirs: Sequence[OrderRow]) -> list[OrderLine]:
    """Return both books side by side: ours in their order, then what is not ours."""
    rows = {row.order_id: row for row in theirs}
    lines = []
    for one in ours:
        row = rows.pop(one.broker_order_id, None) if one.broker_order_id else None
        lines.append(line_of(one, row))
    for row in rows.values():
        kin = any(parse(tag) is not None for tag in row.tags)
        lines.append(OrderLine(
            row.name, row.product, KIN if kin else FOREIGN, broker_order_id=row.order_id,
            broker_state=row.status, broker_qty=row.signed, broker_filled=signed_fill(row),
        ))  # fmt: skip
    return lines


def line_of(one: Ours, row: OrderRow | None) -> OrderLine:
    """Return an order of ours beside its row of the order book."""
    line = OrderLine(
        one.instrument, one.product, MISSING, one.run, one.order, one.state, one.qty, one.filled,
        one.broker_order_id,
    )  # fmt: skip
    if row is None:
        # Ended here before it was sent: stopped, refused by us, a dry run.
        never = one.state in UNSENT and not one.broker_order_id and not one.filled
        return line._replace(standing=EQUAL if never else "UNKNOWN" if one.state == "UNKNOWN"
                             else MISSING)  # fmt: skip
    states = BROKER_STATES.get(row.status, ("SENT", "WORKING"))
    same = one.state in states and one.filled == signed_fill(row)
    same = same and (row.status == CANCELLED or one.qty == row.signed)
    standing = "UNKNOWN" if one.state == "UNKNOWN" else EQUAL if same else DIFFERENT
    return line._replace(
        standing=standing, broker_state=row.status, broker_qty=row.signed,
        broker_filled=signed_fill(row),
    )  # fmt: skip


def signed_fill(row: OrderRow) -> int:
    """Return what of an order is filled, negative of a sale."""
    return row.filled if row.buys else -row.filled


class PositionLine(NamedTuple):
    """What is held of an instrument under a product, signed: by runs, and in the account."""

    instrument: str
    product: str
    ours: int
    theirs: int
    standing: str

    @property
    def agrees(self) -> bool:
        """Whether nobody has to look."""
        return self.standing in (EQUAL, FOREIGN, MORE)


def position_lines(
    ours: Mapping[tuple[str, str], int], positions: Iterable[PositionRow],
    holdings: Iterable[HoldingRow],
) -> list[PositionLine]:  # fmt: skip
    """Return what is held, side by side; shares of the account are CNC, settled or not."""
    theirs: dict[tuple[str, str], int] = {}
    for row in positions:
        theirs[row.name, row.product] = theirs.get((row.name, row.product), 0) + row.qty
    for held in holdings:
        key = held.name, "CNC"
        theirs[key] = theirs.get(key, 0) + held.free + held.used
    lines = []
    for key in sorted({*ours, *theirs}):
        mine, has = ours.get(key, 0), theirs.get(key, 0)
        if mine or has:
            whole = EQUAL if mine == has else FOREIGN if not mine else DIFFERENT
            more = mine * has > 0 and abs(has) > abs(mine)
            lines.append(PositionLine(*key, mine, has, MORE if more else whole))
    return lines
