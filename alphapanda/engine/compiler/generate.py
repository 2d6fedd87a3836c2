"""The text of a run's glue: which indicators, hooks and rules the loop calls, in which order.

Nothing here knows what an indicator or a rule does; it writes the calls that a person would write
for these strategies, so that the compiled loop holds no table look-ups and no unused branches.

Over 400 lines: it is one text, written from its first line to its last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

from alphapanda import indicators, rules
from alphapanda.books.state import TABLES, Hook
from alphapanda.engine.compiler.declared import Spec, legs_of, short
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.calendar import DAY
from alphapanda.model.rows import Out

PRICE, UNIT = 10_000, 1
"""What a series' whole number is divided by: of prices, and of quantities."""

TICK_SERIES = {
    "last": ("last", PRICE),
    "close": ("last", PRICE),
    "bid": ("instrument.bid", PRICE),
    "ask": ("instrument.ask", PRICE),
    "bid_qty": ("instrument.bid_qty", UNIT),
    "ask_qty": ("instrument.ask_qty", UNIT),
    "mid": ("(instrument.bid + instrument.ask)", 2 * PRICE),
    "volume": ("instrument.traded", UNIT),
    "oi": ("instrument.oi", UNIT),
}
INPUT_BAR_SERIES = {
    **TICK_SERIES,
    "open": ("instrument.open", PRICE),
    "high": ("instrument.high", PRICE),
    "low": ("instrument.low", PRICE),
}
BAR_SERIES = {
    "last": ("last", PRICE),
    "close": ("last", PRICE),
    "open": ("bar.open", PRICE),
    "high": ("bar.high", PRICE),
    "low": ("bar.low", PRICE),
    "volume": ("bar.volume", UNIT),
}
TO_UNITS = {PRICE: "1.0", 2 * PRICE: "0.5", UNIT: "10000.0"}
"""By divisor: what the whole number is multiplied by, to count in units of 0.0001."""

Source = dict[str, tuple[str, int]]
"""By name: a whole number of the row, and its divisor."""
NEEDS = {
    "bid": ("bid",), "bid_qty": ("bid",), "ask": ("ask",), "ask_qty": ("ask",), "mid": ("bid",),
    "volume": ("volume", "qty"), "oi": ("oi",),
}  # fmt: skip
"""Columns of the data, one of which a series needs; the others are always there."""


@dataclass(frozen=True)
class Shape:
    """What a loop is generated for: strategies in order, and what the data have."""

    specs: tuple[Spec, ...]
    data_interval: int
    """ns of the data's bars; 0 for ticks."""
    columns: frozenset[str]
    whole: tuple[bool, ...]
    """By strategy: bound to each instrument of the run, so that a row is its own instance."""
    warm: bool = False
    """Rows come first that only warm up indicators."""
    paper: bool = True
    """Orders are filled by the core; else they are sent, and reports say what becomes of them."""

    @property
    def intervals(self) -> tuple[int, ...]:
        """Bars that the core builds itself, in ns, ascending."""
        wanted: set[int] = set()
        for spec in self.specs:
            wanted.add(spec.bar_length(self.data_interval))
            wanted |= {spec.interval_of(i, self.data_interval) for i in spec.indicators.values()}
        return tuple(sorted(wanted - {0, self.data_interval}))

    @property
    def flags(self) -> dict[str, int]:
        """The constants that specialise the loop."""
        hooks = {name for spec in self.specs for name in spec.hooks}
        has = self.columns
        intervals = bool(self.intervals)
        queued = bool(hooks & {"on_fill", "on_order", "on_time", "on_session"}) or intervals
        return {
            "PAPER": int(self.paper),
            "STRATEGIES": len(self.specs),
            "BARS_IN": int(self.data_interval > 0),
            "DAY_BARS": int(self.data_interval > 0 and self.data_interval % DAY == 0),
            "QUOTES": int({"bid", "ask", "bid_qty", "ask_qty"} <= has),
            "QTY": int("qty" in has and not self.data_interval),
            "VOLUME": int("volume" in has),
            "OPEN_INTEREST": int("oi" in has),
            "SIZES": int("volume" in has or "qty" in has),
            "WARM": int(self.warm),
            "TICK_BARS": int(intervals),
            "TIMERS": int("on_time" in hooks),
            "HOOK_FILL": int("on_fill" in hooks),
            "HOOK_ORDER": int("on_order" in hooks),
            "HOOK_SESSION": int("on_session" in hooks),
            "QUEUED": int(queued),
        }


def tables(specs: Sequence[Spec]) -> list[str]:
    """Return the names of a core's tables: the common ones, then those of its strategies."""
    return [*TABLES, *(f"{kind}{k}" for k in range(len(specs)) for kind in ("s", "u"))]


