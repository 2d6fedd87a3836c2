"""What `--feed` may say: one table of sources, how each is written, opened and chosen."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda.brokers.bus import BusSource
from alphapanda.brokers.followed import open_followed
from alphapanda.brokers.pacing import NAP_S, SLICE_ROWS, parse_speed
from alphapanda.brokers.ports import MarketSource
from alphapanda.bus.feed_reader import FeedReader
from alphapanda.config.settings import Settings
from alphapanda.engine.compiler.declared import Spec
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.events.feeds import Feed
from alphapanda.runs.options import Options
from alphapanda.runs.plan import open_recording, read_calendar
from alphapanda.runtime.lifecycle import Parts
from alphapanda.runtime.servers import served

CHOOSING = (
    "data", "instruments", "map", "kind", "interval", "bars", "from", "to", "repair", "qty_scale",
    "price_scale", "keep_repeats", "exchange",
)  # fmt: skip
"""Options that choose or read data; where another process publishes the feed, it has them."""


class Opening(NamedTuple):
    """What it takes to open a source for a run."""

    settings: Settings
    parts: Parts
    options: Options
    specs: Sequence[Spec]
    places: Sequence[str]
    """What stands behind the colon, once for each `--feed`."""
    speed: float
    taken: int
    """Rows that the run has had before."""
    known: str
    """The id of the feed that it had them of, empty for a new run."""
    kept: Feed | None = None
    """The whole of that feed, of a run at a broker, which may go on another day."""


class SourceKind(NamedTuple):
    """One kind of feed."""

    written: str
    """How it is written."""
    open: Callable[[Opening, ExitStack], MarketSource]
    require: Callable[[Settings], None] = lambda _settings: None
    """Refuses settings without which it can't be."""
    ours: bool = False
    """This process reads it from files: it chooses the data and the speed."""
    placed: bool = False
    """It has to be said where it is."""
    known: bool = False
    """What its rows are is known before its part is started, which lets time run."""


def open_replay(opening: Opening, stack: ExitStack) -> MarketSource:
    """Return a recording, open until the stack is closed."""
    recording = open_recording(
        opening.options, opening.specs, speed=opening.speed, slice_rows=SLICE_ROWS
    )
    return stack.enter_context(recording)


def open_bus(opening: Opening, stack: ExitStack) -> MarketSource:
    """Return the feed of another process; its part has still to be started."""
    wanted = opening.places[0]
    reader = FeedReader(opening.settings, wanted, first=opening.taken)
    return BusSource(reader, opening.parts.unless)


def open_kite(opening: Opening, stack: ExitStack) -> MarketSource:
    """Return Kite's live ticks of the instruments that are named; its part has to be started."""
    from alphapanda.runtime.live import open_live  # noqa: PLC0415 (requests, Twisted)

    return open_live(
        opening.settings, live_names(opening), calendar=read_calendar(opening.options.calendar),
        kept=opening.kept,
    )  # fmt: skip


def open_run(opening: Opening, stack: ExitStack) -> MarketSource:
    """Return the rows of a run that another process writes; it is waited for until it has begun."""
    folder = Path(opening.places[0]).expanduser().absolute()
    said: list[str] = []

    def wait() -> None:
        if not said:
            said.append(f"no run in {folder} yet: it is waited for; Ctrl-C stops")
            sys.stderr.write(f"{said[0]}\n")
        time.sleep(NAP_S)

    return open_followed(folder, wait)


def live_names(opening: Opening) -> list[str]:
    """Return the instruments of a live feed: behind the colon, else those of the strategies.

    Raises:
        UsageError: if none is named.
    """
    behind = [name.strip() for place in opening.places for name in place.split(",")]
    chosen = [*opening.options.instrument]
    chosen += [name for entry in opening.options.strategies for name in entry.instruments]
    names = [*dict.fromkeys(name for name in behind or chosen if name)]
    names = names or [*dict.fromkeys(chosen)]
    if not names:
        raise UsageError(
            "--feed kite: write its instruments, as kite:NSE:INFY,NSE:TCS, or name them with "
            "--instrument"
        )
    return names


def asked_of_kite(settings: Settings) -> None:
    """Refuse settings with which nobody can log in at Zerodha."""
    from alphapanda.brokers.zerodha.addresses import addresses_of  # noqa: PLC0415 (seldom needed)

    addresses_of(settings)


SOURCES: dict[str, SourceKind] = {
    "replay": SourceKind("replay:PATH", open_replay, ours=True, placed=True),
    "bus": SourceKind("bus: or bus:FEED", open_bus, require=served),
    "run": SourceKind("run:FOLDER", open_run, placed=True, known=True),
    "kite": SourceKind(
        "kite:NSE:INFY,NSE:TCS or kite:", open_kite, require=asked_of_kite, known=True
    ),
}
"""Sources by the word before the colon. A new one is a line here and a file in `brokers/`."""


class FeedChoice(NamedTuple):
    """What `--feed` said."""

    word: str
    places: list[str]

    @property
    def kind(self) -> SourceKind:
        """Its line of the table."""
        return SOURCES[self.word]

    def data(self) -> dict[str, list[str]]:
        """Return the option that says where the rows come from."""
        return {"data": list(self.places) if self.kind.ours else [f"{self.word}:"]}

    def speed(self, text: str | None) -> float:
        """Return how fast a recording is to come.

        Raises:
            UsageError: if it is given for a feed that comes as it comes.
        """
        if text is not None and not self.kind.ours:
            raise UsageError(
                f"--speed: whoever publishes the feed chooses it; leave it out with {self.word}:"
            )
        return parse_speed(text or "1x")

    def refuse_choosing(self, given: Mapping[str, Any]) -> None:
        """Refuse options that choose data where the feed brings its rows as they are."""
        for name in () if self.kind.ours else CHOOSING:
            if name in given:
                raise UsageError(
                    f"--{name.replace('_', '-')}: whoever publishes the feed chooses its data; "
                    f"leave it out with --feed {self.word}:"
                )


def parse_feed(words: Sequence[str]) -> FeedChoice:
    """Return what `--feed`, given once or more, asks for.

    Raises:
        UsageError: for a feed that does not exist (yet), or several that can't be one.
    """
    kinds, places = [], []
    for word in words:
        name, colon, where = word.partition(":")
        if name not in SOURCES:
            known = [kind.written for kind in SOURCES.values()]
            hint = did_you_mean(name, SOURCES) or f" There is {', '.join(known)}."
            raise UsageError(f"--feed {word}: no such feed.{hint}")
        if not colon or (SOURCES[name].placed and not where):
            raise UsageError(f"--feed {word}: write {SOURCES[name].written}")
        kinds.append(name)
        places.append(where)
    if not words or (len(words) > 1 and not (len(set(kinds)) == 1 and SOURCES[kinds[0]].ours)):
        raise UsageError("write one --feed; of replay: there may be more, for more files")
    return FeedChoice(kinds[0], places)
