"""What the name of a future or option says: its underlying, its expiry, its strike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar
from alphapanda.model.dated import TABLES, Steps, a_date, in_force, read_table, rows_of
from alphapanda.model.instruments import Exchange, Instrument, listed_on, root_of
from alphapanda.model.money import to_scaled

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI")
WEEKLY = "123456789OND"
CONTRACT = re.compile(r"(\d{2})([A-Z]{3}|[1-9OND]\d{2})(?:FUT|(\d+(?:\.\d+)?)(?:CE|PE))")
"""What follows the underlying: year, month or month and day, strike."""

SHARES = "shares"
"""In the table of expiry days: every underlying that it does not name."""


class Terms(NamedTuple):
    """What a contract's symbol says."""

    underlying: str
    year: int
    month: int
    day: int
    """0: the month's own contract, which expires on the day that the exchange's rule gives."""
    strike: int


def terms_of(symbol: str) -> Terms | None:
    """Return what a contract's symbol says, monthly (25SEP) or weekly (25916); None for others."""
    for end in range(1, len(symbol)):
        found = CONTRACT.fullmatch(symbol, end)
        if found is None or not symbol[:end].strip():
            continue
        year, month, strike = 2000 + int(found[1]), found[2], to_scaled(found[3] or "0")
        if month in MONTHS:
            return Terms(symbol[:end], year, MONTHS.index(month) + 1, 0, strike)
        if month[0] in WEEKLY and is_day(year, WEEKLY.index(month[0]) + 1, int(month[1:])):
            return Terms(symbol[:end], year, WEEKLY.index(month[0]) + 1, int(month[1:]), strike)
    return None


def is_day(year: int, month: int, day: int) -> bool:
    """Say if there is such a day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def by_name(name: str, calendar: Calendar) -> Instrument:
    """Return what is assumed of an instrument without a master, and what its name says.

    Raises: UsageError for an unknown exchange, a derivative whose segment cannot be told, or one
    that is not listed on its exchange.
    """
    assumed = Instrument.assumed(name)
    terms = terms_of(assumed.symbol)
    root = root_of(assumed.symbol) if terms is None else terms.underlying
    if root:
        check_listed(assumed, root)
    if terms is None:
        return replace(assumed, underlying=root)
    return replace(
        assumed, underlying=terms.underlying, strike=terms.strike,
        expiry=expiry_of(terms, assumed.exchange, calendar),
    )  # fmt: skip


def check_listed(instrument: Instrument, root: str) -> None:
    """Refuse a contract that another exchange lists.

    Raises: UsageError with the name that it has there.
    """
    homes = listed_on(root)
    if instrument.exchange not in homes:
        raise UsageError(
            f"{instrument.name}: by its name a contract on {root}, which {homes[0].name} lists, "
            f"not {instrument.exchange.name}: name it {homes[0].name}:{instrument.symbol}, or say "
            f"--exchange {homes[0].name}"
        )


def expiry_of(terms: Terms, exchange: Exchange, calendar: Calendar) -> date | None:
    """Return the day on which a contract expires; None where the exchange's rule is not known."""
    if terms.day:
        return traded_before(date(terms.year, terms.month, terms.day), calendar)
    first = date(terms.year, terms.month, 1)
    rules = expiry_days()
    steps = rules.get((exchange, terms.underlying)) or rules.get((exchange, SHARES))
    weekday = in_force(steps, first) if steps else None
    if weekday is None:
        return None
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return traded_before(last - timedelta(days=(last.weekday() - weekday) % 7), calendar)


def traded_before(day: date, calendar: Calendar) -> date:
    """Return a day, or the trading day before it where it is none (at most ten days before)."""
    for back in range(10):
        if calendar.is_trading_day(day - timedelta(days=back)):
            return day - timedelta(days=back)
    return day


@cache
def expiry_days() -> Mapping[tuple[Exchange, str], Steps[int]]:
    """Return by exchange and underlying the weekday of a month's last expiry, Monday 0, dated."""
    path = TABLES / "expiry_days.toml"
    found: dict[tuple[Exchange, str], dict[date, int]] = {}
    for number, row in enumerate(rows_of(path, read_table(path), "expiry"), 1):
        where = f"{path}, [[expiry]] number {number}"
        if row.get("exchange") not in Exchange.__members__:
            raise UsageError(f"{where}: {row.get('exchange')!r} is no exchange.")
        steps = {a_date(s["from"], f"{where}, from"): WEEKDAYS.index(s["day"])
                 for s in row["steps"]}  # fmt: skip
        for underlying in row["underlyings"]:
            found.setdefault((Exchange[row["exchange"]], underlying), {}).update(steps)
    return {key: sorted(steps.items()) for key, steps in found.items()}
