"""The core as its host holds it: tables filled for a run, batches in, output rows out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.core.program import Program
from alphapanda.core.records import view
from alphapanda.core.strategy import Spec, first_values
from alphapanda.errors import UsageError
from alphapanda.model.calendar import Phase, day_start_ns, session_group
from alphapanda.model.charges import Rates, Schedule, charge_class
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Instrument, Product
from alphapanda.model.limits import LimitSet, margin
from alphapanda.model.rows import CONTROL
from alphapanda.model.state import LIFTED, MESSAGES, NEVER, PLACED, REPEATS, Fill, Limit

Table = NDArray[Any]
CONTROLS = 1024
"""Control rows that one call of the loop takes."""


@dataclass(frozen=True, slots=True)
class Paper:
    """How paper orders are filled. Rates in 1e-7."""

    latency_ns: int = 0
    slippage: int = 0
    slippage_random: int = 0
    seed: int = 7
    limit_fill: Fill = Fill.THROUGH
    volume_share: int = 10_000_000
    """Of what was traded; 0: unlimited."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One strategy of a run: parameters, the instruments it is bound to, their products."""

    spec: Spec
    arguments: Mapping[str, int | float]
    rows: tuple[int, ...]
    """Instruments; for legs in the order of the legs."""
    products: tuple[Product, ...]


@dataclass(frozen=True, slots=True)
class Setup:
    """All that a core needs to know before its first row."""

    instruments: Sequence[Instrument]
    strategies: Sequence[Enrolment]
    schedule: Schedule
    limits: LimitSet
    first_day: date
    cash: int
    always: bool = False
    paper: Paper = field(default_factory=Paper)
    sizes: Limit = field(default_factory=Limit)
    expiries: Mapping[int, int] = field(default_factory=dict)
    """Instrument row to the ns at which it expires."""
    windows: Mapping[str, int] = field(default_factory=dict)
    """By indicator, floats to keep at least: a core that is used again may need longer windows."""


class Engine:
    """One core: its state and the loop that moves it."""

    def __init__(self, program: Program, setup: Setup) -> None:
        self.program = program
        self.setup = setup
        heap, self._heaps = heap_layout(setup.strategies, setup.windows)
        sizes = table_sizes(program, setup, heap)
        self.tables: dict[str, Table] = {
            name: np.zeros(sizes[name], dtype)
            for name, dtype in zip(program.names, program.dtypes, strict=True)
        }
        self._fill()
        self.handle = np.zeros(2 * (len(program.names) + len(Columns._fields)), np.int64)
        self.address = self.handle.ctypes.data
        for index, table in enumerate(self.tables.values()):
            self._point(index, table)
        self.plain: Any = None
        if program.step is not None:
            self.plain = program.state(*(view(table) for table in self.tables.values()))
            self._make_selves()

    def feed(self, columns: Columns, controls: Table | None = None) -> Iterator[Table]:
        """Run a batch; yield output rows, each array valid until the next is asked for.

        `controls` are CONTROL records in order, `at` counted within the batch.
        """
        controls = np.empty(0, CONTROL) if controls is None else controls
        start = 0
        while True:
            part = controls[start : start + CONTROLS]
            start += len(part)
            end = columns.rows if start >= len(controls) else int(controls["at"][start])
            yield from self._feed_part(columns.slice(0, end), part)
            if start >= len(controls):
                return
            columns = columns.slice(end, columns.rows)
            controls = controls.copy()
            controls["at"] -= end

    def _feed_part(self, columns: Columns, controls: Table) -> Iterator[Table]:
        clock = self.tables["clock"]
        self.tables["controls"][: len(controls)] = controls
        clock["n_controls"] = len(controls)
        clock["next_control"] = 0
        clock["control_at"] = controls["at"][0] if len(controls) else 1 << 62
        first = len(self.program.names)
        for index, column in enumerate(columns):
            self._point(first + index, column)
        at = 0
        while True:
            at = self._step(columns, at)
            rows = int(clock["n_out"][0])
            last = rows < int(clock["room"][0])
            clock["n_out"] = 0
            clock["seq"] += rows
            if last:
                clock["n_controls"] = clock["next_control"] = clock["control_at"] = 0
            yield self.tables["out"][:rows]
            if last:
                return

    def _point(self, place: int, table: Any) -> None:
        self.handle[2 * place : 2 * place + 2] = table.ctypes.data, len(table)

    def _step(self, columns: Columns, at: int) -> int:
        if self.program.entry is not None:
            return int(self.program.entry(self.address, at))
        assert self.program.step is not None
        return self.program.step(self, Columns._make(view(column) for column in columns), at)

    def snapshot(self) -> bytes:
        """Return the state as bytes: equal bytes, equal futures."""
        return b"".join(
            table.tobytes()
            for name, table in self.tables.items()
            if name not in ("out", "controls")
        )

    def restore(self, snapshot: bytes) -> None:
        """Set the state to a snapshot of a core of the same set-up."""
        at = 0
        for name, table in self.tables.items():
            if name not in ("out", "controls"):
                size = table.nbytes
                table[:] = np.frombuffer(snapshot[at : at + size], table.dtype)
                at += size
        if at != len(snapshot):
            raise AssertionError(f"snapshot of {len(snapshot)} bytes for a state of {at}")

    def _fill(self) -> None:
        fill_clock(self)
        fill_instruments(self)
        fill_fees(self)
        fill_limits(self)
        for k, enrolment in enumerate(self.setup.strategies):
            fill_strategy(self, k, enrolment)

    def _make_selves(self) -> None:
        for k, enrolment in enumerate(self.setup.strategies):
            records = view_of(self.plain, f"s{k}")
            selves = records
            if not enrolment.spec.compiled:
                selves = [plain_self(enrolment, record) for record in records]
            self.program.selves[k][:] = selves


