"""The contract note of a day that a trader describes, made by the core's own kernels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from alphapanda.books import charging, notes
from alphapanda.books.state import TABLES
from alphapanda.core import expiry
from alphapanda.data.names import full_name
from alphapanda.engine.filling import NOTES, fill_rates
from alphapanda.engine.records import view
from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar, day_start_ns
from alphapanda.model.charges import Schedule
from alphapanda.model.classes import BOND_TERMS, PAIR, ChargeClass, is_bond
from alphapanda.model.contracts import by_name
from alphapanda.model.instruments import CASH, Instrument, Product, Segment
from alphapanda.model.money import BOUND, VALUE_BOUND, to_scaled
from alphapanda.model.rows import NEVER

PARTS = (
    "brokerage", "stt", "exchange", "sebi", "stamp", "gst", "depository", "square_off",
    "exercise_stt", "settlement_brokerage",
)  # fmt: skip
"""What a note is told in, beside its total."""

GROUPED = r"\d+|\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}"
"""A whole number, its thousands or lakhs parted by commas: no comma stands for a decimal point."""
LOT = re.compile(rf"({GROUPED})@((?:{GROUPED})(?:\.\d{{1,4}})?)")
EXERCISE = re.compile(LOT.pattern + r"(?:x(\d+))?")


class Order(NamedTuple):
    """An executed order; `quantity` is below 0 for a sale, money scaled."""

    quantity: int
    price: int


class Exercise(NamedTuple):
    """Options in the money at their expiry; `orders` may be 0."""

    quantity: int
    intrinsic: int
    orders: int


@dataclass(frozen=True)
class Day:
    """What happened to one instrument on a day."""

    instrument: Instrument
    date: date
    product: Product | None = None
    """None: shares for delivery as far as they are not bought and sold on the day, NRML."""
    orders: tuple[Order, ...] = ()
    exercises: tuple[Exercise, ...] = ()
    close_outs: int = 0
    """Futures closed out at expiry."""
    square_offs: int = 0
    """Orders that the broker placed."""
    stocks: int = 0
    """Shares of which some left the demat account."""
    btst: bool = False
    """They were bought the day before."""


def read_order(option: str, text: str) -> Order:
    """Return what --buy or --sell names.

    Raises: UsageError for anything but QTY@PRICE.
    """
    found = LOT.fullmatch(text)
    number, price = (0, 0) if found is None else numbers(found)
    if not number:
        raise UsageError(f"{option} {text}: write QTY@PRICE, such as 100@1450.50")
    quantity = bounded(option, text, number, price)
    return Order(quantity if option == "--buy" else -quantity, price)


def read_exercise(text: str) -> Exercise:
    """Return what --exercise names.

    Raises: UsageError for anything but QTY@INTRINSIC or QTY@INTRINSICxORDERS.
    """
    found = EXERCISE.fullmatch(text)
    number, intrinsic = (0, 0) if found is None else numbers(found)
    if found is None or not number:
        raise UsageError(
            f"--exercise {text}: write QTY@INTRINSIC, such as 75@120.50, with xORDERS for more "
            "than one order"
        )
    quantity = bounded("--exercise", text, number, intrinsic)
    return Exercise(quantity, intrinsic, 1 if found[3] is None else int(found[3]))


def numbers(found: re.Match[str]) -> tuple[int, int]:
    """Return the quantity and the price (scaled) that a pattern found."""
    bare = [found[part].replace(",", "") for part in (1, 2)]
    return int(bare[0]), to_scaled(Decimal(bare[1]))


def bounded(option: str, text: str, quantity: int, price: int) -> int:
    """Return a quantity whose value the core can hold.

    Raises: UsageError for one too large.
    """
    if quantity >= BOUND or price >= BOUND or quantity * price > VALUE_BOUND:
        raise UsageError(f"{option} {text}: too large to be an order")
    return quantity


def instrument_of(name: str) -> Instrument:
    """Return an instrument by its name; its contract need not exist.

    Raises: UsageError for an index, which nobody can trade, or a name that says no segment.
    """
    instrument = by_name(full_name(name.strip(), None), Calendar.nse())
    if instrument.segment == Segment.INDEX:
        raise UsageError(
            f"{instrument.name} is an index: it cannot be traded; name a contract on it, or an ETF"
        )
    return instrument


def kind_of(day: Day, schedule: Schedule) -> ChargeClass:
    """Return the class of a day's trades.

    Raises: UsageError for a product that the instrument cannot have, or facts it has not.
    """
    share = day.instrument.exchange in CASH
    name = day.instrument.name
    if share and day.product == Product.NRML:
        raise UsageError(f"--product NRML: {name} is a share: write CNC or MIS")
    if not share and day.product == Product.CNC:
        raise UsageError(f"--product CNC: {name} is a derivative: write NRML or MIS")
    if not share and (day.stocks or day.btst):
        raise UsageError(f"--depository, --btst: {name} lies in no demat account")
    if day.exercises and day.instrument.segment != Segment.OPTIONS:
        raise UsageError(f"--exercise: {name} is no option")
    if day.close_outs and day.instrument.segment != Segment.FUTURES:
        raise UsageError(f"--close-out: {name} is no future; an option has --exercise")
    product = day.product or (Product.CNC if share else Product.NRML)
    return schedule.class_of(day.instrument, product, day.date)


def note_of(day: Day, schedule: Schedule) -> dict[str, int]:
    """Return the note by kind, with `total`, in scaled money.

    Raises: UsageError for what cannot be charged, or rates that are not known.
    """
    kind = kind_of(day, schedule)
    core = made_core(day, schedule, kind)
    for order in day.orders:
        filled: Any = view(np.zeros(1, TABLES["orders"]))[0]
        charging.charge_fill(core, core.positions[0], filled, order.quantity, order.price)
    settle(day, core.fees[0])
    for number in range(len(core.notes)):
        notes.close_note(core, number)
    parts = notes.charges_by_kind((), core.notes)
    parts["depository"] = day.stocks * depository_fee(day, schedule)
    parts["square_off"] = day.square_offs * square_off_fee(day, schedule, kind)
    return {**{part: parts[part] for part in PARTS}, "total": sum(parts.values())}


def made_core(day: Day, schedule: Schedule, kind: ChargeClass) -> Any:
    """Return as much of a core as its charges need: one position in one instrument."""
    core = SimpleNamespace(
        **{name: view(np.zeros(1, TABLES[name])) for name in ("clock", "instruments", "positions")},
        fees=view(np.zeros(2, TABLES["fees"])), notes=view(np.zeros(len(NOTES), TABLES["notes"])),
    )  # fmt: skip
    core.clock[0].now = day_start_ns(day.date)
    core.clock[0].instruments = 1
    core.notes[1].commodities = 1
    nets = kind in PAIR and day.product is None
    for place, charged in enumerate((kind, PAIR.get(kind, kind))):
        record: Any = np.zeros(1, TABLES["fees"])
        rates = schedule.rates(day.date, charged, day.instrument.exchange)
        fill_rates(record[0], rates, day.instrument.exchange)
        core.fees[place] = view(record)[0]
        core.fees[place].until = NEVER
        core.fees[place].pair = 1 if nets and place == 0 else -1
    core.instruments[0].physical = day.instrument.on_share
    return core


def settle(day: Day, fees: Any) -> None:
    """Count what the day's exercises and close-outs owe."""
    for exercise in day.exercises:
        fees.exercised += exercise.quantity * exercise.intrinsic
        if day.instrument.on_share and fees.physical and day.instrument.strike:
            value = exercise.quantity * day.instrument.strike
            fees.settled += expiry.physical_fee(fees, value, exercise.quantity, 1, 0, 0)
        else:
            fees.settled += exercise.orders * expiry.settlement_fee(fees, 0, True)
    fees.settled += day.close_outs * expiry.settlement_fee(fees, 0, True)


