"""`alphapanda project` and the projector beside a run: tables equal a recount, through kills."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from alphapanda.config.settings import Settings
from alphapanda.events.events import decode
from alphapanda.faults import PROJECTED, VARIABLE
from alphapanda.journal.journal import FILE, Journal
from alphapanda.journal.packing import Batch
from alphapanda.projection.follower import PAGE, source_in
from alphapanda.projection.live_redis import RedisLive
from alphapanda.projection.tables import Tables
from alphapanda.store import migrating
from alphapanda.store.database import Database
from alphapanda.store.trading import Run
from tests.projection.days import environment, rows_of, with_redis
from tests.runs.alike import rewritten
from tests.support.forking import Forked
from tests.support.gate import Gate
from tests.support.running import Told, process, session, started
from tests.support.servers import databases
from tests.support.servers.databases import using
from tests.support.servers.postgres import Postgres
from tests.support.servers.process import wait_until

pytestmark = [pytest.mark.core, pytest.mark.timeout(900)]
PATIENT_S = 200
"""For what comes in seconds, but not on a busy machine."""
RULES = ["--limits", "wide", "--param", "fast=3", "--param", "slow=8", "--json"]
ROWS = 3_200
"""Of each share: two pages of events. What begins behind the second would be as the second is."""
SOME = 1_000
"""Rows in all, with which a run trades and is not half way."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with a journal of two pages."""
    folder = tmp_path_factory.mktemp("journal")
    told = process("backtest", "ema_cross", "--data", session(2, ROWS), "--journal", "--out",
                   "run", *RULES, cwd=folder)  # fmt: skip
    assert told.status == 0, told.err
    assert PAGE < Journal.open(folder / "run").seq < 2 * PAGE
    return folder / "run"