def view_of(plain: Any, name: str) -> Any:
    """Return one table of a plain state."""
    return getattr(plain, name)


def plain_self(enrolment: Enrolment, record: Any) -> Any:
    """Return the object that is `self` in the hooks of a strategy in plain Python."""
    made: Any = object.__new__(enrolment.spec.cls)
    names = [name for name in dir(type(record)) if not name.startswith("_")]
    for name in names:
        setattr(made, name, getattr(record, name))
    if hasattr(made, "start"):
        made.start()
    return made


def heap_layout(
    strategies: Sequence[Enrolment], windows: Mapping[str, int]
) -> tuple[int, dict[tuple[int, int, str], int]]:
    """Return the floats that all indicators keep, and where each one's begin."""
    size = 0
    places: dict[tuple[int, int, str], int] = {}
    for k, enrolment in enumerate(strategies):
        for instance in range(holders(enrolment)):
            for name in enrolment.spec.indicators:
                places[k, instance, name] = size
                first = prepared(enrolment.spec, enrolment.arguments, name)
                length = int(first.get("length", 0))
                size += max(length, windows.get(name, 0))
    return size, places


def holders(enrolment: Enrolment) -> int:
    """Return how many records of a strategy hold indicators."""
    return 1 if enrolment.spec.binding.kind == "legs" else len(enrolment.rows)


