"""Steps between bars against the interval that they are said to have."""

from __future__ import annotations

from collections.abc import Mapping

from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY
from alphapanda.model.interval import interval_text

ENOUGH = 10
"""Steps that are all too long for an interval: in thin trade fewer may be by chance."""


FEW = 3
"""Steps that are all long: fewer may be holes."""
A_WEEK = 5 * DAY
"""No holidays make neighbouring days of trade lie so far apart, and a week with holidays may."""


def refuse_weeks(steps: Mapping[int, int], *, path: str) -> None:
    """Raise a UsageError for rows that lie as far apart as those of weeks or months.

    Such a row bears its first day, and holds prices of later ones.
    """
    if sum(steps.values()) < FEW or min(steps) < A_WEEK:
        return
    usual = min(steps, key=lambda step: (-steps[step], step))
    raise UsageError(
        f"{path}: its rows are {interval_text(usual)} apart, as bars of weeks or months are, which "
        "hold prices of days after their stamp: take bars of days; if each row is of its own day, "
        "say --interval 1d."
    )


def refuse_other_steps(
    steps: Mapping[int, int], told: int, *, path: str, says: str, clocks: int | None = None
) -> None:
    """Raise a UsageError where the steps between bars speak against an interval.

    `steps` counts each step in ns; `clocks` is the latest time of day of a bar, in ns after
    midnight in India, where it is known; `says` names what says the interval.
    """
    if not steps:
        return
    least, whole_days = min(steps), told % DAY == 0
    # The stamp of a day may lie some hours earlier or later than that of the day before.
    short = least < (told // 2 if whole_days else told)
    within = [step for step in steps if step < DAY]
    days = not within and all(step % DAY == 0 for step in steps)
    of_days = not whole_days and days and sum(steps.values()) > 1 and not clocks
    many = not whole_days and sum(steps[step] for step in within) >= ENOUGH
    long = many and least > told and all(step % least == 0 for step in within)
    if short or of_days or long:
        raise UsageError(
            f"{path}: {says} says bars of {interval_text(told)}, but its rows are "
            f"{interval_text(least)} apart: correct it, or say with --interval what they are."
        )
