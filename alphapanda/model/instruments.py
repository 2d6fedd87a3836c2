"""What is traded: instruments, dated instrument masters, freeze quantities."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.dated import TABLES, Steps, a_date, in_force, read_table, rows_of
from alphapanda.model.indices import SPOT_NAMES, is_index


class Exchange(IntEnum):
    """Exchanges and their segments as Kite names them."""

    NSE = 0
    BSE = 1
    NFO = 2
    BFO = 3
    MCX = 4
    CDS = 5
    BCD = 6
    NCO = 7


class Segment(IntEnum):
    """Kinds of instruments; whether of shares, currency or commodities, the exchange tells."""

    EQUITY = 0
    INDEX = 1
    FUTURES = 2
    OPTIONS = 3


class OptionType(IntEnum):
    """The right an option gives."""

    NONE = 0
    CALL = 1
    PUT = 2


class Product(IntEnum):
    """Zerodha's products: delivery, intraday, carried derivatives."""

    CNC = 0
    MIS = 1
    NRML = 2


CASH = (Exchange.NSE, Exchange.BSE)
"""Exchanges whose instruments are shares and share indices."""


ROOTS = {
    Exchange.MCX: frozenset(
        {
            "CRUDEOIL",
            "CRUDEOILM",
            "NATURALGAS",
            "NATGASMINI",
            "GOLD",
            "GOLDM",
            "GOLDPETAL",
            "GOLDGUINEA",
            "GOLDTEN",
            "SILVER",
            "SILVERM",
            "SILVERMIC",
            "SILVER1000",
            "COPPER",
            "ZINC",
            "ZINCMINI",
            "LEAD",
            "LEADMINI",
            "ALUMINIUM",
            "ALUMINI",
            "NICKEL",
            "STEELREBAR",
            "COTTON",
            "COTTONCNDY",
            "COTTONOIL",
            "KAPAS",
            "MENTHAOIL",
            "CPO",
            "CARDAMOM",
            "CASTORSEED",
            "RBDPMOLEIN",
            "MCXBULLDEX",
            "MCXMETLDEX",
            "MCXENRGDEX",
            "ELECDMBL",
        }
    ),
    Exchange.BFO: frozenset({"SENSEX", "BANKEX", "SENSEX50"}),
    Exchange.CDS: frozenset({"USDINR", "EURINR", "GBPINR", "JPYINR", "EURUSD", "GBPUSD", "USDJPY"}),
}
"""Underlyings whose contracts are listed on another exchange than NFO."""


ALSO_SHARES = frozenset({"SILVER"})
"""Of those the names that a share or an ETF has too."""


CONTINUOUS = re.compile(r"(.+?)(?:-I{1,3}|\d!)")
"""A series of futures, each followed by the next: NIFTY-I (near month), NIFTY1!, of TradingView."""


NAMED = {"exchange": Exchange, "segment": Segment, "option_type": OptionType}
"""Fields of an instrument that are written as a member's name."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One thing traded, as known on a day; prices are scaled (1 = Rs 0.0001)."""

    name: str
    """EXCHANGE:SYMBOL, such as NSE:INFY; symbols may have spaces."""
    exchange: Exchange
    segment: Segment
    tick_size: int
    """0: not known, so every price is allowed (an index has none)."""
    lot_size: int
    """1 for an index: it is not traded, but a backtest on its series is."""
    token: int = 0
    freeze_quantity: int = 0
    """The largest quantity of one order; 0: not known, no limit."""
    expiry: date | None = None
    strike: int = 0
    option_type: OptionType = OptionType.NONE
    underlying: str = ""
    """A derivative's underlying by its symbol (NIFTY, INFY)."""
    has_derivatives: bool = False
    """A share on which futures are listed; these have other sessions since 2026-08-03."""
    lower_circuit: int = 0
    upper_circuit: int = 0
    """0: not known, no limit. They are in no instruments file, only in quotes."""
    has_volume: bool = True
    """False: the data have a volume, which is 0 in every row of it, as Kite's of an index."""

    @property
    def symbol(self) -> str:
        """The name within its exchange."""
        return self.name.partition(":")[2]

    @property
    def on_share(self) -> bool:
        """Whether it is a derivative on a share, not on an index."""
        derivative = self.exchange in (Exchange.NFO, Exchange.BFO)
        return derivative and bool(self.underlying) and not is_index(self.underlying)

    @property
    def spot(self) -> str:
        """The symbol whose price a contract settles at; empty for what is no contract."""
        return SPOT_NAMES.get(self.underlying, self.underlying) if self.expiry else ""

    def facts(self) -> dict[str, Any]:
        """Return it as JSON holds it; prices stay scaled."""
        facts: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        facts.update({name: facts[name].name for name in NAMED})
        facts["expiry"] = None if self.expiry is None else str(self.expiry)
        return facts

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Instrument:
        """Return the instrument of such facts."""
        values = dict(facts)
        values.update({name: kind[facts[name]] for name, kind in NAMED.items()})
        if facts["expiry"] is not None:
            values["expiry"] = date.fromisoformat(facts["expiry"])
        return cls(**values)

    @classmethod
    def assumed(cls, name: str) -> Instrument:
        """Return what is assumed of an instrument when there is no master.

        A share of lot 1, every price allowed, nothing known about derivatives on it; an index by
        its name. On an exchange for derivatives the symbol's end (FUT, CE, PE) tells the segment;
        strike and expiry stay unknown (`contracts.by_name`). Without an exchange it is NSE's.

        Raises: UsageError for an unknown exchange, or a derivative whose segment cannot be told.
        """
        exchange, symbol = split_name(name)
        segment, option_type = Segment.EQUITY, OptionType.NONE
        if is_index(symbol):
            segment = Segment.INDEX
        if exchange not in CASH:
            segment, option_type = _told_by_symbol(f"{exchange.name}:{symbol}")
        return cls(f"{exchange.name}:{symbol}", exchange, segment, 0, 1, option_type=option_type)


