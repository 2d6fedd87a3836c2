"""An account counted again from its fills, in Decimal: what a broker's back office would say.

Nothing here is shared with the core: no running totals, no scaled ints, no cost per position kept
by it. Of the charge schedule only the raw rates are read. Rules: `../shared/kite-connect.md` §18.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from alphapanda.model.charges import ChargeClass, Rates, Schedule
from alphapanda.model.instruments import Exchange

ZERO = Decimal(0)
RATE_UNIT = Decimal(10) ** -7
MONEY_UNIT = Decimal(10) ** -4
RUPEE, PAISA = Decimal(1), Decimal("0.01")
PARTS = ("brokerage", "stt", "exchange", "sebi", "stamp", "gst")
DIGITS = 60
"""Enough that an average price carries no error into a paisa."""


class Trade(NamedTuple):
    """One fill; `qty` is signed, `price` in rupees, `ts` in ns UTC, `day` of India."""

    day: date
    ts: int
    strategy: str
    instrument: str
    order: int
    qty: int
    price: Decimal

    @property
    def value(self) -> Decimal:
        """What changed hands, in rupees."""
        return abs(self.qty) * self.price


class Account(NamedTuple):
    """What an account comes to."""

    positions: dict[tuple[str, str], int]
    """By strategy and instrument, flat ones left out."""
    realised: Decimal
    """By average cost, before charges."""
    unrealised: Decimal
    charges: dict[str, Decimal]
    """By kind, with `depository` and `square_off`."""
    cash: Decimal
    """After all purchases, sales and charges; derivatives at their full value."""
    equity: Decimal
    pnl: Decimal

    @property
    def total_charges(self) -> Decimal:
        """All charges."""
        return sum(self.charges.values(), ZERO)


Terms = Callable[[str], tuple[ChargeClass, Exchange]]
"""The class and the exchange under which an instrument is charged."""


def terms(product: str) -> Terms:
    """Return how instruments are charged under a product, told by their names."""

    def told(instrument: str) -> tuple[ChargeClass, Exchange]:
        exchange, _, symbol = instrument.partition(":")
        if exchange in ("NFO", "BFO"):
            future = symbol.endswith("FUT")
            return ChargeClass.FUTURES if future else ChargeClass.OPTIONS, Exchange[exchange]
        intraday = product == "MIS"
        return ChargeClass.INTRADAY if intraday else ChargeClass.DELIVERY, Exchange[exchange]

    return told


def trades(fills: pa.Table) -> list[Trade]:
    """Return the trades of a table of fills (`Result.table("fills")` or fills.parquet)."""
    names = ("strategy", "instrument", "order", "qty", "price")
    columns = [fills[name].to_pylist() for name in names]
    stamps = fills["ts"].cast(pa.int64()).to_pylist()
    return [Trade(ist_day(ts), ts, *rest) for ts, *rest in zip(stamps, *columns, strict=True)]


def ist_day(ts: int) -> date:
    """Return the date in India of a time in ns UTC."""
    return date(1970, 1, 1) + timedelta(seconds=ts // 10**9 + 19_800)


def recount(
    made: Iterable[Trade], last: Mapping[str, Decimal], *, schedule: Schedule, terms: Terms,
    cash: Decimal, open_days: Collection[date] = (), squared_off: Collection[date] = (),
    squared_terms: tuple[ChargeClass, Exchange] | None = None,
) -> Account:  # fmt: skip
    """Return the account after these trades, marked at the last prices.

    On `open_days` no contract note has been made yet: nothing is rounded and no depository charge
    taken. `squared_off` are the days of the orders that the broker placed.
    """
    listed = list(made)
    with localcontext() as context:
        context.prec = DIGITS
        realised, positions, costs = books(listed)
        charges = notes(listed, schedule, terms, open_days)
        charges["depository"] = depository(listed, schedule, terms, open_days)
        fee = (
            [schedule.rates(day, *squared_terms).square_off_fee for day in squared_off]
            if squared_terms
            else []
        )
        charges["square_off"] = sum(fee) * MONEY_UNIT
        worth = {key: qty * last[key[1]] for key, qty in positions.items()}
        left = cash - sum((t.qty * t.price for t in listed), ZERO) - sum(charges.values(), ZERO)
        equity = left + sum(worth.values(), ZERO)
        return Account(
            positions, realised, sum(worth.values(), ZERO) - sum(costs.values(), ZERO), charges,
            left, equity, equity - cash,
        )  # fmt: skip


def books(
    listed: Iterable[Trade],
) -> tuple[Decimal, dict[tuple[str, str], int], dict[tuple[str, str], Decimal]]:
    """Return realised P&L, positions and what they cost, at average cost."""
    realised = ZERO
    held: dict[tuple[str, str], int] = defaultdict(int)
    average: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for trade in listed:
        key, qty = (trade.strategy, trade.instrument), trade.qty
        before = held[key]
        closing = min(abs(before), abs(qty)) if before * qty < 0 else 0
        realised += closing * (trade.price - average[key]) * (1 if before > 0 else -1)
        opening = abs(qty) - closing
        held[key] = before + qty
        if opening:
            kept = abs(before) - closing
            spent = kept * average[key] + opening * trade.price
            average[key] = spent / (kept + opening)
    positions = {key: qty for key, qty in held.items() if qty}
    return realised, positions, {key: qty * average[key] for key, qty in positions.items()}


def notes(
    listed: Iterable[Trade], schedule: Schedule, terms: Terms, open_days: Collection[date]
) -> dict[str, Decimal]:
    """Return the sum of all contract notes by kind: one a day, class and exchange."""
    bundles: dict[Any, list[Trade]] = defaultdict(list)
    for trade in listed:
        bundles[trade.day, *terms(trade.instrument)].append(trade)
    charges = dict.fromkeys(PARTS, ZERO)
    for (day, kind, exchange), bundle in bundles.items():
        rates = schedule.rates(day, kind, exchange)
        for part, amount in note(bundle, rates, closed=day not in open_days).items():
            charges[part] += amount
    return charges


def note(bundle: Iterable[Trade], rates: Rates, *, closed: bool) -> dict[str, Decimal]:
    """Return one contract note by kind, rounded when the day is over."""
    bundle = list(bundle)
    bought = sum((t.value for t in bundle if t.qty > 0), ZERO)
    sold = sum((t.value for t in bundle if t.qty < 0), ZERO)
    exact = {
        "brokerage": brokerage(bundle, rates),
        "stt": bought * rate(rates.stt_buy) + sold * rate(rates.stt_sell),
        "exchange": (bought + sold) * rate(rates.exchange),
        "sebi": (bought + sold) * rate(rates.sebi),
        "stamp": bought * rate(rates.stamp_buy),
    }
    exact["gst"] = (exact["brokerage"] + exact["exchange"] + exact["sebi"]) * rate(rates.gst)
    if not (closed and rates.note_rounding):
        return exact
    units = {part: RUPEE if part in ("stt", "stamp") else PAISA for part in PARTS}
    return {part: amount.quantize(units[part], ROUND_HALF_UP) for part, amount in exact.items()}


def brokerage(bundle: Iterable[Trade], rates: Rates) -> Decimal:
    """Return the brokerage of a day: flat, or a share with a cap, once for each executed order."""
    orders: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for trade in bundle:
        orders[trade.strategy, trade.order] += trade.value
    if rates.brokerage_flat:
        return len(orders) * rates.brokerage_flat * MONEY_UNIT
    due = [value * rate(rates.brokerage) for value in orders.values()]
    if rates.brokerage_cap:
        due = [min(amount, rates.brokerage_cap * MONEY_UNIT) for amount in due]
    return sum(due, ZERO)


def depository(
    listed: Iterable[Trade], schedule: Schedule, terms: Terms, open_days: Collection[date]
) -> Decimal:
    """Return the depository's charges: one a share and day on which opening holdings go."""
    due = ZERO
    held: dict[str, int] = defaultdict(int)
    opening: dict[str, int] = {}
    charged: set[tuple[date, str]] = set()
    today: date | None = None
    for trade in listed:
        if trade.day != today:
            today, opening = trade.day, dict(held)
        held[trade.instrument] += trade.qty
        kind, exchange = terms(trade.instrument)
        once = (trade.day, trade.instrument)
        if kind != ChargeClass.DELIVERY or trade.qty > 0 or once in charged:
            continue
        if opening.get(trade.instrument, 0) > 0 and trade.day not in open_days:
            charged.add(once)
            due += schedule.rates(trade.day, kind, exchange).dp * MONEY_UNIT
    return due


