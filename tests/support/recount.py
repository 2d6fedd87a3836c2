"""An account counted again from its fills, in Decimal: what a broker's back office would say.

Nothing here is shared with the core: no running totals, no scaled ints, no cost per position kept
by it. Of the charge schedule only the raw rates are read. Rules: `../shared/kite-connect.md` §18.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from alphapanda.model.calendar import Calendar
from alphapanda.model.charges import ChargeClass, Rates, Schedule
from alphapanda.model.instruments import Exchange

ZERO = Decimal(0)
RATE_UNIT = Decimal(10) ** -7
MONEY_UNIT = Decimal(10) ** -4
RUPEE, PAISA = Decimal(1), Decimal("0.01")
PARTS = ("brokerage", "stt", "exchange", "sebi", "stamp", "gst", "exercise_stt",
         "settlement_brokerage")  # fmt: skip
DIGITS = 60
"""Enough that an average price carries no error into a paisa."""


CONTRACT = re.compile(r"([A-Z&-]+?)\d\d(?:[A-Z]{3}|[1-9OND]\d\d)([\d.]*)(FUT|CE|PE)")
INDEX_ROOTS = {"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "SENSEX", "BANKEX"}
WITHIN_A_DAY = {
    ChargeClass.DELIVERY: ChargeClass.INTRADAY,
    ChargeClass.ETF_DELIVERY: ChargeClass.INTRADAY,
    ChargeClass.FUND_DELIVERY: ChargeClass.FUND_INTRADAY,
}


class Trade(NamedTuple):
    """One fill; `qty` is signed, `price` in rupees, `ts` in ns UTC, `day` of India.

    The settlement of a contract is a trade of order 0.
    """

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


class Piece(NamedTuple):
    """What of one side of an instrument's day is charged by one class."""

    bought: Decimal
    sold: Decimal
    brokerage: Decimal


def notes(
    listed: Iterable[Trade], schedule: Schedule, terms: Terms, open_days: Collection[date]
) -> dict[str, Decimal]:
    """Return the sum of all contract notes by kind: one a day for all classes and exchanges."""
    days: dict[date, list[Trade]] = defaultdict(list)
    for trade in listed:
        days[trade.day].append(trade)
    charges = dict.fromkeys(PARTS, ZERO)
    for day, bundle in days.items():
        exact, rounds = day_sums(day, bundle, schedule, terms)
        if rounds and day not in open_days:
            exact = as_noted(exact)
        for part, amount in exact.items():
            charges[part] += amount
    return charges


