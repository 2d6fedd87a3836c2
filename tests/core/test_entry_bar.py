"""The bar that fills a bracket's entry: its stop meets the rest of the bar, its target does not."""

from __future__ import annotations

from typing import Any

import pytest

from alphapanda import bracket
from alphapanda.engine.setup import Paper
from alphapanda.model.rows import Out
from tests.support.harness import MINUTE, Filled, Played, bars, play, rs

FLAT = (100, 100, 100, 100)
Bar = tuple[float, float, float, float]


def entered(*after: Bar, qty: int = 10, paper: Paper | None = None, **terms: Any) -> Played:
    """Return what becomes of a bracket that is asked for on a flat bar, with these bars behind."""
    script = {0: lambda ctx: bracket(ctx, qty, **{"stop": rs(95), **terms})}
    return play(bars(FLAT, *after), script, paper=paper or Paper())


def test_a_stop_works_on_the_bar_of_an_entry_at_its_open() -> None:
    """What a bar does after its open comes after the fill there, so its low finds the stop."""
    played = entered((100, 100.5, 90, 99), (99, 99.5, 98.5, 99))
    assert played.fills == [Filled(1, 10, 100), Filled(2, -10, 95)]
    assert [row.cause for row in played.of(Out.FILL)] == [2, 2]


def test_the_stop_of_a_short_entry_works_on_its_bar() -> None:
    """A short position is stopped by the high of the bar that opened it."""
    played = entered((100, 106, 99, 100), qty=-10, stop=rs(105))
    assert played.fills == [Filled(1, -10, 100), Filled(2, 10, 105)]


def test_a_target_waits_for_the_next_bar() -> None:
    """On the bar of the entry the target is not tried; on the next it is."""
    once = entered((100, 110, 99, 101), target=rs(105))
    assert once.fills == [Filled(1, 10, 100)]
    later = entered((100, 110, 99, 101), (101, 106, 100, 101), target=rs(105))
    assert later.fills == [Filled(1, 10, 100), Filled(3, -10, 105)]


def test_a_bar_that_reaches_both_exits_of_its_entry_stops_it() -> None:
    """The stop fills, and its target is cancelled before it ever worked."""
    played = entered((100, 110, 90, 109), target=rs(105))
    assert played.fills == [Filled(1, 10, 100), Filled(2, -10, 95)]
    assert played.life(3) == ["ORDER", "CANCELLED"]


def test_a_trailing_stop_is_tried_on_the_entry_s_bar_before_it_moves() -> None:
    """A bar whose low lies a trail below its open loses that much, however high it went."""
    played = entered((100, 110, 90, 109), (109, 112, 108, 111), trail=rs(5))
    assert played.fills == [Filled(1, 10, 100), Filled(2, -10, 95)]


@pytest.mark.parametrize(("qty", "open_", "level"), [(10, 102, 97), (-10, 98, 103)])
def test_a_trail_alone_starts_off_the_open(qty: int, open_: float, level: float) -> None:
    """A trail without a stop counts from the open that filled the entry, not from the close."""
    after = (open_, 108, 92, 92 if qty < 0 else 108)
    script = {0: lambda ctx: bracket(ctx, qty, 0, trail=rs(5), price=rs(open_))}
    played = play(bars(FLAT, after), script)
    assert played.fills == [Filled(1, qty, open_), Filled(2, -qty, level)]


def test_a_trailing_stop_follows_the_open_before_the_rest_of_its_bar() -> None:
    """The open comes first: it moves the stop that the bar's low then reaches."""
    played = entered((100, 101, 99, 100), (112, 115, 106, 113), trail=rs(5))
    assert played.fills == [Filled(1, 10, 100), Filled(2, -10, 107)]


def test_an_entry_that_gaps_beyond_its_stop_is_out_at_once() -> None:
    """A limit at 99 filled at an open of 95, below its stop of 97, is sold at that open."""
    played = entered((95, 96, 90, 95.5), stop=rs(97), price=rs(99))
    assert played.fills == [Filled(1, 10, 95), Filled(2, -10, 95)]


def test_the_stop_of_an_entry_inside_a_bar_works_on_it() -> None:
    """A price that falls from the open through limit and stop passes the limit first."""
    played = entered((100, 100, 94, 99), (99, 99, 99, 99), price=rs(97))
    assert played.fills == [Filled(1, 10, 97), Filled(2, -10, 95)]


def test_an_entry_inside_a_bar_ignores_what_came_before_it() -> None:
    """The high before a limit fill does not move its trailing stop; the close after it does."""
    tight = {"stop": rs(92), "trail": rs(3), "price": rs(95)}
    played = entered((110, 110, 94.5, 95.5), (95.4, 95.4, 92.6, 95), **tight)
    assert played.fills == [Filled(1, 10, 95)]
    played = entered((110, 110, 94.5, 97), (97, 97, 93.9, 95), **tight)
    assert played.fills == [Filled(1, 10, 95), Filled(2, -10, 94)]


def test_a_trail_alone_of_an_entry_inside_a_bar_starts_off_its_limit() -> None:
    """The market stands at the limit when it fills."""
    played = entered((100, 100, 92.5, 99), stop=0, trail=rs(2), price=rs(95))
    assert played.fills == [Filled(1, 10, 95), Filled(2, -10, 93)]


def test_volume_is_counted_by_side() -> None:
    """The stop of a large entry fills what the bar's volume allows, the rest on the next."""
    script = {0: lambda ctx: bracket(ctx, 10, rs(95))}
    rows = bars(FLAT, (100, 100, 90, 92), (92, 92, 92, 92), volume=(50, 6, 50))
    played = play(rows, script)
    assert [(fill.qty, fill.price) for fill in played.fills] == [(6, 100), (-6, 95)]
    assert played.field("positions", "qty") == 0


def test_a_latency_of_more_than_a_bar_keeps_the_stop_away() -> None:
    """A stop that reaches the exchange after the bar is over can't fill on it."""
    slow = Paper(latency_ns=2 * MINUTE)
    played = entered(FLAT, (100, 100, 90, 99), FLAT, paper=slow)
    assert [fill.qty for fill in played.fills] == [10]
    quick = entered((100, 100, 90, 99), paper=Paper(latency_ns=MINUTE // 2))
    assert [fill.qty for fill in quick.fills] == [10, -10]
