"""Messages that can't be used among good ones: these are taken in, those told of, none stops it."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from alphapanda.bus import topics
from alphapanda.bus.client import kafka, opened
from alphapanda.bus.dead_letters import Letter, letter
from alphapanda.bus.publisher import producing
from alphapanda.bus.topic_reader import newest
from alphapanda.config import sections
from alphapanda.config.settings import Settings
from alphapanda.events.events import Envelope, encode
from alphapanda.events.topics import BROKERS, DLQ
from alphapanda.projection.from_topics import TopicReader
from alphapanda.projection.tables import Tables
from alphapanda.store.database import Database
from tests.projection.days import environment, rows_of
from tests.projection.fuzz import FIVE_MB, Bad, bad, with_untrue
from tests.projection.made_up import fresh
from tests.projection.on_topics import reading
from tests.support.events import LARGE, message, until
from tests.support.running import command, facts
from tests.support.servers.databases import using
from tests.support.servers.kafka import Kafka

MESSAGES = 10_000 if "ALPHAPANDA_TEST_KILLS" in os.environ else 600
"""Good ones, and as many bad ones."""
MEMORY = 100_000_000
"""That it may grow while it reads the second half: some of the largest messages are in flight."""
Place = tuple[str, int, int]


class Sent(NamedTuple):
    """What lies on the topics: a run's events, and where each bad message is."""

    events: list[Envelope]
    untrue: dict[int, str]
    bad: dict[Place, Bad]


@pytest.fixture
def settings(migrated_database: Settings, server: Kafka) -> Settings:
    """Return settings with a database, and a server whose topics take what a reader refuses."""
    bus = sections.Bus(enabled=True, servers=server.url, letters_a_minute=10 * MESSAGES)
    made = migrated_database.model_copy(update={"bus": bus})
    asyncio.run(topics.bootstrap(wide(made), BROKERS))
    return made


def wide(settings: Settings) -> Settings:
    bus = settings.bus.model_copy(update={"message_bytes": LARGE})
    return settings.model_copy(update={"bus": bus})


async def mixed(settings: Settings, run: str, seed: int) -> Sent:
    """Publish a run's events in order, and before each of them a bad message, of any kind."""
    chance = Random(seed)
    events, untrue = with_untrue(run, MESSAGES // 6, chance)
    made = [bad(chance, each, n) for n, each in enumerate(events[1:-1])]
    client = kafka().AIOKafkaProducer(**producing(wide(settings)))
    async with opened(client, settings) as producer:
        places = []
        for event, spoilt in zip(events, [*made, None, None], strict=True):
            good = message(event)
            await producer.send(good.topic, good.value, good.key)
            if spoilt is not None:
                places.append(await producer.send(spoilt.topic, spoilt.value, spoilt.key))
        told = await asyncio.gather(*places)
    found = [(each.topic, each.partition, each.offset) for each in told]
    return Sent(events, untrue, dict(zip(found, made, strict=True)))


def memory() -> int:
    """Return how many bytes the process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def letters_on(settings: Settings, names: set[str]) -> list[Letter]:
    """Return the dead letters of some topics."""
    wider = wide(settings)
    return [letter(each) for name in names for each in await newest(wider, name + DLQ, 10**6)]


@pytest.mark.parametrize("migrated_database", ["sqlite"], indirect=True)
def test_bad_messages_among_good_ones(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each good event is applied, in order; each bad message is a dead letter that says why."""
    run, twin = fresh(), fresh()
    sent = asyncio.run(mixed(settings, run, 19))
    grown: list[int] = []

    async def to_the_end(reader: TopicReader) -> None:
        done = reader.processor.delivery.delivered
        await until(lambda: done.letters > len(sent.bad) // 2, 60 + MESSAGES / 50)
        before = memory()
        async with asyncio.timeout(60 + MESSAGES / 50):
            await reader.caught_up()
        grown.append(memory() - before)

    reader = reading(settings, to_the_end)
    assert grown[0] < MEMORY
    assert len(sent.bad) >= MESSAGES
    assert reader.processor.figures()["letters"] == len(sent.bad) + len(sent.untrue)
    assert reader.processor.progress.replaced == 0
    assert reader.projector.progress.refused == len(sent.untrue) > 0
    told(asyncio.run(letters_on(settings, {each.topic for each in sent.bad.values()})), sent)

    async def compare(database: Database) -> None:
        tables = Tables(database)
        await tables.apply(with_untrue(twin, MESSAGES // 6, Random(19))[0])
        found = await rows_of(database, run)
        assert found == await rows_of(database, twin)
        assert len(found["fills"]) == MESSAGES // 6
        assert sum(row["quantity"] for row in found["positions"]) == MESSAGES // 6
        assert found["held"] == []

    using(settings, compare)
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    by_commands(sent, capsys)
    again = reading(settings, TopicReader.caught_up)
    assert again.projector.progress.taken == 0
    assert again.processor.figures()["letters"] == 0


def told(letters: list[Letter], sent: Sent) -> None:
    """See that each bad message has its letter, and nothing else has one."""
    by_place = {(one.topic, one.origin_partition, one.origin_offset): one for one in letters}
    for place, (_, key, value, why) in sent.bad.items():
        one, bytes_ = by_place[place], value or b""
        assert why in one.reason, (why, one.reason)
        assert (one.size, one.sha256) == (len(bytes_), hashlib.sha256(bytes_).hexdigest())
        assert one.whole == (one.size < FIVE_MB)
        assert one.value == bytes_[: len(one.value)]
        assert one.key == (key or b"")[:1000]
    untrue = [one for one in letters if one.origin_offset < 0]
    assert len(letters) == len(sent.bad) + len(untrue)
    assert {one.value for one in untrue} == {
        encode(each) for each in sent.events if each.seq in sent.untrue
    }
    reasons = sorted(one.reason for one in untrue)
    for reason, why in zip(reasons, sorted(sent.untrue.values()), strict=True):
        assert why in reason


def by_commands(sent: Sent, capsys: pytest.CaptureFixture[str]) -> None:
    """See that what lies there can be read, and that only what may be of use is sent again."""
    most = ("--limit", str(10 * MESSAGES))
    listed = command("dlq", "list", *most, capsys=capsys)
    lines = listed.out.removesuffix("\n").split("\n")
    assert (listed.status, len(lines)) == (0, len(sent.bad) + len(sent.untrue))
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 1000
    done: dict[str, int] = {"sent": 0, "cut": 0, "bad": 0}
    for topic in sorted({each.topic for each in sent.bad.values()}):
        shown = command("dlq", "show", topic, *most, capsys=capsys)
        assert shown.status == 0
        assert all(line.isprintable() for line in shown.out.split("\n"))
        for _ in range(2):
            given = facts(command("dlq", "replay", topic, *most, "--json", capsys=capsys))
            done = {name: done[name] + given[name] for name in done}
    large = sum(len(each.value or b"") == FIVE_MB for each in sent.bad.values())
    assert done == {"sent": len(sent.untrue), "cut": large, "bad": len(sent.bad) - large}
