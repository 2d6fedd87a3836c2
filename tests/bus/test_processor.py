"""Stream processors on a real server: applied once, whatever arrives and whatever fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alphapanda.bus import topics
from alphapanda.bus.dead_letters import Letter, letter
from alphapanda.bus.decoding import PoisonError
from alphapanda.bus.delivery import one_by_one
from alphapanda.bus.processor import Processor
from alphapanda.bus.publisher import Record
from alphapanda.bus.topic_reader import newest
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import Envelope, encode
from alphapanda.events.topics import DLQ
from tests.bus.arrivals import Table
from tests.support.events import FILLS, LARGE, fill, message, name_of_own, send, settings_for, until


@pytest.fixture
def settings(tmp_path: Path, kafka_address: str) -> Settings:
    made = settings_for(tmp_path, kafka_address, backoff_s=0.01)
    asyncio.run(topics.bootstrap(made, ["replay"]))
    return made


def processor(settings: Settings, table: Table, **given: Any) -> Processor:
    name = given.pop("name", table.run)
    return Processor(settings, name=name, topics=[FILLS], apply=table.apply, **given)


async def letters_of(settings: Settings, group: str) -> list[Letter]:
    found = [letter(one) for one in await newest(settings, FILLS + DLQ, 1000)]
    return [one for one in found if one.group == group]


def test_each_event_is_applied_once_in_order(settings: Settings) -> None:
    """Repeats, in one batch or in a later one, change nothing; stop comes within 5 s."""
    run = name_of_own()
    table = Table(run)
    sent = [message(fill(run, seq, orders=1)) for seq in range(100)]

    async def go() -> Processor:
        reader = processor(settings, table)
        await send(settings, sent + sent[:50])
        await reader.start()
        await reader.health()
        await until(lambda: len(table.rows) >= 100)
        await send(settings, sent[50:])
        await until(lambda: reader.delivery.delivered.repeats >= 100)
        async with asyncio.timeout(5):
            await reader.stop()
        return reader

    reader = asyncio.run(go())
    assert table.rows == list(range(100))
    assert reader.figures()["lag"] == 0
    assert reader.figures()["letters"] == 0


def test_a_crash_between_apply_and_commit_applies_once(
    tmp_path: Path, kafka_address: str, redis_url: str
) -> None:
    """Offsets were not committed, so all comes again; Redis knows that it was applied."""
    settings = settings_for(tmp_path, kafka_address, redis=redis_url)
    run = name_of_own()
    table = Table(run)

    class Crashing(Processor):
        async def _commit(self, _: Any, __: dict[Any, int]) -> None:
            raise AssertionError("killed here")

    async def go() -> Processor:
        await topics.bootstrap(settings, ["replay"])
        await send(settings, [message(fill(run, seq)) for seq in range(50)])
        first = Crashing(settings, name=run, topics=[FILLS], apply=table.apply)
        await first.start()
        assert first._watch is not None
        await asyncio.wait([first._watch], timeout=20)
        with pytest.raises(OutsideError, match="killed here"):
            await first.health()
        await first.stop()
        second = processor(settings, table)
        await second.start()
        await until(lambda: second.delivery.delivered.repeats >= len(table.rows))
        await until(lambda: len(table.rows) >= 50)
        await second.stop()
        return second

    asyncio.run(go())
    assert sorted(table.rows) == list(range(50))


def poisons(run: str) -> dict[str, Record]:
    """Return every kind of message that is none, by a word of its reason."""
    good = encode(fill(run, 0))
    bare = msgspec.json.decode(good)
    key = bare["key"].encode()

    def changed(*path: str, to: Any) -> bytes:
        facts = msgspec.json.decode(good)
        place = facts
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = to
        return msgspec.json.encode(facts)

    values = {
        "malformed": b"{not json",
        "invalid character (byte 0)": b"\xff\xfe\x00",
        "of version 7": changed("version", to=7),
        "Invalid enum value": changed("type", to="order_eaten"),
        "invalid character (byte 4": good.replace(b'"qty":1', b'"qty":NaN'),
        "Expected `str`": changed("data", "price", to=1500.05),
        "5000000 bytes": b"x" * 5_000_000,
        "qty is 0": changed("data", "qty", to=0),
        "price is -1.00": changed("data", "price", to="-1.00"),
        "1990": changed("ts", to=1),
        "belongs on paper.orders.filled": changed("broker", to="paper"),
        "recursion": good.replace(b'"qty":1', b'"x":' + b"[" * 100_000),
        "its key is": changed("key", to="somebody else's"),
    }
    return {word: Record(FILLS, key, value) for word, value in values.items()}


def test_poison_lands_among_the_dead_letters_and_nothing_else_stops(
    own_topics: Settings,
) -> None:
    """Good events around bad ones are applied in order; each bad one is kept with its reason."""
    settings = own_topics
    run = name_of_own()
    table = Table(run)
    bad = poisons(run)
    good = [message(fill(run, seq, orders=1)) for seq in range(len(bad) + 1)]
    mixed = [good[0]]
    for one, record in zip(good[1:], bad.values(), strict=True):
        mixed += [record._replace(key=one.key), one]
    wide = settings.model_copy(
        update={"bus": settings.bus.model_copy(update={"message_bytes": LARGE})}
    )

    async def go() -> list[Letter]:
        await send(wide, mixed)
        reader = processor(settings, table)
        await reader.start()
        await until(lambda: len(table.rows) == len(good))
        await reader.stop()
        assert reader.figures()["letters"] == len(bad)
        return await letters_of(settings, reader.group)

    found = asyncio.run(go())
    assert table.rows == list(range(len(good)))
    assert len(found) == len(bad)
    for (word, record), one in zip(bad.items(), found, strict=True):
        assert word.lower() in one.reason.lower(), (word, one.reason)
        assert (one.topic, one.size) == (FILLS, len(record.value))
        assert one.value == record.value[: len(one.value)]
        assert one.whole == (one.size < 5_000_000)
        assert one.origin_offset >= 0
        assert len(one.sha256) == 64
    assert {one.offset for one in found} == {found[0].offset + n for n in range(len(found))}


def test_a_flood_of_dead_letters_stops_the_processor(tmp_path: Path, own_topics: Settings) -> None:
    """It ends behind what it has put aside, says what to do, and goes on when started again."""
    bus = own_topics.bus.model_copy(update={"letters_a_minute": 40})
    settings = own_topics.model_copy(update={"bus": bus})
    run = name_of_own()
    table = Table(run)
    bad = [Record(FILLS, b"x", b"{") for _ in range(200)]  # other tests left some, too

    async def go() -> None:
        await send(settings, bad)
        reader = processor(settings, table)
        await reader.start()
        assert reader._watch is not None
        await asyncio.wait([reader._watch], timeout=20)
        with pytest.raises(OutsideError, match=r"more than 40 dead letters .* alphapanda dlq list"):
            await reader.health()
        await reader.stop()
        await send(settings, [message(fill(run, 0)), *bad[:20], message(fill(run, 1))])
        again = processor(settings, table)
        await again.start()
        await until(lambda: len(table.rows) == 2)
        await again.health()
        await again.stop()
        assert reader.figures()["letters"] >= 200
        assert again.figures()["letters"] == 20

    asyncio.run(go())
    assert sorted(table.rows) == [0, 1]


def test_outages_are_waited_for_mistakes_are_not(settings: Settings) -> None:
    """A database that is away loses no event, however long; our own failures end as letters."""
    run = name_of_own()
    table = Table(run)
    table.fail = {
        3: [OutsideError("no database") for _ in range(9)],
        5: [PoisonError("sold before it was bought")] * 2,
        7: [KeyError("never heard of")] * 99,
        9: [ValueError("once")] * 2,
    }

    async def go() -> list[Letter]:
        await send(settings, [message(fill(run, seq, orders=1)) for seq in range(12)])
        reader = processor(settings, table)
        await reader.start()
        await until(lambda: 11 in table.rows)
        await reader.stop()
        return await letters_of(settings, reader.group)

    found = asyncio.run(go())
    assert table.rows == [seq for seq in range(12) if seq not in (5, 7)]
    assert [one.reason for one in found] == [
        "sold before it was bought", "KeyError: 'never heard of'"
    ]  # fmt: skip


def test_a_broken_invariant_ends_the_processor(settings: Settings) -> None:
    """What must not happen is not retried, not hidden, and seen by a health check."""
    run = name_of_own()

    async def broken(envelope: Envelope) -> None:
        assert envelope.run_id != run, "books do not balance"

    async def go() -> None:
        await send(settings, [message(fill(run, 0))])
        reader = Processor(settings, name=run, topics=[FILLS], apply=one_by_one(broken))
        await reader.start()
        assert reader._watch is not None
        await asyncio.wait([reader._watch], timeout=20)
        with pytest.raises(OutsideError, match="do not balance"):
            await reader.health()
        await reader.stop()

    asyncio.run(go())


def test_two_members_share_and_hand_over(settings: Settings) -> None:
    """Partitions move when a member joins and leaves, and every event is still applied once."""
    run = name_of_own()
    table = Table(run)

    async def go() -> None:
        first, second = processor(settings, table), processor(settings, table)
        second.seen = second.delivery.seen = first.seen
        await first.start()
        for part in range(4):
            rows = range(part * 100, part * 100 + 100)
            await send(settings, [message(fill(run, seq)) for seq in rows])
            if part == 1:
                await second.start()
            if part == 2:
                await first.stop()
        await until(lambda: len(table.rows) >= 400)
        await second.stop()

    asyncio.run(go())
    assert sorted(table.rows) == list(range(400))


def test_who_is_slow_to_apply_is_not_stuck(tmp_path: Path, kafka_address: str) -> None:
    """A page that takes longer than a client may be silent is not begun again for ever."""
    settings = settings_for(tmp_path, kafka_address, stuck_after_s=0.5)
    run = name_of_own()
    table, cancelled = Table(run), []

    async def slow(envelopes: Sequence[Envelope]) -> None:
        try:
            if not table.rows and any(one.run_id == run for one in envelopes):
                await asyncio.sleep(1.5)  # three times as long as a client may be silent
        except asyncio.CancelledError:
            cancelled.append(len(envelopes))
            raise
        await table.apply(envelopes)

    async def go() -> None:
        await topics.bootstrap(settings, ["replay"])
        await send(settings, [message(fill(run, seq, orders=1)) for seq in range(20)])
        reader = Processor(settings, name=run, topics=[FILLS], apply=slow)
        await reader.start()
        await until(lambda: len(table.rows) == 20)
        await reader.stop()

    asyncio.run(go())
    assert (table.rows, cancelled) == ([*range(20)], [])


def test_a_stuck_consumer_is_replaced(
    tmp_path: Path, kafka_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that gives nothing although messages wait is thrown away; the next one goes on."""
    settings = settings_for(tmp_path, kafka_address, stuck_after_s=1)
    run = name_of_own()
    table = Table(run)

    async def go() -> Processor:
        await topics.bootstrap(settings, ["replay"])
        reader = processor(settings, table)
        await reader.start()
        await send(settings, [message(fill(run, seq)) for seq in range(10)])
        await until(lambda: len(table.rows) == 10)

        stuck = asyncio.Event()

        async def nothing(**_: Any) -> dict[Any, Any]:
            stuck.set()
            await asyncio.sleep(0.05)
            return {}

        monkeypatch.setattr(reader._consumer, "getmany", nothing)
        await stuck.wait()  # the call before has ended
        await send(settings, [message(fill(run, seq)) for seq in range(10, 20)])
        await until(lambda: len(table.rows) == 20)
        await asyncio.sleep(2)  # idle with nothing to do is not stuck
        await reader.stop()
        return reader

    reader = asyncio.run(go())
    assert table.rows == list(range(20))
    assert reader.progress.replaced == 1
