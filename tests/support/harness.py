"""Hand-made rows through an engine in a few lines, and its output rows in a readable form."""

# ruff: noqa: ANN001, ANN202, D102 (strategies are written as traders write them)
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from alphapanda import strategy
from alphapanda.books.state import Limit
from alphapanda.engine.compiler.generate import Shape
from alphapanda.engine.compiler.program import Program, build
from alphapanda.engine.compiler.strategy import spec_of
from alphapanda.engine.engine import Engine
from alphapanda.engine.setup import Enrolment, Paper, Setup
from alphapanda.engine.tier import Tier
from alphapanda.model.calendar import Phase, SessionGroup, day_start_ns
from alphapanda.model.charges import Schedule
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Exchange, Instrument, OptionType, Product, Segment
from alphapanda.model.limits import LimitSet, lifted, load_limits
from alphapanda.model.rows import CONTROL, NEVER, Control, Out, ReportKind, Scope

DAY = date(2026, 11, 23)
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
T0 = day_start_ns(DAY) + (9 * 60 + 15) * MINUTE
"""A quarter past nine on a Monday, IST."""

CASH = 10_000_000 * 10_000
QUOTES = ("bid", "bid_qty", "ask", "ask_qty")
ENDED = (Out.CANCELLED, Out.EXPIRED, Out.FAILED)

Script = Mapping[int, Callable[[Any], object]]
"""What the strategy does on its n-th tick or bar (from 0)."""


def rs(rupees: float) -> int:
    """Return rupees as a scaled price."""
    return round(rupees * 10_000)


class Row(NamedTuple):
    """One output row."""

    ts: int
    cause: int
    type: Out
    strategy: int
    row: int
    order: int
    group: int
    qty: int
    price: int
    a: int
    b: int
    c: int
    d: int


class Filled(NamedTuple):
    """A fill, its price in rupees."""

    order: int
    qty: int
    price: float


def share(name: str = "NSE:X", **changes: Any) -> Instrument:
    """Return a share with a tick of 5 paise."""
    plain = Instrument(name, Exchange.NSE, Segment.EQUITY, tick_size=500, lot_size=1)
    return replace(plain, **changes)


def future(name: str = "NFO:XFUT", **changes: Any) -> Instrument:
    """Return a future on X that expires today."""
    plain = Instrument(
        name, Exchange.NFO, Segment.FUTURES, tick_size=500, lot_size=25, expiry=DAY, underlying="X"
    )
    return replace(plain, **changes)


def option(name: str, strike: int, kind: OptionType, **changes: Any) -> Instrument:
    """Return an option on X that expires today."""
    changes = {"segment": Segment.OPTIONS, "strike": strike, "option_type": kind, **changes}
    return future(name, **changes)


def ticks(
    *prices: float, step: int = SECOND, start: int = T0, row: int = 0, **more: Any
) -> Columns:
    """Return ticks of one instrument at even steps; other columns by name, prices in rupees."""
    for name in ("bid", "ask"):
        if name in more:
            more[name] = [rs(price) for price in more[name]]
    last = [rs(price) for price in prices]
    ts = [start + step * number for number in range(len(last))]
    return Columns.of(ts=ts, row=[row] * len(last), last=last, **more)


def quotes(
    *sides: tuple[float, int, float, int], last: Sequence[float] = (), **more: Any
) -> Columns:
    """Return ticks with quotes (bid, quantity, ask, quantity); last is the mid if not given."""
    bid, bid_qty, ask, ask_qty = zip(*sides, strict=True)
    lasts = last or [(b + a) / 2 for b, a in zip(bid, ask, strict=True)]
    return ticks(*lasts, bid=bid, bid_qty=bid_qty, ask=ask, ask_qty=ask_qty, **more)


def bars(*ohlc: tuple[float, float, float, float], start: int = T0, **more: Any) -> Columns:
    """Return minute bars (open, high, low, close) of one instrument; the first ends at 09:16."""
    opened, high, low, close = ([rs(p) for p in part] for part in zip(*ohlc, strict=True))
    ts = [start + MINUTE * (number + 1) for number in range(len(close))]
    return Columns.of(ts=ts, row=[0] * len(ts), last=close, open=opened, high=high, low=low, **more)


