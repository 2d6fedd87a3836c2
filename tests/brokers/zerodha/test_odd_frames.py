"""A feed that is given noise: nothing raises, and each packet is a row or in a count."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import numpy as np

from alphapanda.brokers.zerodha.addresses import Addresses
from alphapanda.brokers.zerodha.live_feed import Hours, LiveFeed
from alphapanda.brokers.zerodha.packets import LAYOUTS
from alphapanda.model.calendar import Calendar, ist_date
from alphapanda.model.instruments import Exchange, Instrument, Segment
from tests.support.servers import databases

FRAMES = int(os.environ.get("ALPHAPANDA_TEST_FRAMES", "3000"))
"""Odd frames; `make soak` has a million, from another seed."""
SECOND = 10**9
BEGIN_NS = 1_753_930_000 * SECOND
"""A Thursday morning in India."""
LISTED = ((1, Exchange.NSE), (2, Exchange.NFO), (3, Exchange.CDS), (9, Exchange.NSE),
          (12, Exchange.NCO))  # fmt: skip
"""Segment bytes of the tokens that the feed has asked for."""
TOKENS = [number << 8 | segment for number, (segment, _) in enumerate(LISTED, 1)]
SIZES = (*LAYOUTS, 0, 1, 12, 200)
EDGES = (0, 1, 99, 1_000, (1 << 31) - 1, 1 << 31, (1 << 32) - 100, (1 << 32) - 1)


def packet(some: random.Random, now_s: int) -> bytes:
    """Return a packet of any length: mostly sound, some of its fields at an edge of their range."""
    size = some.choice(SIZES)
    if size not in LAYOUTS:
        return some.randbytes(size)
    made = np.zeros((), LAYOUTS[size])
    names = made.dtype.names or ()
    for name in names:
        if made[name].ndim == 0 and made.dtype[name].names is None:
            made[name] = some.randrange(1, 1 << 20)
    made["token"] = some.choice([*TOKENS, some.randrange(1 << 32)])
    if "stamp" in names:
        made["stamp"] = now_s + some.choice((0, 0, 0, -5, -3600, 3600, -now_s))
    packed = bytearray(made.tobytes())
    while some.random() < 0.3:
        at = some.randrange(1, size // 4) * 4
        packed[at : at + 4] = struct.pack(">I", some.choice(EDGES))
    return bytes(packed)


def frame(some: random.Random, now_s: int) -> bytes:
    """Return a frame: sound, of no sense, cut, with more behind it, or with bytes changed."""
    if some.random() < 0.1:
        return some.randbytes(some.randrange(64))
    packets = [packet(some, now_s) for _ in range(some.choice((0, 1, 1, 2, 5)))]
    if packets and some.random() < 0.2:
        packets.append(packets[0])
    made = struct.pack(">H", len(packets)) + b"".join(
        struct.pack(">H", len(each)) + each for each in packets
    )
    match some.randrange(8):
        case 0:
            made = made[: some.randrange(len(made) + 1)]
        case 1:
            made += some.randbytes(some.randrange(1, 200))
        case 2:
            changed = bytearray(made)
            changed[some.randrange(len(made))] = some.randrange(256)
            made = bytes(changed)
        case 3:
            made = struct.pack(">H", some.choice((0, 7, 65_535))) + made[2:]
    return made


def packets_in(raw: bytes) -> int | None:
    """Return how many packets fill a frame, None where they do not; read byte by byte."""
    if len(raw) < 2:
        return 0
    (count,), rest = struct.unpack(">H", raw[:2]), raw[2:]
    for _ in range(count):
        if len(rest) < 2:
            return None
        size = int.from_bytes(rest[:2], "big")
        if len(rest) < 2 + size:
            return None
        rest = rest[2 + size :]
    return None if rest or not count else count


def feed_at(now: list[int]) -> LiveFeed:
    """Return a feed that is not started: its frames come from the test."""
    listed = [
        Instrument(f"{exchange.name}:N{token}", exchange, Segment.EQUITY, 5, 1, token)
        for token, (_, exchange) in zip(TOKENS, LISTED, strict=True)
    ]
    settings = databases.settings_of(Path(), "")
    nowhere = Addresses("", "ws://127.0.0.1:9", "", simulator=True)
    return LiveFeed(
        settings, nowhere, listed, clock=lambda: now[0],
        hours=Hours(Calendar.nse(), listed, ist_date(BEGIN_NS)), late_ns=10 * SECOND,
    )  # fmt: skip


def test_odd_frames_raise_nothing_and_are_all_counted() -> None:
    """Each packet is a row, or a repeat, or put aside for a reason, or of a torn frame."""
    some, now = random.Random(20_260_829 + FRAMES), [BEGIN_NS]
    feed, last_ns = feed_at(now), 0
    rows = packets = torn = 0
    for number in range(FRAMES):
        now[0] = BEGIN_NS + number * SECOND // 50
        raw = frame(some, now[0] // SECOND)
        inside = packets_in(raw)
        torn, packets = torn + (inside is None), packets + (inside or 0)
        feed._take(raw)
        came = feed.inbox.take(0)
        assert (came.ts > last_ns).all(), raw.hex()
        assert (came.last > 0).all(), raw.hex()
        assert min((int(each.min(initial=0)) for each in came if len(each)), default=0) >= 0
        last_ns = int(came.ts[-1]) if came.rows else last_ns
        rows += came.rows
        counts = feed.sieve.counts
        aside = counts.repeats + counts.foreign + counts.quarantined.total() + feed.unknown
        assert (feed.torn, rows + aside) == (torn, packets), raw.hex()
    assert rows == feed.sieve.counts.passed
    assert min(rows, torn, feed.unknown, counts.repeats, counts.foreign) > FRAMES // 500
    assert len(+counts.quarantined) >= 6, counts.quarantined
    assert sum(feed.dropped.values()) == torn + aside
