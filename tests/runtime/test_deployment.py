"""A process with real servers: what it starts, in order, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alphapanda import config
from alphapanda.bus import topic_reader, topics
from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.events import SHARED, Broker, Envelope, EventType, decode, encode
from alphapanda.events.feeds import event_of
from alphapanda.events.topics import BROKERS, TOPICS, topic_of
from alphapanda.events.topics import topics as table_topics
from alphapanda.journal.journal import Journal
from alphapanda.projection import changes, from_topics
from alphapanda.research.result import Result
from alphapanda.runtime.failing import failure
from alphapanda.runtime.lifecycle import Part, Parts
from alphapanda.runtime.parts import Role, Wanted
from alphapanda.runtime.roles import carry_out
from alphapanda.store import seeding
from alphapanda.store.database import Database
from tests.support.events import name_of_own
from tests.support.running import session
from tests.support.servers import databases

pytestmark = pytest.mark.core

ROWS = 1_000
"""Of each of two shares."""
GIVEN = {"limits": "wide", "params": ["fast=10", "slow=40"]}


@pytest.fixture(autouse=True, scope="module")
def _aside() -> Iterator[None]:
    """Keep what other tests have left out of the collector's walks, of which there are many."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Counted:
    """A part, and what is done with it; it may fail to start, before or after it really has."""

    def __init__(self, part: Part, told: Counter[str], failing: str) -> None:
        self.part, self.told, self.failing = part, told, failing
        self.name = type(part).__name__

    async def start(self) -> None:
        """Start it, or fail."""
        self.told[f"start {self.name}"] += 1
        if self.failing == f"before {self.name}":
            raise OutsideError(self.name)
        await self.part.start()
        if self.failing == f"after {self.name}":
            await self.part.stop()
            raise OutsideError(self.name)

    async def stop(self) -> None:
        """Stop it."""
        self.told[f"stop {self.name}"] += 1
        await self.part.stop()

    async def health(self) -> None:
        """Ask it."""
        await self.part.health()


class Watched(Parts):
    """Parts that are counted."""

    def __init__(self, failing: str, **given: Any) -> None:
        super().__init__(**given)
        self.told: Counter[str] = Counter()
        self.failing = failing

    def start(self, *parts: Part) -> None:
        """Start parts, each counted."""
        super().start(*(Counted(part, self.told, self.failing) for part in parts))


def carried_out(wanted: Wanted, failing: str = "") -> tuple[Any, Watched]:
    """Do what is wanted; return the result or the error, and the parts that lived."""
    made: list[Watched] = []

    def parts_of(**given: Any) -> Parts:
        made.append(Watched(failing, **given))
        return made[0]

    before = left_over()
    try:
        result: Any = carry_out(wanted, config.load(), parts_of=parts_of)
    except OutsideError as error:
        result = error
    assert left_over() == before
    assert made[0].left == []
    return result, made[0]


def left_over() -> tuple[set[str], int]:
    """Return the threads of this process, and how many sockets it has open."""
    gc.collect()
    files = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    links = [os.readlink(file) for file in files if file.is_symlink()]  # noqa: PTH115
    names = {each.name for each in threading.enumerate() if not each.name.startswith("asyncio_")}
    return names, sum(link.startswith("socket:") for link in links)


