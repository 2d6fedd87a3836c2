"""Random days for the core: data, session, settings, strategies that do anything at any time."""

# ruff: noqa: ANN001, ANN201, D102 (strategies are written as traders write them)
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alphapanda import (
    bracket,
    cancel,
    cancel_all,
    modify,
    order,
    strategy,
    target,
)
from alphapanda.books.state import Limit
from alphapanda.engine.compiler.program import Program
from alphapanda.engine.engine import Engine
from alphapanda.engine.setup import Paper
from alphapanda.model.calendar import Phase
from alphapanda.model.charges import Schedule
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Product
from alphapanda.model.limits import LimitSet, load_limits
from alphapanda.model.rows import Control, Kind, LimitFill, Scope, Tif
from tests.support.harness import (
    MINUTE,
    SECOND,
    T0,
    Desk,
    closes,
    controls,
    opens,
    phase,
    present,
    share,
)

TICK = 500
FIRST = 1_000_000
SCHEDULES = (Schedule.none(), Schedule.flat("0.03%"), Schedule.zerodha())
TAGS = ("", "up", "9-lives-more")
KINDS = ("plain", "sizes", "quotes", "bars")


@dataclass(frozen=True)
class Act:
    """One thing that a strategy asks for; distances in ticks from the last price."""

    verb: str
    qty: int
    kind: Kind
    near: int
    far: int
    tif: Tif


@dataclass
class Case:
    """A day: its rows, its session, a desk, and what each strategy does after which row."""

    columns: Columns
    events: Any
    desk: Desk
    acts: tuple[dict[int, list[Act]], ...]
    """By strategy, by the sequence of the input row."""

    def engine(self, *more: type, columns: Columns | None = None) -> Engine:
        """Return a fresh engine with its strategies, and more behind them.

        Until an engine of another case is made: the acts of strategies are those of the last one.
        """
        PLAYED[:] = self.acts
        classes = [OnBars if self.desk.interval else OnTicks] * len(self.acts)
        return self.desk.engine([*classes, *more], present(columns or self.columns))


PLAYED: list[dict[int, list[Act]]] = []
"""The acts of the case that runs, by strategy."""
PROGRAMS: dict[Any, Program] = {}
"""The loops of all cases: they differ in what strategies do, not in how they are made."""


def open_orders(ctx: Any) -> list[int]:
    """Return the numbers of this strategy's live orders on the instrument, oldest first."""
    found, slot = [], ctx.core.instruments[ctx.row].first
    while slot >= 0:
        live = ctx.core.orders[slot]
        if live.strategy == ctx.strategy:
            found.append(live.id)
        slot = live.next
    return found


def perform(ctx: Any, act: Act) -> None:
    """Ask for what an act says."""
    last = ctx.last
    near, far = max(last + act.near * TICK, TICK), max(last + act.far * TICK, TICK)
    numbers, word = open_orders(ctx), TAGS[act.near % len(TAGS)]
    number = numbers[abs(act.near) % len(numbers)] if numbers else 0
    if act.verb == "order" or (number == 0 and act.near % 4):
        price = near if act.kind in (Kind.LIMIT, Kind.STOP_LIMIT) else 0
        order(ctx, act.qty, act.kind, price, far if act.kind >= Kind.STOP_LIMIT else 0, act.tif,
              tag=word)  # fmt: skip
    elif act.verb == "bracket":
        side = 1 if act.qty > 0 else -1
        stop = last - side * (abs(act.near) + 1) * TICK if act.tif == Tif.DAY else 0
        goal = last + side * (abs(act.far) + 1) * TICK if act.far else 0
        entry = near if act.kind == Kind.LIMIT else 0
        bracket(ctx, act.qty, stop, goal, abs(act.near) * TICK if stop == 0 else 0, entry,
                tag=word)  # fmt: skip
    elif act.verb == "target":
        target(ctx, act.qty, tag=word)
    elif act.verb == "modify":
        qty = act.qty if act.tif == Tif.IOC else 0
        modify(ctx, number, qty, near if act.kind == Kind.LIMIT else 0,
               far if act.kind == Kind.STOP else 0)  # fmt: skip
    elif act.verb == "cancel":
        cancel(ctx, number)
    else:
        cancel_all(ctx)


def play(ctx: Any) -> None:
    """Perform the acts that belong to the present row."""
    for act in PLAYED[ctx.strategy].get(ctx.core.clock[0].cause, ()):
        perform(ctx, act)


@strategy(compiled=False)
class OnTicks:
    """Performs acts on ticks."""

    def on_tick(self, ctx):
        play(ctx)


@strategy(compiled=False)
class OnBars:
    """Performs acts on bars."""

    def on_bar(self, ctx):
        play(ctx)


VERBS = ("order",) * 6 + ("bracket",) * 3 + ("target", "modify", "modify", "cancel", "all")
TIFS = (Tif.DAY, Tif.DAY, Tif.IOC)


def act_of(drawn: bytes) -> Act:
    """Return the act that some bytes stand for: drawn at once, where fields are one by one."""
    verb, qty, sold, kind, near, far, tif = drawn
    return Act(
        verb=VERBS[verb % len(VERBS)], qty=(1 + qty % 12) * (-1 if sold % 2 else 1),
        kind=tuple(Kind)[kind % len(Kind)], near=near % 13 - 6, far=far % 13 - 6,
        tif=TIFS[tif % len(TIFS)],
    )  # fmt: skip


