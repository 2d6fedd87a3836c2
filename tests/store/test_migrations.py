"""The schema comes from migrations alone: up, down, twice at once, and out of a wheel."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.store import migrating
from alphapanda.store.database import Database, engine_of
from alphapanda.store.tables import METADATA
from tests.support.running import PROGRAM, ROOT, command, started
from tests.support.servers.databases import settings_of


def tables(settings: Settings) -> set[str]:
    return set(
        asyncio.run(migrating.ask_database(settings, lambda c: inspect(c).get_table_names()))
    )


def execute(settings: Settings, sql: str) -> None:
    async def run() -> None:
        engine = engine_of(settings)
        try:
            async with engine.begin() as connection:
                await connection.execute(text(sql))
        finally:
            await engine.dispose()

    asyncio.run(run())


def test_up_down_and_up_again(empty_database: Settings) -> None:
    """Migrations build the tables from nothing, take them away whole, and build them again."""
    for _ in range(2):
        assert migrating.upgrade(empty_database)[0] is None
        assert tables(empty_database) == {*METADATA.tables, "alembic_version"}
        assert migrating.check(empty_database) == []
        migrating.downgrade(empty_database, "base")
        assert tables(empty_database) == {"alembic_version"}


def test_migrations_and_tables_agree(migrated_database: Settings) -> None:
    """Alembic finds nothing to change in what its own migrations made."""
    assert asyncio.run(migrating.ask_database(migrated_database, migrating.differences)) == []


@pytest.mark.parametrize(("sql", "says"), [
    ("ALTER TABLE orders DROP COLUMN reason", "add_column: orders, orders.reason"),
    ("CREATE TABLE stray (id INTEGER)", "remove_table: stray"),
    ("DROP INDEX ix_orders_status", "add_index:"),
])  # fmt: skip
def test_check_finds_what_was_changed_by_hand(
    migrated_database: Settings, sql: str, says: str
) -> None:
    """A schema that somebody has touched is a finding, by table and column."""
    execute(migrated_database, sql)
    (found,) = migrating.check(migrated_database)
    assert found.startswith(says)


def test_two_processes_upgrade_at_once(empty_database: Settings) -> None:
    """Started together, one migrates and the other finds it done; the schema is whole."""
    given = {"cwd": empty_database.base_dir, **environment(empty_database)}
    with (
        started("db", "upgrade", **given) as one,
        started("db", "upgrade", **given) as other,
    ):
        said = [each.communicate(120)[1] for each in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), said
    assert migrating.check(empty_database) == []


def environment(settings: Settings) -> dict[str, Any]:
    url = settings.database.url.get_secret_value()
    return {
        "ALPHAPANDA_BASE_DIR": str(settings.base_dir),
        **({"ALPHAPANDA_DATABASE__URL": url} if settings.database.enabled else {}),
    }


def test_a_migration_that_fails_leaves_nothing(empty_database: Settings) -> None:
    """Migrations are one transaction: a table in the way, and the database is as it was."""
    execute(empty_database, "CREATE TABLE orders (id INTEGER)")
    with pytest.raises(Exception, match="orders"):
        migrating.upgrade(empty_database)
    assert tables(empty_database) - {"alembic_version"} == {"orders"}


def test_a_process_starts_on_this_versions_schema_only(empty_database: Settings) -> None:
    """Before the upgrade a started database is refused with what to do, afterwards it is not."""

    async def ask() -> None:
        database = Database(empty_database)
        await database.start()
        try:
            await migrating.require_current(database)
        finally:
            await database.stop()

    with pytest.raises(OutsideError, match="alphapanda db upgrade"):
        asyncio.run(ask())
    migrating.upgrade(empty_database)
    asyncio.run(ask())


def test_what_can_not_be_upgraded_is_told(empty_database: Settings) -> None:
    """A newer version's schema, and a table that is in the way, are told, not traced."""
    execute(empty_database, "CREATE TABLE orders (id INTEGER)")
    with pytest.raises(OutsideError, match="orders"):
        migrating.upgrade(empty_database)
    execute(empty_database, "DROP TABLE orders")
    migrating.upgrade(empty_database)
    execute(empty_database, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(OutsideError, match="9999, a newer version's"):
        migrating.upgrade(empty_database)
    assert "newer version's" in migrating.check(empty_database)[0]


def test_the_sql_of_migrations_can_be_read(tmp_path: Path) -> None:
    """`alembic upgrade head --sql` prints what would be done, without a database."""
    url = "postgresql://panda@localhost/panda"
    env = {**os.environ, "ALPHAPANDA_BASE_DIR": str(tmp_path), "ALPHAPANDA_DATABASE__URL": url}
    sql = run(PROGRAM.with_name("alembic"), "upgrade", "head", "--sql", cwd=ROOT, env=env)
    assert all(f"CREATE TABLE {name} (" in sql for name in METADATA.tables)
    assert "parameters JSONB NOT NULL" in sql


def test_db_upgrade_and_check_on_the_command_line(
    empty_database: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`db check` finds an empty database, `db upgrade` mends it, and both tell no password."""
    for name, value in environment(empty_database).items():
        monkeypatch.setenv(name, value)
    before = command("db", "check", capsys=capsys)
    assert (before.status, before.err) == (1, "")
    assert "alphapanda db upgrade" in before.out
    assert command("db", "upgrade", capsys=capsys).status == 0
    assert "at 0007 already" in command("db", "upgrade", capsys=capsys).out
    after = command("db", "check", "--json", capsys=capsys)
    assert after.status == 0
    assert '"differences": []' in after.out


def test_a_database_that_is_not_there_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a server the command says what to start or to set, without the password."""
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(tmp_path))
    monkeypatch.setenv("ALPHAPANDA_DATABASE__URL", "postgresql://panda:hunter2@127.0.0.1:1/x")
    told = command("db", "check", capsys=capsys)
    assert told.status == OutsideError.exit_status
    assert "PostgreSQL at 127.0.0.1:1/x does not answer" in told.line
    assert "hunter2" not in told.line


def test_no_schema_comes_from_anywhere_else() -> None:
    """The shortcut past the migrations stands nowhere."""
    word = "create_" + "all"
    files = [*(ROOT / "alphapanda").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]
    assert [file for file in files if word in file.read_text()] == []


def run(*words: Any, **options: Any) -> str:
    done = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_installed_wheel_has_its_migrations_and_strategies(tmp_path: Path) -> None:
    """Installed by pip, far from the repository, `db upgrade` and `seed` find what they need."""
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    run(*build, "-w", tmp_path / "wheel", ROOT)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    inside = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
    run(*install, inside, wheel)
    script = (
        "import alphapanda; from alphapanda import cli; from alphapanda.store import migrating;"
        f"assert alphapanda.__file__.startswith({str(inside)!r}), alphapanda.__file__;"
        "print(migrating.folder()); "
        "print([cli.carry_out(w) for w in (['db', 'upgrade'], ['seed'])])"
    )
    env = {"PYTHONPATH": str(inside), "ALPHAPANDA_BASE_DIR": str(tmp_path)}
    told = run(sys.executable, "-c", script, cwd=tmp_path, env=env)
    assert str(inside / "alphapanda" / "migrations") in told
    assert "added: calendar_spread, cointegrated_pair, delta_hedged_straddle" in told
    assert told.endswith("[0, 0]\n")
    assert migrating.check(settings_of(tmp_path, "")) == []
