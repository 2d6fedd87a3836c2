"""The option chain of an underlying on a day: strikes by expiry, with volatility and greeks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from alphapanda import config
from alphapanda.data import catalogue
from alphapanda.data.instruments import read_masters
from alphapanda.data.last_quotes import Quote, quotes
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.indicators import _black76
from alphapanda.model.calendar import DAY, INDIA, Calendar, day_start_ns
from alphapanda.model.contracts import by_name, terms_of
from alphapanda.model.instruments import CASH, Instrument, Master, OptionType, Segment, split_name
from alphapanda.model.money import text, to_rupees
from alphapanda.options import greeks
from alphapanda.options.payoff import frame_of

DERIVATIVES = (Segment.FUTURES, Segment.OPTIONS)
SIDES = {OptionType.CALL: "CE", OptionType.PUT: "PE"}
GREEKS = {
    "delta": _black76.black_delta, "gamma": _black76.black_gamma, "vega": _black76.black_vega,
    "theta": _black76.black_theta,
}  # fmt: skip
NOTHING = Quote(0, 0)
BARE = (
    "{bare} of {all} options have no implied volatility: no price, one outside its bounds of no "
    "arbitrage, or no time left"
)
BY_NAMES = "strikes and expiries are from the names in the data: there is no list of instruments"


@dataclass(frozen=True, slots=True)
class Forward:
    """What an expiry's options are valued on."""

    expiry: date
    value: float
    """Rupees; NaN where nothing tells it."""
    source: str
    """What it was taken from, in words."""


@dataclass(frozen=True, slots=True)
class Contract:
    """An option of a chain: prices scaled, 0 where unknown; greeks by `_black76`, NaN likewise."""

    name: str
    expiry: date
    strike: int
    right: str
    lot: int
    quote: Quote
    iv: float
    delta: float
    gamma: float
    vega: float
    theta: float

    def facts(self) -> dict[str, Any]:
        """Return it as a JSON object; money is text, what is unknown null."""
        quote = self.quote
        known = {"iv": self.iv, **{name: getattr(self, name) for name in GREEKS}}
        return {
            "instrument": self.name, "strike": text(self.strike), "right": self.right,
            "lot": self.lot, "time": time_text(quote.known_ns) if quote.known_ns else None,
            **{name: text(value) if value else None for name, value in (
                ("last", quote.last), ("bid", quote.bid), ("ask", quote.ask),
                ("price", quote.price))},
            **{name: None if math.isnan(value) else value for name, value in known.items()},
        }  # fmt: skip