@pytest.fixture
def servers(
    tmp_path: Path, kafka_address: str, redis_url: str, postgres_url: str,
    templates: databases.Templates, monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:  # fmt: skip
    """Set all servers, with topics and tables, for the processes of a test."""
    with templates.migrated(tmp_path, postgres_url) as settings:
        url = settings.database.url.get_secret_value()
        for name, value in {
            "BASE_DIR": str(tmp_path), "BUS__SERVERS": kafka_address, "REDIS__URL": redis_url,
            "DATABASE__URL": url, "LOGS__CONSOLE": "off", "BUS__CONNECT_TIMEOUT_S": "3",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"ALPHAPANDA_{name}", value)
        asyncio.run(topics.bootstrap(config.load(), [Broker.PAPER]))
        yield


def feed() -> Wanted:
    return Wanted([], {}, [f"replay:{session(2, ROWS)}"], frozenset({Role.FEED}), "max")


def trade(feed_id: str) -> Wanted:
    return Wanted(["ema_cross"], GIVEN, [f"bus:{feed_id}"], out=folder_of_own())


def folder_of_own() -> Path:
    """Return a folder for a run that no other run has."""
    return config.load().runs_dir / name_of_own()


@pytest.mark.usefixtures("servers")
def test_each_part_is_started_once_and_stopped_once() -> None:
    """A feed's process, then one that trades on it: every part lives once, nothing is left."""
    sent, parts = carried_out(feed())
    assert sent["rows"] == 2 * ROWS
    assert parts.told == Counter(f"{w} {n}" for w in ("start", "stop")
                                 for n in ("Database", "FeedSender", "Heartbeat"))  # fmt: skip
    wanted = Wanted(["ema_cross"], GIVEN, feed().feed, speed="max", out=folder_of_own())
    direct, _ = carried_out(wanted)
    result, parts = carried_out(trade(sent["feed"]))
    assert isinstance(result, Result)
    assert result.summary["digest"] == direct.summary["digest"]
    names = ("Database", "FeedReader", "Heartbeat", "RunProjector", "RunRelay")
    assert parts.told == Counter(f"{word} {n}" for word in ("start", "stop") for n in names)


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize("when", ["before", "after"])
def test_whichever_part_can_not_start_nothing_is_left(when: str) -> None:
    """Each part in turn: what ran before is stopped once, no thread, task or socket stays."""
    sent, _ = carried_out(feed())
    for wanted, names in (
        (feed(), ["Database", "FeedSender"]),
        (trade(sent["feed"]), ["Database", "FeedReader", "RunProjector", "RunRelay"]),
    ):
        for name in names:
            error, parts = carried_out(wanted, f"{when} {name}")
            assert isinstance(error, OutsideError), error
            assert str(error) == name
            assert parts.told[f"stop {name}"] == 0
            for other in names:
                assert parts.told[f"start {other}"] <= 1
                assert parts.told[f"stop {other}"] <= parts.told[f"start {other}"]
            if name != "Database":
                assert parts.told["stop Database"] == 1
    assert not list(config.load().runs_dir.glob("*/*"))


@pytest.fixture(params=["nobody", "silent"])
def no_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return an address where nobody listens, then one where nobody ever answers."""
    if request.param == "nobody":
        yield "127.0.0.1:9"
        return
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"127.0.0.1:{silent.getsockname()[1]}"


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize("settings", [
    {"DATABASE__URL": "postgresql://x@{}/x"},
    {"BUS__SERVERS": "{}"},
    {"REDIS__URL": "redis://:secret@{}/0"},
    {"BUS__SERVERS": "{}", "REDIS__URL": "redis://:secret@{}/0"},
])  # fmt: skip
def test_a_server_that_does_not_answer_stops_the_start(
    settings: dict[str, str], no_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says in time what to do about each, without the password; nothing is begun."""
    wanted = feed()
    if "BUS__SERVERS" in settings:  # whose limit is the longest
        monkeypatch.setenv("ALPHAPANDA_BUS__CONNECT_TIMEOUT_S", "1")
    for name, value in settings.items():
        monkeypatch.setenv(f"ALPHAPANDA_{name}", value.format(no_server))
    began = time.monotonic()
    error, parts = carried_out(wanted)
    assert time.monotonic() - began < 30  # its limits end in some 5 s; the machine may be busy
    assert isinstance(error, OutsideError), error
    assert all(f"ALPHAPANDA_{name}" in str(error) for name in settings)
    assert no_server in str(error)
    assert "secret" not in str(error)
    assert "start FeedSender" not in parts.told


@pytest.mark.usefixtures("servers")
def test_topics_and_tables_that_are_missing_are_told(
    tmp_path: Path, postgres_url: str, templates: databases.Templates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """An empty database asks for `db upgrade`."""
    with templates.empty(tmp_path, postgres_url) as settings:
        monkeypatch.setenv("ALPHAPANDA_DATABASE__URL", settings.database.url.get_secret_value())
        error, parts = carried_out(feed())
        assert "alphapanda db upgrade" in str(error)
        assert parts.told["stop Database"] == 1


async def set_up(database: Database, **values: Any) -> None:
    """Seed strategies and make one active."""
    await database.start()
    try:
        async with database.session(writes=True) as made:
            row = seeding.fresh(database.settings, "ema_cross", {"fast": 50, "slow": 200}, 1)
            for name, value in values.items():
                setattr(row, name, value)
            made.add(row)
            await made.commit()
    finally:
        await database.stop()


@pytest.mark.usefixtures("servers")
def test_without_names_the_active_strategies_trade() -> None:
    """None is a mistake that says what to do; one that is active runs with its own values."""
    wanted = Wanted([], {"limits": "wide"}, feed().feed, speed="max")
    with pytest.raises(UsageError, match="none is active"):
        carry_out(wanted, config.load())
    asyncio.run(set_up(Database(config.load()), active=True, instruments=["NSE:BAMBOO"]))
    result, _ = carried_out(wanted)
    assert list(result.summary["strategies"]) == ["ema_cross"]
    assert result.summary["strategies"]["ema_cross"]["params"]["fast"] == 50


@pytest.mark.usefixtures("servers")
def test_what_lies_on_the_topics_is_as_the_table_says() -> None:
    """Type, topic, key and producer of all that a feed, and a run on it, have published."""
    sent, _ = carried_out(feed())
    by_feed = {event.type: event for event in published(sent["feed"])}
    assert {*by_feed} == made_by("feed") - {EventType.MARKET_BAR}
    wanted = trade(sent["feed"])
    carried_out(wanted)
    assert wanted.out is not None
    run_id = Journal.open(wanted.out).contents.manifest["run_id"]
    by_trade = {event.type: event for event in published(run_id)}
    assert {EventType.ORDER_FILLED, EventType.PNL_SNAPSHOT, EventType.RUN_STATE} <= {*by_trade}
    assert {*by_trade} <= made_by("trade")
    for kind in EventType:  # the projector reads all, a run what a feed says of itself
        assert {*from_topics.TOPICS} >= {topic_of(kind, broker) for broker in brokers_of(kind)}
    of_rows = {event_of(kind) for kind in ("tick", "quote", "bar")}
    assert {k for k in EventType if "trade" in TOPICS[k].consumers} == {
        *of_rows, EventType.FEED_STATE
    }  # fmt: skip


def made_by(producer: str) -> set[EventType]:
    """Return the types that the table says somebody produces."""
    return {kind for kind in EventType if TOPICS[kind].producer == producer}


def brokers_of(kind: EventType) -> tuple[str, ...]:
    """Return the brokers whose topics a type of event is on."""
    return (SHARED,) if TOPICS[kind].name.startswith("market.") else BROKERS


def published(whose: str) -> list[Envelope]:
    """Return the events of a run or feed on all topics, each checked against the table."""
    found = []
    for name in table_topics(Broker.PAPER):
        for one in asyncio.run(topic_reader.newest(config.load(), name, 10_000)):
            event = decode(one.value)
            if whose not in (event.run_id, event.source):
                continue
            found.append(event)
            assert topic_of(event.type, event.broker) == name
            facts = {"feed": event.source, "run": event.run_id, **changes.fields(event.data)}
            key = KEYS[TOPICS[event.type].key].format(**facts)
            assert (one.key.decode(), event.key) == (key, key)
    return found


KEYS = {
    "EXCHANGE:SYMBOL": "{instrument}", "feed": "{feed}", "strategy:instrument":
    "{strategy}:{instrument}", "run id:order": "{run}:{order}", "strategy": "{strategy}",
    "run id": "{run}",
}  # fmt: skip


FAILS = """
from alphapanda import state, strategy

@strategy(compiled=False)
class Fails:
    \"\"\"Fails in the middle of the day.\"\"\"
    seen = state(0)

    def on_tick(self, ctx):
        self.seen += 1
        if self.seen == 700:
            raise ValueError("no more, password=hunter2")
"""


@pytest.mark.usefixtures("servers")
def test_who_fails_says_so_on_the_topics(tmp_path: Path) -> None:
    """A strategy that fails ends its run: `system_error` names the run and why, without secrets."""
    file = tmp_path / "fails.py"
    file.write_text(FAILS)
    wanted = Wanted([str(file)], {"limits": "wide"}, feed().feed, speed="max", out=folder_of_own())
    with pytest.raises(UsageError, match="no more"):
        carried_out(wanted)
    assert wanted.out is not None
    run_id = Journal.open(wanted.out).contents.manifest["run_id"]
    found = [
        event
        for one in asyncio.run(topic_reader.newest(config.load(), "paper.system", 1_000))
        if (event := decode(one.value)).run_id == run_id
    ]
    assert {event.type for event in found} == {EventType.RUN_STATE, EventType.SYSTEM_ERROR}
    [told] = [event.data for event in found if event.type == EventType.SYSTEM_ERROR]
    assert told.part == "feed+trade+relay+project"
    assert "fails.py:12" in told.message
    assert "ValueError: no more, password=***" in told.message


def test_a_failure_that_concerns_no_run_can_be_read() -> None:
    """Who follows the topics has no run: the event has a key all the same, and a reason."""
    event = decode(encode(failure("project", "", ValueError())))
    assert (event.key, event.run_id, event.data.message) == ("project", "", "ValueError")
