"""Strategies that use everything a strategy can use: for the laws, where breadth is the point."""

# ruff: noqa: ANN001, ANN201, D102 (strategies are written as traders write them)
from __future__ import annotations

from typing import Any

from alphapanda import (
    Kind,
    Out,
    Tif,
    atr,
    bracket,
    buy_limit,
    cancel,
    cancel_all,
    daily,
    ema,
    every,
    is_open,
    modify,
    order,
    param,
    sell_limit,
    sell_stop,
    sma,
    state,
    strategy,
    target,
    tick_down,
    tick_up,
    vwap,
    working,
)
from alphapanda.books.state import Limit
from alphapanda.engine.setup import Paper
from alphapanda.engine.tier import Tier
from alphapanda.model.calendar import Phase
from alphapanda.model.charges import Schedule
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Product
from alphapanda.model.limits import LimitSet, lifted
from alphapanda.model.rows import Control, LimitFill, Scope
from tests.support.harness import CASH, MINUTE, T0, Desk, closes, controls, opens, phase, share

OPEN = T0
HALF = T0 + 12 * MINUTE


@strategy
class Idle:
    """Has every hook and does nothing."""

    timers = every("3m")
    bar = "5m"
    fast = ema(5)

    def on_tick(self, ctx):
        pass

    def on_bar(self, ctx):
        pass

    def on_time(self, ctx):
        pass

    def on_fill(self, ctx):
        pass

    def on_order(self, ctx):
        pass

    def on_session(self, ctx):
        pass


