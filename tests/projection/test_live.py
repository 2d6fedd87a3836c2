"""The board is what the tables hold: in the process, and in a real Redis whatever becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import SHARED, Envelope, EventType, Rejection
from alphapanda.net.redis import client
from alphapanda.projection.live import BOUNDS, RUNS, Change, LocalLive
from alphapanda.projection.live_redis import RedisLive
from alphapanda.projection.projector import Projector
from tests.projection.days import board_of, eventually, tables_of, with_redis
from tests.projection.made_up import event, fresh, trades
from tests.support.events import tick
from tests.support.servers import databases, own
from tests.support.servers.redis import Redis


@pytest.fixture
def alone(tmp_path: Path, templates: databases.Templates) -> Iterator[Settings]:
    with templates.migrated(tmp_path, "") as settings:
        yield settings


@pytest.fixture(params=["process", "redis"])
def settings(request: pytest.FixtureRequest, alone: Settings) -> Settings:
    if request.param == "process":
        return alone
    return with_redis(alone, request.getfixturevalue("redis_url"))


def projecting(settings: Settings, work: Callable[[Projector], Awaitable[Any]]) -> Any:
    async def go() -> Any:
        projector = Projector(settings)
        await projector.start()
        try:
            return await work(projector)
        finally:
            await projector.stop()

    return asyncio.run(go())


async def shown(projector: Projector, run: str) -> None:
    """Wait until the board is what the tables say."""
    expected = await tables_of(projector.tables, run)

    async def same() -> bool:
        return await board_of(projector.live, "replay", run) == expected

    await eventually(same)


async def flush(settings: Settings) -> int:
    """Delete every key of a test's own, as a flushed Redis would; return how many there were."""
    redis, _ = client(settings)
    keys = [key async for key in redis.scan_iter(f"{settings.redis.prefix}:*", count=1000)]
    await redis.delete(*keys)
    await redis.aclose()
    return len(keys)


def test_the_board_is_what_the_tables_hold(settings: Settings) -> None:
    """Page by page, in any order and again, a run's board is what its tables say."""
    run = fresh()
    events = trades(run, 30)

    async def work(projector: Projector) -> None:
        for part in (events[:50], events[90:], events[40:95]):
            await projector.apply(part)
            await shown(projector, run)
        board = await board_of(projector.live, "replay", run)
        assert board["positions"]["ema_cross/NSE:INFY"]["quantity"] == 10
        assert board["pnl"]["ema_cross"]["pnl"] == "-36.00"
        assert board["orders"]["30"]["status"] == "filled"
        assert board["run"][run]["status"] == "ended"
        assert board["stages"]["order_filled"]["count"] == 30
        assert board["stages"]["pipeline"] == {"pending": 0, "impossible": []}
        assert await projector.live.runs("replay") == [run]
        await projector.apply(events)
        await projector.apply(events[::-1])
        await shown(projector, run)
        assert await board_of(projector.live, "replay", run) == board

    projecting(settings, work)


def test_another_process_shows_what_was_projected_before(settings: Settings) -> None:
    """A projector that finds tables puts a run whole on its board when it changes."""
    run, other = fresh(), fresh()
    events = trades(run, 20)

    async def first(projector: Projector) -> None:
        await projector.apply([*events[:60], *trades(other, 2)])

    async def second(projector: Projector) -> None:
        assert not projector.live.shows("replay", run)
        await projector.apply(events[60:])
        await shown(projector, run)
        await projector.show()
        assert {run, other} == {*await projector.live.runs("replay")}
        await shown(projector, other)

    projecting(settings, first)
    projecting(settings, second)


def test_what_cannot_be_is_flagged(settings: Settings) -> None:
    """Raw signals that are neither judged nor pending, and impossible events, show as such."""
    run = fresh()
    events = trades(run, 3)
    verdict = Rejection(
        cause=1, strategy="ema_cross", instrument="NSE:INFY", order=9, qty=1, price="1.00",
        code="VALUE", value=1, limit=1, kind=1,
    )  # fmt: skip
    events = [*events[:19], event(run, 18, EventType.REJECTED_SIGNAL, verdict)]

    async def work(projector: Projector) -> None:
        refused = (await projector.apply(events)).refused
        assert [each.event.seq for each in refused] == [18]
        await shown(projector, run)
        told = (await board_of(projector.live, "replay", run))["stages"]["pipeline"]
        assert told["impossible"] == [
            "3 raw != 3 validated + 1 rejected + 0 pending", "1 events that can't be true",
        ]  # fmt: skip

    projecting(settings, work)


