"""The first values of a core's tables: clock, instruments, fees, limits, strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alphapanda.books.state import PLACED
from alphapanda.core.ticks import OPEN
from alphapanda.engine.compiler.declared import Spec, first_values
from alphapanda.engine.compiler.generate import Shape
from alphapanda.engine.compiler.program import Program
from alphapanda.engine.setup import CONTROLS, Enrolment, Setup, Table
from alphapanda.errors import UsageError
from alphapanda.model.calendar import Phase, day_start_ns, session_group
from alphapanda.model.charges import Rates, Schedule
from alphapanda.model.classes import PAIR, ChargeClass
from alphapanda.model.instruments import CASH, Exchange, Instrument, Product, Segment
from alphapanda.model.limits import LIFTED, MESSAGES, REPEATS, margin
from alphapanda.model.rows import NEVER
from alphapanda.model.ticks import tick_by_rule, tick_steps

Tables = Mapping[str, Table]
NOTES = (frozenset(Exchange) - {Exchange.MCX, Exchange.NCO}, {Exchange.MCX, Exchange.NCO})
"""Exchanges whose trades of a day are on one contract note."""

Heaps = dict[tuple[int, int, str], int]
"""Where an indicator's floats begin, by strategy, instance and the indicator's name."""


def heap_layout(strategies: Sequence[Enrolment], windows: Mapping[str, int]) -> tuple[int, Heaps]:
    """Return the floats that all indicators keep, and where each one's begin."""
    size = 0
    places: Heaps = {}
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
    requests = max(64, 4 * instruments)
    fees = sum(len(chain) + 1 for chain in fee_chains(setup).values())
    sizes = {
        "clock": 1, "config": 1, "instruments": instruments, "positions": positions,
        "ledgers": strategies + 1, "limits": strategies + 1, "orders": orders, "requests": requests,
        "calls": 6 * orders + (timers + intervals + 6) * positions + 64,
        "bars": max(intervals * instruments, 1), "intervals": intervals, "timers": timers,
        "groups": 8, "binds": positions, "fees": fees, "notes": len(NOTES),
        "equity": 1, "closes": setup.sizes.days + 1, "ticks": len(tick_steps()),
        "ended": 1 if program.shape.flags["PAPER"] else orders,
        "out": setup.sizes.out + 14 * orders + 18 * positions + 6 * requests * strategies + 64,
        "controls": CONTROLS, "heap": max(heap, 1),
        "ring": (strategies + 1) * MESSAGES + positions * (2 * REPEATS + 3 * PLACED),
    }  # fmt: skip
    for k, enrolment in enumerate(setup.strategies):
        each = enrolment.spec.binding.kind == "each"
        sizes[f"s{k}"] = len(enrolment.rows) if each else 1
        sizes[f"u{k}"] = len(enrolment.rows) if enrolment.spec.binding.kind == "universe" else 1
    return sizes


def fill(tables: Tables, setup: Setup, shape: Shape, heaps: Heaps) -> None:
    """Set every table to what it holds before the first row."""
    fill_clock(tables, setup, shape)
    fill_equity(tables, setup)
    fill_instruments(tables, setup)
    fill_ticks(tables, setup)
    fill_fees(tables, setup)
    fill_limits(tables, setup, shape)
    for k, enrolment in enumerate(setup.strategies):
        fill_strategy(tables, setup, k, enrolment, heaps)


def fill_clock(tables: Tables, setup: Setup, shape: Shape) -> None:
    """Set counters, settings, and the chain of free order slots."""
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
    config["interval"] = shape.data_interval
    config["begin"] = setup.begin_ns
    config["day_bars"] = shape.flags["DAY_BARS"] and not setup.always
    tables["intervals"]["length"] = shape.intervals
    tables["intervals"]["next_end"] = NEVER
    tables["ledgers"]["cash"][-1] = setup.cash
    tables["groups"]["square_off"] = NEVER
    tables["groups"]["intraday_end"] = NEVER