def depository_fee(day: Day, schedule: Schedule) -> int:
    """Return what one share costs that leaves the demat account."""
    if not day.stocks:
        return 0
    kind = schedule.class_of(day.instrument, Product.CNC, day.date)
    rates = schedule.rates(day.date, kind, day.instrument.exchange)
    return rates.dp_btst if day.btst else rates.dp


def square_off_fee(day: Day, schedule: Schedule, kind: ChargeClass) -> int:
    """Return what one order costs that the broker placed; of shares they are intraday."""
    rates = schedule.rates(day.date, PAIR.get(kind, kind), day.instrument.exchange)
    return rates.square_off_fee


def doubts(day: Day, schedule: Schedule) -> list[str]:
    """Return which of the rates that a note rests on are not known for certain."""
    kind = kind_of(day, schedule)
    kinds = [kind, PAIR[kind]] if kind in PAIR and day.product is None else [kind]
    found = {d for k in kinds for d in schedule.doubts(day.date, k, day.instrument.exchange)}
    found = {doubt for doubt in found if doubt.split()[1] not in unused(day)}
    if schedule.looks_like_fund(day.instrument, day.date):
        found.add(f"{day.instrument.name} sounds like an ETF but is charged as a share")
    if is_bond(day.instrument) and not schedule.is_plain:
        found.add(f"{day.instrument.name} {BOND_TERMS}")
    return sorted(found)


def unused(day: Day) -> set[str]:
    """Return the parts of the rates that a note does not need."""
    found = {"dp"} if day.btst or not day.stocks else {"dp_btst"}
    if not day.stocks:
        found.add("dp_btst")
    if not day.square_offs:
        found.add("square_off_fee")
    if not day.exercises:
        found |= {"exercise_stt", "physical", "physical_netted"}
    if not (day.exercises or day.close_outs):
        found.add("settlement_brokerage")
    if not day.orders:
        found |= {"brokerage", "brokerage_cap", "brokerage_flat", "stt_buy", "stt_sell",
                  "exchange", "sebi", "stamp_buy"}  # fmt: skip
    return found


def netted(day: Day) -> int:
    """Return how many shares were bought and sold on the day, and so are charged as intraday."""
    if day.product is not None or day.instrument.exchange not in CASH:
        return 0
    bought = sum(order.quantity for order in day.orders if order.quantity > 0)
    return min(bought, -sum(order.quantity for order in day.orders if order.quantity < 0))
