"""What the tables refuse and keep, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import asyncio
import uuid
from datetime import date
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, inspect, select
from sqlalchemy.exc import IntegrityError

from alphapanda.config.settings import Settings
from alphapanda.store.base import Base
from alphapanda.store.database import Database, engine_of
from alphapanda.store.market import Instrument
from alphapanda.store.people import Alert, ApiKey, AuditEntry, BrokerSession, User
from alphapanda.store.tables import METADATA
from alphapanda.store.trading import (
    PROJECTIONS,
    Fill,
    Held,
    Order,
    PnlSnapshot,
    Position,
    Run,
    Signal,
    Stage,
    Strategy,
)
from tests.store.rows import GOOD, TS, good

LARGEST = (1 << 63) - 1


def save(settings: Settings, *rows: Base) -> None:
    async def run() -> None:
        database = Database(settings)
        await database.start()
        try:
            async with database.session(writes=True) as session:
                for row in rows:
                    session.add(row)
                    await session.flush()
                await session.commit()
        finally:
            await database.stop()

    asyncio.run(run())


def read(settings: Settings, kind: type[Base]) -> Any:
    async def run() -> Any:
        database = Database(settings)
        await database.start()
        try:
            async with database.session() as session:
                return (await session.scalars(select(kind))).one()
        finally:
            await database.stop()

    return asyncio.run(run())


def facts(row: Any) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def test_every_table_keeps_what_it_is_given(migrated_database: Settings) -> None:
    """Texts, nanoseconds, JSON, days and ids come back as they were, from both databases."""
    assert {*GOOD, AuditEntry} == {mapper.class_ for mapper in Base.registry.mappers}
    kinds = sorted(GOOD, key=lambda kind: kind is ApiKey)
    save(migrated_database, *map(good, kinds))
    for kind in kinds:
        found = facts(read(migrated_database, kind))
        assert {name: found[name] for name in GOOD[kind]} == GOOD[kind], kind


def test_money_and_times_are_exact_to_the_last_unit(migrated_database: Settings) -> None:
    """The largest int64 is kept: neither a float nor a database's own time stands between."""
    save(migrated_database, good(Fill, ts=LARGEST, charges=LARGEST, realised=-LARGEST))
    found = read(migrated_database, Fill)
    assert (found.ts, found.charges, found.realised) == (LARGEST, LARGEST, -LARGEST)


BAD: list[tuple[type[Base], dict[str, Any]]] = [
    (Instrument, {"exchange": "NYSE", "name": "NYSE:X"}),
    (Instrument, {"name": "NSE:INFY"}),
    (Instrument, {"lot_size": 0}),
    (Instrument, {"tick_size": -1}),
    (Instrument, {"option_type": "none"}),
    (Instrument, {"valid_to": date(2025, 8, 4)}),
    (Strategy, {"broker": "zerodah"}),
    (Strategy, {"cash": -1}),
    (Strategy, {"product": "bo"}),
    (Run, {"status": "done"}),
    (Run, {"mode": "demo"}),
    (Run, {"ended_ns": TS - 1}),
    (Signal, {"quantity": 0, "status": "validated"}),
    (Signal, {"price": -1, "status": "validated"}),
    (Signal, {"quantity": -1}),
    (Stage, {"count": 0}),
    (Held, {"seq": -1}),
    (Signal, {"side": "hold"}),
    (Signal, {"status": "rejected"}),
    (Signal, {"code": "QTY_LIMIT"}),
    (Order, {"quantity": -5}),
    (Order, {"filled": 11}),
    (Order, {"filled": -1}),
    (Order, {"status": "filled", "filled": 9}),
    (Order, {"status": "complete"}),
    (Order, {"price": -1}),
    (Order, {"tif": "gtc"}),
    (Order, {"owner_id": None}),
    (Fill, {"quantity": 0}),
    (Fill, {"price": -1}),
    (Position, {"quantity": 0}),
    (PnlSnapshot, {"pnl": 3}),
    (Held, {"seq": -1}),
    (User, {"role": "root"}),
    (ApiKey, {"hash": "abc"}),
    (ApiKey, {"user_id": uuid.UUID(int=99)}),
    (BrokerSession, {"expires_ns": TS}),
    (Alert, {"severity": "bad"}),
    (Alert, {"count": 0}),
]


def test_what_cannot_be_is_refused(migrated_database: Settings) -> None:
    """Words, signs, sums and owners are constraints: each bad row is refused by the database."""
    save(migrated_database, good(User, id=uuid.UUID(int=1), name="other"))
    for kind, change in BAD:
        with pytest.raises(IntegrityError):
            save(migrated_database, good(kind, **{"name": "x"} if kind is User else {}, **change))


