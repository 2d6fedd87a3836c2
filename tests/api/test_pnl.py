"""P&L over days: the day's loss as the core counts it, the lowest of all strategies together."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete

from alphapanda.store.trading import PnlSnapshot, Run
from tests.api.conftest import MINE
from tests.store.rows import GOOD
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
