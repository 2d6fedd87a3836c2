"""Brackets and OCO: exits that the core keeps in step with what is held."""

from __future__ import annotations

from typing import Any

from alphapanda import bracket, cancel, cancel_all, modify, sell
from alphapanda.engine.setup import Paper
from alphapanda.model.instruments import Product
from alphapanda.model.rows import Control, Out, Reason, Scope
from tests.support.harness import (
    SECOND,
    T0,
    Filled,
    killed,
    limited,
    opens,
    play,
    reasons,
    rs,
    ticks,
)


def entry(**terms: Any) -> Any:
    """Return a script that enters 10 with a stop at 99 and a target at 101."""
    return {0: lambda ctx: bracket(ctx, 10, **{"stop": rs(99), "target": rs(101), **terms})}


def test_the_first_fill_places_both_exits() -> None:
    """Exits follow the entry's fill, carry its number as group, and are no signals."""
    played = play(ticks(100, 100, 100), entry())
    exits = [row for row in played.of(Out.ORDER) if row.group == 1]
    assert [(row.order, row.qty, row.price, row.a) for row in exits] == [
        (2, -10, 0, rs(99)),
        (3, -10, rs(101), 0),
    ]
    assert len(played.of(Out.SIGNAL)) == 1


def test_the_target_cancels_the_stop() -> None:
    """A filled target cancels its stop."""
    played = play(ticks(100, 100, 100, 101.05, 98), entry())
    assert played.fills == [Filled(1, 10, 100), Filled(3, -10, 101)]
    assert reasons(played) == [("CANCELLED", 2, Reason.OCO)]


def test_the_stop_cancels_the_target() -> None:
    """A filled stop cancels its target."""
    played = play(ticks(100, 100, 100, 98.95, 102), entry())
    assert played.fills == [Filled(1, 10, 100), Filled(2, -10, 98.95)]
    assert reasons(played) == [("CANCELLED", 3, Reason.OCO)]


def test_a_short_bracket_mirrors_a_long_one() -> None:
    """A sell entry has buying exits."""
    script = {0: lambda ctx: bracket(ctx, -10, stop=rs(101), target=rs(99))}
    played = play(ticks(100, 100, 100, 101), script)
    assert played.fills == [Filled(1, -10, 100), Filled(2, 10, 101)]
    assert played.field("positions", "qty") == 0


def test_exits_grow_with_partial_entry_fills() -> None:
    """Each fill of the entry enlarges the exits; they never cover more than is held."""
    rows = ticks(100, 100, 100, 100, 98, qty=(4, 4, 3, 9, 50))
    played = play(rows, entry())
    assert played.fills == [*(Filled(1, n, 100) for n in (4, 3, 3)), Filled(2, -10, 98)]
    grown = [row.qty for row in played.of(Out.MODIFIED) if row.order == 2]
    assert grown == [-7, -10]


def test_a_partial_exit_cuts_its_sibling() -> None:
    """What one exit has sold, the other no longer covers."""
    rows = ticks(100, 100, 100, 101.5, 98, qty=(50, 50, 50, 4, 50))
    played = play(rows, entry())
    assert played.fills == [Filled(1, 10, 100), Filled(3, -4, 101), Filled(2, -6, 98)]
    assert played.field("positions", "qty") == 0


def test_an_exit_ends_what_is_left_of_the_entry() -> None:
    """Once an exit fills, the entry's rest is cancelled: its fills would have no protection.

    Semantics say nothing of it; an unprotected position is the worse reading.
    """
    rows = ticks(100, 99.95, 98, 99.5, 99.5, 99.5, qty=(50, 4, 50, 50, 50, 50))
    played = play(rows, entry(price=rs(100), stop=rs(99)))
    assert played.fills == [Filled(1, 4, 99.95), Filled(1, 6, 100), Filled(2, -10, 98)]
    rows = ticks(100, 100, 96.95, 99.5, 99.5, qty=(50, 4, 4, 50, 50))
    short = {"stop": rs(102), "target": rs(97), "price": rs(100)}
    sold = play(rows, {0: lambda ctx: bracket(ctx, -10, **short)})
    assert sold.fills == [Filled(1, -4, 100), Filled(3, 4, 96.95)]
    assert ("CANCELLED", 1, Reason.OCO) in reasons(sold)
    assert sold.field("positions", "qty") == 0