TWICE: list[tuple[type[Base], dict[str, Any], dict[str, Any] | None]] = [
    (Instrument, {}, {"valid_from": date(2025, 8, 3), "valid_to": date(2025, 8, 4)}),
    (Strategy, {"type": "other"}, {"broker": "zerodha"}),
    (Signal, {"signal_id": 2}, {"signal_id": 2, "event_id": uuid.UUID(int=20)}),
    (Order, {"order_id": 2}, {"order_id": 2, "client_order_id": "r1-2"}),
    (Fill, {"seq": 9, "event_id": uuid.UUID(int=9)},
     {"seq": 9, "event_id": uuid.UUID(int=9), "trade_id": None}),
    (Fill, {"seq": 10, "trade_id": "t2"}, None),
    (Position, {}, {"instrument": "NSE:TCS"}),
    (PnlSnapshot, {"event_id": uuid.UUID(int=8)}, {"event_id": uuid.UUID(int=8), "seq": 5}),
    (BrokerSession, {"id": uuid.UUID(int=8)}, {"id": uuid.UUID(int=8), "active": False}),
    (Alert, {"id": uuid.UUID(int=8)}, {"id": uuid.UUID(int=8), "state": "resolved"}),
    (Held, {}, {"run_id": "r2"}),
    (User, {"id": uuid.UUID(int=8)}, {"id": uuid.UUID(int=8), "name": "arun"}),
]  # fmt: skip


def test_the_same_thing_is_there_once(migrated_database: Settings) -> None:
    """A second row of the same fact is refused; one that differs in what matters is not."""
    save(migrated_database, *(good(kind) for kind in {kind: 0 for kind, _, _ in TWICE}))
    for kind, same, other in TWICE:
        with pytest.raises(IntegrityError):
            save(migrated_database, good(kind, **same))
        if other is not None:
            save(migrated_database, good(kind, **other))


def test_a_user_takes_the_keys_along(migrated_database: Settings) -> None:
    """Foreign keys are kept in SQLite too: without the user there is no key."""
    save(migrated_database, good(User), good(ApiKey))

    async def run() -> list[ApiKey]:
        database = Database(migrated_database)
        await database.start()
        try:
            async with database.session(writes=True) as session:
                await session.delete(await session.get_one(User, uuid.UUID(int=1)))
                await session.commit()
            async with database.session() as session:
                return list(await session.scalars(select(ApiKey)))
        finally:
            await database.stop()

    assert asyncio.run(run()) == []


def reflected(settings: Settings) -> dict[str, Any]:
    def look(connection: Any) -> dict[str, Any]:
        eye = inspect(connection)
        return {
            name: {
                "checks": {each["name"]: each["sqltext"]
                           for each in eye.get_check_constraints(name)},
                "indexed": {column for index in eye.get_indexes(name)
                            for column in index["column_names"]},
                "key": eye.get_pk_constraint(name)["constrained_columns"],
                "types": {each["name"]: str(each["type"]) for each in eye.get_columns(name)},
            }
            for name in eye.get_table_names() if name != "alembic_version"
        }  # fmt: skip

    async def run() -> dict[str, Any]:
        engine = engine_of(settings)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(look)
        finally:
            await engine.dispose()

    return asyncio.run(run())


UNSEARCHED = {"sessions": {"revoked"}, "idempotency": {"owner_id", "status"}}
"""Columns that are read with a row found otherwise: by a cookie's hash, by owner and key."""


def test_the_schema_is_what_was_meant(migrated_database: Settings) -> None:
    """Checks are there by name, times and states are indexed, JSON is JSONB on PostgreSQL."""
    found = reflected(migrated_database)
    server = migrated_database.database.enabled
    assert {*found} == {*METADATA.tables}
    for name, table in METADATA.tables.items():
        wanted = {
            str(each.name): str(each.sqltext)
            for each in table.constraints
            if isinstance(each, CheckConstraint)
        }
        assert {*found[name]["checks"]} == {*wanted}, name
        if not server:  # PostgreSQL writes rules anew, SQLite keeps them word for word
            assert found[name]["checks"] == wanted, name
        states = {"ts", "status", "state", "active", "revoked", "owner_id", "account_id"}
        for column in states & {*found[name]["types"]} - UNSEARCHED.get(name, set()):
            assert column in found[name]["indexed"], (name, column)
    assert found["strategies"]["types"]["parameters"] == ("JSONB" if server else "JSON")
    assert found["fills"]["types"]["price"] == "BIGINT"
    assert all(found[kind.__tablename__]["key"][0] == "run_id" for kind in PROJECTIONS[:-1])


def test_rows_of_trading_name_owner_and_account() -> None:
    """Strategies, runs and all that comes of them belong to somebody, from the start."""
    shared = {
        "instruments", "held", "users", "api_keys", "sessions", "idempotency", "deliveries",
    }  # fmt: skip
    for name, table in METADATA.tables.items():
        assert ({"owner_id", "account_id"} <= {*table.columns.keys()}) == (name not in shared), name