def prepared(spec: Spec, arguments: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the first values of an indicator's record, its parameters looked up by name.

    Raises:
        UsageError: if the parameters make no sense to it.
    """
    indicator = spec.indicators[name]
    try:
        return dict(first_values(indicator, arguments))
    except UsageError as error:
        raise UsageError(f"{spec.name}.{name}: {error}") from None


def table_sizes(program: Program, setup: Setup, heap: int) -> dict[str, int]:
    """Return how many records each table gets; the loop's bounds rest on these numbers."""
    instruments, strategies = len(setup.instruments), len(setup.strategies)
    positions = instruments * strategies
    intervals = len(program.shape.intervals)
    timers = sum(len(e.spec.timers) for e in setup.strategies)
    orders = setup.sizes.orders
    wishes = max(64, 4 * instruments)
    fees = sum(len(chain) + 1 for chain in fee_chains(setup).values())
    sizes = {
        "clock": 1, "config": 1, "instruments": instruments, "positions": positions,
        "ledgers": strategies + 1, "limits": strategies + 1, "orders": orders, "wishes": wishes,
        "calls": 6 * orders + (timers + intervals + 6) * positions + 64,
        "bars": max(intervals * instruments, 1), "intervals": intervals, "timers": timers,
        "groups": 8, "binds": positions, "fees": fees,
        "out": setup.sizes.out + 10 * orders + 16 * positions + 6 * wishes * strategies + 64,
        "controls": CONTROLS, "heap": max(heap, 1),
        "ring": (strategies + 1) * MESSAGES + positions * (2 * REPEATS + 3 * PLACED),
    }  # fmt: skip
    for k, enrolment in enumerate(setup.strategies):
        each = enrolment.spec.binding.kind == "each"
        sizes[f"s{k}"] = len(enrolment.rows) if each else 1
        sizes[f"u{k}"] = len(enrolment.rows) if enrolment.spec.binding.kind == "universe" else 1
    return sizes


def fill_clock(engine: Engine) -> None:
    """Set counters, settings, and the chain of free order slots."""
    setup, tables = engine.setup, engine.tables
    clock, config, orders = tables["clock"], tables["config"], tables["orders"]
    clock["instruments"] = len(setup.instruments)
    clock["strategies"] = len(setup.strategies)
    clock["room"] = setup.sizes.out
    clock["slots"] = len(orders)
    clock["deciding"] = -1
    orders["next"] = np.arange(1, len(orders) + 1)
    orders["next"][-1] = -1
    config["latency"] = setup.paper.latency_ns
    config["slippage"] = setup.paper.slippage
    config["slippage_random"] = setup.paper.slippage_random
    config["seed"] = setup.paper.seed
    config["limit_fill"] = setup.paper.limit_fill
    config["volume_share"] = setup.paper.volume_share
    config["always"] = setup.always
    config["interval"] = engine.program.shape.data_interval
    config["day_bars"] = engine.program.shape.flags["DAY_BARS"] and not setup.always
    tables["intervals"]["length"] = engine.program.shape.intervals
    tables["intervals"]["next_end"] = NEVER
    tables["ledgers"]["cash"][-1] = setup.cash
    tables["groups"]["square_off"] = NEVER


def fill_instruments(engine: Engine) -> None:
    """Set the facts of each instrument."""
    rows = engine.tables["instruments"]
    names = {instrument.symbol: row for row, instrument in enumerate(engine.setup.instruments)}
    for row, instrument in enumerate(engine.setup.instruments):
        record = rows[row]
        record["tick"] = instrument.tick_size
        record["lot"] = max(instrument.lot_size, 1)
        record["freeze"] = instrument.freeze_quantity
        record["segment"] = instrument.segment
        record["exchange"] = instrument.exchange
        record["group"] = session_group(instrument)
        record["lower"] = instrument.lower_circuit
        record["upper"] = instrument.upper_circuit
        record["strike"] = instrument.strike
        record["option"] = instrument.option_type
        record["underlying"] = names.get(instrument.spot, -1)
        record["expiry"] = engine.setup.expiries.get(row, NEVER)
        record["volumeless"] = not instrument.has_volume
        record["first"] = record["tail"] = -1
        if engine.setup.always:
            record["phase"] = Phase.OPEN
            record["phase_end"] = NEVER


def fee_chains(setup: Setup) -> dict[tuple[int, int], list[tuple[int, Rates]]]:
    """Return by class and exchange the rates from the first day on, each with its first ns."""
    chains: dict[tuple[int, int], list[tuple[int, Rates]]] = {}
    for enrolment in setup.strategies:
        for row, product in zip(enrolment.rows, enrolment.products, strict=True):
            instrument = setup.instruments[row]
            kind = charge_class(instrument.segment, product)
            key = int(kind), int(instrument.exchange)
            if key not in chains:
                first = setup.schedule.rates(setup.first_day, kind, instrument.exchange)
                later = [d for d in setup.schedule.dates(kind, instrument.exchange)
                         if d > setup.first_day]  # fmt: skip
                chains[key] = [(0, first)] + [
                    (day_start_ns(d), setup.schedule.rates(d, kind, instrument.exchange))
                    for d in later
                ]
    return chains


def fill_fees(engine: Engine) -> None:
    """Set the dated rates of every class and exchange in use, and point positions to theirs."""
    fees, setup = engine.tables["fees"], engine.setup
    first: dict[tuple[int, int], int] = {}
    at = 0
    for key, chain in fee_chains(setup).items():
        first[key] = at
        for place, (_, rates) in enumerate(chain):
            record = fees[at]
            for name, value in rates._asdict().items():
                record["rounding" if name == "note_rounding" else name] = value
            last = place + 1 == len(chain)
            record["until"] = NEVER if last else chain[place + 1][0]
            record["next"] = -1 if last else at + 1
            at += 1
    for k, enrolment in enumerate(setup.strategies):
        for row, product in zip(enrolment.rows, enrolment.products, strict=True):
            fill_position(engine, k, row, product, first)


def fill_position(
    engine: Engine, k: int, row: int, product: Product, first: Mapping[tuple[int, int], int]
) -> None:
    """Set a position's product, rates and margins."""
    instrument = engine.setup.instruments[row]
    position = engine.tables["positions"][k * len(engine.setup.instruments) + row]
    kind = charge_class(instrument.segment, product)
    position["product"] = product
    position["fees"] = first[int(kind), int(instrument.exchange)]
    needed = margin(instrument, product, engine.setup.first_day)
    position["margin_rate"] = needed.rate
    position["margin_short"] = needed.short


def fill_limits(engine: Engine) -> None:
    """Set the limits of each strategy and, last, of the account."""
    limits, setup = engine.tables["limits"], engine.setup
    for owner in range(len(limits)):
        account = owner == len(setup.strategies)
        for name, value in (setup.limits.account if account else setup.limits.strategy).items():
            limits[name][owner] = value
    known = limits["age_ns"] != LIFTED
    limits["age_ns"][known] += engine.program.shape.data_interval


def fill_strategy(engine: Engine, k: int, enrolment: Enrolment) -> None:
    """Set a strategy's records, bindings and timers."""
    spec, instruments = enrolment.spec, len(engine.setup.instruments)
    records, members = engine.tables[f"s{k}"], engine.tables[f"u{k}"]
    binds = engine.tables["binds"][k * instruments : (k + 1) * instruments]
    binds["instance"] = binds["leg"] = -1
    for name, value in enrolment.arguments.items():
        records[name] = value
    for name, state in spec.states.items():
        records[name] = state.first
    for place, row in enumerate(enrolment.rows):
        each = spec.binding.kind == "each"
        binds["instance"][row] = place if each else 0
        binds["leg"][row] = 0 if each else place
        if each:
            records["row"][place] = row
    if spec.binding.kind == "universe":
        members["row"] = enrolment.rows
    for leg, row in zip(spec.binding.legs, enrolment.rows, strict=False):
        records[leg] = row
    fill_indicators(engine, k, enrolment, members if spec.binding.kind == "universe" else records)
    fill_timers(engine, k, enrolment)


def fill_indicators(engine: Engine, k: int, enrolment: Enrolment, holding: Table) -> None:
    """Set the indicators of a strategy, cold, each with its place on the heap."""
    holding["cold"] = len(enrolment.spec.indicators)
    for name in enrolment.spec.indicators:
        first = prepared(enrolment.spec, enrolment.arguments, name)
        for key, value in first.items():
            holding[name][key] = value
        for instance in range(len(holding)):
            holding[name]["offset"][instance] = engine._heaps[k, instance, name]


def fill_timers(engine: Engine, k: int, enrolment: Enrolment) -> None:
    """Set a strategy's timers, silent until a session opens."""
    before = sum(len(e.spec.timers) for e in engine.setup.strategies[:k])
    group = session_group(engine.setup.instruments[enrolment.rows[0]])
    for number, timer in enumerate(enrolment.spec.timers):
        record = engine.tables["timers"][before + number]
        record["strategy"] = k
        record["period"] = timer.period
        record["offset"] = timer.offset
        record["number"] = number
        record["group"] = group
        record["next"] = NEVER