def glue(shape: Shape) -> str:
    """Return the bodies of the functions that `core/glue.py` names."""
    return ladders() + "\n\n" + declared(shape)


def ladders() -> str:
    """Return the bodies that ask the risk rules."""
    return "\n\n".join("\n".join(part) for part in (refusal(), closing_refusal()))


def declared(shape: Shape) -> str:
    """Return the bodies that strategies declare: their bars, indicators and hooks."""
    parts = [update_bar(shape), close_bar(shape), open_session(shape), see_row(shape),
             decide(shape), dispatch(shape)]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts)


def refusal() -> list[str]:
    """Return the ladder of risk rules."""
    return ladder("refusal", list(enumerate(rules.modules())))


def closing_refusal() -> list[str]:
    """Return the ladder that a flatten's closing orders pass: the rules that say so themselves."""
    asked = [(n, rule) for n, rule in enumerate(rules.modules()) if getattr(rule, "CLOSING", False)]
    return ladder("closing_refusal", asked)


def ladder(name: str, asked: Sequence[tuple[int, ModuleType]]) -> list[str]:
    """Return a function that asks rules, by their numbers, one after the other."""
    lines = [f"def {name}(core, request):", "    account = core.clock[0].strategies"]
    for number, rule in asked:
        calls = {
            "signal": [f"rule{number}(core, request, request.strategy)"],
            "strategy": [f"rule{number}(core, request, request.strategy)"],
            "account": [f"rule{number}(core, request, account)"],
            "both": [
                f"rule{number}(core, request, request.strategy)",
                f"rule{number}(core, request, account)",
            ],
        }[rule.PER]
        for call in calls:
            lines += [f"    if {call}:", f"        return {int(rule.CODE)}"]
    return [*lines, "    return 0"]


def update_bar(shape: Shape) -> list[str]:
    """Return the updates of indicators on a bar that the core built."""
    lines = ["def update_bar(core, interval, row):", "    clock = core.clock[0]",
             "    bar = core.bars[interval * clock.instruments + row]",
             "    last = bar.close"]  # fmt: skip
    return lines + by_interval(shape, updates_on)


def close_bar(shape: Shape) -> list[str]:
    """Return the hooks that are called when a bar that the core built has ended."""
    lines = ["def close_bar(core, interval, row):", "    clock = core.clock[0]"]
    return lines + by_interval(shape, hooks_on)


def by_interval(
    shape: Shape, part: Callable[[Shape, int, Spec, int], Iterator[str]]
) -> list[str]:  # fmt: skip
    """Return what each strategy does with a bar, by the interval that the core built."""
    lines = []
    for index, length in enumerate(shape.intervals):
        lines += [f"    if interval == {index}:", "        pass"]
        for k, spec in enumerate(shape.specs):
            body = list(part(shape, k, spec, length))
            lines += bound(shape, k, body, "        ") if body else []
    return lines


def updates_on(shape: Shape, k: int, spec: Spec, length: int) -> Iterator[str]:
    """Yield the updates of one strategy's indicators on bars of a length."""
    for name, indicator in spec.indicators.items():
        if spec.interval_of(indicator, shape.data_interval) == length:
            yield from update_lines(shape, k, name, BAR_SERIES, "bar.end")


def hooks_on(shape: Shape, k: int, spec: Spec, length: int) -> Iterator[str]:
    """Yield the call of one strategy's on_bar, if its bars are of a length."""
    if spec.bar_length(shape.data_interval) == length:
        yield f"call(core, {int(Hook.BAR)}, {k}, bind.instance, row, interval, 0, 0)"


def open_session(shape: Shape) -> list[str]:
    """Return the resets of indicators that begin anew with each session."""
    lines = ["def open_session(core, row):", "    clock = core.clock[0]"]
    for k, spec in enumerate(shape.specs):
        resets = [
            f"reset{k}_{name}({holder(k, spec)}.{name}, core.heap)"
            for name, indicator in spec.indicators.items()
            if hasattr(indicators.module(short(indicator)), "reset")
        ]
        lines += bound(shape, k, resets, "    ") if resets else []
    return lines


def see_row(shape: Shape) -> list[str]:
    """Return what a market row feeds: bars that the core builds, indicators on rows."""
    lines = ["def see_row(core, row):", "    clock = core.clock[0]",
             "    instrument = core.instruments[row]",
             "    last = instrument.last"]  # fmt: skip
    source = INPUT_BAR_SERIES if shape.data_interval else TICK_SERIES
    moment = "instrument.ts" if shape.data_interval else "1"
    lines += [
        f"    add_to_bar(core, {index}, row, {bar_arguments(shape)})"
        for index in range(len(shape.intervals))
    ]
    for k, spec in enumerate(shape.specs):
        body: list[str] = []
        for name, indicator in spec.indicators.items():
            if spec.interval_of(indicator, shape.data_interval) in (0, shape.data_interval):
                body += update_lines(shape, k, name, source, moment)
        lines += bound(shape, k, body, "    ") if body else []
    if shape.data_interval:
        lines += [
            f"    complete_bar(core, {index}, row, instrument.ts)"
            for index in range(len(shape.intervals))
        ]
    return lines


