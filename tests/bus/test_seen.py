"""Ids in Redis: shared while it answers; struck, it delays nobody for long and confuses nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alphapanda.bus.dedup import SeenInRedis
from alphapanda.bus.delivery import Delivery
from alphapanda.bus.publisher import Publisher
from alphapanda.config.settings import Settings
from alphapanda.events.events import Envelope
from tests.support.events import fill, message, settings_for
from tests.support.servers import own
from tests.support.servers.proxy import Proxy
from tests.support.servers.redis import Redis

LIMIT_S = 0.5
"""That the settings have for an answer."""
IDS = [f"id-{number}" for number in range(500)]


def test_ids_in_redis_are_shared_and_a_dead_redis_stops_nothing(tmp_path: Path) -> None:
    """Members of a group know each other's; without Redis each knows its own."""

    async def go(redis: Redis, settings: Settings) -> None:
        first, second = (SeenInRedis(settings, group="g") for _ in range(2))
        other = SeenInRedis(settings, group="other")
        await first.remember(["a"])
        assert await second.known(["a", "b"]) == {"a"}
        assert await other.known(["a"]) == set()
        redis.kill()
        await first.remember(["b"])
        async with asyncio.timeout(2):
            assert await first.known(["a", "b", "c"]) == {"a", "b"}
            assert await second.known(["b"]) == set()
        assert first.failures == 2
        for each in (first, second, other):
            await each.stop()

    with own(Redis) as redis:
        settings = settings_for(tmp_path, "127.0.0.1:1", redis=redis.url)
        asyncio.run(go(redis, settings))


class Far(NamedTuple):
    """A Redis, and the way to it, which is in the settings."""

    server: Redis
    way: Proxy
    settings: Settings


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    with own(Redis) as server, Proxy(server.url) as way:
        yield Far(server, way, settings_for(tmp_path, "127.0.0.1:1", redis=way.url))


FAULTS: dict[str, Callable[[Far], Any]] = {
    "frozen": lambda far: far.server.pause(),
    "silent": lambda far: far.way.blackhole(),
    "late": lambda far: far.way.delay(1.5 * LIMIT_S),
    "in crumbs": lambda far: far.way.delay(LIMIT_S / 10, piece=50),
}


async def quickest(ask: Callable[[], Awaitable[Any]]) -> float:
    """Return how long the quickest of some calls takes: a limit that is missed always is."""
    took = []
    for _ in range(3):
        began = time.monotonic()
        await ask()
        took.append(time.monotonic() - began)
    return min(took)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_struck_redis_costs_its_limit_and_comes_back(fault: str, far: Far) -> None:
    """Its own ids count meanwhile; afterwards no late answer is taken for that of a new question.

    In crumbs each piece is in time, and the whole is not.
    """

    async def go() -> None:
        first, second = (SeenInRedis(far.settings, group="g") for _ in range(2))
        await first.remember(IDS)
        assert await second.known([*IDS, "x"]) == {*IDS}
        FAULTS[fault](far)
        assert await quickest(lambda: second.known(IDS)) < 3 * LIMIT_S
        assert await quickest(lambda: second.remember([f"{each}-b" for each in IDS])) < 3 * LIMIT_S
        assert second.failures == 6
        assert "id-0-b" in await second.known([IDS[0], "id-0-b"])
        far.server.resume()
        far.way.heal()
        for number in range(50):
            assert await second.known([IDS[number], "x"]) == {IDS[number]}
            assert await second.known(["x"]) == set()
        await first.stop()
        await second.stop()

    asyncio.run(go())


def test_a_flushed_redis_leaves_each_its_own(far: Far) -> None:
    """What a process applied itself it still knows; what others did comes again, and is borne."""

    async def go() -> None:
        first, second = (SeenInRedis(far.settings, group="g") for _ in range(2))
        await first.remember(["a"])
        assert await second.known(["a"]) == {"a"}
        far.server.flush()
        assert (await first.known(["a"]), await second.known(["a"])) == ({"a"}, set())
        assert (first.failures, second.failures) == (0, 0)
        await first.stop()
        await second.stop()

    asyncio.run(go())


def test_each_event_is_applied_once_beside_a_silent_redis(far: Far) -> None:
    """Struck between two batches, repeats are still dropped, and none waits for long."""
    applied: list[int] = []

    async def apply(envelopes: Sequence[Envelope]) -> None:
        applied.extend(each.seq for each in envelopes)

    async def go() -> None:
        seen = SeenInRedis(far.settings, group="g")
        delivery = Delivery(far.settings, apply, seen, Publisher(far.settings), group="g")
        sent = [message(fill("run", seq)) for seq in range(30)]
        await delivery.deliver(sent[:10])
        far.way.blackhole()
        assert await quickest(lambda: delivery.deliver(sent[:20])) < 6 * LIMIT_S
        far.way.heal()
        await delivery.deliver(sent)
        await seen.stop()

    asyncio.run(go())
    assert applied == [*range(30)]
