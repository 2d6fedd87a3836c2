"""The trading part of a process: a feed through the core, on paper."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from alphapanda.config.settings import Settings
from alphapanda.data.replay.replay import open_replay
from alphapanda.errors import UsageError
from alphapanda.events.events import Broker
from alphapanda.events.feeds import Feed
from alphapanda.research.result import Result
from alphapanda.research.rundir import claimed, remove_empty
from alphapanda.runs import options as of_run
from alphapanda.runs import paper, plan
from alphapanda.runs.folders import default_out
from alphapanda.runs.options import Entry, Options
from alphapanda.runs.stopping import orderly
from alphapanda.runtime import feed as feeds
from alphapanda.runtime.feed import Subscribed
from alphapanda.runtime.lifecycle import Parts
from alphapanda.runtime.pacing import parse_speed
from alphapanda.runtime.parts import Process, Role, Wanted, begun
from alphapanda.runtime.servers import ready, served


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
    specs, arguments = plan.found(options)
    rules = plan.rules_of(options)
    replay = None
    if not bus:
        replay = stack.enter_context(open_replay(plan.replay_options(options, specs)))
    journal = paper.unfinished(folder)
    before = places[0] or ("" if journal is None else str(journal.contents.manifest["feed"]))
    process = begun(
        Process(settings, wanted.roles, folder, subscribes=before if bus else None,
                taken=paper.taken(journal)),
        parts, stack,
    )  # fmt: skip
    if replay is not None:
        made = plan.prepare(options, rules, replay, specs, arguments)
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
    options: Options, rules: plan.Rules, feed: Feed, specs: Any, arguments: Any
) -> plan.Run:  # fmt: skip
    """Return the run of strategies on a feed of another process; `--instrument` binds them."""
    entries = tuple(
        Entry(e.strategy, e.params, e.instruments or options.instrument) for e in options.strategies
    )
    bound = replace(options, strategies=entries, data=(f"{feeds.BUS}:{feed.id}",))
    source = Subscribed.to(feed)
    return plan.bound(bound, rules, source, specs, arguments, feed.instruments, [])
