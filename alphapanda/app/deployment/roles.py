"""The roles of a process: the parts that live in it, and what its main thread does meanwhile.

One process may have all roles or some. Rows of a feed go over the topics between processes only:
beside `trade`, they go straight into the core.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from alphapanda import log
from alphapanda.app import backtest as runs
from alphapanda.app import options as of_run
from alphapanda.app.commands.backtest import default_out
from alphapanda.app.deployment import feed as feeds
from alphapanda.app.deployment import paper
from alphapanda.app.deployment.failing import failure_told
from alphapanda.app.deployment.feed import Subscribed
from alphapanda.app.deployment.lifecycle import Part, Parts
from alphapanda.app.deployment.pacing import parse_speed
from alphapanda.app.deployment.projecting import RunProjector
from alphapanda.app.deployment.relaying import RunRelay
from alphapanda.app.deployment.servers import ready, served
from alphapanda.app.options import Entry, Options
from alphapanda.app.stopping import NAP_S, orderly
from alphapanda.bus.feed_reader import FeedReader
from alphapanda.bus.feed_sender import FeedSender
from alphapanda.config.settings import Settings
from alphapanda.data.replay import open_replay
from alphapanda.errors import AlphaPandaError, OutsideError, UsageError, did_you_mean
from alphapanda.journal.journal import FILE, Journal
from alphapanda.model.events import Broker, Envelope
from alphapanda.model.feeds import Feed, phases
from alphapanda.research.result import Result
from alphapanda.research.rundir import claimed, remove_empty

if TYPE_CHECKING:
    from alphapanda.project.from_topics import TopicReader

AGAIN = "started again, it goes on"


class Role(StrEnum):
    """What a process may be there for."""

    FEED = "feed"
    """Publishes the rows of a feed."""
    TRADE = "trade"
    """Runs strategies over a feed, and keeps the run's journal."""
    RELAY = "relay"
    """Publishes what the journal holds."""
    PROJECT = "project"
    """Keeps the tables and the board: by the journal beside a run, else by the topics."""


@dataclass(frozen=True)
class Wanted:
    """What a process is asked to do, in the words of the command line."""

    strategies: Sequence[str]
    given: Mapping[str, Any]
    feed: Sequence[str]
    roles: frozenset[Role] = frozenset(Role)
    speed: str | None = None
    out: Path | None = None


@dataclass
class Process:
    """A process while its parts are made."""

    settings: Settings
    roles: frozenset[Role]
    folder: Path | None = None
    feed: Feed | None = None
    """The feed that this process has the rows of."""
    phases: Sequence[Envelope] = ()
    """The changes of phase of its days."""
    subscribes: str | None = None
    """The feed whose rows come from another process; empty for whichever runs."""
    taken: int = 0
    """Rows of it that the run has had."""
    parts: dict[Role, Part] = field(default_factory=dict)


def sender(process: Process) -> Part | None:
    """Return what publishes the feed's rows."""
    if Role.TRADE in process.roles or process.feed is None:
        return None
    return FeedSender(process.settings, process.feed, process.phases)


def reader(process: Process) -> Part | None:
    """Return what reads the rows of another process's feed."""
    if process.subscribes is None:
        return None
    return FeedReader(process.settings, process.subscribes, first=process.taken)


def relay(process: Process) -> Part | None:
    """Return what publishes the run's journal."""
    if not process.settings.bus.enabled or process.folder is None:
        return None
    return RunRelay(process.settings, process.folder)


def projector(process: Process) -> Part | None:
    """Return what projects the run's journal, or the topics."""
    settings = process.settings
    if process.folder is not None:
        return RunProjector(settings, process.folder) if settings.has_database else None
    from alphapanda.project.from_topics import TopicReader  # noqa: PLC0415 (SQLAlchemy)
    from alphapanda.project.projector import Projector  # noqa: PLC0415

    return TopicReader(settings, Projector(settings))


PARTS: dict[Role, Callable[[Process], Part | None]] = {
    Role.FEED: sender,
    Role.TRADE: reader,
    Role.RELAY: relay,
    Role.PROJECT: projector,
}
"""The long-lived part of each role, None where the process can do without."""


