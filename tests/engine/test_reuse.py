"""A core that is used again is a new one; what a sweep's core leaves unsaid changes nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda import bracket, buy, buy_limit, cancel_all, sell, sell_limit, target
from alphapanda.books.state import Limit
from alphapanda.engine.engine import Engine
from alphapanda.engine.reuse import SCRATCH, Reusable, Windows
from alphapanda.model.charges import Schedule
from alphapanda.model.rows import Out
from alphapanda.research.hours import day_number
from tests.support.harness import DAY, Desk, bar_strategy, bars, feed, rs

PRICES = st.lists(st.integers(90, 110), min_size=3, max_size=12)
ACTS = st.dictionaries(
    st.integers(0, 11),
    st.sampled_from([
        lambda ctx: buy(ctx, 3), lambda ctx: sell(ctx, 2), lambda ctx: target(ctx, 0),
        lambda ctx: buy_limit(ctx, 2, rs(99)), lambda ctx: sell_limit(ctx, 1, rs(103)), cancel_all,
        lambda ctx: bracket(ctx, 4, stop=rs(80), target=rs(108), trail=rs(5)),
    ]),
    max_size=12,
)  # fmt: skip


def engine_for(script: Any, *, days: int = 0) -> Engine:
    """Return an engine for a script; with `days` its P&L is counted in the core."""
    desk = Desk(
        interval=60 * 10**9, sizes=Limit(orders=64, out=256, days=days),
        schedule=Schedule.flat("0.03%"),
    )  # fmt: skip
    made = desk.engine([bar_strategy(script)], ("ts", "row", "last", "open", "high", "low"))
    made.tables["equity"]["first_day"] = day_number(DAY)
    return made


def market(closes: list[int]) -> Any:
    """Return bars that close at these prices and reach a rupee beyond both ways."""
    return bars(*((close, close + 1, close - 1, close) for close in closes))


@given(PRICES, ACTS)
@settings(deadline=None, max_examples=20)
def test_a_core_set_back_is_a_new_one(closes: list[int], script: Any) -> None:
    """Whatever orders a run had: every table but the scratch ones has its first bytes again."""
    engine = engine_for(script)
    reusable = Reusable(engine, Windows(engine.specs[0]))
    new = {name: table.tobytes() for name, table in engine.tables.items()}
    ordered = [row for row in feed(engine, market(closes)) if row.type == Out.ORDER]
    assert (engine.tables["orders"]["ts"] != 0).any() == bool(ordered)
    reusable.begin({})
    for name, table in engine.tables.items():
        assert name in SCRATCH or table.tobytes() == new[name], name


@given(PRICES, ACTS)
@settings(deadline=None, max_examples=20)
def test_what_a_counted_run_says_is_said_by_any(closes: list[int], script: Any) -> None:
    """Of a run whose P&L is counted come just the fills and charges of one that says all."""
    said = feed(engine_for(script), market(closes))
    counted = engine_for(script, days=2)
    assert feed(counted, market(closes)) == [
        row for row in said if row.type in (Out.FILL, Out.CHARGE)
    ]
    pnl = [row.d for row in said if row.type == Out.PNL]
    known = counted.tables["equity"][0]
    assert known["equity"] == known["cash"] + (pnl[-1] if pnl else 0)
