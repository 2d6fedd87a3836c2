"""Events of random days, their naive recount, and the tables as plain rows."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from pydantic import SecretStr
from sqlalchemy import select

from alphapanda.config import sections
from alphapanda.config.settings import Settings
from alphapanda.events.events import Envelope, encode
from alphapanda.model.rows import Out
from alphapanda.projection.follower import Source
from alphapanda.projection.live import Live, Memory, Parts
from alphapanda.projection.tables import About, Tables
from alphapanda.store.database import Database
from alphapanda.store.trading import (
    PROJECTIONS,
    Fill,
    Held,
    Order,
    PnlSnapshot,
    Position,
    Signal,
)
from tests.core.auditor import Books
from tests.events.test_envelopes import names, told
from tests.support.cases import Case
from tests.support.harness import Row
from tests.support.servers.proxy import Proxy

OWN = {"run_id", "event_id", "client_order_id"}
"""Columns that differ between two runs of the same day."""


def day(case: Case, run_id: str) -> tuple[list[Envelope], list[Row]]:
    """Return the events of a case, and its rows."""
    envelopes, rows = told(case, [], run_id=run_id)
    return envelopes, [
        Row._make(values)._replace(type=Out(values[2])) for values in np.asarray(rows).tolist()
    ]


async def rows_of(database: Database, run_id: str, *kinds: Any) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of a run, without what differs between runs of the same day."""
    found = {}
    async with database.session() as session:
        for kind in kinds or PROJECTIONS:
            table = kind.__table__
            rows = await session.execute(select(table).where(table.c.run_id == run_id))
            plain = [{k: v for k, v in row._mapping.items() if k not in OWN} for row in rows]
            found[table.name] = sorted(plain, key=lambda row: sorted(map(str, row.items())))
    return found


async def check_recount(database: Database, case: Case, run_id: str, rows: Sequence[Row]) -> None:
    """Compare the tables with books that are kept from the core's rows alone."""
    books = Books().take(rows)
    strategies, instruments = names(case)["strategies"], names(case)["instruments"]
    kinds = Signal, Order, Fill, Position, PnlSnapshot, Held
    tables = await rows_of(database, run_id, *kinds)
    assert tables["held"] == []
    positions = {(row["strategy"], row["instrument"]): row for row in tables["positions"]}
    for k, strategy in enumerate(strategies):
        mine = [row for (who, _), row in positions.items() if who == strategy]
        fills = [row for row in tables["fills"] if row["strategy"] == strategy]
        paid = sum(row["price"] * row["quantity"] * sign(row) for row in fills)
        assert sum(row["charges"] for row in mine) == books.charges[k]
        assert sum(row["realised"] for row in mine) == books.realised[k]
        assert -paid - books.charges[k] == books.cash[k]
        for number, instrument in enumerate(instruments):
            row = positions.get((strategy, instrument), {"quantity": 0, "cost": 0})
            assert row["quantity"] == books.held[k, number]
            assert row["cost"] == books.paid[k, number]
    orders = {row["order_id"]: row for row in tables["orders"]}
    placed = {number: o for number, o in books.orders.items() if o.acknowledged or o.last in PLACED}
    assert {*placed} == {*orders}
    for number, order in placed.items():
        assert orders[number]["quantity"] == abs(order.qty)
        assert orders[number]["filled"] == abs(order.filled)
    told_pnl = [(row.ts, row.a, row.b, row.c, row.d) for row in rows if row.type == Out.PNL]
    kept = [
        (row["ts"], row["realised"], row["unrealised"], row["charges"], row["pnl"])
        for row in sorted(tables["pnl_snapshots"], key=lambda row: row["seq"])
    ]
    assert kept == told_pnl
    assert len(tables["fills"]) == sum(row.type == Out.FILL for row in rows)
    assert len(tables["signals"]) == sum(row.type == Out.SIGNAL for row in rows)


PLACED = {Out.ORDER, Out.CANCEL, Out.CANCELLED, Out.EXPIRED, Out.FAILED, Out.MODIFY, Out.MODIFIED}


def sign(fill: dict[str, Any]) -> int:
    """Return the sign of a fill."""
    return 1 if fill["side"] == "buy" else -1


class ListOutbox:
    """Events in memory, as a journal gives them; more may be let out later."""

    def __init__(self, events: Sequence[Envelope], *, out: int | None = None) -> None:
        self.lines = [encode(event) for event in events]
        self.out = len(events) if out is None else out

    def read(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return what is behind a place, as far as it was let out."""
        return list(enumerate(self.lines))[after + 1 : min(after + 1 + limit, self.out)]

    def finished(self) -> bool:
        """Say if everything is out."""
        return self.out == len(self.lines)


def source(events: Sequence[Envelope], *, out: int | None = None) -> Source:
    """Return a run of some events as a source."""
    about = About("backtest", ("ema_cross",), {"made": "up"})
    return Source(events[0].run_id, ListOutbox(events, out=out), lambda: about)


def with_redis(settings: Settings, url: str) -> Settings:
    """Return settings with a Redis as well, and keys of their own in it."""
    section = {"url": url, "prefix": f"test-{uuid.uuid4().hex[:10]}"}
    return settings.model_copy(update={"redis": sections.Redis(**section)})


def by_way(direct: Settings, name: str, way: Proxy, **limits: Any) -> Settings:
    """Return settings that reach one of the servers by a proxy, with other limits."""
    section = getattr(direct, name)
    changed = section.model_copy(update={"url": SecretStr(way.url), **limits})
    return direct.model_copy(update={name: changed})


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables that make a process use a test's servers."""
    given = {"ALPHAPANDA_BASE_DIR": str(settings.base_dir)}
    if settings.database.enabled:
        given["ALPHAPANDA_DATABASE__URL"] = settings.database.url.get_secret_value()
    if settings.redis.enabled:
        given["ALPHAPANDA_REDIS__URL"] = settings.redis.url.get_secret_value()
        given["ALPHAPANDA_REDIS__PREFIX"] = settings.redis.prefix
    if settings.bus.enabled:
        given["ALPHAPANDA_BUS__SERVERS"] = settings.bus.servers
    return given


async def board_of(live: Live, broker: str, run_id: str) -> Parts:
    """Return a run's board as JSON holds it."""
    found: Parts = msgspec.json.decode(msgspec.json.encode(await live.get(broker, run_id)))
    return found


async def tables_of(tables: Tables, run_id: str, broker: str = "replay") -> Parts:
    """Return what a board should show of a run."""
    memory = Memory()
    for change in (await tables.shown([run_id])).changes:
        list(memory.take(change))
    found: Parts = msgspec.json.decode(msgspec.json.encode(memory.parts(broker, run_id)))
    return found


async def eventually(check: Callable[[], Awaitable[bool]], within_s: float = 90) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(within_s):
        while not await check():  # noqa: ASYNC110 (what it waits for is in another process)
            await asyncio.sleep(0.02)