def bar_arguments(shape: Shape) -> str:
    """Return what a row counts into a larger bar: time, open, high, low, close, volume.

    A bar belongs where its last moment lies: the last of a day may be shorter than the others.
    """
    if shape.data_interval:
        return (
            "instrument.ts - 1, instrument.open, instrument.high, "
            "instrument.low, instrument.last, instrument.traded"
        )
    last = "instrument.last"
    return f"clock.now, {last}, {last}, {last}, {last}, instrument.traded"


def bound(shape: Shape, k: int, body: list[str], indent: str) -> list[str]:
    """Return lines that run `body` if strategy `k` is bound to the row's instrument."""
    if shape.whole[k]:
        place = {"bind.instance": "row", "bind.leg": "0"}
        return [indent + replaced(line, place) for line in body]
    lines = [f"bind = core.binds[{k} * clock.instruments + row]", "if bind.instance >= 0:"]
    return [indent + line for line in [*lines, *("    " + line for line in body)]]


def replaced(line: str, words: dict[str, str]) -> str:
    """Return a line with some words put in place of others."""
    for old, new in words.items():
        line = line.replace(old, new)
    return line


def holder(k: int, spec: Spec) -> str:
    """Return where a strategy's indicators on the bound instrument are kept."""
    if spec.binding.kind == "universe":
        return f"core.u{k}[bind.leg]"
    return f"core.s{k}[bind.instance]"


def update_lines(shape: Shape, k: int, name: str, source: Source, moment: str) -> list[str]:
    """Return the update of one indicator and the count towards its warm-up.

    Of two legs it waits for both, at one `moment`: bars that end together, any two ticks.
    """
    spec = shape.specs[k]
    indicator, module = spec.indicators[name], indicators.module(short(spec.indicators[name]))
    chosen = ("price", "units", *indicators.SIDES)
    inputs = [
        series_text(shape, k, name, indicator.of if series in chosen else series, source,
                    exact=series == "units")
        for series in module.INPUTS
    ]  # fmt: skip
    lines = [f"s = {holder(k, spec)}", f"u = s.{name}"]
    count = ["if s.cold != 0 and u.count < u.warmup:", "    u.count += 1",
             "    if u.count == u.warmup:", "        s.cold -= 1"]  # fmt: skip
    if indicators.paired(short(indicator)):
        sides = list(zip(indicators.SIDES, legs_of(indicator, spec.binding), inputs, strict=True))
        for side, leg, text in sides:
            lines += [f"if bind.leg == {spec.binding.legs.index(leg)}:", f"    u.{side} = {text}",
                      f"    u.{side}_at = {moment}"]  # fmt: skip
        update = f"update{k}_{name}(u, core.heap, u.left, u.right)"
        body = ["u.left_at = 0", "u.right_at = 0", update, *count]
        return [*lines, "if u.left_at != 0 and u.left_at == u.right_at:", *indented(body)]
    lines += [f"update{k}_{name}(u, core.heap, {', '.join(inputs)})", *count]
    if indicator.leg is None:
        return lines
    return [f"if bind.leg == {spec.binding.legs.index(indicator.leg)}:", *indented(lines)]


def indented(lines: list[str]) -> list[str]:
    """Return lines one step further in."""
    return ["    " + line for line in lines]


def series_text(
    shape: Shape, k: int, name: str, wanted: str, source: Source, *, exact: bool
) -> str:
    """Return the expression of a series, as a float; times 10,000, so whole numbers, if `exact`.

    Raises:
        UsageError: if rows of this kind, or the data, have no such series.
    """
    label = f"{shape.specs[k].name}.{name} reads '{wanted}'"
    if wanted in source:
        if wanted in NEEDS and shape.columns.isdisjoint(NEEDS[wanted]):
            raise UsageError(f"{label}, which the data do not have.")
        whole, divisor = source[wanted]
        return f"{whole} * {TO_UNITS[divisor]}" if exact else f"{whole} / {divisor}.0"
    if wanted not in INPUT_BAR_SERIES:
        raise UsageError(f"{label}, which is no series.{did_you_mean(wanted, INPUT_BAR_SERIES)}")
    if source is not TICK_SERIES:
        raise UsageError(f"{label}, which bars made of ticks do not have: leave bar= out.")
    raise UsageError(
        f"{label}, which ticks do not have: give it bars, such as bar='5m'. "
        f"Ticks have {', '.join(TICK_SERIES)}."
    )


