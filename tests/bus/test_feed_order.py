"""A feed that comes over several partitions is put back in order, and what is missing is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alphapanda.bus.feed_order import FeedOrder
from alphapanda.model.events import Envelope, EventType, FeedGap, decode, encode
from tests.bus.events import tick

FEED = "replay:0a1b"


def seqs(events: list[Envelope]) -> list[int]:
    return [one.data.feed_seq for one in events if one.type == EventType.MARKET_TICK]


def gaps(events: list[Envelope]) -> list[tuple[int, int]]:
    return [(one.data.first, one.data.last) for one in events if isinstance(one.data, FeedGap)]


@given(
    parts=st.lists(st.integers(0, 3), max_size=60),
    turns=st.lists(st.integers(0, 3), max_size=200),
    again=st.sets(st.integers(0, 59)),
)
def test_any_interleaving_of_partitions_gives_the_feed(
    parts: list[int], turns: list[int], again: set[int]
) -> None:
    """However partitions are read and whatever comes twice, rows come out once, in order."""
    queues: list[list[int]] = [[], [], [], []]
    for seq, part in enumerate(parts):
        queues[part] += [seq, seq] if seq in again else [seq]
    order = FeedOrder(FEED)
    out: list[Envelope] = []
    for turn in [*turns, *(part for part in range(4) for _ in range(120))]:
        if queues[turn]:
            out += order.push(tick(FEED, queues[turn].pop(0)), 0)
    assert [one.data.feed_seq for one in out] == list(range(len(parts)))
    assert (order.held, order.gaps) == (0, 0)
    assert order.repeats == len({seq for seq in again if seq < len(parts)})


def test_a_hole_becomes_a_gap_after_its_bound() -> None:
    """Not before so many rows are held; the gap comes before the row behind it, and decodes."""
    order = FeedOrder(FEED, most=3)
    out = [*order.push(tick(FEED, 0), 0)]
    for seq in (3, 4, 5):
        out += order.push(tick(FEED, seq), 0)
    assert (seqs(out), gaps(out), order.held) == ([0], [], 3)
    out += order.push(tick(FEED, 7), 0)
    assert (seqs(out), gaps(out)) == ([0, 3, 4, 5], [(1, 2)])
    assert out[1].type == EventType.FEED_GAP
    assert decode(encode(out[1])) == out[1]
    assert list(order.push(tick(FEED, 1), 0)) == []  # too late: it was told as missing
    assert order.repeats == 1


def test_a_quiet_feed_gives_up_after_a_while() -> None:
    """Without further rows a hole is told once the oldest has been held long enough."""
    order = FeedOrder(FEED, hold_s=2)
    assert list(order.push(tick(FEED, 1), 10)) == []
    assert list(order.late(11.9)) == []
    out = list(order.late(12))
    assert (gaps(out), seqs(out)) == ([(0, 0)], [1])


def test_joining_a_running_feed_begins_with_the_lowest() -> None:
    """Who comes later takes what there is, in order, and calls nothing before it a gap."""
    order = FeedOrder(FEED, first=None, hold_s=1)
    for seq in (102, 100, 101):
        assert list(order.push(tick(FEED, seq), 0)) == []
    out = [*order.late(1), *order.push(tick(FEED, 103), 1)]
    assert (seqs(out), gaps(out)) == ([100, 101, 102, 103], [])


def test_the_end_lets_go_of_everything() -> None:
    """At the end of a feed nothing stays held, and each hole is told."""
    order = FeedOrder(FEED)
    for seq in (1, 4, 5):
        assert list(order.push(tick(FEED, seq), 0)) == []
    out = list(order.rest())
    assert (seqs(out), gaps(out), order.gaps) == ([1, 4, 5], [(0, 0), (2, 3)], 2)


def test_a_gap_has_the_same_id_wherever_it_is_seen() -> None:
    """Two readers of a feed tell of a hole in one event."""
    first, second = FeedOrder(FEED), FeedOrder(FEED)
    for order in (first, second):
        assert list(order.push(tick(FEED, 3), 0)) == []
    assert [one.id for one in first.rest()] == [one.id for one in second.rest()]
