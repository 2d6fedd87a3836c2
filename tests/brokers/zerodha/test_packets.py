"""Frames decode as the official client decodes them; what it gets wrong, or dies of, is marked."""

from __future__ import annotations

import json
import random
import struct
import time
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kiteconnect import KiteTicker

from alphapanda.brokers.zerodha import packets
from alphapanda.brokers.zerodha.packets import FULL, LAYOUTS, decode
from tests.support.shared import shared

THEIRS = KiteTicker("key", "token")
DIVISORS = {3: 10_000_000, 6: 10_000, 12: 10_000}
NAMES = {
    "last_traded_quantity": "qty", "average_traded_price": "average", "volume_traded": "volume",
    "total_buy_quantity": "buy_qty", "total_sell_quantity": "sell_qty", "oi": "oi",
}  # fmt: skip
"""Fields of the official client by ours."""


def frame(*bodies: bytes) -> bytes:
    return struct.pack(">H", len(bodies)) + b"".join(
        struct.pack(">H", len(body)) + body for body in bodies
    )


def seconds(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp())


def compare(tick: Any, theirs: dict[str, Any]) -> None:
    """See that a tick is what the official client made of the same packet."""
    assert tick["token"] == theirs["instrument_token"]
    prices = {"last": theirs["last_price"], **theirs.get("ohlc", {})}
    numbers = {ours: theirs[name] for name, ours in NAMES.items() if name in theirs}
    if "average" in numbers:
        prices["average"] = numbers.pop("average")
    if "depth" in theirs:
        (bid, *_), (ask, *_) = theirs["depth"]["buy"], theirs["depth"]["sell"]
        prices |= {"bid": bid["price"], "ask": ask["price"]}
        numbers |= {"bid_qty": bid["quantity"], "ask_qty": ask["quantity"]}
    for name, value in prices.items():
        assert tick[name] == pytest.approx(value * 10_000, abs=0.51), name
    for name, value in numbers.items():
        assert tick[name] == value, name
    if "exchange_timestamp" in theirs:
        assert tick["stamp"] == seconds(theirs["exchange_timestamp"])
    if "last_trade_time" in theirs:
        assert tick["traded"] == seconds(theirs["last_trade_time"])


def golden() -> list[Any]:
    found = json.loads(shared("kite-mocks", "ticker-packets.json").read_text())
    return [each for group in found.values() if isinstance(group, list) for each in group]


def test_golden_frames() -> None:
    """The samples of Kite and of its JavaScript client, and those made up beside them."""
    cases = golden()
    assert len(cases) >= 5
    for case in cases:
        hexed = case.get("frame_hex") or case.get("hex")
        raw = bytes.fromhex(hexed)
        theirs = THEIRS._parse_binary(raw)
        ours = decode(raw)
        assert len(ours.ticks) == len(theirs), case["name"]
        for tick, other in zip(ours.ticks, theirs, strict=True):
            if not tick["flaw"]:
                compare(tick, other)


SEGMENTS = (1, 2, 3, 4, 5, 6, 7, 9, 12)