def chosen(words: Sequence[str]) -> frozenset[Role]:
    """Return the roles that are named; all if none is.

    Raises:
        UsageError: for one that does not exist.
    """
    for word in words:
        if word not in tuple(Role):
            hint = did_you_mean(word, Role)
            raise UsageError(f"--role {word}: one of {', '.join(Role)}.{hint}")
    return frozenset(map(Role, words)) or frozenset(Role)


def carry_out(
    wanted: Wanted, settings: Settings, *, show: paper.Show | None = None,
    parts_of: Callable[..., Parts] = Parts,
) -> Result | dict[str, Any]:  # fmt: skip
    """Do what a process is there for, to its end; return what came of it.

    Raises:
        KeyboardInterrupt: after an orderly stop by Ctrl-C or SIGTERM; it says how to go on.
    """
    with ExitStack() as stack:
        stack.callback(log.stop)
        parts = stack.enter_context(parts_of(stop_timeout_s=settings.paper.stop_timeout_s))
        if Role.TRADE in wanted.roles:
            return trade(wanted, settings, parts, stack, show)
        if Role.FEED in wanted.roles:
            return publish(wanted, settings, parts, stack)
        return follow(wanted, settings, parts, stack)


def begun(process: Process, parts: Parts, stack: ExitStack) -> Process:
    """Start the parts of a process's roles, concurrently; from now on its failure is told."""
    log.start(process.settings)
    made = {role: PARTS[role](process) for role in Role if role in process.roles}
    process.parts = {role: part for role, part in made.items() if part is not None}
    parts.start(*process.parts.values())
    stack.enter_context(failure_told(
        process.settings, parts, "+".join(role for role in Role if role in process.roles),
        lambda: concerned(process),
    ))  # fmt: skip
    return process


def concerned(process: Process) -> str:
    """Return the run, or the feed, that a process is there for."""
    if process.folder is None:
        return process.feed.id if process.feed is not None else ""
    journal = Journal(process.folder / FILE)
    with suppress(OSError, AlphaPandaError):  # there is none yet, or it is damaged
        journal.refresh()
    return str(journal.contents.manifest.get("run_id", process.folder.name))


def trade(
    wanted: Wanted, settings: Settings, parts: Parts, stack: ExitStack, show: paper.Show | None
) -> Result:
    """Trade on paper until the feed ends."""
    kind, places = feeds.parse(wanted.feed)
    bus, speed = kind == feeds.BUS, speed_of(wanted, kind)
    if bus:
        served(settings)
    options = None if not wanted.strategies else named(wanted, kind, places)
    keeps = Role.PROJECT in wanted.roles and settings.has_database
    database = ready(parts, settings, stores=keeps or options is None, brokers=[Broker.PAPER])
    if options is None:
        from alphapanda.store.active import active  # noqa: PLC0415 (SQLAlchemy)

        assert database is not None
        if bus:
            feeds.refuse_choosing(wanted.given)
        given = {**parts.do(active(database)), **wanted.given}
        options = of_run.make({**given, **data_of(kind, places)})
    folder = folder_of(wanted.out, options, stack)
    specs, arguments = runs.found(options)
    rules = runs.rules_of(options)
    replay = None
    if not bus:
        replay = stack.enter_context(open_replay(runs.replay_options(options, specs)))
    journal = paper.unfinished(folder)
    before = places[0] or ("" if journal is None else str(journal.contents.manifest["feed"]))
    process = begun(
        Process(settings, wanted.roles, folder, subscribes=before if bus else None,
                taken=paper.taken(journal)),
        parts, stack,
    )  # fmt: skip
    if replay is not None:
        made = runs.prepare(options, rules, replay, specs, arguments)
        rows = feeds.recorded(replay, speed)
    else:
        source: Any = process.parts[Role.TRADE]
        made = subscribed(options, rules, source.feed, specs, arguments)
        rows = feeds.received(source, parts)
    try:
        result = paper.run(made, folder, journal, rows, show=show)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"it goes on with --out {wanted.out or folder}") from None
    left = [followed(parts, process.parts.get(role)) for role in (Role.RELAY, Role.PROJECT)]
    troubles = filter(None, (result.trouble, *left))
    return replace(result, trouble="\nalphapanda: ".join(troubles))


