"""What charges tell apart: delivery, intraday, futures, options, and what of them has own rates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.dated import TABLES, a_date, read_table, rows_of
from alphapanda.model.instruments import CASH, Exchange, Instrument, Product, Segment


class ChargeClass(IntEnum):
    """What has rates of its own. One with a base has the base's where it has none itself."""

    DELIVERY = 0
    INTRADAY = 1
    FUTURES = 2
    OPTIONS = 3
    ETF_DELIVERY = 4
    """Units of a fund of Indian shares; within a day they are charged as shares are."""
    FUND_DELIVERY = 5
    """Without STT: funds of gold, silver, debt, foreign shares, cash; and bonds."""
    FUND_INTRADAY = 6
    STOCK_OPTIONS = 7
    """Options on shares, and on indices that BSE charges like them."""


BASE = {
    ChargeClass.ETF_DELIVERY: ChargeClass.DELIVERY,
    ChargeClass.FUND_DELIVERY: ChargeClass.DELIVERY,
    ChargeClass.FUND_INTRADAY: ChargeClass.INTRADAY,
    ChargeClass.STOCK_OPTIONS: ChargeClass.OPTIONS,
}

PAIR = {
    ChargeClass.DELIVERY: ChargeClass.INTRADAY,
    ChargeClass.ETF_DELIVERY: ChargeClass.INTRADAY,
    ChargeClass.FUND_DELIVERY: ChargeClass.FUND_INTRADAY,
}
"""How a day's purchases and sales of one share are charged as far as they offset each other."""

KINDS = ("shares", "other")
"""What an ETF holds, as far as its STT depends on it: Indian shares, or anything else."""

LIKE_A_FUND = re.compile(
    r"(?:.*(?:[A-Z]BEES|ETF|ETFADD|CASE)|LIQUID.*|SETF.*|.*(?:NIFTY|SENSEX|GILT|GSEC).*)"
)
"""Symbols that sound like an ETF's. A share may sound so too: it only makes a note."""

BOND = re.compile(r".+-(?:G[BS]|SG|TB|[NYZ][0-9A-Z])|SGB[A-Z]{1,4}[0-9]{2}[A-Z]*")
"""Bonds as NSE's series tell them: of gold, of the Union and the states, bills, debentures.

STT is on shares, derivatives, units of funds of shares and of business trusts (Finance (No. 2) Act
2004, section 97), so there is none on these.
"""
BOND_TERMS = "is charged as a bond, without STT; its stamp duty and fees are taken as a share's"


def charge_class(segment: Segment, product: Product) -> ChargeClass:
    """Return the class of a trade; an index counts as a share, NRML in shares as delivery."""
    if segment == Segment.FUTURES:
        return ChargeClass.FUTURES
    if segment == Segment.OPTIONS:
        return ChargeClass.OPTIONS
    return ChargeClass.INTRADAY if product == Product.MIS else ChargeClass.DELIVERY


def class_of(instrument: Instrument, product: Product, fund: str) -> ChargeClass:
    """Return the class of an instrument's trades; `fund` is one of KINDS, or empty for none."""
    plain = charge_class(instrument.segment, product)
    if plain == ChargeClass.OPTIONS and charged_as_stock(instrument):
        return ChargeClass.STOCK_OPTIONS
    if not fund:
        return plain
    if plain == ChargeClass.INTRADAY:
        return ChargeClass.FUND_INTRADAY if fund == "other" else plain
    return ChargeClass.FUND_DELIVERY if fund == "other" else ChargeClass.ETF_DELIVERY


def charged_as_stock(instrument: Instrument) -> bool:
    """Say if an option is charged as one on a share; without an underlying it is on an index."""
    if not instrument.underlying:
        return False
    return instrument.on_share or (
        instrument.exchange == Exchange.BFO and instrument.underlying == "SENSEX50"
    )


def is_bond(instrument: Instrument) -> bool:
    """Say if a name on a share exchange is a bond's."""
    cash = instrument.segment == Segment.EQUITY and instrument.exchange in CASH
    return cash and BOND.fullmatch(instrument.symbol) is not None


class Funds:
    """Which symbols are ETFs, from which day on, and what they hold."""

    def __init__(self, known: Mapping[str, tuple[date, str]]) -> None:
        """Use `builtin`, then `laid_over`."""
        self._known = dict(known)

    @classmethod
    def builtin(cls) -> Funds:
        """Return the list that this package ships."""
        return _builtin()

    def laid_over(self, path: Path, content: Mapping[str, Any]) -> Funds:
        """Return the list with the [[etf]] tables of a user's file over it.

        Raises: UsageError for a table that does not fit.
        """
        return Funds({**self._known, **_read(path, dict(content))}) if "etf" in content else self

    def kind_of(self, instrument: Instrument, day: date) -> str:
        """Return what an ETF holds, one of KINDS, "other" for a bond; empty for what is a share."""
        if instrument.segment != Segment.EQUITY or instrument.exchange not in CASH:
            return ""
        first, kind = self._known.get(instrument.symbol, (date.max, ""))
        if day >= first:
            return kind
        return "other" if is_bond(instrument) else ""

    def looks_like(self, instrument: Instrument, day: date) -> bool:
        """Whether a share's name sounds like an ETF's, which the list does not have."""
        if instrument.segment != Segment.EQUITY or instrument.exchange not in CASH:
            return False
        known = self.kind_of(instrument, day)
        return not known and LIKE_A_FUND.fullmatch(instrument.symbol) is not None


@cache
def _builtin() -> Funds:
    path = TABLES / "etfs.toml"
    return Funds(_read(path, read_table(path)))


def _read(path: Path, content: dict[str, Any]) -> dict[str, tuple[date, str]]:
    found: dict[str, tuple[date, str]] = {}
    for number, row in enumerate(rows_of(path, content, "etf"), 1):
        where = f"{path}, [[etf]] number {number}"
        kind = row.get("holds")
        if kind not in KINDS:
            hint = did_you_mean(str(kind), KINDS)
            raise UsageError(f"{where}, holds: {kind!r} is none of {', '.join(KINDS)}.{hint}")
        day = a_date(row.get("from"), f"{where}, from")
        symbols = row.get("symbols")
        if not isinstance(symbols, list) or not all(isinstance(name, str) for name in symbols):
            raise UsageError(f'{where}: symbols is missing, such as ["NIFTYBEES"].')
        found.update(dict.fromkeys(symbols, (day, kind)))
    return found