def test_a_cancelled_entry_leaves_its_exits() -> None:
    """Cancelling the entry's rest leaves exits for what was filled."""
    script = {**entry(price=rs(100)), 2: lambda ctx: cancel(ctx, 1)}
    rows = ticks(100, 100, 100.5, 100.5, 98.5, qty=(50, 4, 4, 4, 50))
    played = play(rows, script)
    assert played.fills == [Filled(1, 4, 100), Filled(2, -4, 98.5)]


def test_an_unfilled_entry_gives_its_slots_back() -> None:
    """The slots reserved for exits are free again when the entry ends empty."""
    script = {**entry(price=rs(90)), 1: lambda ctx: cancel(ctx, 1)}
    played = play(ticks(100, 100, 100, 100), script)
    assert played.field("clock", "reserved") == 0
    assert played.field("clock", "slots") == 64


def test_a_trailing_stop_follows_and_never_falls_back() -> None:
    """A trailing stop keeps its distance from the best price."""
    rows = ticks(100, 100, 101, 103, 101.5, 101, 100)
    played = play(rows, {0: lambda ctx: bracket(ctx, 10, stop=rs(98), trail=rs(2))})
    assert played.fills == [Filled(1, 10, 100), Filled(2, -10, 101)]


def test_a_trail_without_a_stop_starts_at_its_distance() -> None:
    """With a trail alone the stop starts that far from the last price, on both sides."""
    rise = play(ticks(100, 100, 99, 98.5, 98), {0: lambda ctx: bracket(ctx, 1, 0, trail=rs(2))})
    assert rise.fills == [Filled(1, 1, 100), Filled(2, -1, 98)]
    fall = play(ticks(100, 100, 99, 98, 100), {0: lambda ctx: bracket(ctx, -1, 0, trail=rs(2))})
    assert fall.fills == [Filled(1, -1, 100), Filled(2, 1, 100)]


def test_exits_do_not_fill_on_the_row_of_the_entry() -> None:
    """An exit that the entry's own row would fill waits for the next row."""
    played = play(ticks(100, 98, 97.5), entry(price=rs(100)))
    assert [(fill.order, fill.price) for fill in played.fills] == [(1, 98), (2, 97.5)]


def test_changing_an_exit_keeps_its_quantity_in_step() -> None:
    """A new price for the target that arrives after a partial stop does not revive its quantity."""
    script = {**entry(), 2: lambda ctx: modify(ctx, 3, price=rs(100.5))}
    rows = ticks(100, 100, 100, 98, 101, 101, qty=(50, 50, 50, 6, 50, 50))
    played = play(rows, script, paper=Paper(latency_ns=SECOND))
    assert played.field("positions", "qty") == 0
    assert sum(fill.qty for fill in played.fills if fill.order != 1) == -10


def test_a_strategy_may_cancel_its_exits() -> None:
    """`cancel_all` ends the exits like any order."""
    script = {**entry(), 2: cancel_all}
    played = play(ticks(100, 100, 100, 100, 98), script)
    assert played.fills == [Filled(1, 10, 100)]
    assert played.field("positions", "open_sell") == 0


def test_delivery_exits_sell_only_what_is_held() -> None:
    """CNC: with exits working, a further sell would exceed the holdings and is refused."""
    script = {**entry(), 2: lambda ctx: sell(ctx, 1)}
    played = play(ticks(100, 100, 100, 101.5), script, product=Product.CNC)
    assert played.codes() == [18]
    assert played.field("positions", "qty") == 0


def test_a_kill_leaves_protection_in_place() -> None:
    """KILL cancels entries, not exits: they only reduce."""
    events = (opens(T0 + 3_600 * SECOND), killed(T0 + 3 * SECOND, Scope.ACCOUNT))
    rows = ticks(100, 100, 100, 100, 98, qty=(50, 4, 0, 4, 50))
    played = play(rows, entry(price=rs(100)), events=events)
    assert played.fills == [Filled(1, 4, 100), Filled(2, -4, 98)]
    assert events[1][1] == Control.KILL


def test_exits_count_as_messages() -> None:
    """R8 counts what reaches the broker: an entry and its two exits are three messages."""
    played = play(ticks(100, 100, 100), entry(), limits=limited(per_day=3))
    assert played.field("ledgers", "messages_day") == 3


def test_the_stop_of_a_limit_entry_carries_protection() -> None:
    """An SL-M exit has market protection, also when its entry was a LIMIT order without any."""
    played = play(ticks(100, 100, 98, 97.5), entry(price=rs(100)), paper=Paper(slippage=900_000))
    assert [row.price for row in played.of(Out.TRIGGERED)] == [rs(97.05)]
    assert played.fills == [Filled(1, 10, 100), Filled(2, -10, 97.05)]
