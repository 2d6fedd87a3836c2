"""When hooks are called and what they are told: bars, then timers, then ticks."""

# ruff: noqa: ANN001, ANN202, ARG002 (strategies are written as traders write them)
from __future__ import annotations

from typing import Any

from alphapanda import at, average_price, buy, daily, every, legs, pnl, sell, strategy, universe
from alphapanda.model.calendar import Phase
from alphapanda.model.rows import Control, Out
from tests.support.harness import (
    MINUTE,
    SECOND,
    T0,
    Heard,
    closes,
    listener,
    merged,
    opens,
    phase,
    play,
    rs,
    share,
    ticks,
)


def clocked(heard: list[Any], **declared: Any) -> type:
    """Return a strategy that writes down when its hooks are called."""

    @strategy(compiled=False)
    class Clocked:
        """Writes down its hooks."""

        timers = declared.get("timers", every("1m"))
        bar = "1m"

        def on_tick(self, ctx):
            heard.append(("tick", ctx.now - T0))

        def on_bar(self, ctx):
            heard.append(("bar", ctx.now - T0))

        def on_time(self, ctx):
            heard.append(("time", ctx.now - T0, ctx.event))

    return Clocked


def test_bars_end_before_timers_and_timers_before_ticks() -> None:
    """At one time a bar ends first, then the timer fires, then the tick comes."""
    heard: list[Any] = []
    play(ticks(100, 101, step=MINUTE), classes=[clocked(heard)], events=(opens(T0 + 10 * MINUTE),))
    assert heard == [("tick", 0), ("bar", MINUTE), ("time", MINUTE, 0), ("tick", MINUTE)]


def test_boundaries_fire_in_order_across_a_gap() -> None:
    """After minutes without a tick every timer fires at its own time, before the tick."""
    heard: list[Any] = []
    play(
        ticks(100, 101, step=3 * MINUTE),
        classes=[clocked(heard)],
        events=(opens(T0 + 10 * MINUTE),),
    )
    assert [call[:2] for call in heard] == [
        ("tick", 0), ("bar", MINUTE), ("time", MINUTE), ("time", 2 * MINUTE), ("time", 3 * MINUTE),
        ("tick", 3 * MINUTE),
    ]  # fmt: skip


def test_timers_end_with_the_session() -> None:
    """Periods count from the open; the close's own boundary still fires, nothing after it."""
    heard: list[Any] = []
    events = (opens(T0 + 2 * MINUTE), closes(T0 + 2 * MINUTE), (T0 + 9 * MINUTE, Control.TIME))
    play(ticks(100), classes=[clocked(heard)], events=events)
    assert heard == [
        ("tick", 0), ("bar", MINUTE), ("time", MINUTE, 0), ("time", 2 * MINUTE, 0),
    ]  # fmt: skip


def test_a_daily_timer_fires_once_at_its_time() -> None:
    """`daily` is a time of the Indian day; with several timers the event says which."""
    heard: list[Any] = []
    timers = (every("2m"), daily("09:16:30"))
    play(ticks(100, 101, step=4 * MINUTE), classes=[clocked(heard, timers=timers)],
         events=(opens(T0 + 9 * MINUTE),))  # fmt: skip
    assert [call for call in heard if call[0] == "time"] == [
        ("time", 90 * SECOND, 1), ("time", 2 * MINUTE, 0), ("time", 4 * MINUTE, 0),
    ]  # fmt: skip


def test_the_last_bar_of_a_session_is_shorter() -> None:
    """A bar ends at the close at the latest."""
    heard: list[Any] = []
    close = T0 + 90 * SECOND
    play(
        ticks(100, 101, step=70 * SECOND),
        classes=[clocked(heard)],
        events=(opens(close), closes(close)),
    )
    assert [call for call in heard if call[0] == "bar"] == [("bar", MINUTE), ("bar", 90 * SECOND)]


def test_fills_and_orders_are_told() -> None:
    """on_fill knows order, quantity and price; on_order follows the order's life."""
    heard = Heard()
    cls = listener({0: lambda ctx: buy(ctx, 10)}, heard)
    played = play(ticks(100, 100.5, 100.5, qty=(9, 4, 9)), classes=[cls])
    fills = [call[3:6] for call in heard.calls if call[0] == "fill"]
    assert fills == [(1, 4, rs(100.5)), (1, 6, rs(100.5))]
    told = [Out(call[6]) for call in heard.calls if call[0] == "order"]
    assert told == [Out.ACKNOWLEDGED, Out.FILL]
    assert len(played.fills) == 2


def test_sessions_are_told() -> None:
    """on_session hears every phase."""
    heard = Heard()
    events = (phase(T0 - MINUTE, Phase.PRE_OPEN, T0), opens(T0 + MINUTE), closes(T0 + MINUTE))
    play(ticks(100), classes=[listener({}, heard)], events=events)
    assert [call[6] for call in heard.calls] == [Phase.PRE_OPEN, Phase.OPEN, Phase.CLOSED]


def test_hooks_run_before_the_tick_that_caused_them() -> None:
    """on_fill comes before on_tick of the same row, so it may act first."""
    heard: list[str] = []

    @strategy(compiled=False)
    class Both:
        """Writes down fills and ticks."""

        def on_tick(self, ctx):
            heard.append(f"tick {ctx.position}")
            if len(heard) == 1:
                buy(ctx, 1)

        def on_fill(self, ctx):
            heard.append("fill")

    play(ticks(100, 100), classes=[Both])
    assert heard == ["tick 0", "fill", "tick 1"]


def test_legs_see_each_other() -> None:
    """Legs are named in order; `at` turns to another instrument and orders go there."""

    @strategy(compiled=False)
    class Pair:
        """Buys one leg, sells the other."""

        bind = legs("near", "far")

        def on_tick(self, ctx):
            far = at(ctx, self.far)
            if ctx.leg == 0 and far.last > 0 and far.position == 0:
                sell(far, 2)
                buy(at(ctx, self.near), 1)

    rows = merged(ticks(100, 100, 100), ticks(50, 50, 50, row=1))
    played = play(rows, classes=[Pair], instruments=(share("NSE:X"), share("NSE:Y")))
    assert sorted((row.row, row.qty) for row in played.of(Out.FILL)) == [(0, 1), (1, -2)]


def test_a_universe_sees_all_members() -> None:
    """A universe is one record over all its members."""
    seen: list[Any] = []

    @strategy(compiled=False)
    class All:
        """Looks at every member."""

        bind = universe()

        def on_tick(self, ctx):
            seen.append([(member.row, at(ctx, member.row).last) for member in ctx.each])

    rows = merged(ticks(100), ticks(50, row=1))
    play(rows, classes=[All], instruments=(share("NSE:X"), share("NSE:Y")))
    assert seen == [[(0, rs(100)), (1, 0)], [(0, rs(100)), (1, rs(50))]]


def test_a_strategy_knows_its_average_and_its_result() -> None:
    """The average price is the position's cost, the result is after charges at last prices."""
    seen: list[Any] = []
    script = {
        0: lambda ctx: buy(ctx, 10),
        1: lambda ctx: buy(ctx, 5),
        3: lambda ctx: seen.append((average_price(ctx), pnl(ctx))),
    }
    play(ticks(100, 100, 100.3, 101), script)
    assert seen == [(rs(100.1), 15 * rs(101) - 10 * rs(100) - 5 * rs(100.3))]
