"""The parts of a process that follow runs of other processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rich.console import Console

from alphapanda.brokers.pacing import NAP_S, SLICE_ROWS
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.feeds import Feed, phases
from alphapanda.journal.journal import FILE
from alphapanda.projection.from_topics import TopicReader
from alphapanda.runs import options as of_run
from alphapanda.runs import plan
from alphapanda.runs.plan import open_recording
from alphapanda.runs.stopping import orderly
from alphapanda.runtime.lifecycle import Parts
from alphapanda.runtime.parts import AGAIN, Process, Role, Wanted, begun
from alphapanda.runtime.servers import ready, served
from alphapanda.runtime.sources import parse_feed


def publish(
    wanted: Wanted, settings: Settings, parts: Parts, stack: ExitStack
) -> dict[str, Any]:  # fmt: skip
    """Publish a recording's rows, from where an earlier process stopped to the end.

    Raises:
        KeyboardInterrupt: after an orderly stop by Ctrl-C or SIGTERM; started again it goes on.
    """
    chosen = parse_feed(wanted.feed)
    if not chosen.kind.ours:
        raise UsageError("--role feed publishes a recording: --feed replay:PATH")
    if wanted.strategies or wanted.roles != {Role.FEED}:
        raise UsageError("--role feed alone publishes; what follows a run goes with --role trade")
    speed = chosen.speed(wanted.speed)
    options = of_run.make({**wanted.given, **chosen.data()}, trades=False)
    served(settings)
    recording = open_recording(options, (), speed=speed, slice_rows=SLICE_ROWS)
    source = stack.enter_context(recording)
    refuse_twins(source.feed)
    ready(parts, settings, stores=False, brokers=[wanted.broker])
    days = phases(source.feed, plan.read_calendar(options.calendar))
    process = begun(Process(settings, wanted.roles, wanted.out, source.feed, days), parts, stack)
    sender: Any = process.parts[Role.FEED]
    first = sender.next
    with orderly() as stopping:
        for portion in source.rows(first, stopping):
            if portion.columns.rows:
                parts.unless(stopping, sender.send(portion.columns))
        if not stopping():
            parts.unless(stopping, sender.end())
        if stopping():
            raise KeyboardInterrupt(AGAIN)
    return {"feed": sender.feed.id, "first": first, "rows": sender.next}


def refuse_twins(feed: Feed) -> None:
    """Refuse a feed with two instruments of one name: readers could not tell their rows apart."""
    names = [instrument.name for instrument in feed.instruments]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"several instruments of the data are {twice[0]} in --instruments")


def follow(
    wanted: Wanted, settings: Settings, parts: Parts, stack: ExitStack
) -> dict[str, Any]:  # fmt: skip
    """Follow a run's journal, which another process writes, to its end; or the topics, until stop.

    Raises:
        OutsideError: if the tables lack something in the end; the message says what brings it.
    """
    topics = wanted.roles == {Role.PROJECT} and wanted.out is None
    if topics or Role.RELAY in wanted.roles:
        served(settings)
    if wanted.strategies or wanted.feed or wanted.given or (wanted.out is None and not topics):
        raise UsageError("to follow a run needs its folder, and nothing else: --out FOLDER")
    ready(parts, settings, stores=Role.PROJECT in wanted.roles, brokers=[wanted.broker])
    folder = None if wanted.out is None else wanted.out.expanduser().absolute()
    if folder is not None and not (folder / FILE).exists():
        Console(stderr=True).print(f"no journal in {folder} yet: it is waited for; Ctrl-C stops")
    made: Any = begun(Process(settings, wanted.roles, folder), parts, stack).parts
    with orderly() as asked:
        if topics:
            keep(parts, made[Role.PROJECT], asked)
        done = {
            role: parts.unless(asked, part.drained() if role == Role.RELAY else part.finished())
            for role, part in made.items()
        }  # fmt: skip
    if None in done.values():
        raise KeyboardInterrupt(AGAIN)
    if done.get(Role.PROJECT):
        raise OutsideError(done[Role.PROJECT])
    relayed = done.get(Role.RELAY)
    sent = {} if relayed is None else {"sent": relayed.relayed.sent}
    return {"run": folder.name if folder else "", **sent}


def keep(parts: Parts, reader: TopicReader, asked: Callable[[], bool]) -> None:
    """Follow the topics, which have no end; an outage of the database is waited for.

    Raises:
        KeyboardInterrupt: when the process was asked to stop.
        OutsideError: if the reader has ended; the message says what to do.
    """
    Console(stderr=True).print("the topics are followed; Ctrl-C stops")
    while not asked():
        parts.check(reader.processor.health)
        time.sleep(NAP_S)
    raise KeyboardInterrupt(AGAIN)
