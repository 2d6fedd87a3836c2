"""Events become rows once, in whatever order and however often they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, assume, given
from hypothesis import settings as rules
from hypothesis import strategies as st
from sqlalchemy import event as hook
from sqlalchemy import select

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import (
    Envelope,
    EventType,
    Fill,
    Order,
    OrderUnknown,
    Payload,
    Reconciled,
    RunState,
    event_id,
)
from alphapanda.projection.projector import Projector
from alphapanda.projection.tables import Tables
from alphapanda.store.database import Database
from alphapanda.store.trading import Held, Run
from tests.projection import made_up
from tests.projection.days import check_recount, day, rows_of
from tests.projection.made_up import fresh, trades
from tests.support.cases import Case, cases
from tests.support.servers import databases
from tests.support.servers.databases import using

SOME = rules(
    max_examples=10, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=[
        HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture,
    ],
)  # fmt: skip


SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture
def both(
    tmp_path: Path, postgres_url: str, templates: databases.Templates
) -> Iterator[Sequence[Settings]]:
    """Return settings of both databases: to make a day up takes longer than to take it in."""
    with (
        templates.migrated(tmp_path, "") as near,
        templates.migrated(tmp_path, postgres_url) as far,
    ):
        yield near, far


def shuffled(events: Sequence[Envelope], draw: Random) -> list[Envelope]:
    return draw.sample(events, len(events))


def state(run_id: str, ts: int, status: str, digest: str = "") -> Envelope:
    made = event_id(ts, run_id, status)
    return Envelope(
        id=made, type=EventType.RUN_STATE, ts=ts, key=run_id, source="trade", version=1,
        broker="replay", run_id=run_id, seq=-1, correlation_id=made, causation_id="",
        trace_id="t", data=RunState(status=status, digest=digest),
    )  # fmt: skip


@SOME
@given(case=cases(), seed=SEEDS)
def test_any_interleaving_gives_the_same_tables(
    both: Sequence[Settings], case: Case, seed: int
) -> None:
    """Shuffled, repeated and cut anywhere, events end in the rows that they give in order."""
    one, two = fresh(), fresh()
    ordered, rows = day(case, one)
    other, _ = day(case, two)
    words = [("running", 1, ""), ("ended", 2**60, "d1"), ("ended", 2**60, "d2")]
    ordered += [state(one, ts, status, digest) for status, ts, digest in words]
    other += [state(two, ts, status, digest) for status, ts, digest in words]
    draw = Random(seed)
    mixed = shuffled(other + draw.choices(other, k=20), draw)
    cuts = sorted(draw.choices(range(len(mixed) + 1), k=6))

    async def work(database: Database) -> None:
        tables = Tables(database)
        applied = await tables.apply(ordered)
        assert (applied.refused, applied.taken) == ([], len(rows))
        await check_recount(database, case, one, rows)
        for start, stop in zip([0, *cuts], [*cuts, len(mixed)], strict=True):
            assert (await tables.apply(mixed[start:stop])).refused == []
        assert await rows_of(database, one) == await rows_of(database, two)
        assert (await tables.apply(mixed)).taken == 0
        assert await rows_of(database, one) == await rows_of(database, two)

    for each in both:
        using(each, work)


@SOME
@given(case=cases(), seed=SEEDS)
def test_the_tables_are_always_those_of_a_prefix(
    both: Sequence[Settings], case: Case, seed: int
) -> None:
    """While events are missing, the rows are those of the run up to the first that is."""
    one, two = fresh(), fresh()
    events, _ = day(case, one)
    same, _ = day(case, two)
    assume(events)
    draw = Random(seed)
    hole = draw.randrange(len(events))
    mixed = shuffled([event for event in events if event.seq != hole], draw)

    async def work(database: Database) -> None:
        tables = Tables(database)
        applied = await tables.apply(mixed)
        assert applied.waits[one] == (hole if hole < len(events) - 1 else None)
        await tables.apply(same[:hole])
        found, expected = await rows_of(database, one), await rows_of(database, two)
        held = found.pop("held")
        assert [row["seq"] for row in sorted(held, key=lambda row: row["seq"])] == [
            *range(hole + 1, len(events))
        ]
        assert expected.pop("held") == []
        if hole:
            assert found == expected
        applied = await tables.apply([events[hole]])
        await tables.apply(same[hole:])
        assert applied.waits[one] is None
        assert await rows_of(database, one) == await rows_of(database, two)

    for each in both:
        using(each, work)


@rules(parent=SOME, max_examples=5)
@given(case=cases(), seed=SEEDS)
def test_events_that_cannot_be_true_are_passed_over(
    both: Sequence[Settings], case: Case, seed: int
) -> None:
    """An impossible event is refused with a reason, and the same ones in any order; others go on.

    What it breaks may make later ones impossible too. The tables' own constraints are never met.
    """
    one, two = fresh(), fresh()
    good = day(case, one)[0], day(case, two)[0]
    assume(good[0])
    draw = Random(seed)
    spoilt = {draw.randrange(len(good[0])): draw.choice([*WRONG]) for _ in range(5)}
    events, other = ([spoil(e, spoilt.get(e.seq)) for e in each] for each in good)
    mixed = shuffled(other, draw)

    async def work(database: Database) -> None:
        tables = Tables(database)
        first = await tables.apply(events)
        refused = [(each.event.seq, each.reason) for each in first.refused]
        assert "the database refuses it" not in [reason for _, reason in refused]
        found = []
        for event in mixed:
            applied = await tables.apply([event])
            found += [(each.event.seq, each.reason) for each in applied.refused]
        assert found == refused
        assert await rows_of(database, one) == await rows_of(database, two)
        async with database.session() as session:
            assert await session.scalar(select(Run.seq).where(Run.run_id == one)) == len(events) - 1

    for each in both:
        using(each, work)


WRONG: dict[str, Any] = {
    "qty": -(2**63), "price": "999999999999999.9999", "instrument": "N\0SE:X", "order": 2**62,
    "position": 77, "pnl": "1.00", "kind": "NONE", "strategy": "s" * 200, "realised": "-0.01",
}  # fmt: skip


ODD: dict[str, list[Any]] = {
    "amount": ["999999999999999.9999", "-999999999999999.99", "-0.00", "1.00\n"],
    "text": ["\0", "a\nb", "x" * 200, "\u20b9" * 65, "'; drop table runs; --", "NSE:INFY"],
    "number": [0, -1, 2**63 - 1, -(2**63)],
}


def test_whatever_a_value_is_the_next_event_is_taken_in(migrated_database: Settings) -> None:
    """No value of any field is taken for an outage of the database, which would be waited for."""
    kinds = trades(fresh(), 2)[1:7]

    async def work(database: Database) -> None:
        tables = Tables(database)
        for place, field, value in [
            (place, field, value)
            for place, event in enumerate(kinds)
            for field, now in msgspec.to_builtins(event.data).items()
            for value in ODD[kind_of(now)]
        ]:
            run = fresh()
            events = trades(run, 2)[1:-1]
            told = msgspec.structs.replace(events[place].data, **{field: value})
            events[place] = msgspec.structs.replace(events[place], data=told)
            assert (await tables.apply(events)).taken == len(events), (place, field, value)

    using(migrated_database, work)


WRONG_MANIFESTS: list[dict[str, Any]] = [
    {}, {"mode": "paper"}, {"mode": 1, "strategies": []}, {"mode": "p" * 40, "strategies": []},
    {"mode": "paper", "strategies": ["a"]}, {"mode": "paper", "strategies": [{"name": "a\0"}]},
    {"mode": "paper", "strategies": [], "more": "\0"},
]  # fmt: skip


def test_a_manifest_that_no_row_holds_is_refused(migrated_database: Settings) -> None:
    """It may come from anyone: what the run does is taken in without it."""

    async def work(database: Database) -> None:
        for wrong in WRONG_MANIFESTS:
            run = fresh()
            first, *others = trades(run, 1)
            data = RunState(status="running", manifest=wrong)
            told = msgspec.structs.replace(first, data=data)
            applied = await Tables(database).apply([told, *others])
            assert [each.event for each in applied.refused] == [told], wrong
            assert applied.taken == len(others) - 1
            assert (await rows_of(database, run))["runs"][0]["manifest"] == {}

    using(migrated_database, work)


def kind_of(value: Any) -> str:
    if isinstance(value, int):
        return "number"
    return "amount" if value.strip("-").replace(".", "").isdecimal() else "text"


def spoil(event: Envelope, field: str | None) -> Envelope:
    # A value of another type would be no event at all, and come no further than its bytes.
    if field is None or type(getattr(event.data, field, None)) is not type(WRONG[field]):
        return event
    return msgspec.structs.replace(
        event, data=msgspec.structs.replace(event.data, **{field: WRONG[field]})
    )


@rules(parent=SOME, max_examples=3)
@given(case=cases())
def test_what_the_database_refuses_stops_nothing_else(both: Sequence[Settings], case: Case) -> None:
    """A constraint that strikes names its event, which is passed over; the rest is taken in."""
    run_id = fresh()
    events, _ = day(case, run_id)
    bad = next((e.seq for e in events if e.type is EventType.PNL_SNAPSHOT), None)
    if bad is None:
        return
    twin = fresh()
    clash = [replace_id(e, events[bad].id) if e.seq == bad else e for e in day(case, twin)[0]]

    async def work(database: Database) -> None:
        tables = Tables(database)
        await tables.apply(events)
        applied = await tables.apply(clash)
        assert [(r.event.seq, r.reason) for r in applied.refused] == [
            (bad, "the database refuses it")
        ]
        assert await seq_of(database, twin) == len(events) - 1
        async with database.session() as session:
            assert list(await session.scalars(select(Held))) == []

    for each in both:
        using(each, work)


async def seq_of(database: Database, run_id: str) -> int:
    async with database.session() as session:
        found = await session.scalar(select(Run.seq).where(Run.run_id == run_id))
    return -1 if found is None else found


def replace_id(event: Envelope, other: str) -> Envelope:
    return msgspec.structs.replace(event, id=other)


@rules(parent=SOME, max_examples=5)
@given(case=cases(), seed=SEEDS)
def test_a_failed_transaction_leaves_nothing_half(
    both: Sequence[Settings], case: Case, seed: int
) -> None:
    """Rows and the run's place move together: after a failure, both or none are there."""
    run_id = fresh()
    events, rows = day(case, run_id)
    assume(events)
    cut = Random(seed).randrange(len(events))

    async def work(database: Database) -> None:
        tables = Tables(database)
        await tables.apply(events[:cut])

        def fail(_: Any, __: Any, statement: str, *___: Any) -> None:
            if statement.startswith("UPDATE runs"):  # behind all other rows
                raise OSError("the line is cut")

        hook.listen(database.engine.sync_engine, "before_cursor_execute", fail)
        try:
            with pytest.raises(OutsideError, match="line is cut"):
                await tables.apply(events[cut:])
        finally:
            hook.remove(database.engine.sync_engine, "before_cursor_execute", fail)
        assert await seq_of(database, run_id) == cut - 1
        await tables.apply(events[cut:])
        await check_recount(database, case, run_id, rows)
        assert await seq_of(database, run_id) == len(events) - 1

    for each in both:
        using(each, work)


