"""Exits over night: they expire with their session and are sent anew when the next one opens."""

from __future__ import annotations

from typing import Any

import pytest

from alphapanda import bracket, cancel_all, modify, target
from alphapanda.model.calendar import Phase
from alphapanda.model.instruments import Product
from alphapanda.model.rows import Control, Out, Reason
from tests.core.test_day_bars import CLOSE, DAY, FLAT, auctioned, day_bars, regular, session
from tests.support.harness import (
    MINUTE,
    T0,
    Played,
    bars,
    merged,
    play,
    reasons,
    rs,
    share,
    ticks,
)

EXITS = {"stop": rs(95), "target": rs(110)}


def held(*after: Any, script: Any = None, **desk: Any) -> Played:
    """Return a bracket of 10 entered at 100 on day bars, with these days behind its entry."""
    rows = day_bars(FLAT, FLAT, *after)
    todo = {0: lambda ctx: bracket(ctx, 10, **EXITS), **(script or {})}
    desk = {"product": Product.CNC, "interval": DAY, **desk}
    return play(rows, todo, events=regular(2 + len(after)), **desk)


def test_a_stop_on_day_bars_lives_as_long_as_its_position() -> None:
    """Days later the stop still sells; each morning it is a new order of the same bracket."""
    played = held(FLAT, FLAT, (100, 100, 94, 96))
    assert [(fill.qty, fill.price) for fill in played.fills] == [(10, 100), (-10, 95)]
    sent = [row for row in played.of(Out.ORDER) if row.group == 1 and row.a == rs(95)]
    assert len(sent) == 4
    assert len({row.order for row in sent}) == 4
    assert [row.ts for row in sent[1:]] == [T0 + day * DAY for day in (2, 3, 4)]


def test_the_target_on_day_bars_lives_too() -> None:
    """A target days later sells, and the stop goes with it."""
    played = held(FLAT, (100, 112, 99, 111))
    assert [(fill.qty, fill.price) for fill in played.fills] == [(10, 100), (-10, 110)]
    assert reasons(played)[-1][::2] == ("CANCELLED", Reason.OCO)
    assert played.field("positions", "open_sell") == 0
    assert played.field("clock", "slots") == 64


def test_a_gap_over_night_beyond_the_stop_sells_at_the_open() -> None:
    """Between sessions nothing protects: the next open does the damage."""
    assert held((88, 89, 85, 86)).fills[1].price == 88


def test_the_exits_of_one_day_expire_with_a_reason_of_their_own() -> None:
    """What is to be sent anew says so, unlike an entry whose day is over."""
    assert reasons(held(FLAT))[0] == ("EXPIRED", 2, Reason.OVERNIGHT)


def test_a_day_whose_session_is_elsewhere_wakes_exits_as_well() -> None:
    """Of a day without an open in the calendar the bar alone tells that there was trading."""
    rows = day_bars(FLAT, FLAT, (100, 100, 94, 96))
    played = play(rows, {0: lambda ctx: bracket(ctx, 10, **EXITS)}, interval=DAY,
                  events=regular(2), product=Product.CNC)  # fmt: skip
    assert [fill.price for fill in played.fills] == [100, 95]


def minutes(*days: list[tuple[float, float, float, float]]) -> Any:
    """Return minute bars of several days, each from 09:15."""
    return merged(*(bars(*rows, start=T0 + DAY * day) for day, rows in enumerate(days)))


@pytest.mark.parametrize("sessions", [regular, auctioned])
def test_exits_of_an_overnight_position_work_the_next_morning(sessions: Any) -> None:
    """On minutes the stop of yesterday's position fills in today's session, once."""
    rows = minutes([FLAT, FLAT, FLAT], [FLAT, (100, 100, 94, 96), FLAT])
    script = {0: lambda ctx: bracket(ctx, 10, **EXITS)}
    played = play(rows, script, events=sessions(2), product=Product.CNC)
    assert [(fill.qty, fill.price) for fill in played.fills] == [(10, 100), (-10, 95)]
    assert played.field("positions", "open_sell") == 0
    assert played.field("positions", "asleep") == 0


