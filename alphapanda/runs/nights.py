"""A live run over several days: what of them lies behind it, and whether it goes on tomorrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.engine.engine import Engine
from alphapanda.journal.days import days_of
from alphapanda.journal.journal import Journal
from alphapanda.model.calendar import EPOCH
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Product
from alphapanda.model.money import to_rupees
from alphapanda.model.notes import Note, Rank
from alphapanda.runs.session import Session


class Night(NamedTuple):
    """Where a live run stands among its days."""

    today: date
    past_ns: int = 0
    """Up to here nobody can act any more: the days before today, and today once it is over."""
    until: date | None = None
    """The run's last day; None: the first on which it holds nothing over night."""
    accepts: bool = False
    """Today may be closed although our books and the broker's differ."""
    earned: int = 0
    """What other runs of the account have earned today, scaled."""


def later_days(begun: Sequence[date], journal: Journal | None, today: date) -> tuple[date, ...]:
    """Return the days of a run behind those it was begun for: days it has had, and today."""
    if journal is None:
        return ()
    return tuple(day for day in sorted({*days_of(journal), today}) if day > begun[-1])


def catch_up(session: Session, past_ns: int) -> None:
    """Let the calendar's rows pass that nobody can act on any more.

    They come before the broker's line is there: what the core asks for on them never leaves, and
    ends as never sent.
    """
    assert session.placer is not None
    if session.now and session.placer.is_due(past_ns):
        session.feed(Columns.of(), session.placer.until(past_ns))


def news_of(night: Night | None, history: Iterable[OrderRequest | Report]) -> list[Report]:
    """Return what other runs have earned today, unless the run has been told."""
    if night is None:
        return []
    day = night.today.toordinal() - EPOCH
    told = 0
    for entry in history:
        if isinstance(entry, Report) and entry.kind == ReportKind.EARLIER and entry.price == day:
            told = entry.qty
    if told == night.earned:
        return []
    text = f"other runs of the account have earned Rs {to_rupees(night.earned)} today"
    return [Report(int(ReportKind.EARLIER), row=-1, qty=night.earned, price=day, text=text)]


def goes_on(engine: Engine, night: Night) -> str:
    """Return why a run goes on the next day; empty: it ends with today."""
    if night.until is not None:
        return f"it goes on until {night.until}" if night.until > night.today else ""
    held = held_over_night(engine)
    return f"positions held over night: {held}" if held else ""


def notes_on_end(engine: Engine) -> Iterator[Note]:
    """Yield that a run which has ended leaves positions behind."""
    held = held_over_night(engine)
    if held:
        yield Note(
            f"positions held over night: {held}, and the run has ended with its last day: another "
            "run counts them as not its own, and no stop of ours protects them", Rank.MISSED,
        )  # fmt: skip


def held_over_night(engine: Engine) -> int:
    """Return how many positions stay; what is intraday the broker squares off."""
    positions = engine.tables["positions"]
    return int(np.count_nonzero((positions["qty"] != 0) & (positions["product"] != Product.MIS)))
