"""P&L over days: the day's loss as the core counts it, the lowest of all strategies together."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete

from alphapanda.projection.live import Change
from alphapanda.store.trading import PnlSnapshot, Position, Run
from tests.api.conftest import MINE
from tests.store.rows import GOOD, good
from tests.support.api import V1, Browser, Serving

RUN = "days"
MONDAY = 1_754_283_600_000_000_000  # 4 August 2025, 10:30 in India
DAY = 86_400_000_000_000


def snapshot(seq: int, strategy: str, ts: int, *, rupees: int) -> PnlSnapshot:
    """Return a snapshot of a strategy's P&L."""
    amount = rupees * 10_000
    return PnlSnapshot(**{
        **GOOD[PnlSnapshot], "owner_id": MINE, "run_id": RUN, "strategy": strategy, "ts": ts,
        "seq": 1_000 + seq, "event_id": uuid.uuid4(), "realised": amount, "unrealised": 0,
        "charges": 0, "pnl": amount,
    })  # fmt: skip


@pytest.fixture(scope="module")
def told(api: Serving) -> Iterator[Serving]:
    """Return the API over a run of two days: a pair that moves against each other."""
    run: dict[str, Any] = {**GOOD[Run], "owner_id": MINE, "run_id": RUN,
                           "strategies": ["pair", "single"],
                           "manifest": {"options": {"limits": "default"}}}  # fmt: skip
    minute = 60_000_000_000
    api.save(
        Run(**run),
        snapshot(1, "pair", MONDAY, rupees=-500), snapshot(2, "single", MONDAY, rupees=500),
        snapshot(3, "pair", MONDAY + minute, rupees=-300),
        snapshot(4, "single", MONDAY + minute, rupees=100),
        snapshot(5, "pair", MONDAY + DAY, rupees=-340),
    )  # fmt: skip
    yield api

    async def clear() -> None:
        async with api.database.session(writes=True) as session:
            for table in (PnlSnapshot, Run):
                await session.execute(delete(table).where(table.run_id == RUN))
            await session.commit()

    api.do(clear())


def test_the_days_loss_begins_anew_each_day(told: Serving, admin: Browser) -> None:
    """Tuesday has lost what was lost since Monday's last snapshot; a quiet strategy nothing."""
    (risk,) = admin.get(f"{V1}/risk?run={RUN}").json["items"]
    used = {row["name"]: row["used"] for row in risk["limits"] if row["rule"] == "loss"}
    assert used == {"pair": "40.00", "single": "0.00", "": "40.00"}


def test_the_lowest_is_of_all_points_and_strategies(told: Serving, admin: Browser) -> None:
    """What two strategies book at one time is one point: -200 and then -240, never -500."""
    assert admin.get(f"{V1}/portfolios/{RUN}/pnl").json["lowest"] == "-240.00"
    alone = admin.get(f"{V1}/portfolios/{RUN}/pnl?strategy=pair").json
    rows = admin.get(f"{V1}/portfolios").json["items"]
    assert alone["lowest"] == "-500.00"
    assert [row["lowest"] for row in rows if (row["run"], row["strategy"]) == (RUN, "pair")] == [
        alone["lowest"]
    ]


def tick(run: str, feed: str, last: str) -> Change:
    return Change("shared", run, "ticks", "NSE:INFY", {"ts": 1, "feed": feed, "last": last})


def test_what_is_held_is_valued_by_its_own_runs_prices(api: Serving, admin: Browser) -> None:
    """Another feed's price of the same instrument is none; its own feed's is, its own run's first.

    A replay of last year beside today's market had the P&L of both wrong.
    """
    hub, run = api.server.services.hub, "valued"
    api.save(
        good(Run, run_id=run, owner_id=MINE, account_id="a", manifest={"feed": "today"}),
        good(Position, run_id=run, owner_id=MINE, account_id="a", instrument="NSE:INFY",
             quantity=10, cost=100_0000),
    )  # fmt: skip

    def last() -> str | None:
        (row,) = admin.get(f"{V1}/portfolios/{run}/positions").json["items"]
        found: str | None = row["tick_last"]
        (folio,) = (
            row for row in admin.get(f"{V1}/portfolios").json["items"]
            if row["run"] == run and row["open_positions"]
        )  # fmt: skip
        assert (folio["gross"] is None) == (found is None)
        return found

    assert last() is None
    for change, seen in (
        (tick("", "last year", "7.00"), None), (tick("another", "today", "8.00"), None),
        (tick("", "today", "12.00"), "12.00"), (tick(run, "x", "13.00"), "13.00"),
        (tick("", "today", "14.00"), "13.00"),
    ):  # fmt: skip
        hub.take([change])
        assert last() == seen
    hub.take([Change("shared", owner, "ticks", "NSE:INFY", None) for owner in ("", run, "another")])
