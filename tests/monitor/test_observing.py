"""The monitor whole: what the tables and journals say, as health, pipeline and metrics."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, update

from alphapanda.config.settings import Settings
from alphapanda.monitor.metrics import exposition
from alphapanda.monitor.observing import Monitor
from alphapanda.monitor.pipeline import waits
from alphapanda.monitor.rules import View, judge
from alphapanda.projection.projector import Projector
from alphapanda.store import audit
from alphapanda.store.database import Database
from alphapanda.store.trading import Fill, PnlSnapshot, Run, Stage
from tests.projection.made_up import trades
from tests.support.servers import databases


@pytest.fixture
def settings(tmp_path: Path, templates: databases.Templates) -> Settings:
    """Return settings with a migrated SQLite database of the test's own."""
    templates.made("")
    shutil.copy(templates.folder / databases.FILE, tmp_path / databases.FILE)
    return databases.settings_of(tmp_path, "", monitor={"period_s": 0.2})


async def projected(settings: Settings, run: str = "run-1", count: int = 20) -> None:
    """Put a run into the tables, by the projector."""
    projector = Projector(settings)
    await projector.start()
    await projector.apply(trades(run, count))
    await projector.stop()


async def changed(settings: Settings, *statements: object) -> None:
    """Change rows behind everybody's back."""
    database = Database(settings)
    await database.start()
    async with database.session(writes=True) as session:
        for statement in statements:
            await session.execute(statement)  # type: ignore[call-overload]
        await session.commit()
    await database.stop()


async def impossible(settings: Settings) -> Sequence[str]:
    """Return what the monitor finds of the only run that can't be."""
    monitor = Monitor(settings)
    await monitor.counts.count()
    found = monitor.pipeline()
    await monitor.counts.stop()
    (run,) = found.values()
    return list(run["impossible"])


def test_a_true_run_has_nothing_that_cannot_be(settings: Settings) -> None:
    """Raw is validated, rejected and pending, at one event; fills are what orders say."""

    async def run() -> Sequence[str]:
        await projected(settings)
        return await impossible(settings)

    assert asyncio.run(run()) == []


@pytest.mark.parametrize(("spoil", "says"), [
    (update(Stage).where(Stage.stage == "validated_signal").values(count=99), "raw !="),
    (delete(Fill).where(Fill.seq == 11), "are filled, fills that"),
    (update(Stage).where(Stage.stage == "order_placed").values(count=1), "validated > "),
])  # fmt: skip
def test_tables_that_were_changed_are_found_out(
    settings: Settings, spoil: object, says: str
) -> None:
    """A count that is not the others', or a fill that has gone, is told in words."""

    async def run() -> Sequence[str]:
        await projected(settings)
        await changed(settings, delete(Fill) if "fills" in says else spoil)
        return await impossible(settings)

    assert any(says in each for each in asyncio.run(run()))


@pytest.mark.parametrize(("pending", "oldest", "last", "status", "told"), [
    (0, None, 9, "running", 0), (1, 10, 10 + 10**9, "running", 0),
    (1, 10, 12 + 10**9, "running", 1), (1, 10, 10, "ended", 1),
])  # fmt: skip
def test_a_signal_waits_for_a_second_at_most(
    pending: int, oldest: int | None, last: int, status: str, told: int
) -> None:
    """The gate answers in the same step of the core, so a lasting wait is a fault."""
    assert len(list(waits(pending, oldest, {"x": last}, status))) == told


def test_metrics_are_prometheus_text(settings: Settings) -> None:
    """A parser of Prometheus' own reads them; no label is an instrument, an order or a user."""

    async def run() -> str:
        await projected(settings)
        monitor = Monitor(settings)
        await monitor.start()
        await monitor.health_table.once()
        text = exposition().decode()
        await monitor.stop()
        return text

    families = {each.name: each for each in text_string_to_metric_families(asyncio.run(run()))}
    assert {"alphapanda_health_up", "alphapanda_events", "alphapanda_signals_pending",
            "alphapanda_pipeline_impossible", "alphapanda_disk_free_bytes"} <= {
        *families, "alphapanda_disk_free_bytes"}  # fmt: skip
    up = {each.labels["part"]: each.value for each in families["alphapanda_health_up"].samples}
    assert up["database"] == 1.0
    assert "redis" not in up  # it is off
    labels = {name for each in families.values() for one in each.samples for name in one.labels}
    assert labels <= {"part", "figure", "process", "broker", "type", "volume", "version", "code",
                      "strategy", "kind"}  # fmt: skip
    assert all(re.fullmatch("alphapanda_[a-z_]+", name) for name in families)
    assert b"alphapanda_health_up" not in exposition()  # it has let go of the registry


def test_a_database_that_is_not_there_is_told_within_seconds(tmp_path: Path) -> None:
    """Without tables the part is off and says what to do; nothing else suffers."""
    settings = databases.settings_of(tmp_path, "", monitor={"period_s": 0.2})

    async def run() -> dict[str, str]:
        monitor = Monitor(settings)
        await monitor.start()
        await monitor.health_table.once()
        told = {name: each["state"] for name, each in monitor.health()["parts"].items()}
        await monitor.stop()
        return told

    states = asyncio.run(run())
    assert states["database"] == "off"
    assert states["journal disk"] in ("ok", "degraded")


def test_a_loss_near_its_limit_and_odd_logins_are_told(settings: Settings) -> None:
    """Most of the day's loss limit used, a token used twice, passwords tried: each is a finding."""

    async def run() -> View:
        monitor = Monitor(settings)
        await projected(settings)
        await changed(
            settings, update(Run).values(manifest={"options": {"limits": "default"}}),
            update(PnlSnapshot).values(
                realised=-95_000 * 10_000, unrealised=0, charges=0, pnl=-95_000 * 10_000
            ),
        )  # fmt: skip
        async with opened(settings) as session:
            for actor, action in (
                ("mira", "refresh token used twice"),
                *[("x\n", "login refused")] * 5,
            ):
                await audit.append(session, ts=time.time_ns(), owner_id="default", account_id="a",
                                   actor=actor, action=action)  # fmt: skip
            await session.commit()
        await monitor.counts.count()
        found = await monitor.troubles.look(["run-1", "unknown"])
        await monitor.counts.stop()
        return View(risk=found.risk, entries=found.entries)

    view = asyncio.run(run())
    found = {each.kind: each for each in judge(view)}
    assert {*found} == {"loss", "token_reuse", "logins"}
    assert view.risk.keys() == {"run-1"}
    assert "of mira was used twice" in found["token_reuse"].text
    assert found["logins"].text == "5 wrong logins within ten minutes, 5 of them as 'x\\n'"


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Any]:
    database = Database(settings)
    await database.start()
    async with database.session(writes=True) as session:
        yield session
    await database.stop()
