"""`alphapanda seed`: the folder's strategies in the table, once, and what users set up stays."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.store.database import Database
from alphapanda.store.trading import Strategy
from tests.store.test_migrations import environment
from tests.support.running import command, with_strategies


@pytest.fixture
def seeded(migrated_database: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    with_strategies(migrated_database.base_dir)
    for name, value in environment(migrated_database).items():
        monkeypatch.setenv(name, value)
    return migrated_database


def strategies(settings: Settings, **change: Any) -> dict[str, Strategy]:
    async def run() -> dict[str, Strategy]:
        database = Database(settings)
        await database.start()
        try:
            async with database.session(writes=True) as session:
                rows = {row.name: row for row in await session.scalars(select(Strategy))}
                for name, value in change.items():
                    setattr(rows["ema_cross"], name, value)
                await session.commit()
                return rows
        finally:
            await database.stop()

    return asyncio.run(run())


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, list[str]]:
    done = command("seed", "--json", *words, capsys=capsys)
    assert (done.status, done.err) == (0, "")
    found: dict[str, list[str]] = json.loads(done.out)
    return found


def test_seeding_twice_is_seeding_once(
    seeded: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each file becomes a row with its defaults, on paper and not active; again changes nothing."""
    names = sorted(path.stem for path in (seeded.base_dir / "strategies").glob("*.py"))
    assert told(capsys) == {"added": names, "changed": [], "kept": [], "active": [], "failed": []}
    assert told(capsys) == {"added": [], "changed": [], "kept": names, "active": [], "failed": []}
    rows = strategies(seeded)
    assert sorted(rows) == names
    assert rows["ema_cross"].parameters == {"fast": 20, "slow": 100, "quantity": 1}
    assert {(row.broker, row.active, row.owner_id) for row in rows.values()} == {
        ("paper", False, "default")
    }


def test_what_somebody_set_up_stays(seeded: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Values stay; a parameter the class has gained is added, one it has lost goes."""
    told(capsys)
    strategies(
        seeded, parameters={"fast": 7, "slow": 70, "gone": 1}, active=True,
        instruments=["NSE:INFY"],
    )  # fmt: skip
    assert told(capsys)["changed"] == ["ema_cross"]
    row = strategies(seeded)["ema_cross"]
    assert row.parameters == {"fast": 7, "slow": 70, "quantity": 1}
    assert (row.active, row.instruments) == (True, ["NSE:INFY"])


def test_strategies_are_switched_on_and_off(
    seeded: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name, those of this call too; an unknown name changes nothing."""
    assert told(capsys, "--activate", "ema_cross", "--activate", "momentum")["active"] == [
        "ema_cross", "momentum",
    ]  # fmt: skip
    assert told(capsys, "--deactivate", "momentum")["active"] == ["ema_cross"]
    done = command("seed", "--activate", "momentum", "--activate", "ema_cros", capsys=capsys)
    assert done.status == UsageError.exit_status
    assert "no strategy 'ema_cros' is set up. Did you mean ema_cross" in done.err
    assert [name for name, row in strategies(seeded).items() if row.active] == ["ema_cross"]


def test_a_file_that_does_not_load_is_told_and_the_others_are_there(
    seeded: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken file is the user's mistake, with file and line, and keeps no other out."""
    (seeded.base_dir / "strategies" / "broken.py").write_text("x = \n")
    done = command("seed", capsys=capsys)
    assert done.status == UsageError.exit_status
    assert "broken.py:1: SyntaxError" in done.err
    assert "ema_cross" in done.out
    assert "broken" not in strategies(seeded)


def test_without_tables_seed_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written where no database has been made, not even an empty file."""
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(tmp_path))
    done = command("seed", capsys=capsys)
    assert done.status == UsageError.exit_status
    assert done.line.endswith("alphapanda db upgrade")
    assert command("db", "check", capsys=capsys).status == 1
    assert [*tmp_path.iterdir()] == []
