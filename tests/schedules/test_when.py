"""When schedules are due: by sessions and by the clock, in IST, on trading days."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from alphapanda.errors import UsageError
from alphapanda.model.calendar import INDIA, Calendar, SessionGroup
from alphapanda.schedules.when import parse

MUHURAT = date(2026, 11, 8)
"""A Sunday with an evening session from 18:15 to 19:15."""


def clock(said: str, day: date, group: SessionGroup = SessionGroup.EQUITY) -> list[str]:
    """Return the times of a day, in IST."""
    times = parse(said).times(day, Calendar.nse(), group)
    return [f"{datetime.fromtimestamp(ns / 1e9, INDIA):%m-%d %H:%M}" for ns in times]


@pytest.mark.parametrize(("said", "day", "times"), [
    ("after close + 20m", date(2026, 1, 14), ["01-14 15:50"]),
    ("After  Close+1h30m", date(2026, 1, 14), ["01-14 17:00"]),
    ("after close", date(2026, 1, 14), ["01-14 15:30"]),
    ("before open - 30m", date(2026, 1, 14), ["01-14 08:45"]),
    ("before open - 10h", date(2026, 1, 14), ["01-13 23:15"]),
    ("after close + 10h", date(2026, 1, 14), ["01-15 01:30"]),
    ("fri 17:00", date(2026, 1, 16), ["01-16 17:00"]),
    ("fri 17:00", date(2026, 1, 14), []),
    ("mon,wed-fri 9:05", date(2026, 1, 14), ["01-14 09:05"]),
    ("30 16 * * mon-fri", date(2026, 1, 14), ["01-14 16:30"]),
    ("0,30 9-11/2 * * *", date(2026, 1, 14), ["01-14 09:00", "01-14 09:30", "01-14 11:00",
                                             "01-14 11:30"]),
    ("0 18 1-7 jan *", date(2026, 1, 14), []),
    ("0 18 14 JAN *", date(2026, 1, 14), ["01-14 18:00"]),
    ("*/20 23 * * wed", date(2026, 1, 14), ["01-14 23:00", "01-14 23:20", "01-14 23:40"]),
    ("after close + 20m", MUHURAT, ["11-08 19:35"]),
    ("before open - 30m", MUHURAT, ["11-08 17:45"]),
    ("0 17 * * sun-tue", MUHURAT, ["11-08 17:00"]),
])  # fmt: skip
def test_a_day_has_its_times(said: str, day: date, times: list[str]) -> None:
    """Times hang on the day's own session, also of an evening, or on the clock of India."""
    assert clock(said, day) == times


def test_no_time_on_a_day_without_trading() -> None:
    """A holiday and a Saturday have none, whatever the form."""
    for day in (date(2026, 1, 26), date(2026, 1, 17)):
        for said in ("after close + 20m", "before open - 30m", "mon,sat 17:00", "0 9 * * *"):
            assert clock(said, day) == []


def test_another_market_closes_at_another_time() -> None:
    """`market` says whose close is meant."""
    assert clock("after close", date(2026, 1, 14), SessionGroup.CURRENCY) == ["01-14 17:00"]


@pytest.mark.parametrize(("said", "word"), [
    ("after close - 20m", "after close + 20m"),
    ("before open + 20m", "before open - 20m"),
    ("after lunch + 20m", "'after close + 20m'"),
    ("after close + 20", "not an interval"),
    ("after close + 24h", "less than a day"),
    ("after close + 1d", "less than a day"),
    ("17:00", "'fri 17:00'"),
    ("friday 17:00", "fri"),
    ("fri 24:00", "0 to 23"),
    ("fri 17:60", "0 to 59"),
    ("30 16 * * 1-5", "numbers mean other days"),
    ("30 16 * * 7", "numbers mean other days"),
    ("30 16 * *", "five"),
    ("30 16 * * * *", "five"),
    ("60 16 * * *", "minute 60"),
    ("0 16 0 * *", "from 1 to 31"),
    ("0 16 * foo *", "month"),
    ("0 16 31 feb *", "no month"),
    ("0 16 1 * mon", "either"),
    ("0 16-9 * * *", "backwards"),
    ("5/15 * * * *", "step"),
    ("*/0 * * * *", "at least 1"),
    ("0 ١٦ * * *", "hour"),
    ("", "write"),
])  # fmt: skip
def test_what_is_no_time_is_refused(said: str, word: str) -> None:
    """A form that could be read two ways, or none, is refused with what to write."""
    with pytest.raises(UsageError, match=word.replace("+", r"\+")):
        parse(said)
