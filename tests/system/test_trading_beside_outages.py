"""Paper trading beside servers that fall silent: the run is the same, what is missing is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.journal.journal import FILE, Journal
from alphapanda.projection.follower import source_in
from alphapanda.projection.tables import Tables
from alphapanda.runtime.lifecycle import Parts
from alphapanda.runtime.projecting import RunProjector
from alphapanda.store.database import Database
from tests.cli.test_project import (
    ROWS,
    RULES,
    board_of,
    kept,
    projected,
    recounted,
    taken_in,
    trading,
)
from tests.projection.days import by_way, tables_of, with_redis
from tests.support.running import called, session
from tests.support.servers import databases
from tests.support.servers.databases import using
from tests.support.servers.process import wait_until
from tests.support.servers.proxy import Proxy

pytestmark = pytest.mark.core
WORDS = ["ema_cross", *RULES]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the summary of a backtest of the same rows."""
    told = called("backtest", *WORDS, "--data", session(2, ROWS), "--out", "run",
                   cwd=tmp_path_factory.mktemp("undisturbed"))  # fmt: skip
    assert told.status == 0, told.err
    return dict(json.loads(told.out))


@pytest.fixture
def direct(
    tmp_path: Path, templates: databases.Templates, postgres_url: str, redis_url: str
) -> Any:
    """Give settings with a database of its own, and a Redis."""
    with templates.migrated(tmp_path, postgres_url) as settings:
        yield with_redis(settings, redis_url)


@pytest.mark.parametrize("server", ["database", "redis"])
def test_a_server_silent_from_the_middle_of_a_paper_run(
    server: str, direct: Settings, undisturbed: dict[str, Any], tmp_path_factory: Any,
    templates: databases.Templates,
) -> None:  # fmt: skip
    """The run ends with the digest it always has; tables that lack its end are told, status 3.

    Healed, `alphapanda project RUN` makes tables that equal a recount, and a board that equals
    the tables.
    """
    run = direct.base_dir / "run"
    words = ["paper", *WORDS, "--feed", f"replay:{session(2, ROWS)}", "--speed", "max"]
    with Proxy(getattr(direct, server).url.get_secret_value()) as way:
        settings = by_way(direct, server, way)
        with trading(settings, *words, "--out", "run") as (gate, trader):
            assert wait_until(lambda: taken_in(direct, run) >= 50, 60)
            way.blackhole()
            place = Journal.open(run).seq
            gate.let()
            out, err = trader.communicate(120)
        assert place < Journal.open(run).seq  # it traded on
        for name in ("digest", "pnl", "fills", "orders", "charges"):
            assert json.loads(out)[name] == undisturbed[name]
        last = Journal.open(run).seq - 1
        if server == "database":
            assert trader.returncode == 3
            assert f"alphapanda project {run}" in " ".join(err.split())
            assert "PostgreSQL at" in err
            assert taken_in(direct, run) < last
        else:
            assert trader.returncode == 0, err
            assert taken_in(direct, run) == last
        way.heal()
        told = projected(settings, str(run))
        assert told.status == 0, told.err
    assert kept(direct, run) == recounted(run, templates, tmp_path_factory.mktemp("recounted"))
    compared_board(direct, source_in(Journal.open(run)).run_id)


def compared_board(settings: Settings, run_id: str) -> None:
    """See that the board in Redis is what the tables say."""

    async def work(database: Database) -> None:
        board = await board_of(settings, "paper", run_id)
        assert board == await tables_of(Tables(database), run_id, "paper")

    using(settings, work)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with a journal that has ended."""
    folder = tmp_path_factory.mktemp("ended")
    told = called("backtest", *WORDS, "--data", session(2, ROWS), "--journal", "--out", "run",
                   cwd=folder)  # fmt: skip
    assert told.status == 0, told.err
    return folder / "run"


@pytest.mark.parametrize("answers", [3, 30, 60])
def test_all_parts_stop_in_time_beside_silent_servers(
    answers: int, direct: Settings, ended: Path
) -> None:
    """Database and Redis silent, while connecting or with a page on its way: stopped within 10 s.

    No task is left; health has said what is wrong.
    """
    with (
        Proxy(direct.database.url.get_secret_value()) as way,
        Proxy(direct.redis.url.get_secret_value()) as other,
    ):
        settings = by_way(by_way(direct, "database", way), "redis", other)

        def silent() -> None:
            way.blackhole()
            other.blackhole()

        way.after(answers, silent)
        with Parts(stop_timeout_s=settings.paper.stop_timeout_s) as parts:
            part = RunProjector(settings, ended)
            parts.start(part)
            assert wait_until(lambda: part.follower is not None and bool(part.follower.trouble), 60)
            with pytest.raises(OutsideError, match=r"PostgreSQL at .* does not answer"):
                parts.check(part.health)
        assert parts.left == []  # what hangs longer would have raised


def test_a_projector_that_can_not_follow_says_so(
    direct: Settings, ended: Path, tmp_path: Path
) -> None:
    """A journal that can't be read ends it: health tells why, like the relay's."""
    text = bytearray((ended / FILE).read_bytes())
    text[len(text) // 2] ^= 1
    with Parts(stop_timeout_s=10) as parts:
        part = RunProjector(direct, tmp_path / "run")
        parts.start(part)
        parts.check(part.health)
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / FILE).write_bytes(text)
        assert wait_until(lambda: part._task is not None and part._task.done(), 20)
        with pytest.raises(OutsideError, match=r"the projector has ended: .*damaged"):
            parts.check(part.health)
        assert "not in the tables" in parts.do(part.finished())
