"""PostgreSQL frozen, silent, slow, cut off or down: told in time, and nothing lost or doubled."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

import pytest

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.projection.follower import Follower, Source
from alphapanda.store.database import Database
from tests.projection.days import by_way, eventually, rows_of, source
from tests.projection.made_up import fresh, trades
from tests.projection.test_follower import compared, following, taken_at_once, to_the_end
from tests.support.servers import databases, own
from tests.support.servers.databases import run_sql, using
from tests.support.servers.postgres import Postgres
from tests.support.servers.proxy import Proxy

SOAK = int(os.environ.get("ALPHAPANDA_TEST_KILLS", "0")) >= 200
OUTAGE_S = 30.0 if SOAK else 1.0
LIMIT_S = 3.0 if SOAK else 0.6
"""For an answer; the settings' own when there is time."""
STEPS = range(1, 140) if SOAK else (*range(1, 30, 2), *range(30, 140, 15))
"""Answers of the server after which it is struck: a run of 12 trades has some 140, and up to the
thirtieth it is connecting and looking at the schema."""


class Far(NamedTuple):
    """A PostgreSQL, the way to it, and settings with the way or without."""

    server: Postgres
    way: Proxy
    settings: Settings
    direct: Settings


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    folder = tmp_path_factory.mktemp("far")
    templates = databases.Templates(folder)
    with own(Postgres) as server, templates.migrated(folder, server.url) as direct:  # noqa: SIM117
        with Proxy(direct.database.url.get_secret_value()) as way:
            limits = {"command_timeout_s": LIMIT_S, "statement_timeout_s": LIMIT_S * 0.8,
                      "connect_timeout_s": LIMIT_S}  # fmt: skip
            yield Far(server, way, by_way(direct, "database", way, **limits), direct)


@pytest.fixture(autouse=True)
def _healed(far: Far) -> Iterator[None]:
    yield
    far.way.heal()


FAULTS: dict[str, Callable[[Far], Any]] = {
    "frozen": lambda far: far.server.pause(),
    "silent": lambda far: far.way.blackhole(),
    "slow": lambda far: far.way.delay(LIMIT_S * 2 / 3),
    "down": lambda far: far.server.kill(),
}
CURES: dict[str, Callable[[Far], Any]] = {
    "frozen": lambda far: far.server.resume(),
    "down": lambda far: far.server.start(),
}


def lines(far: Far) -> int:
    """Return how many connections the server has with the database."""
    name = far.direct.database.url.get_secret_value().rpartition("/")[2]
    found = run_sql(
        far.server.url, f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    )
    return int(found[0][0])


async def told_in_time(ask: Callable[[], Awaitable[None]]) -> list[str]:
    """Ask several times; return what was said, having seen that it does not take for ever.

    The quickest counts: this machine may stand still, a limit that is missed is missed each time.
    """
    took, said = [], []
    for _ in range(3):
        began = time.monotonic()
        try:
            await ask()
        except OutsideError as error:
            said.append(str(error))
        took.append(time.monotonic() - began)
    assert min(took) < 2 * LIMIT_S + 1
    return said


@pytest.mark.parametrize("fault", FAULTS)
def test_struck_in_the_middle_of_a_run(fault: str, far: Far) -> None:
    """Health tells within the limit; when it is over the rest comes by itself, each event once.

    Afterwards no connection is out of the pool, and the server has no more than that holds.
    """
    run = fresh()
    events = trades(run, 300)
    part = source(events, out=600)
    outbox: Any = part.outbox

    async def work(follower: Follower) -> None:
        async def half() -> bool:
            return follower.position == 599

        await eventually(half)
        database = follower.projector.database
        await asyncio.gather(*(database.health() for _ in range(4)))
        pool: Any = database.engine.pool
        before = pool.checkedin()
        FAULTS[fault](far)
        outbox.out = len(events)
        until = time.monotonic() + OUTAGE_S
        said = await told_in_time(follower.projector.health)
        if fault != "slow":
            assert len(said) == 3
            with pytest.raises(OutsideError, match=r"PostgreSQL at .* does not answer"):
                await follower.health()
        await asyncio.sleep(max(until - time.monotonic(), 0))
        CURES.get(fault, lambda far: far.way.heal())(far)
        await to_the_end(follower)
        await follower.projector.health()
        await asyncio.gather(*(database.health() for _ in range(4)))
        assert (pool.checkedin(), pool.checkedout()) == (before, 0)

        async def no_more() -> bool:
            return await asyncio.to_thread(lines, far) <= before

        await eventually(no_more)

    following(far.settings, part, work, page=100)
    compared(far.direct, run, 300)


@pytest.mark.parametrize("fault", ["cut", "blackhole"])
def test_struck_between_any_two_answers(
    fault: str, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was asked last, while connecting, reading or committing: it goes on, once each.

    A COMMIT whose answer was lost is done or not; what a blackhole held back arrives afterwards.
    """
    monkeypatch.setattr("alphapanda.projection.follower.BACKOFF_S", 0.02)
    struck, runs = 0, dict[int, str]()
    steps = STEPS if SOAK or fault == "cut" else STEPS[::2]
    for answers in steps:
        runs[answers] = run = fresh()
        hit = asyncio.Event()

        def strike(hit: asyncio.Event = hit) -> None:
            getattr(far.way, fault)()
            hit.set()

        async def work(follower: Follower, hit: asyncio.Event = hit) -> None:
            ends = asyncio.create_task(follower.drained(60))
            if fault == "blackhole":
                await asyncio.wait([ends], timeout=LIMIT_S * 1.5)
                far.way.heal()
            assert await ends
            assert not follower.trouble

        far.way.after(answers, strike)
        following(far.settings, source(trades(run, 12)), work, page=30)
        struck += hit.is_set()
        far.way.heal()
    # On a busy machine several answers pass as one part: then a run has fewer than the last steps.
    assert struck >= sum(step <= 100 for step in steps)

    async def all_alike(database: Database) -> None:
        wanted = await taken_at_once(database, 12)
        for answers, run in runs.items():
            assert await rows_of(database, run) == wanted, answers

    using(far.direct, all_alike)


@pytest.mark.parametrize("fault", ["frozen", "silent", "slow"])
def test_a_stop_does_not_wait_for_it(fault: str, far: Far) -> None:
    """Stopped in the middle of a page, of answers late or never, it ends; another goes on."""
    run = fresh()
    events = trades(run, 100)
    part = source(events, out=60)
    outbox: Any = part.outbox
    stopped: list[float] = []

    async def work(follower: Follower) -> None:
        async def begun() -> bool:
            return follower.position == 59

        await eventually(begun)
        FAULTS[fault](far)
        outbox.out = len(events)
        await asyncio.sleep(0.2)  # the page is on its way
        began = time.monotonic()
        await follower.stop()
        await follower.projector.stop()
        stopped.append(time.monotonic() - began)
        CURES.get(fault, lambda far: far.way.heal())(far)

    following(far.settings, part, work, page=60)
    assert stopped[0] < 9
    following(far.settings, Source(run, outbox, part.about), to_the_end, page=60)
    compared(far.direct, run, 100)