def fill_equity(tables: Tables, setup: Setup) -> None:
    """Set what P&L is counted from, if the core counts it."""
    known = tables["equity"]
    known["counted"] = setup.sizes.days > 0
    known["first_day"] = setup.counted_from
    for name in ("cash", "equity", "peak", "fall_peak"):
        known[name] = setup.cash


def fill_instruments(tables: Tables, setup: Setup) -> None:
    """Set the facts of each instrument."""
    rows = tables["instruments"]
    names = {instrument.symbol: row for row, instrument in enumerate(setup.instruments)}
    stocks: dict[str, int] = {}
    families: dict[str, int] = {}
    for row, instrument in enumerate(setup.instruments):
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
        record["expiry"] = setup.expiries.get(row, NEVER)
        record["volumeless"] = not instrument.has_volume
        record["untradable"] = is_untradable(instrument, setup.schedule)
        record["first"] = record["tail"] = record["seller"] = -1
        record["physical"] = instrument.on_share
        record["stock"] = first_of(stocks, instrument.symbol if is_share(instrument) else "", row)
        record["family"] = first_of(families, instrument.underlying, row)
        record["close_from"] = NEVER
        if setup.always:
            record["phase"] = Phase.OPEN
            record["phase_end"] = NEVER
    for row in rows["underlying"][rows["underlying"] >= 0]:
        rows["close_from"][row] = 0


def first_of(known: dict[str, int], name: str, row: int) -> int:
    """Return the first row of a name, its own for one without."""
    return known.setdefault(name, row) if name else row


def is_untradable(instrument: Instrument, schedule: Schedule) -> bool:
    """Say if nobody can trade it: an index, unless all is charged alike, as a series may be."""
    return instrument.segment == Segment.INDEX and not schedule.is_plain


def is_share(instrument: Instrument) -> bool:
    """Say if an instrument may lie in a demat account."""
    return instrument.exchange in CASH and instrument.segment == Segment.EQUITY


Key = tuple[ChargeClass, Exchange]
Chain = list[tuple[int, Rates]]


def key_of(setup: Setup, row: int, product: Product) -> Key:
    """Return the class and exchange whose rates hold for an instrument."""
    instrument = setup.instruments[row]
    return setup.schedule.class_of(instrument, product, setup.first_day), instrument.exchange


def fee_chains(setup: Setup) -> dict[Key, Chain]:
    """Return by class and exchange the rates from the first day on, each with its first ns."""
    chains: dict[Key, Chain] = {}
    for enrolment in setup.strategies:
        for row, product in zip(enrolment.rows, enrolment.products, strict=True):
            kind, exchange = key_of(setup, row, product)
            for needed in (kind, PAIR.get(kind, kind)):
                if (needed, exchange) not in chains:
                    chains[needed, exchange] = chain_of(setup, needed, exchange)
    return chains


def chain_of(setup: Setup, kind: ChargeClass, exchange: Exchange) -> Chain:
    """Return the rates of a class from the first day on."""
    schedule = setup.schedule
    later = [day for day in schedule.dates(kind, exchange) if day > setup.first_day]
    return [(0, schedule.rates(setup.first_day, kind, exchange))] + [
        (day_start_ns(day), schedule.rates(day, kind, exchange)) for day in later
    ]


def fill_ticks(tables: Tables, setup: Setup) -> None:
    """Set the rule on tick sizes, and which instruments have theirs by it."""
    steps = tick_steps()
    tables["ticks"]["since"] = [day_start_ns(step.since) for step in steps]
    tables["ticks"]["up_to"] = [step.up_to or NEVER for step in steps]
    tables["ticks"]["tick"] = [step.tick for step in steps]
    if setup.always:
        return
    for row, instrument in enumerate(setup.instruments):
        if tick_by_rule(instrument):
            tables["instruments"]["tick"][row] = tables["instruments"]["tick_review"][row] = OPEN


