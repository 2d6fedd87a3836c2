"""Events as others read them: the audit of the tables, the golden file, and bytes that are none."""

from __future__ import annotations

import json
import math
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapanda.events.events import (
    PAYLOADS,
    SHARED,
    VERSION,
    EventError,
    EventType,
    decode,
    encode,
    event_id,
    schema,
)
from alphapanda.events.topics import BROKERS, TOPICS, topic_of, topics

GOLDEN = Path(__file__).parents[1] / "golden" / "events_v1.jsonl"
LINES = GOLDEN.read_bytes().splitlines()
LAST = {json.loads(line)["type"]: line for line in LINES}
PUBLISHED = {
    "market_tick": "market.ticks",
    "trading_signal": "{broker}.signals.raw",
    "validated_signal": "{broker}.signals.validated",
    "rejected_signal": "{broker}.signals.rejected",
    "order_placed": "{broker}.orders.submitted",
    "order_filled": "{broker}.orders.filled",
    "order_failed": "{broker}.orders.failed",
    "pnl_snapshot": "{broker}.pnl.snapshots",
}
"""Names that are published and stay."""


def changed(line: bytes, **fields: Any) -> bytes:
    """Return an envelope's JSON with other fields; `data` is merged."""
    document = json.loads(line)
    document["data"].update(fields.pop("data", {}))
    return json.dumps({**document, **fields}).encode()


@pytest.mark.parametrize("kind", EventType)
def test_each_type_has_payload_topic_key_producer_and_consumers(kind: EventType) -> None:
    """The tables know every type, and only topics of the market bear no broker's name."""
    topic = TOPICS[kind]
    assert PAYLOADS[kind]
    assert all((topic.name, topic.key, topic.producer, topic.consumers))
    for broker in (SHARED,) if topic.name.startswith("market.") else BROKERS:
        assert topic_of(kind, broker) in set(topics(broker))
        assert (broker in topic_of(kind, broker)) == (broker != SHARED)


def test_published_names_stay() -> None:
    """The product's published types and topics are what they were."""
    for name, topic in PUBLISHED.items():
        assert TOPICS[EventType(name)].name == topic


@pytest.mark.parametrize("kind", [EventType.MARKET_TICK, EventType.ORDER_FILLED])
def test_an_event_of_the_wrong_broker_has_no_topic(kind: EventType) -> None:
    """A tick belongs to no broker, and a fill to no market: asking for the topic is a bug."""
    with pytest.raises(AssertionError, match=kind):
        topic_of(kind, "paper" if kind == EventType.MARKET_TICK else SHARED)


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_what_was_released_decodes_for_ever(line: bytes) -> None:
    """Each line of the golden file decodes, and encodes to the same bytes."""
    assert encode(decode(line)) == line


def test_the_golden_file_has_every_type() -> None:
    """No type is missing in the file."""
    assert {decode(line).type for line in LINES} == set(EventType)


def test_unknown_fields_are_skipped() -> None:
    """A field added by a later release does not keep an older reader from the rest."""
    for line in LINES:
        assert decode(changed(line, later=1, data={"more": "text"})) == decode(line)


BAD = {
    "not JSON": (b"{", "not an event"),
    "no object": (b"[1]", "array"),
    "not UTF-8": (b'{"id":"\xff"}', "not an event"),
    "another version": (changed(LINES[0], version=VERSION + 1), "version"),
    "an unknown type": (changed(LINES[0], type="market_tock"), "market_tock"),
    "a time before 1970": (changed(LINES[0], ts=-1), "ts"),
    "NaN": (changed(LINES[0], data={"qty": math.nan}), "not an event"),
    "a float for a count": (changed(LINES[0], data={"qty": 1.5}), "qty"),
    "a number for money": (changed(LINES[0], data={"last": 100.5}), "last"),
    "no amount of money": (changed(LINES[0], data={"last": "1e9"}), "last"),
    "an int beyond int64": (changed(LINES[0], data={"qty": 1 << 70}), "not an event"),
    "no name": (changed(LINES[0], data={"instrument": ""}), "instrument"),
    "a name of 5 MB": (changed(LINES[0], data={"instrument": "x" * 5_000_000}), "instrument"),
    "a run of 100,000 letters": (changed(LINES[0], run_id="r" * 100_000), "run_id"),
    "a cause of 100,000 letters": (changed(LINES[0], causation_id="c" * 100_000), "causation_id"),
    "deep nesting": (b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not an event"),
}


@pytest.mark.parametrize("name", BAD)
def test_bytes_that_are_no_event_are_told(name: str) -> None:
    """What is wrong is an EventError that says what and where, never another exception."""
    text, words = BAD[name]
    with pytest.raises(EventError, match=words):
        decode(text)


@given(text=st.binary(max_size=200))
def test_any_bytes_are_an_event_or_an_error(text: bytes) -> None:
    """Noise never raises anything else."""
    with pytest.raises(EventError):
        decode(text)


@given(line=st.sampled_from(LINES), at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_is_an_event_or_an_error(line: bytes, at: int, byte: int) -> None:
    """One byte off gives an event of the same shape, or an EventError."""
    noise = bytearray(line)
    noise[at % len(noise)] = byte
    with suppress(EventError):
        assert decode(bytes(noise)).type in EventType


@given(ts=st.integers(0, 1 << 62), name=st.text(), seq=st.integers(0, 1 << 62))
def test_ids_are_uuids_of_version_7_made_of_their_parts(ts: int, name: str, seq: int) -> None:
    """The same parts make the same id, other parts another; it is a UUIDv7 with the ms of ts."""
    made = uuid.UUID(event_id(ts, name, seq))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == ts // 1_000_000 % (1 << 48)
    assert str(made) == event_id(ts, name, seq) != event_id(ts, name, seq + 1)


def test_parts_of_an_id_do_not_run_into_each_other() -> None:
    """("a", "b1") and ("ab", 1) are different parts."""
    assert event_id(0, "a", "b1") != event_id(0, "ab", 1) != event_id(0, "ab", "1")


def test_the_schema_describes_every_type() -> None:
    """Each type of the golden file has its definition, with the fields that it really has.

    A field that came later is in a line of its own; the older lines stay.
    """
    made, seen = schema(), dict[str, set[str]]()
    for line in LINES:
        document = json.loads(line)
        fields = made["$defs"][document["type"]]
        assert set(fields["required"]) == set(document)
        payload = made["$defs"][fields["properties"]["data"]["$ref"].rsplit("/", 1)[1]]
        seen.setdefault(document["type"], set()).update(document["data"])
        if line == LAST[document["type"]]:
            assert set(payload["properties"]) == seen[document["type"]]
    assert msgspec.json.decode(msgspec.json.encode(made)) == made
