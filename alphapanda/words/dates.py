"""What day it is: for strategies that act once a month, a week, or on a weekday."""

from __future__ import annotations

from alphapanda.core.context import Context
from alphapanda.model.calendar import DAY, IST


def date_of(ctx: Context) -> int:
    """Return the day in India as a number, 20250829; // 100 is its month.

    By Gregorian eras of 400 years, of 146,097 days, that begin with March.
    """
    days = (ctx.now + IST) // DAY + 719_468
    era = days // 146_097
    inside = days - era * 146_097
    year = (inside - inside // 1_460 + inside // 36_524 - inside // 146_096) // 365
    of_year = inside - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return int((year + era * 400 + (month <= 2)) * 10_000 + month * 100 + day)


def weekday_of(ctx: Context) -> int:
    """Return the weekday in India, Monday 0."""
    return int(((ctx.now + IST) // DAY + 3) % 7)