def test_last_ticks_are_shared_by_all_brokers(settings: Settings) -> None:
    """Of each instrument the newest row is shown; an older one that comes late is not."""
    ticks = [tick("f", 3, last="12.00"), tick("f", 1), tick("f", 2, instrument="NSE:TCS")]

    async def work(projector: Projector) -> None:
        await projector.apply([*ticks, ticks[1]])

        async def there() -> bool:
            return len((await board_of(projector.live, SHARED, "")).get("ticks", {})) == 2

        await eventually(there)
        board = await board_of(projector.live, SHARED, "")
        assert board["ticks"]["NSE:INFY"]["last"] == "12.00"
        assert board["ticks"]["NSE:INFY"]["feed"] == "f"
        assert board["stages"]["market_tick"]["count"] == 2

    projecting(settings, work)


def test_viewers_see_all_there_is_and_then_each_change(settings: Settings) -> None:
    """Whoever comes late, or looks from another process, ends with the whole board."""
    run = fresh()
    events = trades(run, 20)

    async def work(projector: Projector) -> None:
        await projector.apply(events[:60])
        await shown(projector, run)
        seen: dict[tuple[str, str], Any] = {}

        async def look(changes: Any) -> None:
            async for page in changes:
                seen.update({(each.part, each.name): each.value for each in page})

        other = RedisLive(settings) if settings.redis.enabled else projector.live
        async with other.watch("replay") as changes:
            looking = asyncio.create_task(look(changes))

            async def whole() -> bool:
                board = await tables_of(projector.tables, run)
                flat = {(part, name): board[part][name] for part in board for name in board[part]}
                return bool(msgspec.json.decode(msgspec.json.encode([*seen.items()])) and flat
                            == {k: msgspec.json.decode(msgspec.json.encode(v))
                                for k, v in seen.items()})  # fmt: skip

            await eventually(whole)
            await projector.apply(events[60:])
            await eventually(whole)
            looking.cancel()
        if other is not projector.live:
            await other.stop()

    projecting(settings, work)


def test_a_board_is_bounded(settings: Settings) -> None:
    """The names of a part, and the runs of a broker, that changed last are kept."""
    live = RedisLive(settings) if settings.redis.enabled else LocalLive()
    most = BOUNDS["orders"]

    async def work() -> None:
        await live.start()
        live.put(Change("paper", "a", "orders", str(n), {"n": n}) for n in range(most + 5))
        live.put(Change("paper", f"r{n}", "run", "r", {"n": n}) for n in range(RUNS - 1))

        async def there() -> bool:
            return len(await live.runs("paper")) == RUNS

        await eventually(there)
        kept = {int(name) for name in (await live.get("paper", "a"))["orders"]}
        assert kept == {*range(5, most + 5)}
        live.put([Change("paper", "z", "run", "z", {})])

        async def one_went() -> bool:
            return "z" in (runs := await live.runs("paper")) and len(runs) == RUNS

        await eventually(one_went)
        await live.stop()

    asyncio.run(work())


def test_a_flushed_redis_is_filled_again(alone: Settings, redis_url: str) -> None:
    """All that a process shows is back by itself, within moments, without an event."""
    run = fresh()
    settings = with_redis(alone, redis_url)

    async def work(projector: Projector) -> None:
        await projector.apply(trades(run, 20))
        await shown(projector, run)
        assert await flush(settings) > 2
        assert await board_of(projector.live, "replay", run) == {}
        await shown(projector, run)
        assert await projector.live.runs("replay") == [run]

    projecting(settings, work)


def test_without_redis_tables_go_on_and_the_board_comes_back(alone: Settings) -> None:
    """A Redis that is gone delays nothing; health tells; back and empty it is filled."""
    run = fresh()
    events: list[Envelope] = trades(run, 40)

    async def work(projector: Projector, server: Redis) -> None:
        await projector.apply(events[:60])
        await shown(projector, run)
        server.stop()
        await projector.apply(events[60:])
        with pytest.raises(OutsideError, match=r"Redis at .* does not answer"):
            await projector.health()
        server.start()
        await shown(projector, run)

        async def well() -> bool:
            try:
                await projector.health()
            except OutsideError:
                return False
            return True

        await eventually(well)

    with own(Redis) as server:
        settings = with_redis(alone, server.url)
        projecting(settings, lambda projector: work(projector, server))


def test_prices_of_two_runs_are_kept_apart(settings: Settings) -> None:
    """A run that replays last year beside one of today does not value what that one holds."""
    old, new = fresh(), fresh()

    async def work(projector: Projector) -> None:
        projector.market(new, [tick("f", 3, last="12.00")], 0)
        projector.market(old, [tick("g", 1, last="7.00")], 0)

        async def there() -> bool:
            boards = [await board_of(projector.live, SHARED, run) for run in (new, old)]
            last = [board.get("ticks", {}).get("NSE:INFY", {}).get("last") for board in boards]
            return last == ["12.00", "7.00"]

        await eventually(there)
        assert "ticks" not in await board_of(projector.live, SHARED, "")

    projecting(settings, work)