@strategy
class Ticks:
    """Every hook, every indicator and every kind of order, on ticks."""

    timers = (every("4m"), daily("09:25"))
    bar = "2m"
    size = param(6, ge=1)
    fast = ema(5)
    slow = ema("size", of="mid", start="sma")
    mean = sma(12, of="ask")
    paid = vwap()
    range = atr(3, bar="1m")
    seen = state(0)
    resting = state(0)
    heat = state(0.0)

    def on_tick(self, ctx):
        self.seen += 1
        turn = self.seen % 23
        width = 3 * ctx.market.tick
        self.heat += (self.fast.value - self.slow.value) / (1.0 + self.range.value)
        if turn == 1 and working(ctx) == 0:
            bracket(ctx, self.size, ctx.last - 4 * width, ctx.last + 4 * width)
        elif turn == 4:
            self.resting = buy_limit(ctx, self.size, tick_down(ctx, ctx.bid - width))
        elif turn == 7 and is_open(ctx, self.resting):
            modify(ctx, self.resting, self.size + 2, tick_up(ctx, ctx.last - width))
        elif turn == 10 and is_open(ctx, self.resting):
            cancel(ctx, self.resting)
        elif turn == 12 and self.fast.value > self.mean.value:
            sell_stop(ctx, 2, ctx.last - width)
        elif turn == 14:
            order(ctx, -3, Kind.STOP_LIMIT, ctx.last - 2 * width, ctx.last - width)
        elif turn == 16:
            order(ctx, 4, Kind.LIMIT, ctx.ask, 0, Tif.IOC)
        elif turn == 18 and self.heat > 0.0:
            sell_limit(ctx, 2, ctx.ask + width)
        elif turn == 20 and self.paid.value > self.slow.value:
            bracket(ctx, -self.size, ctx.last + 2 * width, 0, 2 * width, ctx.bid)
        elif turn == 22:
            cancel_all(ctx)

    def on_bar(self, ctx):
        if ctx.close > ctx.open and working(ctx) == 0:
            target(ctx, self.size)

    def on_time(self, ctx):
        if ctx.event == 1 or ctx.position > 20:
            target(ctx, 0)

    def on_fill(self, ctx):
        if ctx.position > 60:
            order(ctx, -ctx.position // 2)

    def on_order(self, ctx):
        if ctx.event == Out.EXPIRED:
            self.seen += 5

    def on_session(self, ctx):
        self.seen += ctx.event


@strategy
class Bars:
    """Every hook, every indicator and every kind of order, on bars."""

    timers = every("30m")
    size = param(6, ge=1)
    fast = ema(5)
    slow = ema("size", of="high", start="sma")
    mean = sma(12, of="low", bar="5m")
    paid = vwap(of="close")
    range = atr(7)
    seen = state(0)
    resting = state(0)

    def on_bar(self, ctx):
        self.seen += 1
        turn = self.seen % 17
        width = 3 * ctx.market.tick
        if turn == 1 and working(ctx) == 0:
            bracket(ctx, self.size, ctx.close - 4 * width, ctx.close + 4 * width)
        elif turn == 4:
            self.resting = buy_limit(ctx, self.size, ctx.low)
        elif turn == 6 and is_open(ctx, self.resting):
            modify(ctx, self.resting, self.size + 2, ctx.close - width)
        elif turn == 8 and self.fast.value > self.slow.value:
            sell_stop(ctx, 2, ctx.low - width)
        elif turn == 10 and self.mean.value < self.paid.value:
            order(ctx, -3, Kind.STOP_LIMIT, ctx.last - 2 * width, ctx.last - width)
        elif turn == 12 and self.range.value > 0.1:
            order(ctx, 4, Kind.LIMIT, ctx.close, 0, Tif.IOC)
        elif turn == 14:
            bracket(ctx, -self.size, ctx.close + 2 * width, 0, 2 * width, ctx.close)
        elif turn == 16:
            cancel_all(ctx)

    def on_time(self, ctx):
        target(ctx, 0)

    def on_fill(self, ctx):
        if ctx.position > 40:
            order(ctx, -ctx.position // 2)

    def on_order(self, ctx):
        self.seen += ctx.event == Out.CANCELLED

    def on_session(self, ctx):
        self.seen += ctx.event


LIMITS = {"position": 80, "per_second": 4, "open_value": 600_000_000, "duplicate_ns": 1_000_000_000,
          "repeats": 6, "repeat_ns": 5_000_000_000, "gross": 1_500_000_000}  # fmt: skip


def desk(instruments: int, interval: int, *, tier: Tier = Tier.QUICK) -> Desk:
    """Return a desk with latency, slippage, charges, several limits and a small order table."""
    limits = {**lifted(), **LIMITS}
    return Desk(
        instruments=[share(f"NSE:{name}") for name in "XYZ"[:instruments]], product=Product.MIS,
        paper=Paper(latency_ns=200_000_000, slippage=3_000, slippage_random=4_000,
                    limit_fill=LimitFill.QUEUE, volume_share=5_000_000),
        limits=LimitSet("busy", limits, limits), schedule=Schedule.zerodha(), cash=CASH,
        always=False, sizes=Limit(orders=48, out=128), interval=interval,
        jit=tier != Tier.PLAIN, tier=tier,
    )  # fmt: skip


def session(columns: Columns) -> Any:
    """Return a session with a break, a stop and a restart, a square-off and the day's end."""
    last = int(columns.ts[-1]) + 1
    span = last - T0
    cut_off = last - span // 8
    stopped, again = T0 + span // 3, T0 + span // 2
    rows = [
        opens(HALF, cut_off), closes(HALF), phase(HALF + MINUTE, Phase.OPEN, last, cut_off),
        (stopped, Control.KILL, 1, 0), (again, Control.REARM, 1, 0),
        *((T0 + part * span // 64, Control.REARM, 1, 0) for part in range(33, 64)),
        (cut_off, Control.SQUARE_OFF, 0), closes(last), (last, Control.DAY_END),
    ]  # fmt: skip
    return controls(*sorted(rows, key=lambda row: row[0]), columns=columns)


def commanded(columns: Columns) -> Any:
    """Return a session with every command of an operator in every scope, again and again."""
    last = int(columns.ts[-1]) + 1
    span = last - T0
    rows = [opens(last)]
    verbs = (Control.PAUSE, Control.RESUME, Control.FLATTEN, Control.RESUME, Control.KILL,
             Control.FLATTEN, Control.REARM, Control.RESUME)  # fmt: skip
    for number in range(96):
        verb, scope = verbs[number % len(verbs)], Scope(number // len(verbs) % len(Scope))
        ts = T0 + span * (number + 1) // 100
        rows += [(ts, verb, scope, 0, number + 1, ts - 5),
                 (ts, Control.CANCEL, 0, 5 * number, 1_000 + number, ts)]  # fmt: skip
    return controls(*rows, closes(last), (last, Control.DAY_END), columns=columns)