def split_name(name: str) -> tuple[Exchange, str]:
    """Return exchange and symbol of a name; one without an exchange is NSE's.

    Raises: UsageError for an unknown exchange or an empty symbol.
    """
    first, colon, rest = name.partition(":")
    exchange, symbol = (first, rest) if colon else ("NSE", first)
    if exchange not in Exchange.__members__:
        hint = did_you_mean(exchange, Exchange.__members__)
        known = ", ".join(Exchange.__members__)
        raise UsageError(f"{name!r}: unknown exchange {exchange!r}; known are {known}.{hint}")
    if not symbol.strip():
        raise UsageError(f"{name!r}: no symbol; write EXCHANGE:SYMBOL, such as NSE:INFY.")
    return Exchange[exchange], symbol


def root_of(symbol: str) -> str:
    """Return the underlying of a series of futures, or of a commodity's bare name; empty if none.

    What is quoted by such a name is a future: commodities and currency have no shares.
    """
    if found := CONTINUOUS.fullmatch(symbol):
        return found[1]
    of_elsewhere = ROOTS[Exchange.MCX] | ROOTS[Exchange.CDS]
    return symbol if symbol in of_elsewhere - ALSO_SHARES else ""


def listed_on(root: str) -> tuple[Exchange, ...]:
    """Return the exchanges on which contracts on an underlying are listed, the usual one first."""
    if root in ROOTS[Exchange.MCX]:
        return Exchange.MCX, Exchange.NCO
    if root in ROOTS[Exchange.CDS]:
        return Exchange.CDS, Exchange.BCD
    return (Exchange.BFO,) if root in ROOTS[Exchange.BFO] else (Exchange.NFO, Exchange.BFO)


def _told_by_symbol(name: str) -> tuple[Segment, OptionType]:
    if root_of(name.partition(":")[2]):
        return Segment.FUTURES, OptionType.NONE
    for end, segment, option_type in (
        ("FUT", Segment.FUTURES, OptionType.NONE),
        ("CE", Segment.OPTIONS, OptionType.CALL),
        ("PE", Segment.OPTIONS, OptionType.PUT),
    ):
        if name.endswith(end):
            return segment, option_type
    raise UsageError(
        f"{name}: neither a future (FUT) nor an option (CE, PE) by its name, and there is no "
        "instrument master to ask; give one."
    )


class Freezes:
    """Freeze quantities by underlying and date; an order above one is refused by the exchange."""

    def __init__(self, steps: Mapping[str, Steps[int]]) -> None:
        self._steps = steps

    @classmethod
    def builtin(cls) -> Freezes:
        """Return the published values this package ships."""
        return _builtin_freezes()

    @classmethod
    def load(cls, path: Path) -> Freezes:
        """Return the built-in values with a user's TOML file over them (same form).

        Raises: UsageError for a file that does not fit.
        """
        steps = {name: dict(rows) for name, rows in cls.builtin()._steps.items()}
        _add_freezes(steps, path)
        return cls(_sorted(steps))

    def at(self, underlying: str, day: date | None) -> int:
        """Return the freeze quantity in force on a day; 0, no limit, where none is known."""
        if day is None or underlying not in self._steps:
            return 0
        return in_force(self._steps[underlying], day) or 0


@cache
def _builtin_freezes() -> Freezes:
    steps: dict[str, dict[date, int]] = {}
    _add_freezes(steps, TABLES / "freeze.toml")
    return Freezes(_sorted(steps))


def _add_freezes(steps: dict[str, dict[date, int]], path: Path) -> None:
    for number, row in enumerate(rows_of(path, read_table(path), "freeze"), 1):
        where = f"{path}: [[freeze]] number {number}"
        day = a_date(row.get("from"), f"{where}, from")
        for underlying, quantity in row.items():
            if underlying in ("from", "source"):
                continue
            if type(quantity) is not int or quantity < 0:
                raise UsageError(f"{where}, {underlying}: {quantity!r} is not a quantity.")
            steps.setdefault(underlying, {})[day] = quantity


def _sorted(steps: Mapping[str, Mapping[date, int]]) -> dict[str, Steps[int]]:
    return {name: sorted(rows.items()) for name, rows in steps.items()}


