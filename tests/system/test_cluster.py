"""The bus on three nodes: killed and frozen in turn, nothing is lost, order in a key holds."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alphapanda.bus import topics
from alphapanda.bus.client import connection, kafka, opened
from alphapanda.bus.cursor import FileCursor
from alphapanda.bus.processor import Processor
from alphapanda.bus.relay import Relay
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import Envelope, encode
from tests.bus.arrivals import Table, by_key, landed, once
from tests.support.events import FILLS, LARGE, ListOutbox, fill, name_of_own, settings_for, until
from tests.support.servers import own
from tests.support.servers.kafka import Cluster, Kafka

COPIES = {"default": {"replication": 3}, "ticks": {"replication": 3}, "dlq": {"replication": 3}}
SPREAD = {FILLS: {"partitions": 3, "replication": 3}}
"""So that each node leads a part of what is published."""
QUICK = {"send_timeout_s": 3, "connect_timeout_s": 4, "request_timeout_s": 2,
         "stuck_after_s": 4, "session_timeout_s": 3}  # fmt: skip
FAULTS = ("leader killed", "leader frozen", "majority killed")
KILLS = int(os.environ.get("ALPHAPANDA_TEST_KILLS", "0"))
MANY = random.Random(KILLS).choices(FAULTS, k=KILLS // 4)
"""`make soak` asks for 50, each of 5 to 60 s."""
MOST_S = 60


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with own(Cluster) as three:
        yield three


class Day:
    """A run that goes on for as long as the test likes, its relay, and a reader of it."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.run = settings, name_of_own()
        self.events: list[Envelope] = []
        self.outbox, self.table = ListOutbox(ended=False), Table(self.run)
        cursor = FileCursor(settings.base_dir / "relay.cursor")
        self.relay = Relay(settings, self.outbox, cursor, run_id=self.run, page=100)
        self.reader = Processor(settings, name=self.run, topics=[FILLS], apply=self.table.apply)

    async def trade(self) -> None:
        """Bring forth events, whatever is down."""
        while True:
            for _ in range(5):
                self.events.append(fill(self.run, len(self.events)))
                self.outbox.rows.append((len(self.events) - 1, encode(self.events[-1])))
            await asyncio.sleep(0.05)

    async def caught_up(self, count: int) -> None:
        """Wait until so many events have arrived and been applied."""
        await until(lambda: len(self.table.rows) >= count, MOST_S)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Trade, publish and read meanwhile; at the end, wait for all of it."""
        await topics.bootstrap(self.settings, ["replay"])
        await self.relay.start()
        await self.reader.start()
        trading = asyncio.create_task(self.trade())
        try:
            await self.caught_up(100)
            yield
            trading.cancel()
            self.outbox.ended = True
            async with asyncio.timeout(MOST_S):
                await self.relay.drained()
            await self.caught_up(len(self.events))
        finally:
            trading.cancel()
            await self.relay.stop()
            await self.reader.stop()


async def leader(settings: Settings, cluster: Cluster) -> Kafka:
    """Return the node that leads the first partition of the fills."""
    client = kafka().admin.AIOKafkaAdminClient(**connection(settings))
    async with opened(client, settings) as admin:
        (told,) = await admin.describe_topics([FILLS])
    (first,) = (part for part in told["partitions"] if part["partition"] == 0)
    return cluster.nodes[first["leader"] - 1]


async def outage(day: Day, cluster: Cluster, fault: str, down_s: float) -> None:
    """Let one happen and end; the events made in it must arrive."""
    first = await leader(day.settings, cluster)
    victims = [first]
    if fault == "majority killed":
        victims.append(next(each for each in cluster.nodes if each is not first))
    for each in victims:
        (each.pause if fault == "leader frozen" else each.kill)()
    before = len(day.events)
    await asyncio.sleep(down_s)
    if len(victims) > 1:  # what one node alone has is not acknowledged
        assert day.relay.relayed.position < before
    else:
        await day.caught_up(before + 1)  # led by another now
    for each in victims:
        (each.resume if fault == "leader frozen" else each.launch)()
    for each in victims:
        await until(each.is_ready, MOST_S)
    await day.caught_up(len(day.events))


@pytest.mark.parametrize("faults", [MANY] if MANY else [[each] for each in FAULTS])
def test_nodes_fail_again_and_again(faults: list[str], tmp_path: Path, cluster: Cluster) -> None:
    """A leader killed or frozen, or two of three: all arrives in order and is applied once."""
    day = Day(settings_for(tmp_path, cluster.url, topics=SPREAD, **COPIES, **QUICK))
    chance = random.Random(len(faults))

    async def go() -> list[Envelope]:
        async with day.going_on():
            for fault in faults:
                await outage(day, cluster, fault, chance.uniform(5, 60) if MANY else 2)
        await until(lambda: len(asyncio.all_tasks()) == 1)  # no failed client has left any
        return await landed(day.settings, day.run)

    found = asyncio.run(go())
    assert by_key(once(found)) == by_key(day.events)
    assert len(day.table.rows) == len(day.events)
    applied = [day.events[seq] for seq in day.table.rows]
    assert by_key(applied) == by_key(day.events)
    assert day.reader.figures()["letters"] == 0


def test_a_reader_that_knows_only_the_dead_is_replaced(tmp_path: Path, cluster: Cluster) -> None:
    """A client never asks the settings' addresses again: where all it knows are gone, it goes."""
    day = Day(settings_for(tmp_path, cluster.url, topics=SPREAD, **COPIES, **QUICK))

    async def go() -> None:
        async with day.going_on():
            first = await leader(day.settings, cluster)
            known = day.reader._consumer._client.cluster
            number = cluster.nodes.index(first) + 1
            known._brokers = {number: known._brokers[number]}
            first.kill()
            before = len(day.events)
            await day.caught_up(before + 1)
            first.launch()
            await until(first.is_ready, MOST_S)

    asyncio.run(go())
    assert day.reader.progress.replaced > 0
    assert sorted(day.table.rows) == list(range(len(day.events)))


def test_copies_need_as_many_nodes(tmp_path: Path, cluster: Cluster, own_kafka: Kafka) -> None:
    """On three nodes topics have three copies, two of which acknowledge; one node refuses them."""
    three = settings_for(tmp_path, cluster.url, topics=SPREAD, **COPIES)

    async def go() -> None:
        await topics.bootstrap(three, ["replay"])
        client = kafka().admin.AIOKafkaAdminClient(**connection(three))
        async with opened(client, three) as admin:
            facts = (await topics.described(admin, [FILLS]))[FILLS]
        assert (facts.partitions, facts.replication) == (3, 3)
        assert facts.configs["min.insync.replicas"] == "2"
        one = settings_for(tmp_path, own_kafka.url, default={"replication": 3}, message_bytes=LARGE)
        with pytest.raises(OutsideError) as told:
            await topics.bootstrap(one, ["zerodha"])
        for word in ("can't be made", "replicate", "3 time(s)", "1 broker", "bus.default"):
            assert word in str(told.value), told.value

    asyncio.run(go())