def rate(number: int) -> Decimal:
    """Return a rate as a fraction."""
    return number * RATE_UNIT


def last_prices(
    path: Path | str, *, name: str | None = None, exchange: str = "NSE", price: str = "last_price",
    time: str = "time", symbol: str = "symbol", where: str = "true",
) -> dict[str, Decimal]:  # fmt: skip
    """Return the last price of each instrument of a file, read straight from it.

    `name` is the one instrument's name where the file has no symbols.
    """
    key = f"'{name}'" if name else f"'{exchange}:' || {symbol}"
    query = f"""
        SELECT {key} AS name, arg_max({price}, ({time}, place)) AS price
        FROM (SELECT *, row_number() OVER () AS place FROM read_parquet('{path}'))
        WHERE {where} GROUP BY ALL
    """
    with duckdb.connect() as connection:
        found = connection.execute(query).fetchall()
    return {key: Decimal(repr(value)).quantize(MONEY_UNIT) for key, value in found}


def differences(result: Any, account: Account, *, within: Decimal = PAISA / 2) -> list[str]:
    """Return where a result's summary is over half a paisa from the account counted again."""
    summary = result.summary
    pairs: dict[str, tuple[Any, Any]] = {
        "pnl": (summary["pnl"], account.pnl),
        "equity": (summary["equity"], account.equity),
        "charges": (summary["charges"], account.total_charges),
        "sum of strategies": (of(summary["strategies"]), account.pnl),
    }
    by = summary["charges_by"]
    for kind, amount in account.charges.items():
        pairs[f"charges: {kind}"] = (by.get(kind, "0"), amount)
    equity = result.table("equity")
    if equity.num_rows:
        end = equity.slice(equity.num_rows - 1).to_pylist()[0]
        pairs["last equity"] = (end["equity"], account.equity)
    realised = result.table("fills")["realised"].to_pylist()
    pairs["realised"] = (sum(realised, ZERO), account.realised)
    found = [
        f"{name}: {given}, recounted {wanted:.6f}"
        for name, (given, wanted) in pairs.items()
        if abs(Decimal(given) - wanted) > within
    ]
    positions = {f"{s} {i}": qty for (s, i), qty in account.positions.items()}
    if positions != summary["open_positions"]:
        found.append(f"open positions: {summary['open_positions']}, recounted {positions}")
    return found


def of(strategies: Mapping[str, Mapping[str, Any]]) -> Decimal:
    """Return the P&L of all strategies."""
    return sum((Decimal(one["pnl"]) for one in strategies.values()), ZERO)