def body(some: random.Random, size: int) -> bytes:
    """Return a packet of a known length; its prices are whole in every segment's unit."""
    packet = np.frombuffer(some.randbytes(size), LAYOUTS[size]).copy()
    packet["token"] = some.randrange(1, 1 << 24) << 8 | some.choice(SEGMENTS)
    for name in set(packet.dtype.names or ()) & {*packets.PRICES}:
        packet[name] = 1_000 * some.randrange(1, (1 << 31) // 1_000)
    for side in set(packet.dtype.names or ()) & {"bids", "asks"}:
        packet[side]["price"] = 1_000 * some.randrange(1, (1 << 31) // 1_000)
    return packet.tobytes()


def bodies(*sizes: int) -> st.SearchStrategy[list[bytes]]:
    """Return what draws some packets."""
    some = st.lists(st.sampled_from(sizes or sorted(LAYOUTS)), min_size=1, max_size=4)
    return st.builds(
        lambda seed, lengths: [body(random.Random(f"{seed} {n}"), n) for n in lengths],
        st.integers(0, 1 << 32), some,
    )  # fmt: skip


@settings(deadline=None)
@given(bodies())
def test_packets_of_every_kind_and_segment(given: list[bytes]) -> None:
    """Prices are exact, whatever the segment's unit; every other field is the official one."""
    theirs = THEIRS._parse_binary(frame(*given))
    ours = decode(frame(*given))
    assert (len(ours.ticks), ours.torn, ours.skipped) == (len(theirs), False, {})
    for tick, other, packet in zip(ours.ticks, theirs, given, strict=True):
        assert (tick["flaw"], tick["size"]) == (0, len(packet))
        raw = struct.unpack(">i", packet[4:8])[0]
        exact = raw * 10_000 // DIVISORS.get(tick["token"] & 0xFF, 100)
        assert tick["last"] == exact
        compare(tick, other)


def test_packets_of_one_kind_are_those_of_a_mixture() -> None:
    """The quick way, of frames whose packets have one length, and the other are one."""
    some = random.Random(7)
    for size in LAYOUTS:
        made = [some.randbytes(size) for _ in range(5)]
        alone = decode(frame(*made)).ticks
        mixed = decode(frame(*made, b"\0" * 12))
        assert mixed.skipped == {12: 1}
        assert alone.tobytes() == mixed.ticks.tobytes()


def test_prices_that_are_none_are_marked() -> None:
    """Zero, a negative one (which unsigned would be 42,949,671.96), one finer than 0.0001."""
    share, currency, coin = 408065, 7 << 8 | 3, 9 << 8 | 12
    cases = [(share, -100, 1), (share, 0, 1), (share, (1 << 31) - 1, 0), (currency, 1_000, 0),
             (currency, 1_001, 2), (coin, 1, 0)]  # fmt: skip
    for token, price, flaw in cases:
        (tick,) = decode(frame(struct.pack(">Ii", token, price))).ticks
        assert tick["flaw"] == flaw, (token, price)


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\x01"])
def test_heartbeats(raw: bytes) -> None:
    """A byte, or none, has no packets and is no fault."""
    assert (len(decode(raw).ticks), decode(raw).torn) == (0, False)


def test_an_unknown_length_is_passed_over() -> None:
    """A longer packet of tomorrow costs nothing but itself."""
    ltp = struct.pack(">Ii", 408065, 157_315)
    found = decode(frame(b"\x00" * 200, ltp, b"\x01" * 12, b""))
    assert found.skipped == {200: 1, 12: 1, 0: 1}
    assert found.ticks["last"].tolist() == [15_731_500]


@settings(deadline=None)
@given(bodies(8, 44), st.data())
def test_a_frame_that_is_cut_or_has_more_counts_for_nothing(
    given: list[bytes], data: st.DataObject
) -> None:
    """Count and lengths must fill the frame; the official client dies of it, or takes a part."""
    good = frame(*given)
    cut = good[: data.draw(st.integers(2, len(good) - 1))]
    more = good + data.draw(st.binary(min_size=1, max_size=9))
    for odd in (cut, more):
        found = decode(odd)
        assert found.torn
        assert len(found.ticks) == 0


def test_three_thousand_instruments_take_milliseconds() -> None:
    """A frame of 3,000 packets of every field is right, and no loop over packets is needed."""
    made = np.zeros(3_000, LAYOUTS[FULL])
    made["token"], made["last"] = np.arange(1, 3_001) << 8 | 1, np.arange(1, 3_001)
    raw = frame(*(each.tobytes() for each in made))
    begun = time.process_time()
    found = decode(raw)
    assert time.process_time() - begun < 0.5
    assert found.ticks["last"].tolist() == [100 * n for n in range(1, 3_001)]