def fill_fees(tables: Tables, setup: Setup) -> None:
    """Set the dated rates of every class and exchange in use, and point positions to theirs."""
    fees = tables["fees"]
    tables["notes"]["commodities"][1] = 1
    chains = fee_chains(setup)
    first: dict[Key, int] = {}
    at = 0
    for key, chain in chains.items():
        first[key] = at
        for place, (_, rates) in enumerate(chain):
            fill_rates(fees[at], rates, key[1])
            last = place + 1 == len(chain)
            fees["until"][at] = NEVER if last else chain[place + 1][0]
            fees["next"][at] = -1 if last else at + 1
            at += 1
    for (kind, exchange), start in first.items():
        pair = first[PAIR[kind], exchange] if kind in PAIR else -1
        fees["pair"][start : start + len(chains[kind, exchange])] = pair
    for k, enrolment in enumerate(setup.strategies):
        for row, product in zip(enrolment.rows, enrolment.products, strict=True):
            fill_position(tables, setup, k, row, product, first)


def fill_rates(record: Any, rates: Rates, exchange: Exchange) -> None:
    """Set the rates of one step, and the note that its charges are on."""
    for name, value in rates._asdict().items():
        record["rounding" if name == "note_rounding" else name] = value
    record["note"] = next(n for n, exchanges in enumerate(NOTES) if exchange in exchanges)


def fill_position(
    tables: Tables, setup: Setup, k: int, row: int, product: Product, first: Mapping[Key, int]
) -> None:
    """Set a position's product, rates and margins."""
    instrument = setup.instruments[row]
    position = tables["positions"][k * len(setup.instruments) + row]
    position["product"] = product
    position["fees"] = first[key_of(setup, row, product)]
    needed = margin(instrument, product, setup.first_day)
    position["margin_rate"] = needed.rate
    position["margin_short"] = needed.short


def fill_limits(tables: Tables, setup: Setup, shape: Shape) -> None:
    """Set the limits of each strategy and, last, of the account."""
    limits = tables["limits"]
    for owner in range(len(limits)):
        account = owner == len(setup.strategies)
        own = {} if account else setup.strategies[owner].limits
        held = setup.limits.account if account else {**setup.limits.strategy, **own}
        for name, value in held.items():
            limits[name][owner] = value
    known = limits["age_ns"] != LIFTED
    limits["age_ns"][known] += shape.data_interval


def fill_strategy(tables: Tables, setup: Setup, k: int, enrolment: Enrolment, heaps: Heaps) -> None:
    """Set a strategy's records, bindings and timers."""
    spec, instruments = enrolment.spec, len(setup.instruments)
    records, members = tables[f"s{k}"], tables[f"u{k}"]
    binds = tables["binds"][k * instruments : (k + 1) * instruments]
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
    holding = members if spec.binding.kind == "universe" else records
    fill_indicators(k, enrolment, holding, heaps)
    fill_timers(tables, setup, k, enrolment)


def fill_indicators(k: int, enrolment: Enrolment, holding: Table, heaps: Heaps) -> None:
    """Set the indicators of a strategy, cold, each with its place on the heap."""
    holding["cold"] = len(enrolment.spec.indicators)
    for name in enrolment.spec.indicators:
        first = prepared(enrolment.spec, enrolment.arguments, name)
        for key, value in first.items():
            holding[name][key] = value
        for instance in range(len(holding)):
            holding[name]["offset"][instance] = heaps[k, instance, name]


def fill_timers(tables: Tables, setup: Setup, k: int, enrolment: Enrolment) -> None:
    """Set a strategy's timers, silent until a session opens."""
    before = sum(len(e.spec.timers) for e in setup.strategies[:k])
    group = session_group(setup.instruments[enrolment.rows[0]])
    for number, timer in enumerate(enrolment.spec.timers):
        record = tables["timers"][before + number]
        record["strategy"] = k
        record["period"] = timer.period
        record["offset"] = timer.offset
        record["number"] = number
        record["group"] = group
        record["next"] = NEVER