class Master:
    """The instruments there were on a day; a name looks one up."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        as_of: date | None = None,
        source: str = "",
        *,
        freezes: Freezes | None = None,
    ) -> None:
        """Keep instruments as of a day.

        Raises: UsageError when a name comes twice.
        """
        self.as_of = as_of
        """The day the instruments are of; None: undated."""
        self.source = source
        """Where they come from, for messages."""
        self.notes: tuple[str, ...] = ()
        """What had to be assumed, as sentences for a summary."""
        self._freezes = freezes if freezes is not None else Freezes.builtin()
        self._by_name: dict[str, Instrument] = {}
        for instrument in instruments:
            if instrument.name in self._by_name:
                raise UsageError(f"{source or 'instrument master'}: {instrument.name} comes twice.")
            self._by_name[instrument.name] = instrument
        self._underlyings = {
            instrument.underlying
            for instrument in self._by_name.values()
            if instrument.segment == Segment.FUTURES
            and instrument.exchange in (Exchange.NFO, Exchange.BFO)
        }

    def get(self, name: str) -> Instrument:
        """Return the instrument of that name.

        Raises: UsageError with similar names.
        """
        if name not in self._by_name:
            raise UsageError(
                f"{name!r} is not in {self.source or 'the instrument master'}{self._of()}."
                + did_you_mean(name.upper(), self._similar(name))
            )
        return self._completed(self._by_name[name])

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[Instrument]:
        return map(self._completed, self._by_name.values())

    @property
    def exchanges(self) -> frozenset[Exchange]:
        """The exchanges the master has instruments of."""
        return frozenset(instrument.exchange for instrument in self._by_name.values())

    def _of(self) -> str:
        return f" of {self.as_of}" if self.as_of is not None else ""

    def _similar(self, name: str) -> list[str]:
        # Comparing with 100,000 names takes seconds: only those that begin alike are worth it.
        symbol = name.partition(":")[2] or name
        exact = [known for known in self._by_name if known.partition(":")[2] == symbol]
        start = symbol[:3].upper()
        return exact or [
            known for known in self._by_name if known.partition(":")[2].startswith(start)
        ]

    def _completed(self, instrument: Instrument) -> Instrument:
        if instrument.segment == Segment.EQUITY and instrument.exchange in CASH:
            if instrument.symbol in self._underlyings:
                return replace(instrument, has_derivatives=True)
        elif instrument.underlying and not instrument.freeze_quantity:
            quantity = self._freezes.at(instrument.underlying, self.as_of)
            if quantity:
                return replace(instrument, freeze_quantity=quantity)
        return instrument


class Masters:
    """Masters of several days and exchanges; a day picks what was known then."""

    def __init__(self, masters: Iterable[Master], *, freezes: Freezes | None = None) -> None:
        """Keep masters; freeze quantities are looked up for the day asked for.

        Raises: UsageError when there is none.
        """
        self._freezes = freezes if freezes is not None else Freezes.builtin()
        self._masters = sorted(masters, key=lambda master: master.as_of or date.min)
        if not self._masters:
            raise UsageError("no instrument master given.")
        self._by_exchange = {
            exchange: [master for master in self._masters if exchange in master.exchanges]
            for exchange in frozenset[Exchange]().union(*(m.exchanges for m in self._masters))
        }
        self._merged: dict[tuple[int, ...], Master] = {}

    def at(self, day: date) -> Master:
        """Return the instruments of a day: of each exchange the newest master not after it.

        Where there is none so old, the earliest stands in and the result's `notes` say so. A share
        has derivatives when the picked masters hold futures on it.
        """
        picked = {
            exchange: _newest(masters, day) for exchange, masters in self._by_exchange.items()
        }
        key = tuple(id(picked[exchange]) for exchange in sorted(picked))
        if key not in self._merged:
            self._merged[key] = self._merge(picked)
        master = copy.copy(self._merged[key])
        master.as_of = day
        odd = dict.fromkeys(note for of in picked.values() for note in of.notes)
        master.notes = (*odd, *(
            f"{exchange.name} instruments of {of.as_of} stand in for {day}: there are none older."
            for exchange, of in sorted(picked.items())
            if of.as_of is not None and of.as_of > day
        ))  # fmt: skip
        return master

    def day_of(self, exchange: Exchange, day: date) -> date | None:
        """Return of which day the instruments are that `at` gives for an exchange."""
        masters = self._by_exchange.get(exchange)
        return _newest(masters, day).as_of if masters else None

    def _merge(self, picked: Mapping[Exchange, Master]) -> Master:
        sources = dict.fromkeys(master.source for master in picked.values() if master.source)
        return Master(
            (
                instrument
                for exchange, master in sorted(picked.items())
                for instrument in master._by_name.values()
                if instrument.exchange == exchange
            ),
            source=", ".join(sources),
            freezes=self._freezes,
        )


def _newest(masters: list[Master], day: date) -> Master:
    steps = [(master.as_of or date.min, master) for master in masters]
    return in_force(steps, day) or masters[0]
