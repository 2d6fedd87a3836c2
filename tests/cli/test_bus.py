"""bootstrap, tail and dlq on a real server: what they print, what they refuse, how they end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from alphapanda.bus import topics
from alphapanda.bus.client import kafka, opened
from alphapanda.bus.dead_letters import buried
from alphapanda.bus.decoding import PoisonError, taken_in
from alphapanda.bus.dedup import SeenHere
from alphapanda.bus.publisher import Record, producing
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.events.events import decode
from alphapanda.events.topics import DLQ
from tests.support.events import FILLS, fill, message, name_of_own, send, settings_for
from tests.support.running import command, facts

SPOILT = "replay.orders.failed"
"""Takes what is no event: other tests read the topic of fills."""
GOLDEN = Path(__file__).parents[1] / "golden" / "events_v1.jsonl"


class Message:
    """A message as a consumer gives it."""

    def __init__(self, topic: str, value: bytes, key: bytes = b"") -> None:
        self.topic, self.value, self.key = topic, value, key
        self.partition, self.offset, self.timestamp = 0, 7, 1


@pytest.fixture
def server(tmp_path: Path, kafka_address: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings with a server that commands use too."""
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(tmp_path))
    monkeypatch.setenv("ALPHAPANDA_BUS__SERVERS", kafka_address)
    made = settings_for(tmp_path, kafka_address)
    asyncio.run(topics.bootstrap(made, ["replay"]))
    return made


