"""Tick sizes by the exchange's rule, of shares whose instruments file is not given.

A tick holds for a month, by the close of the month before; until one is known, by the first price.
Prices that are off it tell that the rule is not theirs (adjusted prices, another market's): then
the instrument has no tick, and the host says so.
"""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.calendar import DAY, IST

OPEN = -1
"""In place of a tick that the first price will tell."""

STEPS = 64
"""More than the rule has steps, so that a step and a month make one number."""


def review_tick(core: Core, instrument: Record) -> None:
    """Choose a ruled tick anew when a session opens in another month, or under another rule."""
    if instrument.tick_review != 0 and instrument.last != 0:
        step = step_at(core, instrument.last)
        review = month_of((core.clock[0].now + IST) // DAY) * STEPS + rule_at(core)
        if review != instrument.tick_review:
            instrument.tick_review = review
            instrument.tick = core.ticks[step].tick


def first_tick(core: Core, instrument: Record, last: int, ts: int) -> None:
    """Choose an instrument's tick by its first price."""
    instrument.tick_review = month_of((ts + IST) // DAY) * STEPS + rule_at(core)
    instrument.tick = core.ticks[step_at(core, last)].tick


def doubt_tick(instrument: Record) -> None:
    """Forget a ruled tick that the market's own price is off."""
    if instrument.tick_review != 0 and instrument.tick > 0:
        if instrument.last % instrument.tick != 0:
            instrument.tick_review = 0
            instrument.tick = 0


def rule_at(core: Core) -> int:
    """Return the first step of the rule in force now."""
    found = 0
    for index in range(len(core.ticks)):
        step = core.ticks[index]
        if step.since <= core.clock[0].now and step.since != core.ticks[found].since:
            found = index
    return found


def step_at(core: Core, price: int) -> int:
    """Return the step of the rule in force that a price has."""
    found = rule_at(core)
    while price > core.ticks[found].up_to:
        found += 1
    return found


def month_of(day: int) -> int:
    """Return a number for the month of a day since 1970: months are told apart, from March on."""
    shifted = day + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    return (era * 400 + year) * 12 + (5 * of_year + 2) // 153
