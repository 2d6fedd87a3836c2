"""Futures that follow each other: which one is next, and the roll from one into the other."""

# ruff: noqa: ANN001, ANN202 (strategies are written as traders write them)
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alphapanda import (
    at,
    buy,
    expiry_after,
    nearest_expiry,
    nearest_future,
    roll,
    strategy,
    universe,
)
from alphapanda.model.instruments import Product
from alphapanda.model.rows import Out
from tests.support.harness import DAY, MINUTE, T0, Desk, feed, future, merged, present, ticks
from tests.words.made_chain import FAR, NEAR, SESSION, Chain, ask, chain

TODAY = 1440 * MINUTE


def futures(*days: int) -> Chain:
    """Return futures that expire so many days from today, dearer by the day."""
    made = Chain()
    for number in days:
        listed = future(f"NFO:F{number}", expiry=DAY + timedelta(days=number))
        made.add(listed, 100.0 + number, T0 + SESSION + number * TODAY)
    return made


def test_the_expiry_behind_another_one() -> None:
    """Behind the near expiry is the far one, behind that none; behind none is the nearest."""
    made = chain()
    assert ask(made, lambda ctx: expiry_after(ctx, nearest_expiry(ctx))) == FAR
    assert ask(made, lambda ctx: expiry_after(ctx, FAR)) == 0
    assert ask(made, lambda ctx: expiry_after(ctx, 0)) == NEAR


@pytest.mark.parametrize(("days", "row"), [(0, 1), (1, 1), (2, 0), (30, 0), (31, 2), (62, -1)])
def test_the_next_future_by_days_from_now(days: int, row: int) -> None:
    """The first to expire of those at least so many days away, in whatever order they are."""
    assert ask(futures(30, 1, 61), lambda ctx: nearest_future(ctx, days)) == row


def test_a_chain_without_futures_has_none() -> None:
    """Nothing is asked for where there is nothing to hold."""
    assert ask(chain(futures=False), nearest_future) == -1
    assert ask(chain(futures=False), lambda ctx: roll(ctx, 0, 1)) == -1


@pytest.mark.parametrize(
    ("days", "prices", "asked"),
    [
        (0, (100, 110), [(0, 25)]),
        (1, (100, 110), [(0, -25), (1, 25)]),
        (30, (100, 110), []),
        (1, (100,), []),
    ],
)
def test_a_roll_closes_what_it_leaves(days: int, prices: Any, asked: Any) -> None:
    """Held: the future of more than `days` days; without one, or its price, all stays as it is."""
    made = futures(1, 30)
    calls = [0]

    @strategy(compiled=False)
    class Rolls:
        """Buys the first future, then asks for a roll once that is filled."""

        bind = universe()

        def on_tick(self, ctx):
            calls[0] += 1
            if calls[0] == 1:
                buy(at(ctx, 0), 25)
            elif calls[0] == 4:
                roll(at(ctx, 0), days, 25 if days else 50)

    series = [ticks(*[price] * 4, row=row) for row, price in enumerate(prices)]
    columns = merged(*series)
    desk = Desk(tuple(made.instruments), expiries=made.expiries, product=Product.NRML)
    rows = feed(desk.engine([Rolls], present(columns)), columns)
    signals = [(row.row, row.qty) for row in rows if row.type == Out.SIGNAL]
    assert signals == [(0, 25), *asked]