@dataclass(frozen=True)
class Chain:
    """The options on an underlying, by expiry and strike, a call before its put."""

    underlying: str
    at_ns: int
    """The time that prices were known at and greeks count from, ns UTC."""
    rate: float
    forwards: tuple[Forward, ...]
    contracts: tuple[Contract, ...]
    notes: tuple[str, ...] = ()

    @property
    def expiries(self) -> tuple[date, ...]:
        """The days on which its options expire."""
        return tuple(forward.expiry for forward in self.forwards)

    def of(self, expiry: date) -> Chain:
        """Return the chain of one expiry.

        Raises:
            UsageError: if there is none on that day.
        """
        if expiry not in self.expiries:
            listed = ", ".join(map(str, self.expiries))
            raise UsageError(f"{self.underlying} has no options that expire on {expiry}: {listed}")
        return self.kept(c for c in self.contracts if c.expiry == expiry)

    def around(self, strikes: int) -> Chain:
        """Return so many strikes on each side of the one at the money, and that, of each expiry.

        Raises:
            UsageError: if nothing tells an expiry's forward, and so where the money is.
        """
        if strikes < 0:
            raise UsageError(f"strikes = {strikes} must be 0 or more")
        near = {place for forward in self.forwards for place in self.nearest(forward, strikes)}
        return self.kept(c for c in self.contracts if (c.expiry, c.strike) in near)

    def nearest(self, forward: Forward, strikes: int) -> Iterator[tuple[date, int]]:
        """Yield expiry and strike of those around the money."""
        if math.isnan(forward.value):
            raise UsageError(
                f"{self.underlying} {forward.expiry}: nothing tells the forward (no future, no "
                "spot, no priced pair of call and put), so no strike is at the money"
            )
        listed = sorted({c.strike for c in self.contracts if c.expiry == forward.expiry})
        money = min(listed, key=lambda strike: abs(float(to_rupees(strike)) - forward.value))
        place = listed.index(money)
        for strike in listed[max(place - strikes, 0) : place + strikes + 1]:
            yield forward.expiry, strike

    def by_delta(self, delta: float) -> Chain:
        """Return of each expiry the call and the put whose delta is nearest, signs left out."""
        if not 0 < abs(delta) < 1:
            raise UsageError(f"delta = {delta} must be between 0 and 1, its sign left out")
        chosen = []
        for expiry in self.expiries:
            for right in SIDES.values():
                known = [c for c in self.contracts if (c.expiry, c.right) == (expiry, right)
                         and not math.isnan(c.delta)]  # fmt: skip
                away = [abs(abs(c.delta) - abs(delta)) for c in known]
                chosen += [known[away.index(min(away))]] if known else []
        return self.kept(chosen)

    def kept(self, contracts: Iterable[Contract]) -> Chain:
        """Return the chain with some of its contracts, and their expiries."""
        some = tuple(contracts)
        expiries = {contract.expiry for contract in some}
        forwards = tuple(each for each in self.forwards if each.expiry in expiries)
        return replace(self, contracts=some, forwards=forwards)

    def frame(self) -> Any:
        """Return a pandas frame, a row a contract; prices in rupees, NaN where unknown."""
        prices = ("last", "bid", "ask", "price")
        return frame_of({
            "expiry": [c.expiry for c in self.contracts],
            "strike": [float(to_rupees(c.strike)) for c in self.contracts],
            "right": [c.right for c in self.contracts],
            "instrument": [c.name for c in self.contracts],
            **{name: [rupees(getattr(c.quote, name)) for c in self.contracts] for name in prices},
            **{name: [getattr(c, name) for c in self.contracts] for name in ("iv", *GREEKS)},
        })  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "underlying": self.underlying, "at": time_text(self.at_ns), "rate": self.rate,
            "expiries": [
                {"expiry": str(forward.expiry),
                 "forward": None if math.isnan(forward.value) else forward.value,
                 "forward_from": forward.source,
                 "contracts": [c.facts() for c in self.contracts if c.expiry == forward.expiry]}
                for forward in self.forwards
            ],
            "notes": list(self.notes),
        }  # fmt: skip


def chain(
    underlying: str, day: date | str, *, at: datetime | None = None, expiry: date | None = None,
    data: str | Path | None = None, instruments: str | Path | None = None, rate: float = 0.0,
) -> Chain:  # fmt: skip
    """Return the chain of an underlying (NIFTY, INFY) on a day, as it was known `at` a time.

    Prices are those of the catalogue `data` (default: data/), at the close where no time is given.
    Contracts are those of `instruments`, Kite's file or a folder of such (default: what the
    catalogue's imports or `instruments fetch` left), and those whose names in the data say so.
    `rate` is a fraction a year; it grows the spot where there is no future.

    Raises:
        UsageError: if there is no such chain on that day.
    """
    settings = config.load()
    root = Path(data) if data is not None else settings.data_dir
    fallback = (root / catalogue.INSTRUMENTS, settings.instruments_dir)
    lists = (Path(instruments),) if instruments is not None else fallback
    return chain_of(
        underlying, a_day(day), root, lists, cache_dir=settings.cache_dir, at=at, expiry=expiry,
        rate=rate,
    )  # fmt: skip


