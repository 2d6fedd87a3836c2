"""Beside a real Kafka: the relay's rate, how fast readers catch up, and memory of a long run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from alphapanda import config
from alphapanda.bus import topics
from alphapanda.bus.cursor import FileCursor
from alphapanda.bus.dedup import SeenHere
from alphapanda.bus.processor import Processor
from alphapanda.bus.relay import Relay
from alphapanda.config import sections
from alphapanda.config.settings import Settings
from alphapanda.events.events import Envelope
from alphapanda.events.topics import BROKERS
from alphapanda.journal.journal import Journal
from alphapanda.projection.from_topics import TOPICS, TopicReader, rewind
from alphapanda.projection.projector import Projector
from alphapanda.runs import paper
from alphapanda.store import migrating
from tests.bench.trading import ready
from tests.support.servers import databases, own
from tests.support.servers.kafka import Kafka
from tests.support.servers.postgres import Postgres

Say = Callable[[str], None]
LOOK_S = 0.05
SAMPLES = 5


def measure(say: Say, folder: Path, data: Path, resident: Callable[[], float]) -> None:
    """Trade once, then send the run's envelopes and read them back, each part timed alone."""
    run = memory(say, folder, data, resident)
    with own(Kafka) as server:
        bus = sections.Bus(enabled=True, servers=server.url)
        settings = databases.settings_of(folder, "").model_copy(update={"bus": bus})
        asyncio.run(topics.bootstrap(settings, BROKERS))
        asyncio.run(relayed(say, settings, run))
        asyncio.run(read_back(say, settings, Journal.open(run).seq))
        migrating.upgrade(settings)
        asyncio.run(projected(say, settings, "SQLite"))
        with own(Postgres) as postgres, databases.Templates(folder).migrated(
            folder, postgres.url
        ) as made:  # fmt: skip
            settings = made.model_copy(update={"bus": bus})
            asyncio.run(projected(say, settings, "PostgreSQL"))


def memory(say: Say, folder: Path, data: Path, resident: Callable[[], float]) -> Path:
    """Trade on paper as fast as it comes, and tell what memory was held on the way."""
    sizes: list[tuple[int, float]] = []

    def look(trading: paper.PaperRun) -> None:
        done, total = trading.run.session.rows, trading.run.plan.feed.rows or 0
        if done >= len(sizes) * total / SAMPLES:
            sizes.append((done, resident()))

    with ready(data) as (run_plan, source):
        paper.run_paper(run_plan, source, folder / "long", config.load(), show=look)
    told = ", ".join(f"{mb:.0f} MB at {rows:,}" for rows, mb in sizes)
    say(f"paper, memory by ticks done: {told}")
    return folder / "long"


async def relayed(say: Say, settings: Settings, run: Path) -> None:
    """Send a run's envelopes."""
    journal = Journal.open(run)
    run_id = str(journal.contents.manifest["run_id"])
    relay = Relay(settings, journal, FileCursor(run / "bench.cursor"), run_id=run_id)
    begun = perf_counter()
    await relay.start()
    await relay.drained()
    spent = perf_counter() - begun
    await relay.stop()
    say(f"relay: {journal.seq / spent:,.0f} envelopes/s to Kafka ({journal.seq:,}; target 15,000)")


async def read_back(say: Say, settings: Settings, envelopes: int) -> None:
    """Read all topics as a group that begins with the oldest, doing nothing with them."""
    got = 0

    async def count(events: Sequence[Envelope]) -> None:
        nonlocal got
        got += len(events)

    reader = Processor(settings, name="bench", topics=TOPICS, apply=count, seen=SeenHere(100_000))

    begun = perf_counter()
    await reader.start()
    while got < envelopes:
        await reader.health()
        await asyncio.sleep(LOOK_S)
    spent = perf_counter() - begun
    await reader.stop()
    say(f"reader: {got / spent:,.0f} envelopes/s, checked and committed")


async def projected(say: Say, settings: Settings, where: str) -> None:
    """Take all topics into tables."""
    await rewind(settings)
    reader = TopicReader(settings, Projector(settings))
    begun = perf_counter()
    await reader.start()
    messages = await reader.caught_up()
    spent = perf_counter() - begun
    await reader.stop()
    say(f"projector, from the topics into {where}: {messages / spent:,.0f} envelopes/s")
