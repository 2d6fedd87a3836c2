"""Findings between days: a price that jumps and stays, as a split does that nobody adjusted for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction

from alphapanda.data.actions import DIVIDEND, Action, of_instrument
from alphapanda.data.instruments import UNDERLYING
from alphapanda.data.quality.finding import DAY_SQL, Finding, Rows, day
from alphapanda.model.money import SCALE

LEAST = 0.25
"""Of a share's price: bands of shares are 2 to 20 %, and 10 % steps where derivatives trade."""

NEAR = 0.08
"""How far the jump of an action may be off its ratio: the market moves too."""

RATIOS = tuple(Fraction(a, b) for a, b in ((2, 1), (3, 1), (4, 1), (5, 1), (10, 1), (3, 2), (5, 4),
               (4, 3), (5, 3), (20, 1), (50, 1), (100, 1), (1000, 1)))  # fmt: skip
"""What one share became, as splits and bonuses have it; 100 is paise for rupees too."""

RULE = (
    f"the first price of a day is over {LEAST:.0%} from the last of the day before, which no band "
    "allows: a split, a bonus, or another share; say actions with --corporate-actions (data import "
    "adjusts by them)"
)


def find_jumps(rows: Rows, actions: Sequence[Action] = ()) -> Iterator[Finding]:
    """Yield the jumps between days of shares and indices that no action explains."""
    first, last = ("open", "close") if rows.kind == "bar" else (rows.price, rows.price)
    by_day = (
        f"SELECT instrument, {DAY_SQL} AS day, arg_min({first}, (ts, file, pos)) AS first, "
        f"arg_max({last}, (ts, file, pos)) AS last, arg_min((file, pos, ts), (ts, file, pos)) AS "
        f"place FROM {rows.table} WHERE flaw IS NULL GROUP BY ALL"
    )
    of = "OVER (PARTITION BY instrument ORDER BY day)"
    steps = f"SELECT *, lag(last) {of} AS before, lag(day) {of} AS day_before FROM ({by_day})"
    query = (
        f"SELECT instrument, day, day_before, before, first, place FROM ({steps}) WHERE before > 0 "
        f"AND first > 0 AND abs(ln(first / before)) > ln(1 + {LEAST}) ORDER BY instrument, day"
    )
    jumps: dict[str, list[tuple[date, str]]] = {}
    for name, number, number_before, before, after, place in rows.con.sql(query).fetchall():
        if UNDERLYING.fullmatch(name.partition(":")[2]):
            continue  # a contract may move so
        today, yesterday = day(number), day(number_before)
        if _is_explained(of_instrument(actions, name), yesterday, today, before / after):
            continue
        ratio = after / before
        told = f"{before / SCALE:.2f} to {after / SCALE:.2f}, x{ratio:.4g}{_like(1 / ratio)}"
        jumps.setdefault(name, []).append((today, f"{rows.where(*place)}: {told}"))
    for name, of_name in jumps.items():
        yield Finding(
            "jump between days", name, len(of_name), of_name[0][1], RULE,
            {each: 1 for each, _ in of_name},
        )  # fmt: skip


def _is_explained(actions: Sequence[Action], before: date, today: date, ratio: float) -> bool:
    shares = Fraction(1)
    for each in actions:
        if before < each.ex_date <= today and each.kind != DIVIDEND:
            shares *= each.shares
    return shares != 1 and abs(ratio / float(shares) - 1) < LEAST


def _like(ratio: float) -> str:
    for each in RATIOS:
        for shares in (each, 1 / each):
            if abs(ratio / float(shares) - 1) < NEAR:
                return f", as if {shares.denominator} had become {shares.numerator}"
    return ""
