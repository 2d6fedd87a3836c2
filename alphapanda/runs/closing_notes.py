"""What a run has to say when it is over: rows nobody saw, exits over night, forced square-offs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from alphapanda.errors import UsageError
from alphapanda.model import indices
from alphapanda.model.calendar import (
    DAY,
    INDIA,
    IST,
    Calendar,
    SessionGroup,
    ist_date,
    session_group,
)
from alphapanda.model.instruments import CASH, Instrument, Product, Segment
from alphapanda.model.notes import Note, Rank
from alphapanda.model.rows import NEVER
from alphapanda.model.ticks import tick_by_rule

MOST = 3
"""Instruments that a note names."""

HALF = 2


def closing_notes(run: Any) -> list[str]:
    """Return the notes on a run that is over (`runs/runner.py`)."""
    return [
        *outside_notes(run),
        *stamp_notes(run),
        *expired_notes(run),
        *intraday_notes(run),
        *square_off_notes(run),
        *exit_notes(run),
        *index_notes(run),
        *tick_notes(run),
    ]


def refuse_nothing_seen(run: Any) -> None:
    """Refuse a run none of whose rows lay within trading hours.

    Raises:
        UsageError: with the likely reason.
    """
    rows = run.session.rows
    if rows and int(run.session.engine.tables["clock"]["outside"][0]) == rows:
        said = next(outside_notes(run))
        raise UsageError(f"{said}. --calendar always trades at any time.")


def outside_notes(run: Any) -> Iterator[str]:
    """Yield how many rows came outside continuous trading, and what may be the reason."""
    clock, rows = run.session.engine.tables["clock"][0], run.session.rows
    outside = int(clock["outside"])
    if outside:
        shift = run.plan.feed.interval_ns if run.plan.feed.interval_ns % DAY else 0
        first, last = int(clock["outside_from"]) - shift, int(clock["outside_to"]) - shift
        groups = sorted({session_group(instrument) for instrument in run.plan.instruments})
        yield outside_note(
            outside, rows, (first, last), run.plan.rules.calendar, groups,
            became="strategies did not see them, and nothing filled on them",
        )  # fmt: skip
    said = auctions_text(*(int(clock[name]) for name in ("pre_open", "auction", "post_close")))
    if said:
        yield f"rows outside continuous trading, which only set the last price: {said}"


def outside_note(
    outside: int, rows: int, edges: tuple[int, int], calendar: Calendar,
    groups: Sequence[SessionGroup], *, became: str,
) -> Note:  # fmt: skip
    """Return how many rows, from when to when, came outside trading hours, and what of it."""
    text = (
        f"{outside:,} of {rows:,} rows lie outside trading hours (first {at(edges[0])}, last "
        f"{at(edges[1])} IST): {became}"
    )
    most = HALF * outside > rows
    hint = zone_hint(calendar, groups, *edges) if most else ""
    text += hint or clock_hint(calendar, groups, *edges)
    return Note(text, Rank.MISSED if most else Rank.LEFT_OUT)


def auctions_text(pre_open: int, auction: int, post_close: int) -> str:
    """Return how many rows came before, in and after auctions; empty if none did."""
    auctions = {
        "before the open": pre_open, "in the closing auction": auction,
        "after the close": post_close,
    }  # fmt: skip
    return ", ".join(f"{count:,} {when}" for when, count in auctions.items() if count)


def zone_hint(
    calendar: Calendar, groups: Sequence[SessionGroup], first: int, last: int
) -> str:  # fmt: skip
    """Return which mistake about the time zone would put the rows outside into the session."""
    if fits(calendar, groups, first, last, IST):
        return (
            ". The times look like UTC taken as India's: write them with their zone "
            "(2025-07-01 03:45:00+00:00)"
        )
    if fits(calendar, groups, first, last, -IST):
        return (
            ". The times look like India's marked as UTC: write them without a zone, or with +05:30"
        )
    return ""


def clock_hint(
    calendar: Calendar, groups: Sequence[SessionGroup], first: int, last: int
) -> str:  # fmt: skip
    """Return that a clock seems to have twelve hours, if that puts the rows into the session."""
    if fits(calendar, groups, first, last, DAY // 2):
        return ". The times look like those of a 12-hour clock without AM and PM: write 13:15"
    return ""


def fits(
    calendar: Calendar, groups: Sequence[SessionGroup], first: int, last: int, shift: int
) -> bool:
    """Say if two times lie in sessions of their days once they are shifted."""
    return all(
        any(
            (session := calendar.session(ist_date(ts + shift), group)) is not None
            and session.open <= ts + shift <= session.close
            for group in groups
        )
        for ts in (first, last)
    )


def stamp_notes(run: Any) -> Iterator[str]:
    """Yield that bars seem to bear the time of their end, where they were taken for starts."""
    step, calendar = run.plan.feed.interval_ns, run.plan.rules.calendar
    days = run.gatherer.rows_of_days
    if not step or step % DAY == 0 or calendar.is_always or not days:
        return
    for group in sorted({session_group(instrument) for instrument in run.plan.instruments}):
        sessions = [(calendar.session(ist_date(first), group), first, last)
                    for first, last in days.values()]  # fmt: skip
        if all(
            session is not None and (first, last) == (session.open + 2 * step, session.close + step)
            for session, first, last in sessions
        ):
            yield Note(
                "each day's bars begin one bar after the open, and the last begins at the close "
                f"({at(days[min(days)][1] - step)}): stamps look like ends, and were taken as "
                "starts, so each bar came late; `alphapanda data import FILE --stamps end`",
                Rank.LEFT_OUT,
            )
            return


def expired_notes(run: Any) -> Iterator[str]:
    """Yield which contracts had rows on days after they had expired."""
    table = run.session.engine.tables["instruments"]
    late = [
        instrument for instrument, ts, expiry in zip(
            run.plan.instruments, table["ts"].tolist(), table["expiry"].tolist(), strict=True)
        if expiry != NEVER and ist_date(ts) > ist_date(expiry)
    ]  # fmt: skip
    if late:
        yield Note(
            f"{some(late)} came with rows of days after expiry: nothing trades on them. Is it "
            "another contract's data, or another expiry (--instruments FILE)?", Rank.LEFT_OUT,
        )  # fmt: skip


def intraday_notes(run: Any) -> Iterator[str]:
    """Yield that bars of days leave no time for intraday orders, where there may be some."""
    step, products = run.plan.feed.interval_ns, {p for e in run.plan.enrolments for p in e.products}
    of_days = step and step % DAY == 0 and not run.plan.rules.calendar.is_always
    if of_days and Product.MIS in products:
        yield Note(
            "MIS on day bars: what on_bar decides falls after the day's square-off, so those "
            "orders are refused; --product CNC or NRML holds over night, bars within the day trade "
            "intraday", Rank.MISSED,
        )  # fmt: skip


def square_off_notes(run: Any) -> Iterator[str]:
    """Yield which intraday positions no row could close."""
    clock = run.session.engine.tables["clock"][0]
    forced = int(clock["forced"])
    if forced:
        name = run.plan.instruments[int(clock["forced_row"])].name
        when = at(int(clock["forced_ts"]))
        yield (
            f"{forced:,} square-off orders met no row that could fill them: closed at the last "
            f"price known when their day ended (first {name}, price of {when} IST)"
        )


def exit_notes(run: Any) -> Iterator[str]:
    """Yield how often positions were without protection."""
    overnight, unprotected = run.gatherer.overnight, run.gatherer.unprotected
    if unprotected:
        yield Note(
            f"UNPROTECTED: {unprotected:,} exits lay outside the circuit limits of their day and "
            "could not stand; they are tried again at the next session's open", Rank.MISSED,
        )  # fmt: skip
    if overnight:
        yield (
            f"{overnight:,} exits of brackets expired with their session and were sent anew at the "
            "next open: between sessions nothing protects a position"
        )


def volume_notes(instruments: Sequence[Instrument]) -> Iterator[str]:
    """Yield which instruments have a volume of 0 throughout."""
    silent = [instrument for instrument in instruments if not instrument.has_volume]
    if silent:
        yield (
            f"volume is 0 in every row of {some(silent)}: taken as no volume, so it limits no fill"
        )


def index_notes(run: Any) -> Iterator[str]:
    """Yield which indices were bought or sold, as nobody can."""
    rows = np.unique(run.gatherer.fills()["row"])
    indices = [run.plan.instruments[row] for row in rows if is_index(run.plan.instruments[row])]
    if indices:
        yield (
            f"{some(indices)} can't be bought, an index is no share: fills on it are those of a "
            "series, not of a market"
        )


def tick_notes(run: Any) -> Iterator[str]:
    """Yield which shares have prices that NSE's rule on ticks does not allow."""
    if run.plan.rules.calendar.is_always:
        return
    reviews = run.session.engine.tables["instruments"]["tick_review"]
    off = [i for i, at in zip(run.plan.instruments, reviews, strict=True)
           if at == 0 and tick_by_rule(i)]  # fmt: skip
    if off:
        verb = "has" if len(off) == 1 else "have"
        yield (
            f"{some(off)} {verb} prices off the exchange's tick, as adjusted or foreign ones are: "
            "no tick size was assumed from then on; --instruments FILE tells it"
        )


def is_index(instrument: Instrument) -> bool:
    """Say if an instrument is an index, by its segment or its name."""
    named = instrument.exchange in CASH and indices.is_index(instrument.symbol)
    return instrument.segment == Segment.INDEX or named


def some(instruments: Sequence[Instrument]) -> str:
    """Return the names of a few instruments."""
    names = ", ".join(instrument.name for instrument in instruments[:MOST])
    left = len(instruments) - MOST
    return f"{names} and {left} more" if left > 0 else names


def at(ts: int) -> str:
    """Return a time as India writes it."""
    return datetime.fromtimestamp(ts / 1e9, INDIA).strftime("%Y-%m-%d %H:%M:%S")
