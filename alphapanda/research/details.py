"""More of a run than its figures: drawdowns one by one, streaks, sides, holding times, odd days.

Days are trading days, closes as in `stats.py`; a *drawdown* leads from a day's close that is the
highest so far to the first close that is as high again.

=============== ===================================================================================
depth           (peak - lowest close) / peak, a positive fraction; `money` the same in rupees
fall            trading days from the peak to the lowest close
recovery        trading days from there to the first close as high as the peak; None: not yet
length          trading days from the peak to there, or to the end of the run
longest_win     most round trips in a row with a profit after charges, as they closed; a trip
                without profit or loss ends both streaks
longest_loss    most in a row with a loss
expectancy      mean P&L of a round trip after charges, rounded half up; None without one
by_side         round trips, hit rate, P&L and expectancy of those that were long, and short
holding         seconds from the fill that opened a trip to the one that closed it, nights
                included: shortest, median, mean, longest; of all, of those with a profit, a loss
best_days       the days with the greatest return above 0, and worst_days below 0
=============== ===================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.money import text, to_scaled
from alphapanda.research import lines
from alphapanda.research.stats import Trips, round_trips
from alphapanda.research.table import count, duration, percent
from alphapanda.research.tables import integers, scaled
from alphapanda.research.trades import extras_of, fills_of

Int64 = NDArray[np.int64]
MOST = 10
"""Drawdowns told; the deepest come first."""
FEW_DAYS = 5
EPOCH = date(1970, 1, 1)
SECOND = 1_000_000_000


class Drawdown(NamedTuple):
    """One drawdown; places count closes, of which the first is the initial cash."""

    peak: int
    bottom: int
    end: int | None
    """None: it had not recovered when the run ended."""
    money: int
    """Scaled, > 0."""
    depth: float


def drawdowns(closes: Int64) -> list[Drawdown]:
    """Return every drawdown of [initial cash, close, close ...], scaled, in order of time."""
    found, peak, bottom = [], 0, -1
    for place, close in enumerate(closes.tolist()):
        if close >= closes[peak]:
            if bottom >= 0:
                found.append(drawdown(closes, peak, bottom, place))
            peak, bottom = place, -1
        elif bottom < 0 or close < closes[bottom]:
            bottom = place
    return [*found, drawdown(closes, peak, bottom, None)] if bottom >= 0 else found


def drawdown(closes: Int64, peak: int, bottom: int, end: int | None) -> Drawdown:
    """Return one drawdown."""
    lost = int(closes[peak]) - int(closes[bottom])
    return Drawdown(peak, bottom, end, lost, lost / int(closes[peak]))


def details(result: Any) -> dict[str, Any]:
    """Return what the module defines of a run, as JSON holds it: money is text, in rupees."""
    names = result.names
    days = integers(result.exact["days"]["day"].cast("int32"))
    closes = np.append(to_scaled(result.summary["cash"]), scaled(result.exact["days"]["equity"]))
    trips = round_trips(
        fills_of(result.exact["fills"], names), extras_of(result.exact["charges"], names)
    )
    return details_of(days, closes, trips)


def details_of(days: Int64, closes: Int64, trips: Trips) -> dict[str, Any]:
    """Return the same of days since 1970 [D], initial cash and closes [D + 1], and round trips."""
    return {
        **told_of_days(days, closes), **streaks(trips), "expectancy": expectancy(trips.pnl),
        "by_side": {"long": side(trips, 1), "short": side(trips, -1)},
        "holding": {
            "all": holding(trips, np.ones(len(trips.pnl))),
            "profit": holding(trips, trips.pnl > 0),
            "loss": holding(trips, trips.pnl < 0),
        },
    }  # fmt: skip


def told_of_days(days: Int64, closes: Int64) -> dict[str, Any]:
    """Return drawdowns, best and worst days; `days` [D] count from 1970, `closes` are [D + 1]."""
    every = drawdowns(closes)
    deepest = sorted(every, key=lambda one: (-one.depth, one.peak))[:MOST]
    before = closes[:-1].astype(float)
    change = np.diff(closes)
    returns = np.divide(change, before, out=np.zeros(len(before)), where=before > 0)
    order = np.argsort(returns, kind="stable")
    worst = [place for place in order[:FEW_DAYS].tolist() if returns[place] < 0]
    best = [place for place in order[::-1][:FEW_DAYS].tolist() if returns[place] > 0]

    def told(place: int) -> dict[str, Any]:
        return {"day": day_text(days, place + 1), "return": float(returns[place]),
                "pnl": text(int(change[place]))}  # fmt: skip

    return {
        "drawdowns": [drawdown_facts(one, days, len(closes) - 1) for one in deepest],
        "drawdowns_in_all": len(every),
        "best_days": [told(place) for place in best],
        "worst_days": [told(place) for place in worst],
    }  # fmt: skip


def drawdown_facts(one: Drawdown, days: Int64, last: int) -> dict[str, Any]:
    """Return a drawdown as JSON holds it; a peak that is the initial cash has no day."""
    end = last if one.end is None else one.end
    return {
        "depth": one.depth, "money": text(one.money),
        "peak": day_text(days, one.peak), "bottom": day_text(days, one.bottom),
        "recovered": None if one.end is None else day_text(days, one.end),
        "fall": one.bottom - one.peak,
        "recovery": None if one.end is None else one.end - one.bottom,
        "length": end - one.peak,
    }  # fmt: skip


def day_text(days: Int64, place: int) -> str | None:
    """Return the day of a close; None of the initial cash."""
    return None if place == 0 else str(EPOCH + timedelta(days=int(days[place - 1])))


def streaks(trips: Trips) -> dict[str, int]:
    """Return the longest runs of profits and of losses."""
    longest = {1: 0, -1: 0}
    running, sign = 0, 0
    for each in (int(np.sign(pnl)) for pnl in trips.pnl.tolist()):
        running = running + 1 if each == sign else 1
        sign = each
        if sign:
            longest[sign] = max(longest[sign], running)
    return {"longest_win": longest[1], "longest_loss": longest[-1]}


def expectancy(pnl: Any) -> str | None:
    """Return the mean P&L of trips in rupees, rounded half up to the unit."""
    n = len(pnl)
    total = sum(int(each) for each in pnl)
    return text((2 * total + n) // (2 * n)) if n else None


def side(trips: Trips, sign: int) -> dict[str, Any]:
    """Return the figures of one side."""
    pnl = trips.pnl[trips.side == sign]
    return {
        "trips": len(pnl), "hit_rate": float(np.mean(pnl > 0)) if len(pnl) else None,
        "pnl": text(sum(int(each) for each in pnl)), "expectancy": expectancy(pnl),
    }  # fmt: skip


def holding(trips: Trips, chosen: Any) -> dict[str, float] | None:
    """Return holding times in seconds; None without a trip."""
    held = (trips.exit_ts - trips.entry_ts)[np.asarray(chosen, bool)] / SECOND
    if not len(held):
        return None
    found = {"shortest": held.min(), "median": np.median(held), "mean": held.mean()}
    return {name: float(value) for name, value in {**found, "longest": held.max()}.items()}


def groups(told: Mapping[str, Any]) -> list[list[Any]]:
    """Return them as groups of a page: heading, rows of label and value."""
    sides = [
        row
        for name, one in told["by_side"].items()
        for row in ([f"Round trips {name}", count(one["trips"])],
                    [f"Hit rate {name}", percent(one["hit_rate"], digits=1)],
                    [f"P&L {name}", lines.rupees(one["pnl"])])
    ]  # fmt: skip
    held = [
        [f"Held, {label}", spread(one)]
        for label, key in (("median", "all"), ("with a profit", "profit"), ("with a loss", "loss"))
        if (one := told["holding"][key]) is not None
    ]  # fmt: skip
    return [
        ["Round trips", [["Expectancy", lines.rupees(told["expectancy"])],
                         ["Profits in a row", count(told["longest_win"])],
                         ["Losses in a row", count(told["longest_loss"])], *held]],
        ["Long and short", sides],
        [f"Deepest drawdowns, day closes (of {told['drawdowns_in_all']})",
         [drawdown_row(one) for one in told["drawdowns"]] or [["none", "–"]]],
        ["Best and worst days",
         [[one["day"], f"{percent(one['return'])} · {lines.rupees(one['pnl'])}"]
          for one in (*told["best_days"], *reversed(told["worst_days"]))] or [["none", "–"]]],
    ]  # fmt: skip


def spread(one: Mapping[str, float]) -> str:
    """Return holding times: the median, the shortest and the longest."""
    median, low, high = (duration(one[name]) for name in ("median", "shortest", "longest"))
    return f"{median} ({low} to {high})"


def drawdown_row(one: Mapping[str, Any]) -> list[str]:
    """Return a drawdown as label and value."""
    begin, end = one["peak"] or "start", one["recovered"] or "not recovered"
    days = "day" if one["fall"] == 1 else "days"
    up = "" if one["recovery"] is None else f" and {one['recovery']} up"
    return [f"{begin} to {end}", f"{percent(one['depth'])} · {one['fall']} {days} down{up}"]
