"""The projector reads the topics of a real server: all runs, each event once, through kills."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alphapanda.bus.dead_letters import letter
from alphapanda.bus.publisher import Record
from alphapanda.bus.topic_reader import newest
from alphapanda.config import sections
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.events import EventType, Rejection
from alphapanda.faults import VARIABLE
from alphapanda.journal.journal import Journal
from alphapanda.projection.from_topics import TopicReader, rewind
from alphapanda.projection.projector import Projector
from alphapanda.projection.tables import Tables
from alphapanda.store.database import Database
from alphapanda.store.trading import Fill, Signal
from tests.projection.days import by_way, environment, eventually, rows_of
from tests.projection.made_up import event, fresh, trades
from tests.projection.on_topics import compared, reading, sent, to_the_end
from tests.support.events import FILLS, forget, message, send, until
from tests.support.running import called, process, session, started
from tests.support.servers import databases
from tests.support.servers.databases import using
from tests.support.servers.kafka import Kafka
from tests.support.servers.postgres import Postgres
from tests.support.servers.process import wait_until
from tests.support.servers.proxy import Proxy

POSTGRES = pytest.mark.parametrize("migrated_database", ["postgresql"], indirect=True)
"""For what is about the topics and the process: the other database has no part in it."""


def test_runs_on_the_topics_become_tables(settings: Settings) -> None:
    """Of several runs, sent twice and on many topics, each event is taken in once.

    Read again from the start it changes nothing; dropped and read again it is all there.
    """
    asyncio.run(rewind(settings))
    reading(settings, to_the_end)  # what other tests left
    one, two = fresh(), fresh()
    pairs = zip(trades(one, 60), trades(two, 60), strict=True)
    events = [each for pair in pairs for each in pair]
    sent(settings, [*events, *events[100:350]])
    seen: list[tuple[int, int]] = []

    async def watched(reader: TopicReader) -> None:
        all_there = reader.caught_up(lambda done, total: seen.append((done, total)))
        assert await all_there == len(events) + 250
        await reader.health()

    reading(settings, watched)
    assert seen[-1][0] == seen[-1][1]
    compared(settings, one, 60)
    compared(settings, two, 60)
    asyncio.run(rewind(settings))
    again = reading(settings, to_the_end)
    assert again.processor.figures()["received"] >= len(events) + 250
    assert again.projector.progress.taken == 0
    compared(settings, one, 60)
    using(settings, lambda database: Tables(database).clear())
    asyncio.run(rewind(settings))
    reading(settings, to_the_end)
    compared(settings, one, 60)
    compared(settings, two, 60)


@POSTGRES
def test_an_event_that_cannot_be_true_is_a_dead_letter(settings: Settings) -> None:
    """It lies in its topic's .dlq with the reason, though it was held first; the rest goes on."""
    run = fresh()
    events = trades(run, 3)
    wrong = msgspec.structs.replace(events[11].data, position=77)
    events[11] = msgspec.structs.replace(events[11], data=wrong)
    sent(settings, events[::-1])
    found = reading(settings, to_the_end)
    assert found.projector.progress.taken == 18
    assert found.projector.progress.holes.get(run) is None
    letters = [
        letter(each) for each in asyncio.run(newest(settings, "replay.orders.filled.dlq", 100))
    ]
    mine = {each.reason for each in letters if run.encode() in each.value}
    assert mine == {"a position that does not add up"}


@POSTGRES
def test_what_was_bad_before_gets_no_second_letter(settings: Settings) -> None:
    """Made again from topics with more bad messages than a minute may have: no letter is written.

    Nor is one for an event that can't be true. A bad message that is new gets its letter.
    """
    run = fresh()
    events = trades(run, 3)
    wrong = msgspec.structs.replace(events[11].data, position=77)
    events[11] = msgspec.structs.replace(events[11], data=wrong)
    bad = [Record(FILLS, b"x", b'{"%b": %d}' % (run.encode(), number)) for number in range(60)]
    asyncio.run(send(settings, [*bad, *(message(each) for each in events)]))
    first = reading(settings, to_the_end).processor.delivery.delivered
    assert first.reasons["PoisonError"] == 60
    assert first.reasons["refused"] >= 1
    asyncio.run(send(settings, [Record(FILLS, b"x", b"{")]))
    given = {**environment(settings), "ALPHAPANDA_BUS__LETTERS_A_MINUTE": "5"}
    told = called("project", "--rebuild", "--json", cwd=settings.base_dir, **given)
    assert told.status == 1, told.err
    assert json.loads(told.out)["letters"] == 1
    again = called("project", cwd=settings.base_dir, **given)
    assert "new dead letters" not in again.out
    letters = [letter(each) for each in asyncio.run(newest(settings, f"{FILLS}.dlq", 1_000))]
    ours = [each for each in letters if run.encode() in each.value]
    assert len(ours) == first.letters


