"""A feed that comes over several partitions is put back in order, and what is missing is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alphapanda.bus.feed_order import FeedOrder
from alphapanda.events.events import FeedGap, decode, encode
from alphapanda.events.feeds import Row

FEED = "replay:0a1b"


def row(seq: int) -> Row:
    return Row(seq, 1_764_042_300 * 10**9 + seq, (0, 100_000))


def seqs(rows: list[Row]) -> list[int]:
    return [one.seq for one in rows]


@given(
    parts=st.lists(st.integers(0, 3), max_size=60),
    turns=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), max_size=200),
    again=st.sets(st.integers(0, 59)),
    first=st.integers(0, 9),
)
def test_any_interleaving_of_partitions_gives_the_feed(
    parts: list[int], turns: list[tuple[int, int]], again: set[int], first: int
) -> None:
    """However partitions are read and whatever comes twice, rows come out once, in order."""
    queues: list[list[int]] = [[], [], [], []]
    for seq, part in enumerate(parts):
        queues[part] += [seq, seq] if seq in again else [seq]
    order = FeedOrder(FEED, first=first)
    out: list[Row] = []
    for turn, count in [*turns, *((part, 120) for part in range(4))]:
        taken, queues[turn] = queues[turn][:count], queues[turn][count:]
        out += order.take(map(row, taken))
    assert seqs(out) == list(range(first, len(parts)))
    assert (order.held, order.gaps) == (0, 0)
    later = {seq for seq in again if first <= seq < len(parts)}
    assert order.repeats == sum(
        1 + (seq in again) if seq < first else seq in later for seq in range(len(parts))
    )


def test_a_hole_is_waited_for_until_it_is_given_up() -> None:
    """The gap names the rows that are missing, decodes, and is followed by those behind it."""
    order = FeedOrder(FEED)
    assert seqs(order.take(map(row, (0, 3, 4, 7)))) == [0]
    assert order.held == 3
    told, ready = order.skip()
    assert isinstance(told.data, FeedGap)
    assert (told.data.first, told.data.last, told.ts) == (1, 2, row(3).ts)
    assert decode(encode(told)) == told
    assert seqs(ready) == [3, 4]
    assert order.take([row(1)]) == []  # too late: it was told as missing
    assert (order.repeats, order.gaps) == (1, 1)


def test_a_feed_that_ended_behind_its_newest_row_has_a_gap_at_its_end() -> None:
    """With nothing held, the end of the feed tells what is missing."""
    order = FeedOrder(FEED)
    assert seqs(order.take([row(0)])) == [0]
    told, ready = order.skip((9, row(9).ts))
    assert (told.data.first, told.data.last, ready, order.next) == (1, 9, [], 10)


def test_a_gap_has_the_same_id_wherever_it_is_seen() -> None:
    """Two readers of a feed tell of a hole in one event."""
    first, second = FeedOrder(FEED), FeedOrder(FEED)
    for order in (first, second):
        assert order.take([row(3)]) == []
    assert first.skip()[0] == second.skip()[0]