def test_exits_wake_on_ticks() -> None:
    """On ticks the same rule holds."""
    rows = merged(ticks(100, 100, 100), ticks(100, 100, 94, 94, start=T0 + DAY))
    played = play(rows, {0: lambda ctx: bracket(ctx, 10, **EXITS)}, events=regular(2),
                  product=Product.CNC)  # fmt: skip
    assert [fill.price for fill in played.fills] == [100, 94]


def test_a_trailing_stop_keeps_its_level_over_night() -> None:
    """What a stop has gained in one session it has in the next."""
    rows = minutes([FLAT, FLAT, (104, 108, 104, 108)], [(106, 106, 102, 104)])
    script = {0: lambda ctx: bracket(ctx, 10, rs(95), trail=rs(5))}
    played = play(rows, script, events=regular(2), product=Product.CNC)
    assert [fill.price for fill in played.fills] == [100, 103]


def test_the_rest_of_a_triggered_stop_is_sent_again_as_a_stop() -> None:
    """A stop that its band left unfilled at the close tries again in the morning."""
    first = [FLAT, FLAT, (100, 100, 94, 94)]
    later = [(90, 90, 90, 90)]
    rows = minutes(first, later)._replace(volume=ticks(*[0] * 4, volume=(50, 50, 4, 50)).volume)
    script = {0: lambda ctx: bracket(ctx, 10, rs(95))}
    played = play(rows, script, events=regular(2), product=Product.CNC)
    assert [(fill.qty, fill.price) for fill in played.fills] == [(10, 100), (-4, 95), (-6, 90)]


def test_exits_that_are_cancelled_stay_away() -> None:
    """`cancel_all` on a day bar ends the sleeping exits at once; nothing wakes."""
    played = held(FLAT, (100, 100, 90, 96), script={1: cancel_all})
    assert len(played.fills) == 1
    assert played.field("positions", "open_sell") == 0
    assert played.field("clock", "slots") == 64


def test_a_position_is_closed_at_the_next_open_though_exits_sleep() -> None:
    """`target` need not wait for a cancellation that no exchange has to confirm."""
    played = held((101, 101, 101, 101), FLAT, script={1: lambda ctx: target(ctx, 0)})
    assert [(fill.qty, fill.price) for fill in played.fills] == [(10, 100), (-10, 101)]
    assert played.codes() == []


def test_a_sleeping_exit_is_changed_for_the_next_day() -> None:
    """A new trigger, asked for after the close, is what the morning's order carries."""
    script = {1: lambda ctx: modify(ctx, 2, trigger=rs(98))}
    played = held((100, 100, 97, 99), script=script)
    assert [fill.price for fill in played.fills] == [100, 98]
    assert played.codes() == []


def test_an_exit_outside_the_circuit_limits_is_refused_loudly() -> None:
    """A stop that the exchange would not take leaves the position unprotected, and says so."""
    rows = minutes([FLAT, FLAT], [FLAT, FLAT])
    banded = share(lower_circuit=rs(96), upper_circuit=rs(120))
    played = play(rows, {0: lambda ctx: bracket(ctx, 10, rs(95))}, events=regular(2),
                  product=Product.CNC, instruments=[banded])  # fmt: skip
    assert [row.a for row in played.of(Out.FAILED)] == [Reason.CIRCUIT]
    assert played.field("positions", "asleep") == 10


def test_intraday_exits_are_gone_with_the_square_off() -> None:
    """MIS positions do not live over night, and neither do their exits."""
    cut_off = T0 + 3 * MINUTE
    events = [*session(0, Phase.CLOSED, CLOSE, cut_off)]
    events.insert(1, (cut_off, Control.SQUARE_OFF, 0))
    rows = bars(FLAT, FLAT, FLAT, FLAT, FLAT)
    played = play(rows, {0: lambda ctx: bracket(ctx, 10, **EXITS)}, events=events)
    assert played.field("positions", "qty") == 0
    assert not [row for row in played.of(Out.EXPIRED) if row.a == Reason.OVERNIGHT]