def test_bootstrap_makes_topics_once(server: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Each topic with that of its dead letters; again makes none and says so."""
    named = topics.wanted(["paper", "replay"])
    assert {name + DLQ for name in named if not name.endswith(DLQ)} < set(named)
    words = ("bootstrap", "--broker", "paper", "--broker", "replay")
    first = facts(command(*words, "--json", capsys=capsys))
    assert sorted(first["created"] + first["kept"]) == sorted(named)
    assert facts(command(*words, "--json", capsys=capsys)) == {"created": [], "kept": named}
    done = command(*words, capsys=capsys)
    assert done.out == f"0 topics created, {len(named)} were there\n"


@pytest.mark.parametrize(("setting", "value", "said"), [
    ("TICKS__PARTITIONS", "9", ["market.ticks ", "4 partitions", "bus.ticks.partitions", "9"]),
    ("DLQ__RETENTION_H", "1", ["market.ticks.dlq", "7776000000", "bus.dlq.retention_h", "3600000"]),
    ("MESSAGE_BYTES", "5000", ["max.message.bytes", "bus.message_bytes"]),
    ("TOPICS", '{"market.bars": {"partitions": 3}}', ['bus.topics."market.bars".partitions', "3"]),
    ("TOPICS", '{"market.tick": {"partitions": 3}}', ['bus.topics."market.tick"', "mean market"]),
])  # fmt: skip
def test_bootstrap_refuses_what_contradicts(
    server: Settings, setting: str, value: str, said: list[str],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The message names topic, setting and both values."""
    monkeypatch.setenv(f"ALPHAPANDA_BUS__{setting}", value)
    done = command("bootstrap", "--broker", "replay", capsys=capsys)
    assert (done.status, done.out) == (2, "")
    assert [word for word in said if word not in done.err] == []


@pytest.mark.parametrize("words", [
    ("bootstrap",), ("tail", "market.ticks"), ("dlq", "list"), ("dlq", "replay", "market.ticks"),
])  # fmt: skip
def test_no_server_is_an_outside_failure(
    tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Status 3 and what to do; with no server configured status 2 and which setting."""
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(tmp_path))
    monkeypatch.setenv("ALPHAPANDA_BUS__ENABLED", "false")
    done = command(*words, capsys=capsys)
    assert (done.status, "ALPHAPANDA_BUS__SERVERS" in done.line) == (2, True)
    monkeypatch.setenv("ALPHAPANDA_BUS__ENABLED", "true")
    monkeypatch.setenv("ALPHAPANDA_BUS__SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("ALPHAPANDA_BUS__CONNECT_TIMEOUT_S", "1")
    done = command(*words, capsys=capsys)
    assert (done.status, "start it" in done.line) == (3, True)


@pytest.mark.parametrize(("words", "said"), [
    (("bootstrap", "--broker", "papre"), "Did you mean paper?"),
    (("tail", "replay.orders.fill"), "Did you mean replay.orders.filled"),
    (("tail", FILLS, "--limit", "0"), "--limit 0"),
    (("tail", FILLS, "--follow", "--json"), "leave one out"),
    (("dlq", "show", FILLS, "--offset", "99999999"), "has offsets"),
    (("dlq", "list", "nowhere"), "no topic nowhere.dlq"),
])  # fmt: skip
def test_mistakes_are_told(
    server: Settings, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, one line, what to write instead."""
    done = command(*words, capsys=capsys)
    assert (done.status, said in done.line) == (2, True)


def test_tail_prints_the_newest_events(
    server: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line an event with India's time, type, key and payload; what is no event is shown too."""
    run = name_of_own()
    events = [fill(run, seq) for seq in range(5)]
    asyncio.run(send(server, [*map(message, events), Record(SPOILT, b"k", b"\x1b[31m{")]))
    lines = command("tail", FILLS, "--limit", "2", capsys=capsys).out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("2025-11-25 09:15:00.000  order_filled")
    assert f"{run}:3" in lines[0]
    assert "price=1500.05" in lines[0]
    assert "not an event" in command("tail", SPOILT, "--limit", "1", capsys=capsys).out
    told = facts(command("tail", FILLS, "--limit", "2", "--json", capsys=capsys))
    assert [one["envelope"]["seq"] for one in told["messages"]] == [3, 4]
    told = facts(command("tail", SPOILT, "--limit", "1", "--json", capsys=capsys))
    assert told["messages"][0]["text"] == "\\x1b[31m{"


def test_dead_letters_are_listed_shown_and_sent_again_once(
    server: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it came from and why; back on its topic with its key and bytes; the next has none."""
    run = name_of_own()
    command("dlq", "replay", FILLS, "--limit", "1000", capsys=capsys)
    sent = message(fill(run, 1))
    dead = buried(server, Message(FILLS, sent.value, sent.key), reason=f"why {run}", group="g")
    asyncio.run(send(server, [dead]))
    listed = facts(command("dlq", "list", "--limit", "1", "--json", capsys=capsys))["letters"]
    assert [(one["reason"], one["origin_offset"]) for one in listed] == [(f"why {run}", 7)]
    assert f"why {run}" in command("dlq", "list", FILLS, capsys=capsys).out
    number = str(listed[0]["offset"])
    shown = command("dlq", "show", FILLS, "--offset", number, capsys=capsys).out
    assert sent.value.decode() in shown
    words = ("dlq", "replay", FILLS, "--json")
    assert facts(command(*words, capsys=capsys)) == {"topic": FILLS, "sent": 1, "cut": 0, "bad": 0}
    assert facts(command(*words, capsys=capsys)) == {"topic": FILLS, "sent": 0, "cut": 0, "bad": 0}
    tail = facts(command("tail", FILLS, "--limit", "1", "--json", capsys=capsys))
    assert tail["messages"][0]["envelope"]["run_id"] == run
    assert facts(command(*words, "--offset", number, capsys=capsys))["sent"] == 1


def test_letters_that_would_only_come_back_are_not_sent_again(
    server: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half a message is no message, and what is still no event stays; the others are sent."""
    command("dlq", "replay", FILLS, "--limit", "1000", capsys=capsys)
    good = message(fill(name_of_own(), 1))
    dead = {
        "large": Message(FILLS, b"x" * 2_000_000),
        "small": Message(FILLS, good.value, good.key),
        "\x1b[31m\nnone": Message(FILLS, b'{"type":"\\u001b[31m"}'),
    }
    records = [buried(server, one, reason=why, group="g") for why, one in dead.items()]
    asyncio.run(send(server, records))
    done = command("dlq", "replay", FILLS, capsys=capsys)
    assert "1 sent to replay.orders.filled again; 1 were too large" in done.out
    assert "1 can't be used now either and are not: alphapanda dlq show" in done.out
    listed = facts(command("dlq", "list", FILLS, "--limit", "3", "--json", capsys=capsys))
    offsets = {one["reason"]: str(one["offset"]) for one in listed["letters"]}
    assert [one["whole"] for one in listed["letters"]] == [False, True, True]
    words = ("dlq", "replay", FILLS, "--offset")
    for why, said in (("large", "only 65536 of 2000000 bytes"), ("\x1b[31m\nnone", "not an event")):
        told = command(*words, offsets[why], capsys=capsys)
        assert (told.status, said in told.line) == (2, True)
    assert command(*words, offsets["small"], capsys=capsys).status == 0
    for word in ("list", "show"):
        lines = command("dlq", word, FILLS, "--limit", "3", capsys=capsys).out.split("\n")
        assert all(line.isprintable() for line in lines)
        assert any("\\x1b[31m\\nnone" in line for line in lines)


def test_letters_that_others_have_written_are_read(
    server: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Headers may be missing, empty or nonsense: it is listed with what can be told of it."""
    headers = [("offset", b"9" * 5_000), ("partition", "\u0663".encode()), ("reason", None)]

    async def go() -> None:
        client = kafka().AIOKafkaProducer(**producing(server))
        async with opened(client, server) as producer:
            for given in (headers, []):
                await producer.send_and_wait(SPOILT + DLQ, b"x", b"k", headers=given)

    asyncio.run(go())
    listed = facts(command("dlq", "list", SPOILT, "--limit", "2", "--json", capsys=capsys))
    assert [(one["origin_offset"], one["origin_partition"]) for one in listed["letters"]] == [
        (-1, -1), (-1, -1)
    ]  # fmt: skip


def test_every_released_event_is_taken_in() -> None:
    """No check of places and values refuses what the golden file holds."""
    for line in GOLDEN.read_bytes().splitlines():
        envelope = decode(line)
        with pytest.raises(PoisonError, match=r"belongs on|broker|its key"):
            taken_in(Message("replay.nowhere", line), 1_000_000)
        place = message(envelope)
        assert taken_in(Message(place.topic, line, place.key), 1_000_000) == envelope


def test_the_process_forgets_the_oldest_ids() -> None:
    """Its memory is bounded; an id that comes again counts as new."""

    async def go() -> set[str]:
        seen = SeenHere(2)
        for one in ("a", "b", "a", "c"):
            await seen.remember([one])
        return await seen.known(["a", "b", "c"])

    assert asyncio.run(go()) == {"a", "c"}


def test_no_server_configured_is_a_mistake(tmp_path: Path) -> None:
    """A bus that is off is not quietly used."""
    settings = settings_for(tmp_path, "", enabled=False)
    with pytest.raises(UsageError, match="ALPHAPANDA_BUS__SERVERS"):
        asyncio.run(topics.bootstrap(settings, ["paper"]))
