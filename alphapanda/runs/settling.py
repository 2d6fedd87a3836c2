"""When a run's contracts expire, and what it says of how they were settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from alphapanda.books.state import SettledBy
from alphapanda.engine.engine import Engine
from alphapanda.model.calendar import INDIA, Calendar, Session, ist_date, session_group
from alphapanda.model.contracts import traded_before
from alphapanda.model.instruments import Instrument, Masters, Segment

SHOWN = 3
"""Contracts named in a note; the rest are counted."""

DERIVATIVES = (Segment.FUTURES, Segment.OPTIONS)


def last_session(calendar: Calendar, instrument: Instrument) -> Session | None:
    """Return a contract's last session: of its expiry, or of the trading day before a holiday."""
    if instrument.expiry is None or calendar.is_always:
        return None
    day = traded_before(instrument.expiry, calendar)
    return calendar.session(day, session_group(instrument))


def notes_on_expiries(
    instruments: Sequence[Instrument], days: Sequence[date], calendar: Calendar,
    masters: Masters | None,
) -> list[str]:  # fmt: skip
    """Return what is to be said before a run of when its contracts expire."""
    contracts = [i for i in instruments if i.segment in DERIVATIVES]
    notes: list[str] = []
    ending = [i for i in contracts if i.expiry is not None and i.expiry <= days[-1]]
    if calendar.is_always and ending:
        few = name_few(ending)
        notes.append(f"{few}: never settled, since --calendar always has no sessions")
    moved = [
        i for i in contracts
        if i.expiry is not None and not calendar.is_always
        and days[0] <= i.expiry and not calendar.is_trading_day(i.expiry)
    ]  # fmt: skip
    for expiry in sorted({i.expiry for i in moved if i.expiry is not None}):
        those = [i for i in moved if i.expiry == expiry]
        notes.append(
            f"{name_few(those)}: expiry {expiry} is a holiday, settled on the trading day before, "
            f"{traded_before(expiry, calendar)}{age(masters, those[0], days[0])}"
        )
    return notes


def notes_on_names(instruments: Sequence[Instrument]) -> list[str]:
    """Return what is to be said of contracts of which only the names are known."""
    contracts = [i for i in instruments if i.segment in DERIVATIVES]
    told = [i for i in contracts if i.expiry is not None]
    never = [i for i in contracts if i.expiry is None]
    notes = []
    if told:
        notes.append(
            f"{name_few(told)}: expiry and strike are from the name, without --instruments"
        )
    if never:
        few = name_few(never)
        notes.append(f"{few}: never expires, since its name does not say when: give --instruments")
    return notes


def age(masters: Masters | None, instrument: Instrument, day: date) -> str:
    """Return how old the instruments file is that an expiry was read from."""
    of = None if masters is None else masters.day_of(instrument.exchange, day)
    if of is None:
        return ""
    return f" (by the instruments file of {of}, {abs((day - of).days)} days from the first day)"


def name_few(instruments: Sequence[Instrument]) -> str:
    """Return a few names of many, and how many there are."""
    names = ", ".join(i.name for i in instruments[:SHOWN])
    more = len(instruments) - SHOWN
    return f"{names} and {more} more" if more > 0 else names


def notes_on_settlements(instruments: Sequence[Instrument], engine: Engine) -> list[str]:
    """Return how the contracts of a run that were held to their expiry were settled.

    What rests on another price than the underlying's closing value comes first.
    """
    rows = engine.tables["instruments"]
    settled = [row for row in range(len(instruments)) if rows["settled_by"][row]]
    symbols = {i.symbol for i in instruments}
    notes = [own(instruments[row], rows[row], symbols) for row in settled
             if rows["settled_by"][row] == SettledBy.OWN]  # fmt: skip
    for by, text in SAID.items():
        those = [row for row in settled if rows["settled_by"][row] == by]
        for spot in sorted({int(rows["underlying"][row]) for row in those}):
            mine = [row for row in those if rows["underlying"][row] == spot]
            at = clock(int(rows["settled_at"][mine[0]]))
            name = instruments[spot].name
            notes.append(f"{name_few([instruments[r] for r in mine])} settled at {text(name, at)}")
    shares = [instruments[row] for row in settled if rows["physical"][row]]
    if shares:
        notes.append(
            f"{name_few(shares)}: settled by delivery, which is booked in cash at the settlement "
            "price with the broker's fee; the shares are not kept as a position, and the STT on "
            "them (0.1 % a side of what changes hands) is not booked"
        )
    return notes


SAID: dict[SettledBy, Callable[[str, str], str]] = {
    SettledBy.LAST: lambda name, at: f"the last price of {name}, of {at}: it has no later row",
    SettledBy.MEAN: lambda name, _: (
        f"the mean of {name} at the end of trading: its closing value is not in the data"
    ),
}


def own(instrument: Instrument, row: Any, symbols: set[str]) -> str:
    """Return the note on a contract that was settled at its own last price."""
    exchange = "BSE" if instrument.exchange.name == "BFO" else "NSE"
    spot = f"{exchange}:{instrument.spot}" if instrument.spot else "its underlying"
    why = "has no row of that day" if instrument.spot in symbols else "is not in the data"
    stamp = int(row["settled_at"])
    at = clock(stamp)
    if instrument.expiry is not None and ist_date(stamp) != ist_date(int(row["expiry"])):
        at = f"{ist_date(stamp)} {at}"
    return f"{instrument.name} settled at its own last price of {at}, {spot} {why}"


def clock(ts: int) -> str:
    """Return the time of a row in India; a bar that ends at a full minute is of the one before."""
    return datetime.fromtimestamp((ts - 1) // 10**9, INDIA).strftime("%H:%M")
