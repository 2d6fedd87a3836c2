"""The end of a day: all orders over, all trades in, positions equal, charges as the broker's.

Charges are computed from our own trades by the rules of a contract note and compared with what the
broker computes for the same orders. What is not equal keeps the run open, for a person to see.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from alphapanda import files
from alphapanda.brokers.zerodha.orders.bodies import EXCHANGES, REGULAR
from alphapanda.brokers.zerodha.orders.reading import (
    OddError,
    holding_row,
    number,
    read_list,
    read_positions,
)
from alphapanda.brokers.zerodha.orders.reconciling import Books
from alphapanda.brokers.zerodha.orders.state import State, Tracked
from alphapanda.errors import OutsideError
from alphapanda.model.charges import NoteFill, Rates, Schedule, contract_note
from alphapanda.model.instruments import CASH, Exchange, Product
from alphapanda.model.money import SCALE, to_rupees

NAME = "closing.json"
WITHIN = SCALE
"""One rupee: what rounding to the rupee may differ by."""
COMPARED = (*CASH, Exchange.NFO, Exchange.BFO)
"""Elsewhere a contract's size is not its lot, and charges are left to the contract note."""


@dataclass(frozen=True)
class Closing:
    """How a day ended; amounts scaled."""

    day: str
    open_orders: tuple[int, ...]
    missing_trades: tuple[int, ...]
    differing: tuple[str, ...]
    """Positions that nothing explains."""
    charges: int
    broker_charges: int | None
    """None: the broker has not said."""
    not_compared: tuple[int, ...] = ()
    """Orders whose charges were not compared."""
    held: Mapping[str, int] = field(default_factory=dict)
    """What the account is to show the next morning, others' part included, by instrument and
    product, as `NSE:INFY CNC`."""

    @property
    def agrees(self) -> bool:
        """Whether the day may be closed."""
        told = self.broker_charges is not None
        near = told and abs(self.charges - (self.broker_charges or 0)) <= WITHIN
        return near and not (self.open_orders or self.missing_trades or self.differing)

    def write(self, folder: Path) -> None:
        """Write the report of the day's end; that of an earlier day is kept beside it.

        Raises:
            OutsideError: if the disk does not take it.
        """
        facts: dict[str, Any] = {**asdict(self), "agrees": self.agrees}
        try:
            keep_older(folder, self.day)
            files.write_text(folder / NAME, json.dumps(facts, indent=1))
        except OSError as error:
            raise OutsideError(f"{folder / NAME}: {error}; free space or mend the disk") from error


def keep_older(folder: Path, day: str) -> None:
    """Let the report of an earlier day bear its date."""
    path = folder / NAME
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    of = before.get("day", day)
    if of != day:
        path.rename(path.with_stem(f"{path.stem}-{of}"))


def traded(state: State) -> list[Tracked]:
    """Return the orders of the day whose charges can be compared."""
    return [
        one for one in state.orders.values()
        if one.fills and not one.older and state.instruments[one.row].exchange in COMPARED
    ]  # fmt: skip


def charge_rows(state: State) -> list[dict[str, Any]]:
    """Return the orders of a day as the broker's calculator takes them."""
    return [
        {
            "order_id": one.broker_id,
            "exchange": EXCHANGES[state.instruments[one.row].exchange],
            "tradingsymbol": state.instruments[one.row].symbol,
            "transaction_type": "BUY" if one.sign > 0 else "SELL", "variety": REGULAR,
            "product": one.terms.product, "order_type": one.terms.kind, "quantity": one.booked,
            "average_price": float(to_rupees(sum(q * p for q, p in one.fills)) / one.booked),
        }
        for one in traded(state)
    ]  # fmt: skip


def charges_of(state: State, schedule: Schedule, day: date) -> int:
    """Return what our trades of a day cost, scaled, before the note's rounding to the rupee."""
    notes: dict[Rates, list[NoteFill]] = {}
    for one in traded(state):
        instrument, product = state.instruments[one.row], Product(one.request.product)
        charge_class = schedule.class_of(instrument, product, day)
        rates = schedule.rates(day, charge_class, instrument.exchange)._replace(note_rounding=0)
        fills = (NoteFill(one.sign > 0, qty, price, one.order) for qty, price in one.fills)
        notes.setdefault(rates, []).extend(fills)
    return sum(contract_note(fills, rates).total for rates, fills in notes.items())


def broker_charges_of(data: Any, orders: int) -> int | None:
    """Return the sum of the broker's charges, scaled; None if it is not of so many orders."""
    if not isinstance(data, list) or len(data) != orders:
        return None
    total = 0
    for row in data:
        charges = row.get("charges") if isinstance(row, Mapping) else None
        if not isinstance(charges, Mapping):
            return None
        try:
            total += int(number(charges, "total") * SCALE)
        except OddError:
            return None
    return total


def held_overnight(positions: Any, holdings: Any) -> dict[str, int]:
    """Return what an account is to show the next morning, by its lists of the evening.

    Shares that were bought are holdings then; of those that were sold the holdings are less by now.
    """
    found: dict[str, int] = {}
    rows, shares = read_positions(positions), read_list(holdings, holding_row)
    for row in () if rows is None else rows.rows:
        if row.product == "NRML" or (row.product == "CNC" and row.qty > 0):
            key = f"{row.name} {row.product}"
            found[key] = found.get(key, 0) + row.qty
    for one in () if shares is None else shares.rows:
        found[f"{one.name} CNC"] = found.get(f"{one.name} CNC", 0) + one.free
    return {key: qty for key, qty in found.items() if qty}


def expected_on(folder: Path, day: date) -> dict[tuple[str, str], int]:
    """Return what an account was to show on a morning, by the closing of the last day before it."""
    path = folder / NAME
    facts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if facts.get("day", str(day)) >= str(day):
        return {}
    named = (key.rpartition(" ") for key in facts.get("held", {}))
    return {(name, product): facts["held"][f"{name} {product}"] for name, _, product in named}


def close(
    state: State, books: Books, data: Any, *, schedule: Schedule, day: date,
    held: Mapping[str, int] | None = None,
) -> Closing:  # fmt: skip
    """Return how a day has ended; `data`: the broker's answer about `charge_rows`."""
    orders = state.orders.values()
    compared = {one.order for one in traded(state)}
    differing = {" ".join(key) for key in books.differs}
    differing |= {state.instruments[row].name for row in state.night}
    return Closing(
        str(day), tuple(one.order for one in orders if not one.is_over),
        tuple(one.order for one in orders if one.filled > one.booked),
        tuple(sorted(differing)),
        charges_of(state, schedule, day), broker_charges_of(data, len(compared)),
        tuple(one.order for one in orders
              if one.fills and not one.older and one.order not in compared),
        held or {},
    )  # fmt: skip
