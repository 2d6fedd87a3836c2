"""The broker's square-off: the net of the account, orders of a largest size, nothing over night."""

from __future__ import annotations

from typing import Any

import pytest

from alphapanda import buy, sell
from alphapanda.books.state import Limit
from alphapanda.model.calendar import Phase
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Product
from alphapanda.model.rows import ChargeKind, Control, Out
from tests.support.harness import (
    GROUP_OF_DERIVATIVES,
    MINUTE,
    T0,
    Filled,
    Played,
    bars,
    future,
    merged,
    phase,
    play,
    rs,
    tick_strategy,
    ticks,
)

DAY = 1_440 * MINUTE
CLOSE = T0 + 375 * MINUTE
CUT_OFF = CLOSE - 10 * MINUTE
FLAT = (100, 100, 100, 100)
MIS = {"product": Product.MIS, "schedule": Schedule.zerodha()}
SECOND = MINUTE // 60


def day(start: int = T0, *, group: int = 0, cut_off: int = CUT_OFF - T0) -> list[tuple[Any, ...]]:
    """Return a day's control rows: open, square-off, close, the day's end."""
    end = start + (CLOSE - T0)
    return [
        phase(start, Phase.OPEN, end, start + cut_off, group),
        (start + cut_off, Control.SQUARE_OFF, group),
        phase(end, Phase.CLOSED, start + DAY, start + cut_off, group),
        (end, Control.DAY_END),
    ]