def decide(shape: Shape) -> list[str]:
    """Return the calls of on_tick, and of on_bar for the data's own bars."""
    lines = ["def decide(core, row):", "    clock = core.clock[0]"]
    if shape.warm:
        lines += ["    if clock.now < core.config[0].begin:", "        return"]
    lines.append("    instrument = core.instruments[row]")
    own = ("instrument.open, instrument.high, instrument.low, instrument.last, instrument.traded"
           if shape.data_interval else "0, 0, 0, 0, instrument.traded")  # fmt: skip
    for k, spec in enumerate(shape.specs):
        hooks = [name for name in ("on_tick", "on_bar") if row_hook(shape, spec, name)]
        body = [f"if core.s{k}[bind.instance].cold == 0:"] if hooks else []
        for name in hooks:
            arguments = f"core, {write_members(k, spec)}, {k}, row, bind.leg, {own}, 0, 0, 0, -1"
            body += [f"    {hook_call(k, spec, name, 'bind.instance', arguments)}",
                     "    if clock.n_requests != 0:", "        gate(core)"]  # fmt: skip
        lines += bound(shape, k, body, "    ") if body else []
    return lines


def row_hook(shape: Shape, spec: Spec, name: str) -> bool:
    """Say if a hook is called straight from a market row."""
    if name not in spec.hooks:
        return False
    return name == "on_tick" or spec.bar_length(shape.data_interval) == shape.data_interval


def write_members(k: int, spec: Spec) -> str:
    """Return the members that a context shows."""
    return f"core.u{k}"


def hook_call(k: int, spec: Spec, name: str, instance: str, arguments: str) -> str:
    """Return the call of a hook; a strategy in plain Python has objects in place of records."""
    own = f"core.s{k}" if spec.compiled else f"selves{k}"
    return f"{name}{k}({own}[{instance}], context({arguments}))"


QUEUED_CALLS = {
    "on_bar": (Hook.BAR, "bar.open, bar.high, bar.low, bar.close, bar.volume, 0, 0, 0, entry.a"),
    "on_time": (Hook.TIME, "0, 0, 0, 0, 0, 0, 0, 0, entry.a"),
    "on_fill": (Hook.FILL, f"0, 0, 0, 0, 0, entry.a, entry.b, entry.c, {int(Out.FILL)}"),
    "on_order": (Hook.ORDER, "0, 0, 0, 0, 0, entry.a, 0, 0, entry.b"),
    "on_session": (Hook.SESSION, "0, 0, 0, 0, 0, 0, 0, 0, entry.a"),
}


def dispatch(shape: Shape) -> list[str]:
    """Return the calls of the hooks that wait in the queue."""
    lines = ["def dispatch(core, entry):", "    row = entry.row",
             "    instruments = core.clock[0].instruments"]  # fmt: skip
    for k, spec in enumerate(shape.specs):
        lines += [f"    if entry.strategy == {k}:",
                  f"        leg = core.binds[{k} * instruments + row].leg"]  # fmt: skip
        for name, (hook, arguments) in QUEUED_CALLS.items():
            if name in spec.hooks and not (name == "on_bar" and row_hook(shape, spec, name)):
                lines += queued_call(k, spec, name, int(hook), arguments)
    return lines


def queued_call(k: int, spec: Spec, name: str, hook: int, arguments: str) -> list[str]:
    """Return one branch of `dispatch`; hooks that read indicators wait for their warm-up."""
    warm = f" and core.s{k}[entry.instance].cold == 0" if name in ("on_bar", "on_time") else ""
    lines = [f"        if entry.hook == {hook}{warm}:"]
    if name == "on_bar":
        lines.append("            bar = core.bars[entry.a * instruments + row]")
    call = hook_call(
        k,
        spec,
        name,
        "entry.instance",
        f"core, {write_members(k, spec)}, {k}, row, leg, {arguments}",
    )
    return [*lines, f"            {call}"]


def entry(function: str, published: Sequence[str] = ()) -> str:
    """Return the compiled entry: from the address of all tables to where the batch stands.

    Before that it says where the functions are that other code calls through the handle.
    """
    return "\n".join([
        f"def {function}(handle, at):",
        *(f"    publish_{name}(as_core(handle), {name})" for name in published),
        f"    return {function}_rows(as_core(handle), as_columns(handle), at)",
    ])  # fmt: skip


def publisher(published: Sequence[str]) -> str:
    """Return the compiled entry that only says where the functions are that a core calls."""
    return "\n".join([
        "def publish(handle, at):",
        *(f"    publish_{name}(as_core(handle), {name})" for name in published),
        "    return at",
    ])  # fmt: skip
