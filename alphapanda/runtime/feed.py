"""Feeds: what `--feed` may say, a recording that is published, and one that is read from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alphapanda.bus.feed_reader import FeedReader
from alphapanda.bus.feed_sender import FeedSender
from alphapanda.data.replay.replay import Replay
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.events.feeds import Feed
from alphapanda.model.calendar import session_group
from alphapanda.model.columns import Columns
from alphapanda.runs import plan
from alphapanda.runs.manifest import feed_id
from alphapanda.runs.options import Options
from alphapanda.runs.stopping import orderly
from alphapanda.runtime.lifecycle import Parts
from alphapanda.runtime.pacing import Pace, slices

REPLAY, BUS = "replay", "bus"
FEEDS = {REPLAY: "replay:PATH", BUS: "bus: or bus:FEED"}
"""Feeds by the word before the colon, and how each is written."""
CHOOSING = (
    "data", "instruments", "map", "kind", "interval", "from", "to", "repair", "qty_scale",
    "exchange",
)  # fmt: skip
"""Options that choose or read data: whoever publishes a feed has them."""


def parse(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the kind of a feed, and its paths or its id.

    Raises:
        UsageError: for a feed that does not exist (yet), or several that can't be one.
    """
    kinds, places = [], []
    for word in words:
        kind, colon, where = word.partition(":")
        if kind not in FEEDS or not colon or (kind == REPLAY and not where):
            if kind in FEEDS:
                raise UsageError(f"--feed {word}: write {FEEDS[kind]}")
            hint = did_you_mean(kind, FEEDS) or f" There is {', '.join(FEEDS.values())}."
            raise UsageError(f"--feed {word}: no such feed.{hint}")
        kinds.append(kind)
        places.append(where)
    if not words or (len(words) > 1 and set(kinds) != {REPLAY}):
        raise UsageError("write one --feed; of replay: there may be more, for more files")
    return kinds[0], places


def refuse_choosing(given: Mapping[str, Any]) -> None:
    """Refuse options that choose data beside `bus:`, which brings its rows as they are."""
    for name in CHOOSING:
        if name in given:
            raise UsageError(
                f"--{name.replace('_', '-')}: whoever publishes the feed chooses its data; "
                "leave it out with --feed bus:"
            )


def described(options: Options, replay: Replay) -> Feed:
    """Return what the rows of a recording are.

    Raises:
        UsageError: if two of its instruments are one in the master: their rows could not be told.
    """
    instruments = tuple(plan.named(options, replay, []))
    names = [instrument.name for instrument in instruments]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"several instruments of the data are {twice[0]} in --instruments")
    calendar = plan.read_calendar(options.calendar)
    replay.end_with(calendar, [session_group(instrument) for instrument in instruments])
    return Feed(
        feed_id(options, replay), replay.kind, replay.interval_ns, replay.columns, replay.names,
        instruments, replay.days, replay.rows,
    )  # fmt: skip


def publish(replay: Replay, sender: FeedSender, parts: Parts, *, speed: float) -> dict[str, Any]:
    """Publish the rows from where the sender is, to the end; return what was done.

    Raises:
        KeyboardInterrupt: after an orderly stop by Ctrl-C or SIGTERM; started again it goes on.
    """
    first = sender.next
    with orderly() as asked:
        for _, part in recorded(replay, speed)(first, asked):
            parts.unless(asked, sender.send(part))
        if not asked():
            parts.unless(asked, sender.end())
        if asked():
            raise KeyboardInterrupt
    return {"feed": sender.feed.id, "first": first, "rows": sender.next}


@dataclass(frozen=True)
class Subscribed:
    """What stands for a replay in a run whose rows come from the topics."""

    id: str
    kind: str
    interval_ns: int
    columns: frozenset[str]
    names: tuple[str, ...]
    days: tuple[Any, ...]
    rows: int | None
    files: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def to(cls, feed: Feed) -> Subscribed:
        """Return what stands for the replay of a feed."""
        return cls(
            feed.id, feed.kind, feed.interval_ns, feed.columns, feed.names, feed.days, feed.rows
        )

    @property
    def repairs(self) -> dict[str, int]:
        """What was dropped: nothing here, for that happened where the feed is published."""
        return {}


def recorded(replay: Replay, speed: float) -> Any:
    """Return the rows of a recording as `paper.run` takes them."""

    def rows(taken: int, asked: Callable[[], bool]) -> Iterator[tuple[int, Columns]]:
        pace = Pace(speed)
        for batch in slices(replay.batches(), taken):
            for part in pace.parts(batch, asked):
                yield 0, part
            if asked():
                return

    return rows


def received(reader: FeedReader, parts: Parts) -> Any:
    """Return the rows that a reader has from the topics, as `paper.run` takes them."""

    def rows(taken: int, asked: Callable[[], bool]) -> Iterator[tuple[int, Columns]]:
        assert taken == reader.first, "the reader begins where the journal ends"
        while not (reader.over or asked()):
            portion = parts.unless(asked, reader.take())
            if portion is None:
                return
            if portion.missed or portion.columns.rows:
                yield portion

    return rows
