"""A feed as events: each row comes back as the integers that it was, and nothing else is a row."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapanda.events.events import EventError, FeedStatus, decode, encode
from alphapanda.events.feeds import Feed, Reading, envelopes, feed_of, state
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Exchange, Instrument, OptionType, Segment
from alphapanda.model.money import BOUND

TS = 1_764_042_300 * 10**9
CALL = Instrument(
    "NFO:NIFTY25DEC26000CE", Exchange.NFO, Segment.OPTIONS, 500, 75, token=11,
    freeze_quantity=1800, expiry=date(2025, 12, 30), strike=260_000_000,
    option_type=OptionType.CALL, underlying="NIFTY", upper_circuit=9_005_000,
)  # fmt: skip
INSTRUMENTS = (Instrument.assumed("NSE:INFY"), CALL)
KINDS = {
    "tick": (("last", "qty", "volume", "bid", "bid_qty", "ask", "ask_qty", "oi"), ()),
    "quote": (("bid", "bid_qty", "ask", "ask_qty"), ("last",)),
    "bar": (("open", "high", "low", "close", "volume", "oi"), ()),
}


def feed(kind: str, present: tuple[str, ...]) -> Feed:
    return Feed(
        "replay:0a1b", kind, 60 * 10**9 if kind == "bar" else 0,
        frozenset({"ts", "instrument", *present}), ("NSE:INFY", "NFO:NIFTY25DEC26000CE"),
        INSTRUMENTS, (date(2025, 11, 25), date(2025, 11, 26)), 42,
    )  # fmt: skip


def columns(given: Feed, rows: int, draw: Any) -> Columns:
    """Return rows of a feed with such columns as a replay would give."""
    names = {*(given.columns - {"ts", "instrument"}), *KINDS[given.kind][1]}
    names = {"last" if name == "close" else name for name in names}
    made = {name: draw(rows, BOUND) for name in sorted(names)}
    return Columns.of(ts=TS + np.sort(draw(rows, 10**13)), row=draw(rows, 1), **made)


@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)), first=st.integers(0, 1 << 40))
def test_rows_come_back_bit_for_bit(data: st.DataObject, kind: str, first: int) -> None:
    """Whatever columns a feed has, they are read as they were published, and no others."""
    optional = st.sets(st.sampled_from(KINDS[kind][0]))
    always = {"tick": {"last"}, "quote": {"bid"}, "bar": {"open", "high", "low", "close"}}[kind]
    given_feed = feed(kind, tuple(sorted(data.draw(optional) | always)))
    rows = data.draw(st.integers(1, 5))

    def draw(count: int, most: int) -> Any:
        return np.array(data.draw(st.lists(st.integers(0, most), min_size=count, max_size=count)))

    batch = columns(given_feed, rows, draw)
    lines = [encode(event) for event in envelopes(given_feed, batch, first)]
    reading = Reading(feed_of(state(given_feed, FeedStatus.BEGUN, ts=TS).data))
    found = [reading.row(line) for line in lines]
    assert [row.seq for row in found if row is not None] == list(range(first, first + rows))
    back = reading.columns([row for row in found if row is not None])
    for name, one, other in zip(Columns._fields, batch, back, strict=True):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist(), name
    for line in lines:
        assert encode(decode(line)) == line


@pytest.mark.parametrize("status", FeedStatus)
def test_what_a_feed_is_comes_back_whole(status: FeedStatus) -> None:
    """Its state holds everything that a core has to know, instruments included."""
    told = decode(encode(state(feed("tick", ("last",)), status, ts=TS, last=41)))
    assert feed_of(told.data) == feed("tick", ("last",))
    assert (told.data.status, told.data.last, told.key) == (status, 41, "replay:0a1b")


def line() -> dict[str, Any]:
    """Return the JSON of one row."""
    made = feed("tick", ("last", "qty"))
    batch = Columns.of(ts=[TS], row=[0], last=[15_000_500], qty=[3])
    return dict(json.loads(encode(next(envelopes(made, batch, 7)))))


@pytest.mark.parametrize(("change", "words"), [
    ({"version": 2}, "version"), ({"type": "market_bar"}, "type"), ({"ts": 0}, "can't be"),
    ({"data": {"last": "-1.00"}}, "can't be"), ({"data": {"last": "1e9"}}, "no row"),
    ({"data": {"last": "999999999999999.00"}}, "can't be"), ({"data": {"qty": 1.5}}, "no row"),
    ({"data": {"qty": 1 << 60}}, "can't be"), ({"data": {"instrument": "NSE:TCS"}}, "NSE:TCS"),
])  # fmt: skip
def test_a_row_that_can_not_be_is_told(change: dict[str, Any], words: str) -> None:
    """Another version or type, values beyond their bounds, and a foreign instrument are refused."""
    document = line()
    document["data"].update(change.pop("data", {}))
    text = json.dumps({**document, **change}).encode()
    with pytest.raises(EventError, match=words):
        Reading(feed("tick", ("last", "qty"))).row(text)


@given(text=st.binary(max_size=100))
def test_noise_is_no_row(text: bytes) -> None:
    """Bytes that are nothing never raise anything else."""
    with pytest.raises(EventError):
        Reading(feed("tick", ("last",))).row(text)


def test_rows_of_another_feed_are_passed_over() -> None:
    """Topics are shared: what names another source is none of ours."""
    assert Reading(feed("tick", ("last", "qty"))).row(
        json.dumps({**line(), "source": "kite"}).encode()
    ) is None  # fmt: skip


@pytest.mark.parametrize("change", [
    {"days": ()}, {"days": ("today",)}, {"names": ("NSE:INFY",)}, {"names": (), "instruments": ()},
])  # fmt: skip
def test_a_feed_that_can_not_be_is_told(change: dict[str, Any]) -> None:
    """Without days, or with names that do not fit, nobody can trade on it."""
    data = state(feed("tick", ("last",)), FeedStatus.BEGUN, ts=TS).data
    fields = {name: getattr(data, name) for name in data.__struct_fields__}
    with pytest.raises(EventError):
        feed_of(type(data)(**{**fields, **change}))