def followed(parts: Parts, part: Any) -> str:
    """Wait until what follows a run that has ended has all of it; return what is left to do."""
    if part is None:
        return ""
    with orderly() as asked:
        trouble: str | None = parts.unless(asked, part.finished())
    return str(part.left("it was not waited for")) if trouble is None else trouble


def folder_of(out: Path | None, options: Options, stack: ExitStack) -> Path:
    """Return the folder of a run; if nobody chose it, one of its own, gone if it stays empty."""
    if out is not None:
        return out.expanduser().absolute()
    folder = claimed(default_out(options, what="paper-")).absolute()
    stack.callback(remove_empty, folder)
    return folder


def named(wanted: Wanted, kind: str, places: Sequence[str]) -> Options:
    """Return the options of strategies that are named, or of one run file."""
    if "data" in wanted.given:
        raise UsageError("the data come from --feed replay:PATH, not from --data")
    values = {**wanted.given, **data_of(kind, places)}
    if kind == feeds.BUS:
        feeds.refuse_choosing(wanted.given)
    if len(wanted.strategies) > 1:
        return of_run.make({**values, "strategies": list(wanted.strategies)})
    leaving = ["out", "journal"]
    if kind == feeds.BUS:
        leaving += [*feeds.CHOOSING, "first", "last"]
    return of_run.of_command(wanted.strategies[0], values, leaving=leaving)


def data_of(kind: str, places: Sequence[str]) -> dict[str, list[str]]:
    """Return the option that says where the rows come from."""
    return {"data": [f"{kind}:"] if kind == feeds.BUS else list(places)}


def speed_of(wanted: Wanted, kind: str) -> float:
    """Return how fast a recording is to come.

    Raises:
        UsageError: if it is said of a feed that comes as it comes.
    """
    if wanted.speed is not None and kind == feeds.BUS:
        raise UsageError("--speed: whoever publishes the feed says it; leave it out with bus:")
    return parse_speed(wanted.speed or "1x")


def subscribed(
    options: Options, rules: runs.Rules, feed: Feed, specs: Any, arguments: Any
) -> runs.Run:  # fmt: skip
    """Return the run of strategies on a feed of another process; `--instrument` binds them."""
    entries = tuple(
        Entry(e.strategy, e.params, e.instruments or options.instrument) for e in options.strategies
    )
    bound = replace(options, strategies=entries, data=(f"{feeds.BUS}:{feed.id}",))
    source = Subscribed.to(feed)
    return runs.bound(bound, rules, source, specs, arguments, feed.instruments, [])


def publish(
    wanted: Wanted, settings: Settings, parts: Parts, stack: ExitStack
) -> dict[str, Any]:  # fmt: skip
    """Publish a recording's rows."""
    kind, places = feeds.parse(wanted.feed)
    if kind == feeds.BUS:
        raise UsageError("--role feed publishes a recording: --feed replay:PATH")
    if wanted.strategies or wanted.roles != {Role.FEED}:
        raise UsageError("--role feed alone publishes; what follows a run goes with --role trade")
    speed = speed_of(wanted, kind)
    options = of_run.make({**wanted.given, **data_of(kind, places)}, trades=False)
    served(settings)
    replay = stack.enter_context(open_replay(runs.replay_options(options, ())))
    ready(parts, settings, stores=False, brokers=[Broker.PAPER])
    feed = feeds.described(options, replay)
    days = phases(feed, runs.read_calendar(options.calendar))
    process = begun(Process(settings, wanted.roles, wanted.out, feed, days), parts, stack)
    source: Any = process.parts[Role.FEED]
    try:
        return feeds.publish(replay, source, parts, speed=speed)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(AGAIN) from None


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
    ready(parts, settings, stores=Role.PROJECT in wanted.roles, brokers=[Broker.PAPER])
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