def test_a_stray_event_belongs_to_no_run(migrated_database: Settings) -> None:
    """Events without a run, with a name no column holds, or of an unknown broker are refused."""
    plain = state("a run", 1, "running")
    strays = [
        msgspec.structs.replace(plain, run_id=""),
        msgspec.structs.replace(plain, run_id="r" * 65),
        msgspec.structs.replace(plain, run_id="a\0b"),
        msgspec.structs.replace(plain, broker="zerodah"),
    ]

    async def work(database: Database) -> None:
        applied = await Tables(database).apply([*strays, plain, state("a run", 2, "nonsense")])
        assert len(applied.refused) == len(strays) + 1
        async with database.session() as session:
            assert list(await session.scalars(select(Run.run_id))) == ["a run"]

    using(migrated_database, work)


def test_a_broker_fills_its_columns(migrated_database: Settings) -> None:
    """Its numbers are in orders and fills; one in doubt is unknown until somebody tells.

    The exchange's trade numbers begin anew: two orders may have the same, ours or the broker's own
    of two days. An order that is taken over is there with its number from the first.
    """
    run_id = fresh()
    terms: dict[str, Any] = {
        "cause": 0, "strategy": "s", "instrument": "NSE:INFY", "group": 0, "qty": 2,
        "price": "10.00", "trigger": "0.00", "kind": "LIMIT", "product": "CNC",
    }  # fmt: skip
    told: list[tuple[EventType, Payload]] = []
    for order in (1, 2):
        told += [
            (EventType.ORDER_PLACED, Order(**terms, tif="DAY", order=order)),
            (EventType.ORDER_UNKNOWN, OrderUnknown(**terms, order=order, filled=0)),
        ]  # fmt: skip
    fill = {name: terms[name] for name in ("cause", "strategy", "instrument", "group", "price")}
    for order in (1, 2):
        told.append((EventType.ORDER_FILLED, Fill(
            **fill, order=order, qty=1, charges="0.00", realised="0.00", position=order, filled=1,
            trade_id="7", broker_order_id=f"25{order}", exchange_ns=made_up.START_NS,
        )))  # fmt: skip
    for theirs in (1, 2):
        told.append((EventType.ORDER_FILLED, Fill(
            **fill, order=0, qty=-1, charges="0.00", realised="0.00", position=2 - theirs,
            filled=-1, trade_id="7", broker_order_id=f"26{theirs}", exchange_ns=made_up.START_NS,
        )))  # fmt: skip
    taken = Order(**terms, tif="DAY", order=3, broker_order_id="253")
    told.append((EventType.ORDER_ADOPTED, taken))
    told.append((EventType.ORDER_ACKNOWLEDGED, Order(**terms, tif="DAY", order=1)))
    told.append((EventType.RECONCILED, Reconciled(cause=0, qty=0)))
    events = [
        made_up.event(run_id, seq, kind, data, f"{run_id}:{getattr(data, 'order', 0)}")
        for seq, (kind, data) in enumerate(told)
    ]

    async def work(database: Database) -> None:
        assert (await Tables(database).apply(events)).refused == []
        found = await rows_of(database, run_id)
        orders = {row["order_id"]: row for row in found["orders"]}
        assert [(orders[n]["status"], orders[n]["broker_order_id"]) for n in (1, 2, 3)] == [
            ("open", "251"), ("unknown", "252"), ("submitted", "253"),
        ]  # fmt: skip
        numbers = sorted(row["trade_id"] for row in found["fills"])
        assert numbers == ["261:7", "262:7", "7", "7"]

    using(migrated_database, work)