ACTS = st.binary(min_size=7, max_size=7).map(act_of)


def walk(steps: Sequence[int]) -> Any:
    """Return a price path on the tick."""
    return FIRST + np.cumsum(np.array(steps, np.int64)) * TICK


@st.composite
def columns(draw: Any, kind: str, rows: int, instruments: int) -> Columns:
    """Draw rows of one kind."""

    def ints(least: int, most: int) -> Any:  # bytes are drawn at once, numbers one by one
        drawn = np.frombuffer(draw(st.binary(min_size=rows, max_size=rows)), np.uint8)
        return least + drawn.astype(np.int64) % (most - least + 1)

    last = walk(ints(-4, 4))
    row = ints(0, instruments - 1)
    last = last + row * 200 * TICK
    gaps = ints(0, 3) * SECOND // 2
    if kind == "bars":
        high, low = last + ints(0, 5) * TICK, last - ints(0, 5) * TICK
        opened = np.clip(last + ints(-5, 5) * TICK, low, high)
        ts = T0 + (np.arange(rows) + 1) * MINUTE
        return Columns.of(ts=ts, row=np.zeros(rows), last=last, open=opened, high=high, low=low,
                          volume=ints(0, 40))  # fmt: skip
    more: dict[str, Any] = {}
    if kind != "plain":
        more["qty"] = ints(0, 30)
    if kind == "quotes":
        has_bid, has_ask = ints(0, 7) > 0, ints(0, 7) > 0
        more["bid"] = (last - ints(0, 3) * TICK) * has_bid
        more["ask"] = (last + ints(1, 3) * TICK) * has_ask
        more["bid_qty"] = ints(1, 30) * has_bid
        more["ask_qty"] = ints(1, 30) * has_ask
    return Columns.of(ts=T0 + np.cumsum(gaps), row=row, last=last, **more)


@st.composite
def session(
    draw: Any, rows: Columns, strategies: int, instruments: int = 1, *, commands: bool = True
) -> Any:
    """Draw a session over the rows: late opens, breaks, commands, square-off, always a close."""
    first, last = int(rows.ts[0]), int(rows.ts[-1]) + 1
    inside = st.integers(first, last)
    end = last + 1
    cut_off = end - draw(st.integers(0, (last - first) // 2))
    found = [opens(end, cut_off), (cut_off, Control.SQUARE_OFF, 0)]
    kinds = ("time", "rearm", "break", "kill")
    if commands:
        kinds += ("pause", "pause", "resume", "flatten", "flatten", "cancel")
    for place, kind in enumerate(draw(st.lists(st.sampled_from(kinds), max_size=6))):
        ts = draw(inside)
        scope = draw(st.sampled_from(Scope))
        most = {Scope.STRATEGY: strategies, Scope.INSTRUMENT: instruments}.get(scope, 1)
        number = draw(st.integers(0, most - 1))
        if kind == "break":
            found += [closes(ts), phase(min(ts + SECOND, last), Phase.OPEN, end, cut_off)]
        elif kind == "time":
            found.append((ts, Control.TIME))
        elif kind == "cancel":
            order = draw(st.integers(1, 20))
            found.append((ts, Control.CANCEL, 0, order, place + 1, ts))
        else:
            said = place + 1 if commands else 0
            found.append((ts, Control[kind.upper()], scope, number, said, ts))
    found.sort(key=lambda row: row[0])
    return [*found, closes(end), (end, Control.DAY_END)]


@st.composite
def cases(
    draw: Any, limits: LimitSet | None = None, kinds: Sequence[str] = KINDS, *,
    commands: bool = True,
) -> Case:  # fmt: skip
    """Draw a whole day."""
    kind = draw(st.sampled_from(kinds))
    rows, strategies = draw(st.integers(12, 40)), draw(st.integers(1, 2))
    instruments = 1 if kind == "bars" else draw(st.integers(1, 2))
    data = draw(columns(kind, rows, instruments))
    events = draw(session(data, strategies, instruments, commands=commands))
    acts = tuple(
        draw(
            st.dictionaries(
                st.integers(1, rows), st.lists(ACTS, max_size=3), min_size=4, max_size=16
            )
        )
        for _ in range(strategies)
    )
    desk = Desk(
        instruments=tuple(share(f"NSE:{name}", lot_size=draw(st.sampled_from((1, 1, 1, 3))))
                          for name in "XY"[:instruments]),
        product=draw(st.sampled_from((Product.MIS, Product.MIS, Product.CNC))),
        paper=Paper(
            latency_ns=draw(st.sampled_from((0, 1, SECOND))),
            slippage=draw(st.sampled_from((0, 5_000, 200_000))),
            limit_fill=draw(st.sampled_from(LimitFill)),
            volume_share=draw(st.sampled_from((0, 5_000_000, 10_000_000))),
        ),
        limits=limits or load_limits("wide"),
        schedule=draw(st.sampled_from(SCHEDULES)),
        cash=draw(st.sampled_from((10**12, 30_000_000))),
        always=False,
        sizes=Limit(orders=draw(st.sampled_from((6, 64))), out=draw(st.sampled_from((1, 64)))),
        interval=MINUTE if kind == "bars" else 0, programs=PROGRAMS,
    )  # fmt: skip
    return Case(data, controls(*events, columns=data), desk, acts)