def as_noted(exact: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Round a day's sums as its note does; the STT of exercises is part of all STT."""
    units = {part: RUPEE if part == "stamp" else PAISA for part in PARTS}
    found = {part: exact[part].quantize(units[part], ROUND_HALF_UP) for part in PARTS}
    taxes = (exact["stt"] + exact["exercise_stt"]).quantize(RUPEE, ROUND_HALF_UP)
    found["exercise_stt"] = exact["exercise_stt"]
    found["stt"] = taxes - exact["exercise_stt"]
    return found


def day_sums(
    day: date, bundle: list[Trade], schedule: Schedule, terms: Terms
) -> tuple[dict[str, Decimal], bool]:
    """Return a day's charges by kind before they are rounded, and whether they are to be."""
    exact = dict.fromkeys(PARTS, ZERO)
    rounds = False
    by_instrument: dict[str, list[Trade]] = defaultdict(list)
    for trade in bundle:
        if trade.order:
            by_instrument[trade.instrument].append(trade)
    for instrument, made in by_instrument.items():
        kind, exchange = terms(instrument)
        for charged, piece in pieces(day, made, kind, exchange, schedule).items():
            rates = schedule.rates(day, charged, exchange)
            rounds |= bool(rates.note_rounding)
            turnover = piece.bought + piece.sold
            costs = {"exchange": turnover * rate(rates.exchange),
                     "sebi": turnover * rate(rates.sebi), "brokerage": piece.brokerage}  # fmt: skip
            exact["stt"] += piece.bought * rate(rates.stt_buy) + piece.sold * rate(rates.stt_sell)
            exact["stamp"] += piece.bought * rate(rates.stamp_buy)
            exact["gst"] += sum(costs.values(), ZERO) * rate(rates.gst)
            for part, amount in costs.items():
                exact[part] += amount
    ended = [trade for trade in bundle if not trade.order]
    for instrument in dict.fromkeys(trade.instrument for trade in ended):
        kind, exchange = terms(instrument)
        rates = schedule.rates(day, kind, exchange)
        tax, fee = settled(instrument, ended, rates)
        rounds |= bool(rates.note_rounding) and bool(tax or fee)
        exact["exercise_stt"] += tax
        exact["settlement_brokerage"] += fee
        exact["gst"] += fee * rate(rates.gst)
    return exact, rounds


def pieces(
    day: date, made: list[Trade], kind: ChargeClass, exchange: Exchange, schedule: Schedule
) -> dict[ChargeClass, Piece]:
    """Return what of an instrument's day is charged by which class.

    As many shares as were both bought and sold are intraday, at each side's average price; their
    brokerage is its rate, but no more than all the side's orders would owe.
    """
    rates = schedule.rates(day, kind, exchange)
    sides = [[t for t in made if t.qty > 0], [t for t in made if t.qty < 0]]
    if kind not in WITHIN_A_DAY:
        return {kind: Piece(*(value_of(side) for side in sides), brokerage(made, rates))}
    both = min(quantity_of(side) for side in sides)
    shares = [Decimal(both) / quantity_of(side) if side else ZERO for side in sides]
    near, far = WITHIN_A_DAY[kind], kind
    parts = {}
    for charged, portions in ((near, shares), (far, [1 - share for share in shares])):
        values = [value_of(side) * part for side, part in zip(sides, portions, strict=True)]
        own = schedule.rates(day, charged, exchange)
        due = sum((partly(side, part, own) for side, part in zip(sides, portions, strict=True)),
                  ZERO)  # fmt: skip
        parts[charged] = Piece(values[0], values[1], due)
    return parts


def partly(side: list[Trade], part: Decimal, rates: Rates) -> Decimal:
    """Return the brokerage of a part of a side."""
    owed = brokerage(side, rates)
    if rates.brokerage_flat:
        return owed * part
    return min(value_of(side) * part * rate(rates.brokerage), owed)


def value_of(side: Iterable[Trade]) -> Decimal:
    """Return what changed hands."""
    return sum((trade.value for trade in side), ZERO)


def quantity_of(side: Iterable[Trade]) -> int:
    """Return how many shares changed hands."""
    return sum(abs(trade.qty) for trade in side)


def settled(instrument: str, ended: Iterable[Trade], rates: Rates) -> tuple[Decimal, Decimal]:
    """Return the exercise STT and the fee of an account's settlement in one contract.

    `ended` are all settlements of the day: those on the same share offset each other.
    """
    ended = list(ended)
    held = -sum(t.qty for t in ended if t.instrument == instrument)
    price = next(t.price for t in ended if t.instrument == instrument)
    root, strike, kind = contract(instrument)
    if held == 0 or (kind != "FUT" and price == 0):
        return ZERO, ZERO
    tax = held * price * rate(rates.exercise_stt) if kind != "FUT" and held > 0 else ZERO
    most = rates.settlement_brokerage * MONEY_UNIT
    if root in INDEX_ROOTS or not rates.physical:
        value = abs(held) * price
        return tax, most if kind != "FUT" else min(most, value * rate(rates.brokerage))
    moves = {name: shares_of(name, ended) for name in {t.instrument for t in ended}
             if contract(name)[0] == root}  # fmt: skip
    come = sum(max(n, 0) for n in moves.values())
    go = sum(max(-n, 0) for n in moves.values())
    offset = Decimal(min(come, go) * abs(held)) / (come if moves[instrument] > 0 else go)
    offset = Decimal(int(offset))
    each = strike if kind != "FUT" else price
    fee = offset * each * rate(rates.physical_netted)
    return tax, fee + (abs(held) - offset) * each * rate(rates.physical)


def contract(instrument: str) -> tuple[str, Decimal, str]:
    """Return underlying, strike and FUT, CE or PE of a contract's name."""
    found = CONTRACT.fullmatch(instrument.partition(":")[2])
    assert found is not None, instrument
    return found[1], Decimal(found[2] or 0), found[3]


def shares_of(instrument: str, ended: Iterable[Trade]) -> int:
    """Return the shares that a settlement brings into the account (below 0: takes from it)."""
    mine = [trade for trade in ended if trade.instrument == instrument]
    kind = contract(instrument)[2]
    if kind != "FUT" and mine[0].price == 0:
        return 0
    return sum(t.qty for t in mine) * (1 if kind == "PE" else -1)


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
    """Return the depository's charges: one a share and day on which the account's holding falls.

    A share is one on both exchanges. What was bought on the trading day before is not in the
    account yet when it goes.
    """
    days: dict[date, list[Trade]] = defaultdict(list)
    for trade in listed:
        if terms(trade.instrument)[0] in WITHIN_A_DAY:
            days[trade.day].append(trade)
    due = ZERO
    held: dict[str, int] = defaultdict(int)
    before: dict[str, int] = defaultdict(int)
    for day in Calendar.nse().days(min(days), max(days)) if days else []:
        today: dict[str, list[Trade]] = defaultdict(list)
        for trade in days.get(day, []):
            today[trade.instrument.partition(":")[2]].append(trade)
        opening = dict(held)
        for stock, made in today.items():
            change = sum(trade.qty for trade in made)
            held[stock] += change
            if change >= 0 or opening.get(stock, 0) <= 0 or day in open_days:
                continue
            rates = schedule.rates(day, *terms(next(t.instrument for t in made if t.qty < 0)))
            due += (rates.dp if before[stock] > 0 else rates.dp_btst) * MONEY_UNIT
        before.update({stock: min(opening.get(stock, 0), now) for stock, now in held.items()})
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