@pytest.fixture(scope="module")
def expected(
    run: Path, templates: databases.Templates, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    return recounted(run, templates, tmp_path_factory.mktemp("expected"))


def recounted(run: Path, templates: databases.Templates, folder: Path) -> dict[str, Any]:
    """Return the rows that a run's events give in a database of their own, in order and at once."""
    journal = Journal.open(run)
    source = source_in(journal)

    async def work(database: Database) -> dict[str, Any]:
        tables = Tables(database)
        await tables.apply([decode(text) for _, text in journal.read(-1, 1_000_000)])
        await tables.tell(source.run_id, source.about())
        return await rows_of(database, source.run_id)

    place = folder / "recount"
    place.mkdir()
    with templates.migrated(place, "") as settings:
        found = using(settings, work)
    assert found["fills"]
    return dict(found)


def projected(settings: Settings, *words: str, **variables: str) -> Told:
    return process("project", *words, cwd=settings.base_dir,
                   **{**environment(settings), **variables})  # fmt: skip


def kept(settings: Settings, run: Path) -> dict[str, Any]:
    """Return the rows of a run."""
    run_id = source_in(Journal.open(run)).run_id
    return dict(using(settings, lambda database: rows_of(database, run_id)))


def test_journals_become_tables_and_again(
    migrated_database: Settings, run: Path, expected: dict[str, Any]
) -> None:
    """By name or all under runs/, once, and with --rebuild from nothing, with the same rows."""
    settings = migrated_database
    shutil.copytree(run, settings.runs_dir / "mine")
    first = json.loads(projected(settings, "--json").out)
    assert (first["events"], first["refused"], first["waiting"]) == (Journal.open(run).seq, 0, {})
    assert first["source"] == "journals"
    assert kept(settings, run) == expected
    assert json.loads(projected(settings, "mine", "--json").out)["events"] == 0
    assert kept(settings, run) == expected
    again = projected(settings, "--rebuild")
    assert again.status == 0, again.err
    assert "1 run: " in again.out
    assert kept(settings, run) == expected


KILLS = [("page read", 2), ("page written", 1), ("page written", 2), ("page kept", 1),
         ("rows dropped", 1)]  # fmt: skip
OPEN = [("page written", 1), ("rows dropped", 1)]
"""Where a file of SQLite's differs from a server: one is left with a transaction half written; the
other is a transaction of several tables. At the others none is open, and both hold what was kept.
"""


@pytest.mark.parametrize(
    ("migrated_database", "point", "count"),
    [*(("postgresql", *kill) for kill in KILLS), *(("sqlite", *kill) for kill in OPEN)],
    indirect=["migrated_database"],
)
def test_killed_between_any_two_steps_it_goes_on(
    point: str, count: int, migrated_database: Settings, run: Path, expected: dict[str, Any]
) -> None:
    """Killed at the n-th passing of a point, then started again, each event counts once."""
    more = ["--rebuild"] if point == "rows dropped" else []
    killed = projected(migrated_database, str(run), *more, **{VARIABLE: f"{point}:{count}"})
    assert killed.status == -signal.SIGKILL
    told = projected(migrated_database, str(run), "--json")
    assert told.status == 0, told.err
    assert kept(migrated_database, run) == expected


def test_every_point_is_tried() -> None:
    """The points of the test above are those there are."""
    assert {point for point, _ in KILLS} == {*PROJECTED}


def test_a_damaged_journal_stops_no_other(
    tmp_path: Path, templates: databases.Templates, run: Path
) -> None:
    """It is named, with status 3; the others are taken in."""
    with templates.migrated(tmp_path, "") as settings:
        for name in ("good", "bad"):
            shutil.copytree(run, settings.runs_dir / name)
        bad = settings.runs_dir / "bad" / FILE
        text = bytearray(bad.read_bytes())
        text[len(text) // 2] ^= 1
        bad.write_bytes(text)
        told = projected(settings, "--json")
        assert told.status == 3
        assert str(settings.runs_dir / "bad") in told.err
        assert json.loads(told.out)["events"] == Journal.open(run).seq


def test_an_event_that_is_none_stops_no_other(
    tmp_path: Path, templates: databases.Templates, run: Path
) -> None:
    """The run and the event are named, with status 3; other runs and earlier pages are taken in.

    A named run that is damaged does not keep other named ones out either.
    """

    def newer(batches: list[Batch]) -> list[Batch]:
        lines = next(batch.envelopes for batch in reversed(batches) if batch.envelopes)
        lines[-1] = lines[-1].replace(b'"version":1', b'"version":99')
        return batches

    with templates.migrated(tmp_path, "") as settings:
        shutil.copytree(run, settings.runs_dir / "bad")
        bad = rewritten(settings.runs_dir / "bad", newer)
        number = Journal.open(bad).seq - 1
        shutil.rmtree(settings.runs_dir / "bad")
        good = other_run(settings)
        told = projected(settings, "--json")
        assert told.status == 3
        assert f"{bad}: event {number} is none that this version knows" in told.err
        assert taken_in(settings, good) == Journal.open(good).seq - 1
        assert 0 < taken_in(settings, bad) < number
        text = (bad / FILE).read_bytes()
        (bad / FILE).write_bytes(text[:1_000] + b"x" + text[1_001:])
        told = projected(settings, str(bad), str(good), "--rebuild", "--json")
        assert told.status == 3
        assert json.loads(told.out)["events"] == Journal.open(good).seq


def other_run(settings: Settings) -> Path:
    """Return a second run, small, under runs/."""
    folder = settings.runs_dir / "good"
    told = process("backtest", "ema_cross", "--data", session(2, 500), "--journal", "--out",
                   str(folder), *RULES, cwd=settings.base_dir)  # fmt: skip
    assert told.status == 0, told.err
    return folder


def test_what_is_missing_is_told(tmp_path: Path, run: Path) -> None:
    """No tables, no such run, nothing to follow: each mistake has its status and its remedy."""
    base = {"ALPHAPANDA_BASE_DIR": str(tmp_path)}
    empty = process("project", str(run), cwd=tmp_path, **base)
    assert (empty.status, "alphapanda db upgrade" in empty.line) == (3, True)
    assert process("project", "none", cwd=tmp_path, **base).status == 2
    alone = process("run", "--role", "project", cwd=tmp_path, **base)
    assert "ALPHAPANDA_BUS__SERVERS" in alone.line
    nobody = {**base, "ALPHAPANDA_DATABASE__URL": "postgresql://nobody@localhost:9/none"}
    down = process("project", str(run), cwd=tmp_path, **nobody)
    assert (down.status, "localhost:9/none does not answer" in down.line) == (3, True)


def test_tables_of_an_older_version_are_told(tmp_path: Path) -> None:
    """A backtest has its result and names both remedies; what trades does not begin."""
    migrating.upgrade(databases.settings_of(tmp_path, ""), "0001")
    given = {"cwd": tmp_path, "ALPHAPANDA_BASE_DIR": str(tmp_path)}
    told = process("backtest", "ema_cross", "--data", session(2, 500), "--journal", "--out", "one",
                   *RULES, **given)  # fmt: skip
    assert (told.status, json.loads(told.out)["status"]) == (3, "complete")
    assert "alphapanda db upgrade" in told.err
    assert f"alphapanda project {tmp_path / 'one'}" in told.err
    refused = process("paper", "ema_cross", "--feed", f"replay:{session(2, 500)}", "--out", "two",
                      *RULES, **given)  # fmt: skip
    assert (refused.status, refused.out) == (3, "")
    assert "alphapanda db upgrade" in refused.line
    assert not (tmp_path / "two").exists()


@pytest.fixture
def live(migrated_database: Settings, redis_url: str) -> Settings:
    """Return settings with a database, and a Redis too."""
    return with_redis(migrated_database, redis_url)


def test_runs_are_projected_by_themselves(
    live: Settings, tmp_path_factory: pytest.TempPathFactory, templates: databases.Templates
) -> None:
    """With tables there, a backtest with a journal and a paper run are in them and on the board."""
    given = {"cwd": live.base_dir, **environment(live)}
    told = [
        process("backtest", "ema_cross", "--data", session(2, 1_000), "--journal", "--out", "one",
                *RULES, **given),
        process("paper", "ema_cross", "--feed", f"replay:{session(2, 1_000)}", "--speed", "max",
                "--out", "two", *RULES, **given),
    ]  # fmt: skip
    assert [each.status for each in told] == [0, 0], [each.err for each in told]
    for name, broker, each in (("one", "replay", told[0]), ("two", "paper", told[1])):
        run = live.base_dir / name
        rows = kept(live, run)
        assert rows == recounted(run, templates, tmp_path_factory.mktemp(name))
        assert rows["runs"][0]["digest"] == json.loads(each.out)["digest"]
        board = asyncio.run(board_of(live, broker, source_in(Journal.open(run)).run_id))
        assert board["stages"]["order_filled"]["count"] == len(rows["fills"])
        assert {*board} == {"run", "stages", "positions", "orders", "pnl"}
    market = asyncio.run(board_of(live, "shared", ""))
    rows = pq.read_table(session(2, 1_000)).sort_by("ts").to_pylist()
    assert market["stages"]["market_tick"]["count"] == len(rows)
    assert "ticks" not in market, "prices out of a journal are that run's alone"
    own = asyncio.run(board_of(live, "shared", source_in(Journal.open(run)).run_id))
    shown = {name: (tick["ts"], tick["last"]) for name, tick in own["ticks"].items()}
    last = {f"NSE:{row['symbol']}": (row["ts"].value, f"{row['last']:.2f}") for row in rows}
    assert shown == last


async def board_of(settings: Settings, broker: str, run_id: str) -> Any:
    board = RedisLive(settings)
    try:
        return await board.get(broker, run_id)
    finally:
        await board.stop()


def taken_in(settings: Settings, run: Path) -> int:
    """Return the last event of a run that is in the tables, -1 for none."""
    journal = Journal(run / FILE)
    if (run / FILE).is_file():
        journal.refresh()
    if not journal.contents.manifest:
        return -1
    rows = using(settings, lambda database: rows_of(database, source_in(journal).run_id, Run))
    return int(rows["runs"][0]["seq"]) if rows["runs"] else -1


def test_postgresql_down_in_the_middle_of_a_paper_run(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, templates: databases.Templates,
    own_postgres: Postgres,
) -> None:  # fmt: skip
    """Killed and started again while a run trades: the run ends as ever, all is in the tables.

    Left down at the end: the result is printed, status 3 says which command brings the rest.
    Down at the start: nothing begins.
    """
    paper = ["paper", "ema_cross", "--feed", f"replay:{session(2, ROWS)}", *RULES, "--speed", "max"]
    server = own_postgres
    with templates.migrated(tmp_path, server.url) as settings:
        with trading(settings, *paper, "--out", "one") as (gate, trader):
            run = tmp_path / "one"
            assert wait_until(lambda: taken_in(settings, run) >= 100, PATIENT_S)
            server.kill()
            place = Journal.open(run).seq
            gate.let(2 * SOME)
            assert wait_until(lambda: Journal.open(run).seq > place + 100, PATIENT_S)  # it goes on
            assert trader.poll() is None
            server.start()
            gate.let()
            out, err = trader.communicate(PATIENT_S)
        assert trader.returncode == 0, err
        assert kept(settings, run) == recounted(run, templates, tmp_path_factory.mktemp("one"))
        with trading(settings, *paper, "--out", "two") as (gate, trader):
            assert wait_until(lambda: taken_in(settings, tmp_path / "two") >= 100, PATIENT_S)
            server.stop()
            gate.let()
            told, err = trader.communicate(PATIENT_S)
        assert trader.returncode == 3
        assert json.loads(told)["digest"] == json.loads(out)["digest"]
        assert f"alphapanda project {tmp_path / 'two'}" in err
        refused = process(*paper, "--out", "three", cwd=tmp_path, **environment(settings))
        assert (refused.status, refused.out) == (3, "")
        assert "PostgreSQL" in refused.err
        assert not (tmp_path / "three").exists()
        server.start()  # on this thread: it dies with the one that started it
        assert projected(settings, str(tmp_path / "two")).status == 0
        two = recounted(tmp_path / "two", templates, tmp_path_factory.mktemp("two"))
        assert kept(settings, tmp_path / "two") == two


def test_a_rebuild_killed_beside_a_run_that_trades(
    migrated_database: Settings, tmp_path_factory: pytest.TempPathFactory,
    templates: databases.Templates,
) -> None:  # fmt: skip
    """Killed when the rows have been dropped: the run itself brings them again."""
    settings = migrated_database
    run = settings.base_dir / "one"
    words = ["paper", "ema_cross", "--feed", f"replay:{session(2, ROWS)}", "--speed", "max"]
    with trading(settings, *words, "--out", "one", *RULES) as (gate, trader):
        assert wait_until(lambda: taken_in(settings, run) >= 500, PATIENT_S)
        killed = projected(settings, str(run), "--rebuild", **{VARIABLE: "rows dropped:1"})
        assert killed.status == -signal.SIGKILL
        assert trader.poll() is None
        gate.let()
        _, err = trader.communicate(PATIENT_S)
    assert trader.returncode == 0, err
    assert kept(settings, run) == recounted(run, templates, tmp_path_factory.mktemp("one"))


@contextmanager
def trading(settings: Settings, *words: str) -> Iterator[tuple[Gate, Forked]]:
    """Give a process that trades on the first rows, and the gate before the others."""
    gate = Gate(settings.base_dir)
    gate.let(SOME)
    given = {**environment(settings), **gate.variables}
    with started(*words, cwd=settings.base_dir, **given) as trader:
        yield gate, trader
