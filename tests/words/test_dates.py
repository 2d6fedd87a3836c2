"""The date in India as a number, by Python's own calendar."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda import date_of, weekday_of
from alphapanda.model.calendar import day_start_ns

DAYS = st.dates(date(1970, 1, 2), date(2200, 12, 31))


@settings(deadline=None, max_examples=100)
@given(DAYS, st.integers(0, 86_400 * 10**9 - 1))
def test_every_day_is_that_of_the_calendar(day: date, inside: int) -> None:
    """From midnight to midnight in India it is that day, and that weekday."""
    ctx: Any = SimpleNamespace(now=day_start_ns(day) + inside)
    assert date_of(ctx) == int(day.strftime("%Y%m%d"))
    assert weekday_of(ctx) == day.weekday()