@pytest.mark.parametrize("pages", [1, 2])
def test_what_lies_ready_is_taken_in_by_the_next_start(
    migrated_database: Settings, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two pages of events that were held, a projector that starts takes them in."""
    most = 250
    given: dict[str, Any] = Tables._run.__kwdefaults__
    monkeypatch.setitem(given, "most", most)
    run, twin = fresh(), fresh()
    events = [event for event in trades(run, 100) if event.seq >= 0]
    same = [event for event in trades(twin, 100) if event.seq >= 0]

    class KilledError(Exception):
        """Stands for the end of the process."""

    async def work(database: Database) -> None:
        tables = Tables(database)
        await tables.apply(same)
        await tables.apply(events[1:])
        left = [pages]

        def die(_: Any) -> None:
            if not left[0]:
                raise KilledError
            left[0] -= 1

        hook.listen(database.engine.sync_engine, "begin", die)
        with pytest.raises(KilledError):
            await tables.apply(events[:1])
        hook.remove(database.engine.sync_engine, "begin", die)
        waiting = len(events) - most * pages
        assert len((await rows_of(database, run, Held))["held"]) == waiting
        projector = Projector(migrated_database)
        await projector.start()
        await projector.stop()
        assert projector.progress.taken == waiting
        assert await rows_of(database, run) == await rows_of(database, twin)

    using(migrated_database, work)