def fees(played: Played) -> list[int]:
    """Return the square-off fees in rupees."""
    found = [row for row in played.of(Out.CHARGE) if row.a == ChargeKind.SQUARE_OFF]
    return [row.b // 10_000 for row in found]


def test_a_position_that_meets_no_row_is_closed_at_the_last_price() -> None:
    """Rows end before the square-off: the day closes the position, not the next morning's gap."""
    rows = merged(bars(FLAT, FLAT, (100, 101, 99, 99)), bars((80, 80, 80, 80), start=T0 + DAY))
    played = play(rows, {0: lambda ctx: buy(ctx, 10)}, events=[*day(), *day(T0 + DAY)], **MIS)
    assert played.fills == [Filled(1, 10, 100), Filled(2, -10, 99)]
    assert played.of(Out.FILL)[1].ts == CLOSE
    assert fees(played) == [59]
    assert played.field("clock", "forced") == 1


def test_rows_without_volume_do_not_keep_a_position_over_night() -> None:
    """Rows on which nobody traded fill nothing; the last price does, when the day ends."""
    rows = bars(FLAT, FLAT, FLAT, FLAT, FLAT, volume=(50, 50, 50, 0, 0))
    events = day(cut_off=2 * MINUTE + 1)
    played = play(rows, {0: lambda ctx: buy(ctx, 10)}, events=events, **MIS)
    assert [(fill.qty, fill.price) for fill in played.fills] == [(10, 100), (-10, 100)]
    assert played.field("positions", "qty") == 0


def test_the_rest_of_a_square_off_is_closed_with_the_day() -> None:
    """What a thin row left of the order is filled at the close, and pays no second fee."""
    rows = bars(FLAT, FLAT, (99, 99, 99, 99), volume=(50, 50, 4))
    events = day(cut_off=2 * MINUTE + 1)
    played = play(rows, {0: lambda ctx: buy(ctx, 10)}, events=events, **MIS)
    assert [(fill.qty, fill.price) for fill in played.fills] == [(10, 100), (-4, 99), (-6, 99)]
    assert fees(played) == [59]


def test_the_fee_is_due_when_something_executes() -> None:
    """The fee stands behind the first fill of the order, not behind the order."""
    played = play(bars(FLAT, FLAT, FLAT), {0: lambda ctx: buy(ctx, 1)}, events=day(), **MIS)
    kinds = [row.type for row in played.rows if row.order == 2 or row.type == Out.CHARGE]
    assert kinds.index(Out.CHARGE) > kinds.index(Out.FILL)


def test_a_large_position_goes_in_orders_of_the_broker_s_size() -> None:
    """100,000 shares are four orders of at most 30,000, and four fees."""
    played = play(bars(FLAT, FLAT, FLAT), {0: lambda ctx: buy(ctx, 100_000)}, events=day(), **MIS)
    sizes = [row.qty for row in played.of(Out.ORDER)][1:]
    assert sizes == [-30_000, -30_000, -30_000, -10_000]
    assert fees(played) == [59] * 4


def test_a_future_goes_in_orders_of_its_freeze_quantity() -> None:
    """In derivatives the exchange's largest order is the broker's, in whole lots."""
    contract = future(freeze_quantity=60, expiry=None)
    events = day(group=GROUP_OF_DERIVATIVES)
    played = play(ticks(100, 100, 100), {0: lambda ctx: (buy(ctx, 50), buy(ctx, 50))},
                  events=events, instruments=[contract], **MIS)  # fmt: skip
    assert [row.qty for row in played.of(Out.ORDER)][2:] == [-50, -50]
    assert fees(played) == [59, 59]


def together(*scripts: Any, **desk: Any) -> Played:
    """Return what several strategies do that share an account and an instrument."""
    classes = [tick_strategy({0: script}) for script in scripts]
    return play(ticks(100, 100, 101, step=SECOND), classes=classes, events=day(), **MIS, **desk)


def test_strategies_that_offset_each_other_pay_nothing() -> None:
    """The account holds nothing, so the broker sends nothing; both books close at one price."""
    played = together(lambda ctx: buy(ctx, 10), lambda ctx: sell(ctx, 10))
    assert fees(played) == []
    assert len(played.of(Out.ORDER)) == 2
    closing = [(row.strategy, row.qty, row.price, row.a) for row in played.of(Out.FILL)][2:]
    assert closing == [(0, -10, rs(101), 0), (1, 10, rs(101), 0)]
    assert [played.field("positions", "qty", place) for place in (0, 1)] == [0, 0]


def test_the_net_of_the_account_is_squared_off() -> None:
    """Of 10 long and 4 short the broker sells 6, for one fee."""
    played = together(lambda ctx: buy(ctx, 10), lambda ctx: sell(ctx, 4))
    assert [row.qty for row in played.of(Out.ORDER)][2:] == [-6]
    assert fees(played) == [59]
    assert sum(played.field("positions", "qty", place) for place in (0, 1)) == 0


def test_strategies_on_one_side_share_the_account_s_orders() -> None:
    """Two strategies long are one order of the account and one fee; beyond its size, two."""
    assert fees(together(lambda ctx: buy(ctx, 10), lambda ctx: buy(ctx, 10))) == [59]
    large = together(lambda ctx: buy(ctx, 20_000), lambda ctx: buy(ctx, 20_000))
    assert [row.qty for row in large.of(Out.ORDER)][2:] == [-20_000, -10_000, -10_000]
    assert fees(large) == [59, 59]


def test_a_day_without_a_square_off_time_ends_intraday_positions_too() -> None:
    """Where no time is known, the day's end closes what is held for the day."""
    events = [row for row in day() if row[1] != Control.SQUARE_OFF]
    played = play(bars(FLAT, FLAT, FLAT), {0: lambda ctx: buy(ctx, 10)}, events=events, **MIS)
    assert played.field("positions", "qty") == 0
    assert fees(played) == [59]


@pytest.mark.parametrize("table", [3, 4])
def test_a_table_too_small_for_the_square_off_is_no_way_out(table: int) -> None:
    """Orders that find no slot are said, and the position ends with the day all the same."""
    played = play(bars(FLAT, FLAT, FLAT), {0: lambda ctx: buy(ctx, 200_000)}, events=day(),
                  sizes=Limit(orders=table, out=64), **MIS)  # fmt: skip
    assert len(played.of(Out.FAILED)) == 1
    assert played.field("positions", "qty") == 0
