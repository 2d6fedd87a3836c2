"""Of what comes, each tick is passed on once, sound, and at a time that grows."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.brokers.zerodha.inbox import Inbox
from alphapanda.brokers.zerodha.packets import QUOTE, decode
from alphapanda.brokers.zerodha.sieve import ABSURD, LATE_NS, SECOND, Sieve
from alphapanda.model.columns import Columns
from tests.support.kite_ticker import framed, full

NOW_S = 1_756_093_500
NOW = NOW_S * SECOND
A, B, FOREIGN = 408065, 2953217, 99 << 8 | 1


def taken(sieve: Sieve, *packets: bytes, at: int = NOW) -> Columns:
    return sieve.take(decode(framed(*packets)).ticks, at)


def test_rows_have_what_the_packets_say() -> None:
    """Order of arrival, the feed's own numbers of instruments, prices scaled."""
    sieve = Sieve([A, B])
    first = full(B, 300_000, stamp=NOW_S, volume=9, oi=4)
    last = full(A, 150_005, stamp=NOW_S, volume=5)
    rows = taken(sieve, first, full(FOREIGN, 1, stamp=NOW_S), last)
    assert (rows.row.tolist(), rows.last.tolist()) == ([1, 0], [30_000_000, 15_000_500])
    assert rows.ts.tolist() == [NOW, NOW + 1]
    assert (rows.volume.tolist(), rows.oi.tolist()) == ([9, 5], [4, 0])
    assert rows.bid.tolist() == [29_999_500, 15_000_000]
    assert rows.ask.tolist() == [30_000_500, 15_001_000]
    assert (sieve.counts.foreign, sieve.counts.passed) == (1, 2)


def test_repeats_come_once() -> None:
    """The same packet again, in the same frame or another, is counted; a changed one is a row."""
    sieve = Sieve([A, B])
    one = full(A, 100, stamp=NOW_S)
    assert taken(sieve, one, one, full(A, 105, stamp=NOW_S), one).last.tolist() == [
        10_000, 10_500, 10_000,
    ]  # fmt: skip
    assert taken(sieve, one).rows == 0
    assert sieve.counts.repeats == 2


def test_what_can_not_be_is_put_aside() -> None:
    """No price, a volume that falls within a day, a time ahead of the clock, one long ago."""
    sieve = Sieve([A])
    assert taken(sieve, full(A, 100, stamp=NOW_S, volume=50)).rows == 1
    odd = [
        full(A, 0, stamp=NOW_S), full(A, -5, stamp=NOW_S, bid=1, ask=2),
        full(A, 101, stamp=NOW_S, volume=49), full(A, 102, stamp=NOW_S + 3_600, volume=60),
        full(A, 103, stamp=NOW_S - LATE_NS // SECOND - 1, volume=61),
    ]  # fmt: skip
    assert taken(sieve, *odd).rows == 0
    assert dict(+sieve.counts.quarantined) == {
        "no price": 2, "a volume that falls": 1, "a time ahead of the clock": 1,
        "too old on arrival": 1,
    }  # fmt: skip
    tomorrow = 86_400
    again = full(A, 104, stamp=NOW_S + tomorrow, volume=1)
    assert taken(sieve, again, at=NOW + tomorrow * SECOND).rows == 1


def test_a_price_far_outside_the_circuit_limits_is_put_aside() -> None:
    """Limits may have been widened since they were read, not by more than they are apart."""
    sieve = Sieve([A, B])
    sieve.limit(0, 900_000, 1_100_000)
    sieve.limit(1, 0, 0)
    packets = [full(A, price, stamp=NOW_S) for price in (10_000, 12_995, 13_005, 100_000, 6_995)]
    rows = taken(sieve, *packets, full(B, 10, stamp=NOW_S))
    assert rows.last.tolist() == [1_000_000, 1_299_500, 1_000]
    assert sieve.counts.quarantined[ABSURD] == 3
    quotes = full(A, 11_000, stamp=NOW_S, bid=1_000), full(A, 11_000, stamp=NOW_S, ask=110_000)
    assert taken(sieve, *quotes, full(A, 11_000, stamp=NOW_S, bid=0, ask=0)).rows == 1
    sieve.limit(0, 900_000, 1_200_000)
    assert taken(sieve, full(A, 13_010, stamp=NOW_S), full(A, 15_005, stamp=NOW_S)).rows == 1


def test_a_packet_without_a_time_has_that_of_its_arrival() -> None:
    """Zero, or a year before 2000, is no time."""
    sieve = Sieve([A])
    rows = taken(sieve, full(A, 100, stamp=0), full(A, 101, stamp=900_000_000), at=NOW + 7)
    assert rows.ts.tolist() == [NOW + 7, NOW + 8]
    assert sieve.counts.timeless == 2


def test_the_answer_to_a_subscription_is_no_row() -> None:
    """It comes in quote mode, without a time: yesterday's volume must not make today's fall."""
    sieve = Sieve([A])
    early = full(A, 100, stamp=NOW_S, volume=90_000)[:QUOTE]
    assert taken(sieve, early).rows == 0
    assert sieve.counts.quarantined["not in full mode, so without a time"] == 1
    assert taken(sieve, full(A, 100, stamp=NOW_S, volume=10)).volume.tolist() == [10]


STAMPS = st.integers(-8, 3)


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(STAMPS, max_size=5), st.integers(0, 10**10)), max_size=8))
def test_times_grow_and_are_the_exchanges_where_they_can(
    frames: list[tuple[list[int], int]]
) -> None:  # fmt: skip
    """Each row is later than the one before; its own time where that is later, else 1 ns behind."""
    sieve = Sieve([A])
    last, price, now = 0, 100, NOW
    for stamps, clock in frames:
        packets = []
        for stamp in stamps:
            price += 1
            packets.append(full(A, price, stamp=NOW_S + stamp))
        rows = taken(sieve, *packets)
        assert rows.rows == len(stamps)
        for ts, stamp in zip(rows.ts.tolist(), stamps, strict=True):
            assert ts == max(now + stamp * SECOND, last + 1)
            last = ts
        reached = sieve.reach(now + clock)
        assert reached == max(now + clock, last)
        last = reached


def test_a_full_inbox_keeps_the_newest_of_each() -> None:
    """What is not taken in time is overtaken by what is newer, and counted; nothing waits."""
    inbox = Inbox(4)
    for n in range(1, 4):
        inbox.put(Columns.of(ts=[10 * n, 10 * n + 1], row=[0, 1], last=[n, n + 100]))
    found = inbox.take(0)
    assert (found.row.tolist(), found.last.tolist()) == ([0, 1], [3, 103])
    assert inbox.overtaken == 4
    assert inbox.take(0).rows == 0


def test_nothing_is_lost_that_has_room() -> None:
    """Rows come out as they went in."""
    inbox = Inbox()
    for n in range(50):
        inbox.put(Columns.of(ts=[n], row=[n % 3], last=[n]))
    assert inbox.take(0).last.tolist() == [*range(50)]
    assert np.array_equal(inbox.take(0).ts, [])