@POSTGRES
def test_a_signal_for_nonsense_is_part_of_the_run(settings: Settings) -> None:
    """A request at a price below 0, which the gate has refused, is no poison and leaves no hole."""
    run = fresh()
    events = trades(run, 2)[:8]
    terms = {"price": "-1.00", "code": "PRICE"}
    request = msgspec.structs.replace(events[7].data, price="-1.00")
    events[7] = msgspec.structs.replace(events[7], data=request)
    common = {name: getattr(request, name) for name in ("cause", "strategy", "instrument", "order")}
    verdict = Rejection(**common, qty=1, value=-1, limit=0, kind=1, **terms)
    sent(settings, [*events, event(run, 7, EventType.REJECTED_SIGNAL, verdict, events[7].key)])
    found = reading(settings, to_the_end)
    assert found.projector.progress.holes.get(run) is None
    assert found.projector.progress.refused == 0

    async def work(database: Database) -> None:
        signals = (await rows_of(database, run, Signal))["signals"]
        assert {(row["status"], row["price"]) for row in signals} == {
            ("validated", 0), ("rejected", -10_000),
        }  # fmt: skip

    using(settings, work)


@POSTGRES
def test_a_hole_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that never comes stops its own run alone, and health names it and the remedy."""
    run, other = fresh(), fresh()
    events = trades(run, 3)
    sent(settings, [*events[:5], *events[6:], *trades(other, 3)])
    monkeypatch.setattr("alphapanda.projection.projector.PATIENCE_S", 0)

    async def work(reader: TopicReader) -> None:
        await to_the_end(reader)
        with pytest.raises(Exception, match=f"run {run}: event 4 has not come") as told:
            await reader.health()
        assert "alphapanda project RUN" in str(told.value)

    reading(settings, work)
    compared(settings, other, 3)


@POSTGRES
def test_a_server_killed_in_the_middle(settings: Settings, server: Kafka) -> None:
    """Killed and started again, everything arrives, once."""
    run = fresh()
    events = trades(run, 150)
    sent(settings, events[:450])

    async def work(reader: TopicReader) -> None:
        async def some() -> bool:
            return reader.projector.progress.taken > 0

        await eventually(some)
        server.kill()
        server.start()  # on this thread: it dies with the one that started it
        await send(settings, [message(each) for each in events[450:]])
        await to_the_end(reader)

    reading(settings, work)
    compared(settings, run, 150)


@pytest.mark.parametrize(
    ("migrated_database", "point"),
    [("postgresql", "page written"), ("postgresql", "page kept"), ("sqlite", "page written")],
    indirect=["migrated_database"],
)
def test_killed_between_two_steps_it_goes_on(settings: Settings, point: str) -> None:
    """A process killed before or after its commit reads on: what comes again changes nothing.

    Behind the commit no transaction is open, and the databases do not differ.
    """
    run = fresh()
    sent(settings, trades(run, 30))
    given = environment(settings)
    dies = {"ALPHAPANDA_BUS__SESSION_TIMEOUT_S": "1", VARIABLE: f"{point}:1"}
    killed = process("project", cwd=settings.base_dir, **given, **dies)
    assert killed.status == -signal.SIGKILL
    told = called("project", "--json", cwd=settings.base_dir, **given)
    assert told.status == 0, told.err
    assert json.loads(told.out)["source"] == "topics"
    assert run not in json.loads(told.out)["waiting"]
    compared(settings, run, 30)


@POSTGRES
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_followed_until_stopped(settings: Settings, number: signal.Signals) -> None:
    """What comes while it runs is taken in; Ctrl-C and SIGTERM end it in order, with status 130."""
    run = fresh()
    words = ["run", "--role", "project"]
    with started(*words, cwd=settings.base_dir, **environment(settings)) as following:
        assert wait_until(lambda: "Ctrl-C stops" in following.said(), 90)
        sent(settings, trades(run, 20))

        async def there(database: Database) -> bool:
            fills = (await rows_of(database, run, Fill))["fills"]
            return len(fills) == 20

        async def arrived(database: Database) -> None:
            await eventually(lambda: there(database))

        using(settings, arrived)
        following.send_signal(number)
        assert following.wait(90) == 130
    compared(settings, run, 20)


def test_a_database_that_goes_away_ends_a_single_pass(
    tmp_path: Path, server: Kafka, templates: databases.Templates, own_postgres: Postgres
) -> None:
    """Asked to catch up once, it does not wait for ever: the error names the database."""
    run = fresh()
    with templates.migrated(tmp_path, own_postgres.url) as made:
        bus = sections.Bus(enabled=True, servers=server.url)
        settings = made.model_copy(update={"bus": bus})

        async def work(reader: TopicReader) -> None:
            await to_the_end(reader)
            own_postgres.stop()
            await send(settings, [message(each) for each in trades(run, 5)])
            with pytest.raises(OutsideError, match="PostgreSQL at"):
                await reader.caught_up()
            own_postgres.start()
            await to_the_end(reader)

        reading(settings, work)
        compared(settings, run, 5)


def test_a_database_that_falls_silent_is_waited_for(
    tmp_path: Path, server: Kafka, templates: databases.Templates, postgres_url: str
) -> None:
    """Health names it; a stop meanwhile comes within 10 s; the next one takes in what was left."""
    run = fresh()
    with (
        templates.migrated(tmp_path, postgres_url) as made,
        Proxy(made.database.url.get_secret_value()) as way,
    ):
        direct = made.model_copy(update={"bus": sections.Bus(enabled=True, servers=server.url)})
        settings = by_way(direct, "database", way)

        async def go() -> None:
            reader = TopicReader(settings, Projector(settings))
            await reader.start()
            await to_the_end(reader)
            way.blackhole()
            await send(settings, [message(each) for each in trades(run, 5)])
            await until(lambda: reader.processor.delivery.delivered.errors > 0)
            with pytest.raises(OutsideError, match="PostgreSQL at"):
                await reader.health()
            async with asyncio.timeout(10):
                await reader.stop()

        asyncio.run(go())
        way.heal()
        reading(settings, to_the_end)
        compared(direct, run, 5)


@POSTGRES
@pytest.mark.core
def test_topics_and_journal_give_the_same_tables(settings: Settings) -> None:
    """A real run, projected beside itself from its journal, is the same when made from the topics.

    Its manifest too, which the word that it began holds; the code of its strategies is in neither.
    """
    ended = called("paper", "ema_cross", "--feed", f"replay:{session(2, 600)}", "--speed", "max",
                   "--limits", "wide", "--param", "fast=3", "--param", "slow=8", "--out", "run",
                   "--json", cwd=settings.base_dir, **environment(settings))  # fmt: skip
    assert ended.status == 0, ended.err
    run = str(Journal.open(settings.base_dir / "run").contents.manifest["run_id"])

    def rows() -> dict[str, Any]:
        return dict(using(settings, lambda database: rows_of(database, run)))

    beside = rows()
    assert beside["fills"]
    told = beside["runs"][0]["manifest"]
    assert told["options"]["limits"] == "wide"
    assert told["strategies"][0]["sha256"]
    assert "def on_tick" not in json.dumps(told)
    assert reading(settings, to_the_end).projector.progress.taken >= 0
    assert rows() == beside
    using(settings, lambda database: Tables(database).clear())
    asyncio.run(rewind(settings))
    reading(settings, to_the_end)
    assert rows() == beside


@POSTGRES
def test_topics_that_lost_their_oldest_are_no_source(settings: Settings) -> None:
    """What retention has taken can't be made again: refused, and the way is named."""
    sent(settings, trades(fresh(), 3))
    asyncio.run(forget(settings, "replay.orders.submitted"))
    with pytest.raises(
        UsageError, match=r"replay\.orders\.submitted: the oldest messages are gone"
    ):
        asyncio.run(rewind(settings))