def merged(*streams: Columns) -> Columns:
    """Return streams of the same columns as one in order of time, earlier streams first."""
    joined = [np.concatenate(parts) for parts in zip(*streams, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return Columns._make(part[order] if len(part) else part for part in joined)


def controls(*rows: tuple[Any, ...], columns: Columns | None = None) -> Any:
    """Return control rows (ts, kind, a, b, c, d); placed by time, before ticks of the same time."""
    made = np.zeros(len(rows), CONTROL)
    for place, (ts, kind, *rest) in enumerate(rows):
        made[place]["ts"], made[place]["kind"] = ts, kind
        named = rest.pop() if len(rest) > len("abcd") else {}
        for name, value in [*zip("abcd", rest, strict=False), *named.items()]:
            made[place][name] = value
    if columns is not None:
        side = "right" if len(columns.open) else "left"
        made["at"] = np.searchsorted(columns.ts, made["ts"], side=side)
    return made


def phase(ts: int, to: Phase, until: int, cut_off: int = NEVER, group: int = 0) -> tuple[Any, ...]:
    """Return a control row of a session phase."""
    return ts, Control.PHASE, group, to, until, cut_off


def opens(until: int, cut_off: int = NEVER, group: int = 0) -> tuple[Any, ...]:
    """Return the control row with which trading opens at T0."""
    return phase(T0, Phase.OPEN, until, cut_off, group)


def closes(at: int, group: int = 0) -> tuple[Any, ...]:
    """Return the control row with which trading ends."""
    return phase(at, Phase.CLOSED, T0 + 86_400 * SECOND, NEVER, group)


def report(ts: int, kind: ReportKind, order: int = 0, **fields: int) -> tuple[Any, ...]:
    """Return a control row of a report; other fields (row, qty, price ...) by name."""
    return ts, Control.REPORT, kind, order, 0, 0, fields


def killed(ts: int, scope: Scope, number: int = 0) -> tuple[Any, ...]:
    """Return a KILL command."""
    return ts, Control.KILL, scope, number


class Actor:
    """Does what the script says; an object, because functions are bound anew for each run."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.seen = 0

    def __call__(self, ctx: Any) -> None:
        todo = self.script.get(self.seen)
        self.seen += 1
        if todo is not None:
            todo(ctx)


class Heard:
    """Keeps what the other hooks were told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, hook: str, ctx: Any) -> None:
        self.calls.append((hook, ctx.now, ctx.row, ctx.order, ctx.qty, ctx.price, ctx.event))


def tick_strategy(script: Script, row: int = 0) -> type:
    """Return a strategy that follows a script on the ticks of one instrument."""
    act = Actor(script)

    @strategy(compiled=False)
    class Scripted:
        """Follows a script."""

        def on_tick(self, ctx):
            if ctx.row == row:
                act(ctx)

    return Scripted


def bar_strategy(script: Script) -> type:
    """Return a strategy that follows a script on bars."""
    act = Actor(script)

    @strategy(compiled=False)
    class ScriptedBars:
        """Follows a script."""

        def on_bar(self, ctx):
            act(ctx)

    return ScriptedBars


def listener(script: Script, heard: Heard) -> type:
    """Return a strategy that follows a script on ticks and writes down its other hooks."""
    act = Actor(script)

    @strategy(compiled=False)
    class Listener:
        """Follows a script and listens."""

        def on_tick(self, ctx):
            act(ctx)

        def on_fill(self, ctx):
            heard("fill", ctx)

        def on_order(self, ctx):
            heard("order", ctx)

        def on_session(self, ctx):
            heard("session", ctx)

    return Listener


def cache_dir() -> Path:
    """Return the one folder that all compiled loops of a test session share."""
    return Path(os.environ.get("ALPHAPANDA_CACHE_DIR", "build/compiled"))


def limited(**limits: int) -> LimitSet:
    """Return limits of which only the given ones are on, for strategy and account alike."""
    return LimitSet("test", {**lifted(), **limits}, {**lifted(), **limits})


@dataclass
class Desk:
    """A set-up from which engines are made; its fields are what tests vary."""

    instruments: Sequence[Instrument] = (share(),)
    product: Product = Product.MIS
    paper: Paper = field(default_factory=Paper)
    limits: LimitSet = field(default_factory=lambda: load_limits("wide"))
    schedule: Schedule = field(default_factory=Schedule.none)
    cash: int = CASH
    always: bool = True
    sizes: Limit = field(default_factory=lambda: Limit(orders=64, out=256))
    expiries: Mapping[int, int] = field(default_factory=dict)
    interval: int = 0
    jit: bool = False
    tier: Tier = Tier.AUTO
    sent: bool = False
    """Orders are sent to a broker, whose reports move them."""
    programs: dict[Any, Program] | None = None
    """Where given, loops are kept there: a shape is bound once, for engines that run in turn."""

    def program(self, classes: Sequence[type], columns: Iterable[str]) -> Program:
        """Return the loop for some strategies over data with these columns."""
        key = tuple(classes), frozenset(columns), self.interval, self.sent, self.jit, self.tier
        if self.programs is None:
            return self.bound(classes, columns)
        if key not in self.programs:
            self.programs[key] = self.bound(classes, columns)
        return self.programs[key]

    def bound(self, classes: Sequence[type], columns: Iterable[str]) -> Program:
        """Return a loop that was bound anew."""
        specs = tuple(spec_of(cls) for cls in classes)
        whole = tuple(spec.binding.kind == "each" for spec in specs)
        shape = Shape(specs, self.interval, frozenset(columns), whole, paper=not self.sent)
        return build(shape, jit=self.jit, cache_dir=cache_dir(), tier=self.tier)

    def engine(self, classes: Sequence[type], columns: Iterable[str], **arguments: Any) -> Engine:
        """Return an engine with each strategy on every instrument."""
        everything = tuple(range(len(self.instruments)))
        products = (self.product,) * len(everything)
        enrolments = [
            Enrolment(spec_of(cls), spec_of(cls).arguments(arguments), everything, products)
            for cls in classes
        ]
        setup = Setup(
            self.instruments, enrolments, self.schedule, self.limits, DAY, self.cash,
            always=self.always, paper=self.paper, sizes=self.sizes, expiries=self.expiries,
        )  # fmt: skip
        return Engine(self.program(classes, columns), setup)


def present(columns: Columns) -> set[str]:
    """Return the names of the columns that a batch has."""
    return {name for name, column in zip(Columns._fields, columns, strict=True) if len(column)}


@dataclass
class Played:
    """What an engine said, in order, and the engine as it stands."""

    rows: list[Row]
    engine: Engine

    @property
    def fills(self) -> list[Filled]:
        """All fills."""
        found = [row for row in self.rows if row.type == Out.FILL]
        return [Filled(row.order, row.qty, row.price / 10_000) for row in found]

    def of(self, *types: Out) -> list[Row]:
        """Return the rows of some types."""
        return [row for row in self.rows if row.type in types]

    def life(self, order: int) -> list[str]:
        """Return the types of an order's rows, the signal's left out."""
        skipped = (Out.SIGNAL, Out.VALIDATED)
        found = [row for row in self.rows if row.order == order and row.type not in skipped]
        return [row.type.name for row in found]

    def codes(self) -> list[int]:
        """Return the codes of all refusals."""
        return [row.a for row in self.of(Out.REJECTED)]

    def field(self, table: str, name: str, place: int = 0) -> int:
        """Return a field of a record of the state."""
        return int(self.engine.tables[table][name][place])


def feed(engine: Engine, columns: Columns, control_rows: Any = None) -> list[Row]:
    """Run a batch and return its output rows."""
    rows = []
    for chunk in engine.feed(columns, control_rows):
        rows += [Row._make(values)._replace(type=Out(values[2])) for values in chunk.tolist()]
    return rows


def play(
    columns: Columns, script: Script | None = None, *, events: Sequence[tuple[Any, ...]] = (),
    classes: Sequence[type] | None = None, **desk: Any,
) -> Played:  # fmt: skip
    """Run rows through a new engine in plain Python, with a scripted strategy or given classes."""
    barred = len(columns.open) > 0
    made = Desk(**{"interval": MINUTE if barred else 0, "always": not events, **desk})
    if classes is None:
        classes = [(bar_strategy if barred else tick_strategy)(script or {})]
    engine = made.engine(classes, present(columns))
    return Played(feed(engine, columns, controls(*events, columns=columns)), engine)


def reasons(played: Played) -> list[tuple[str, int, int]]:
    """Return type, order and reason of every order that ended unfilled."""
    return [(row.type.name, row.order, row.a) for row in played.of(*ENDED)]


GROUP_OF_DERIVATIVES = int(SessionGroup.DERIVATIVES)
