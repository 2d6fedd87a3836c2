"""The board while its Redis is frozen, silent, late or flushed, and while nobody looks at it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.projection import live as boards
from alphapanda.projection.live import Change, LocalLive
from alphapanda.projection.live_redis import UNSENT, RedisLive
from alphapanda.projection.projector import Projector
from tests.projection.days import eventually, source, with_redis
from tests.projection.made_up import fresh, trades
from tests.projection.test_follower import compared
from tests.projection.test_live import projecting, shown
from tests.support.servers import databases, own
from tests.support.servers.proxy import Proxy
from tests.support.servers.redis import Redis

LIMIT_S = 0.5
"""That the settings have for an answer."""


class Far(NamedTuple):
    """A Redis, the way to it, which is in the settings, and tables in a file."""

    server: Redis
    way: Proxy
    settings: Settings


@pytest.fixture
def far(tmp_path: Path, templates: databases.Templates) -> Iterator[Far]:
    with (
        templates.migrated(tmp_path, "") as alone,
        own(Redis) as server,
        Proxy(server.url) as way,
    ):
        yield Far(server, way, with_redis(alone, way.url))


FAULTS: dict[str, Callable[[Far], Any]] = {
    "frozen": lambda far: far.server.pause(),
    "silent": lambda far: far.way.blackhole(),
    "slow": lambda far: far.way.delay(LIMIT_S / 3),
    "late": lambda far: far.way.delay(1.5 * LIMIT_S),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_tables_do_not_wait_and_the_board_comes_back(fault: str, far: Far) -> None:
    """A page is taken in as ever; health tells in time; healed, the board is the tables again.

    No late answer is taken for that of another question.
    """
    run = fresh()
    events = trades(run, 200)

    async def work(projector: Projector) -> None:
        await projector.apply(events[:300])
        await projector.tell(run, source(events).about())
        await shown(projector, run)
        FAULTS[fault](far)
        took = []
        for start in range(300, 1_200, 300):
            await projector.apply(events[start : start + 300])
            began = time.monotonic()
            if fault == "slow":
                await projector.health()
            else:
                with pytest.raises(OutsideError, match=r"Redis at .* does not answer"):
                    await projector.live.health()
            took.append(time.monotonic() - began)
        assert min(took) < 3 * LIMIT_S
        await projector.apply(events[1_200:])
        far.server.resume()
        far.way.heal()
        await shown(projector, run)
        for _ in range(50):
            assert await projector.live.runs("replay") == [run]
            assert await projector.live.get("replay", "none") == {}
        await eventually(lambda: well(projector))

    projecting(far.settings, work)
    compared(far.settings, run, 200)


async def well(projector: Projector) -> bool:
    """Say if health finds nothing."""
    try:
        await projector.health()
    except OutsideError:
        return False
    return True


BOARDS = ("paper", "r"), ("*", "")


def orders(first: int, count: int) -> Iterator[Change]:
    """Yield changes of orders, each with a name of its own."""
    yield from (
        Change("paper", "r", "orders", str(n), {"n": n}) for n in range(first, first + count)
    )


def ticks(price: int) -> Iterator[Change]:
    """Yield changes of some instruments, always the same."""
    yield from (Change("*", "", "ticks", f"NSE:{n}", {"last": price}) for n in range(50))


async def whole(live: RedisLive) -> bool:
    """Say if Redis answers, and has all that the board's writer has in memory."""
    try:
        found = [await live.get(*board) for board in BOARDS]
    except OutsideError:
        return False
    return found == [live._memory.parts(*board) for board in BOARDS]


def with_board(settings: Settings, work: Callable[[RedisLive], Any]) -> None:
    async def go() -> None:
        live = RedisLive(settings)
        await live.start()
        try:
            await work(live)
        finally:
            await live.stop()

    asyncio.run(go())


def test_what_waits_for_a_slow_redis_is_bounded(far: Far) -> None:
    """A Redis a hundred times slower, 10^5 changes: few wait, the latest is what it has at last."""

    async def work(live: RedisLive) -> None:
        live.put([*orders(0, 10), *ticks(0)])
        await eventually(lambda: whole(live))
        far.way.delay(0.2)
        most = 0
        for page in range(20):
            live.put([*orders(page * 5_000, 5_000), *ticks(page)])
            most = max(most, len(live._unsent))
            await asyncio.sleep(0.05)
        assert 1_000 < most <= UNSENT
        far.way.heal()
        await eventually(lambda: whole(live))
        assert (await live.get("*", ""))["ticks"]["NSE:7"] == {"last": 19}
        kept = {int(name) for name in (await live.get("paper", "r"))["orders"]}
        assert kept == {*range(99_000, 100_000)}

    with_board(far.settings, work)


def test_a_redis_flushed_before_a_change_arrives_is_filled_again(far: Far) -> None:
    """Flushed after it was asked whether it has all, and before it is sent what is new."""

    async def work(live: RedisLive) -> None:
        live.put([*orders(0, 10), *ticks(0)])
        await eventually(lambda: whole(live))
        loop = asyncio.get_running_loop()
        for price in range(1, 4):
            flushed = asyncio.Event()

            def flush(flushed: asyncio.Event = flushed) -> None:
                far.server.flush()
                loop.call_soon_threadsafe(flushed.set)

            live.put(ticks(price))
            far.way.after(1, flush)  # while the proxy does that, nothing passes
            await flushed.wait()
            await eventually(lambda: whole(live))

    with_board(far.settings, work)


def test_a_viewer_who_does_not_look_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same names only the latest waits; of ever new ones not more than a board has.

    Then he is told to watch again, which begins with all there is.
    """
    monkeypatch.setattr(boards, "WHOLE", 3_000)

    async def go() -> None:
        live = LocalLive()
        async with live.watch("*") as changes:
            for price in range(2_000):
                live.put(ticks(price))
            assert {each.value["last"] for each in await anext(changes) if each.value} == {1_999}
        async with live.watch("paper") as changes:
            for page in range(20):
                live.put(orders(page * 5_000, 5_000))
                assert max(len(viewer._unseen) for viewer in live._viewers) <= 3_000
            with pytest.raises(OutsideError, match="watch again"):
                await anext(changes)
        async with live.watch("paper") as changes:
            assert {each.name for each in await anext(changes)} == {
                str(n) for n in range(99_000, 100_000)
            }

    asyncio.run(go())