def a_day(written: date | str) -> date:
    """Return a day that may be written as text.

    Raises:
        UsageError: if it is none.
    """
    try:
        return date.fromisoformat(written) if isinstance(written, str) else written
    except ValueError:
        raise UsageError(f"day = {written!r}: write a day as 2026-01-31") from None


def chain_of(
    underlying: str, day: date, root: Path, lists: Sequence[Path], *, cache_dir: Path,
    at: datetime | None = None, expiry: date | None = None, rate: float = 0.0,
) -> Chain:  # fmt: skip
    """Return a chain from a catalogue and the first of some lists of instruments that is there."""
    if not -1.0 <= rate <= 1.0:
        raise UsageError(f"rate = {rate} must be a fraction a year, 0.065 for 6.5 %")
    close_ns = greeks.close_of(day) if Calendar.nse().is_trading_day(day) else 0
    if not close_ns:
        raise UsageError(f"{day} is no trading day of NSE")
    at_ns = close_ns if at is None else moment(at, day)
    until_ns = day_start_ns(day) + DAY - 1 if at is None else at_ns
    known = quotes(root, day, until_ns=until_ns, close_ns=close_ns)
    master, notes = listed(lists, day)
    contracts = on(underlying, day, master, known)
    chosen = {i.name: i for i in contracts if expiry is None or i.expiry == expiry}
    options = [i for i in chosen.values() if i.segment == Segment.OPTIONS]
    if not options:
        raise UsageError(none_such(underlying, day, contracts, root=root, expiry=expiry))
    forwards = [forward_of(i, chosen.values(), known, at_ns, rate=rate) for i in firsts(options)]
    valued = tuple(
        contract
        for forward in forwards
        for contract in priced(options, forward, known, at_ns, rate=rate, cache_dir=cache_dir)
    )
    bare = sum(math.isnan(contract.iv) for contract in valued)
    if bare:
        notes = (*notes, BARE.format(bare=bare, all=len(valued)))
    return Chain(underlying, at_ns, rate, tuple(forwards), valued, notes)


def moment(at: datetime, day: date) -> int:
    """Return a time as ns UTC; without a zone it is India's.

    Raises:
        UsageError: if it is not on the day.
    """
    zoned = at if at.tzinfo is not None else at.replace(tzinfo=INDIA)
    if zoned.astimezone(INDIA).date() != day:
        raise UsageError(f"at = {at} is not on {day}")
    return greeks.nanoseconds(zoned)


def listed(lists: Sequence[Path], day: date) -> tuple[Master | None, tuple[str, ...]]:
    """Return the instruments of a day by the first list that is there, and what is to be said."""
    for path in lists:
        if path.is_file() or any(path.glob("*.csv")) or any(path.glob("*.csv.gz")):
            master = read_masters([path]).at(day)
            return master, master.notes
    if len(lists) == 1:
        raise UsageError(f"{lists[0]}: no such file, nor a folder of .csv or .csv.gz")
    return None, (BY_NAMES,)


def on(
    underlying: str, day: date, master: Master | None, known: Mapping[str, Quote]
) -> list[Instrument]:
    """Return the contracts on an underlying that live on a day: of the list, and of the data."""
    found = {i.name: i for i in master or () if i.segment in DERIVATIVES}
    for name in known:
        exchange, symbol = split_name(name)
        if name not in found and exchange not in CASH and terms_of(symbol) is not None:
            found[name] = by_name(name, Calendar.nse())
    return [
        i for i in found.values()
        if i.underlying == underlying and i.expiry is not None and i.expiry >= day
    ]  # fmt: skip


def none_such(
    underlying: str, day: date, contracts: Sequence[Instrument], *, root: Path, expiry: date | None
) -> str:
    """Return why there is no chain."""
    expiries = sorted({str(i.expiry) for i in contracts if i.segment == Segment.OPTIONS})
    if expiry is not None and expiries:
        hint = did_you_mean(str(expiry), expiries)
        return f"{underlying} has no options that expire on {expiry}: {', '.join(expiries)}.{hint}"
    return (
        f"no options on {underlying} on {day}: neither {root} nor a list of instruments has one; "
        "write the underlying as contracts do (NIFTY, INFY), or import the day's data"
    )


