"""What is assumed of a run's instruments: ticks, derivatives on them, if they can be traded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from alphapanda.engine.filling import is_untradable
from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar, SessionGroup
from alphapanda.model.charges import Schedule
from alphapanda.model.derivatives import has_derivatives, known_until
from alphapanda.model.instruments import CASH, Exchange, Instrument, Master, Segment
from alphapanda.model.ticks import tick_by_rule
from alphapanda.runs.settling import name_few


def ticks_assumed(instruments: Sequence[Instrument], calendar: Calendar) -> str:
    """Return what is said of ticks that no instruments file tells."""
    ruled = [i for i in instruments if not calendar.is_always and tick_by_rule(i)]
    if not ruled:
        return "no tick size"
    rest = "" if len(ruled) == len(instruments) else ", no other's"
    return f"the tick size of {name_few(ruled)} is by NSE's rule and the first price{rest}"


def with_derivatives(
    instruments: Sequence[Instrument], days: Sequence[date], calendar: Calendar,
    master: Master | None,
) -> tuple[list[Instrument], list[str]]:  # fmt: skip
    """Return instruments with the derivatives that shares have by the shipped list, and the notes.

    It is asked from the day on which such shares end with an auction, if no file tells them.
    """
    day = first_auction(days, calendar)
    told = master is not None and not {Exchange.NFO, Exchange.BFO}.isdisjoint(master.exchanges)
    shares = [i for i in instruments if is_share(i)]
    if day is None or told or not shares:
        return list(instruments), []
    listed = {i.name for i in shares if has_derivatives(i.symbol, day)}
    notes = []
    if listed:
        notes.append(
            f"{name_few([i for i in shares if i.name in listed])}: trading ends with the closing "
            "auction, as of shares with derivatives; --instruments with Kite's NFO file tells "
            "which these are"
        )
    if days[-1] > known_until():
        notes.append(
            f"which shares have derivatives is known until {known_until()}: the closing auction "
            "of others is not seen; --instruments with Kite's NFO file tells them"
        )
    return [replace(i, has_derivatives=True) if i.name in listed else i for i in instruments], notes


def refuse_indices(instruments: Sequence[Instrument], schedule: Schedule) -> None:
    """Refuse a run in which there is nothing to trade but indices.

    Raises:
        UsageError: that names one and says what can be done.
    """
    if all(is_untradable(instrument, schedule) for instrument in instruments):
        raise UsageError(
            f"{instruments[0].name} is an index, which can't be bought or sold: give data of a "
            "contract on it, or of an ETF; --costs none or a rate, such as 0.03%, runs its rows "
            "as a series without a market."
        )


def first_auction(days: Sequence[date], calendar: Calendar) -> date | None:
    """Return the first of a run's days on which shares with derivatives have other hours."""
    if not differ(days[-1], calendar):
        return None
    return next(day for day in days if differ(day, calendar))


def differ(day: date, calendar: Calendar) -> bool:
    """Say if shares with derivatives have other hours on a day than shares without."""
    plain = calendar.session(day, SessionGroup.EQUITY)
    with_them = calendar.session(day, SessionGroup.EQUITY_FO)
    return plain is not None and with_them is not None and plain.changes != with_them.changes


def is_share(instrument: Instrument) -> bool:
    """Say if an instrument is a share of a cash exchange."""
    return instrument.exchange in CASH and instrument.segment == Segment.EQUITY