def firsts(options: Sequence[Instrument]) -> list[Instrument]:
    """Return one option of each expiry, in order."""
    by_expiry = {i.expiry: i for i in options if i.expiry is not None}
    return [by_expiry[expiry] for expiry in sorted(by_expiry)]


def forward_of(
    option: Instrument, contracts: Iterable[Instrument], known: Mapping[str, Quote], at_ns: int, *,
    rate: float,
) -> Forward:  # fmt: skip
    """Return the forward of an expiry: its future's, else the spot's, else the pairs' own."""
    assert option.expiry is not None
    same = [i for i in contracts if i.expiry == option.expiry]
    for future in same:
        if future.segment == Segment.FUTURES and known.get(future.name, NOTHING).price > 0:
            value = rupees(known[future.name].price)
            return Forward(option.expiry, value, future.name)
    grown = _black76.growth(rate, years_of(option.expiry, at_ns))
    for exchange in CASH:
        name = f"{exchange.name}:{option.spot}"
        if known.get(name, NOTHING).price > 0:
            source = f"{name} at {100 * rate:g} % a year"
            return Forward(option.expiry, rupees(known[name].price) * grown, source)
    return parity(option.expiry, same, known, grown)


def parity(
    expiry: date, options: Iterable[Instrument], known: Mapping[str, Quote], grown: float
) -> Forward:
    """Return the forward that the call and the put tell which cost most nearly the same."""
    prices = {(i.strike, i.option_type): known.get(i.name, NOTHING).price for i in options}
    pairs = [
        (abs(price - other), strike, price - other)
        for (strike, right), price in sorted(prices.items())
        if right == OptionType.CALL and price > 0
        and (other := prices.get((strike, OptionType.PUT), 0)) > 0
    ]  # fmt: skip
    if not pairs or math.isnan(grown):
        return Forward(expiry, math.nan, "nothing")
    _, strike, between = min(pairs)
    value = rupees(strike) + float(to_rupees(between)) * grown
    return Forward(expiry, value, f"call and put of {text(strike)}")


def priced(
    options: Iterable[Instrument], forward: Forward, known: Mapping[str, Quote], at_ns: int, *,
    rate: float, cache_dir: Path,
) -> list[Contract]:  # fmt: skip
    """Return the options of an expiry with volatility and greeks, by strike."""
    same = sorted((i for i in options if i.expiry == forward.expiry),
                  key=lambda i: (i.strike, i.option_type))  # fmt: skip
    if not same:
        return []
    rights = [int(i.option_type) for i in same]
    strikes = [float(to_rupees(i.strike)) for i in same]
    found = [known.get(i.name, NOTHING) for i in same]
    years = years_of(forward.expiry, at_ns)
    costs = [float(to_rupees(quote.price)) for quote in found]
    iv = greeks.computed(_black76.implied_volatility, cache_dir, rights, costs, forward.value,
                         strikes, years, rate)  # fmt: skip
    told = [greeks.computed(kernel, cache_dir, rights, forward.value, strikes, years, iv, rate)
            for kernel in GREEKS.values()]  # fmt: skip
    return [
        Contract(i.name, forward.expiry, i.strike, SIDES[i.option_type], i.lot_size, quote,
                 *map(float, row))
        for i, quote, *row in zip(same, found, iv, *told, strict=True)
    ]  # fmt: skip


def years_of(expiry: date, at_ns: int) -> float:
    """Return the time to an expiry's last close."""
    return _black76.years_between(at_ns, greeks.close_of(expiry))


def rupees(price: int) -> float:
    """Return a scaled price in rupees, NaN where it is unknown."""
    return float(to_rupees(price)) if price > 0 else math.nan


def time_text(ns: int) -> str:
    """Return a time in India to the second."""
    return datetime.fromtimestamp(ns // 10**9, INDIA).isoformat()
