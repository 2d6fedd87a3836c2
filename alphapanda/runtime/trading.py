"""The trading part of a process: a feed through the core, and its orders to where they go."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.events.events import Broker
from alphapanda.events.feeds import kept_in
from alphapanda.journal.journal import FILE
from alphapanda.research.result import Result
from alphapanda.research.rundir import claimed, remove_empty
from alphapanda.runs import options as of_run
from alphapanda.runs import run_files
from alphapanda.runs.commands import registered_folders
from alphapanda.runs.earlier import earned_by_others
from alphapanda.runs.folders import default_out
from alphapanda.runs.nights import Night, later_days
from alphapanda.runs.options import Options
from alphapanda.runs.paper import Show, rows_taken, run_paper, unfinished
from alphapanda.runs.plan import bind, load_strategies, rules_of
from alphapanda.runs.runner import prepare
from alphapanda.runs.stopping import orderly
from alphapanda.runtime import venues
from alphapanda.runtime.lifecycle import Parts
from alphapanda.runtime.parts import Process, Role, Wanted, begun
from alphapanda.runtime.servers import ready
from alphapanda.runtime.sources import CHOOSING, FeedChoice, Opening, parse_feed

if TYPE_CHECKING:
    from alphapanda.store.database import Database


def trade(
    wanted: Wanted, settings: Settings, parts: Parts, stack: ExitStack, show: Show | None
) -> Result:
    """Trade until the feed ends."""
    feed = parse_feed(wanted.feed)
    speed = feed.speed(wanted.speed)
    feed.kind.require(settings)
    options = options_of(wanted, feed) if wanted.strategies or wanted.deployment else None
    keeps = Role.PROJECT in wanted.roles and settings.has_database
    database = ready(parts, settings, stores=keeps or options is None, brokers=[wanted.broker])
    if options is None:
        assert database is not None
        options = active_options(wanted, feed, parts, database)
    folder = folder_of(wanted.out, options, settings.runs_dir, stack)
    refuse_others(options, wanted.broker)
    specs, arguments = load_strategies(options, settings.strategies_dir)
    rules = rules_of(options)
    journal = unfinished(folder)
    sent = wanted.broker in venues.SENT
    known = "" if journal is None else str(journal.contents.manifest["feed"])
    source = feed.kind.open(Opening(
        settings, parts, options, specs, feed.places, speed, rows_taken(journal), known,
        kept=kept_in(journal.contents.manifest) if sent and journal is not None else None,
    ), stack)  # fmt: skip
    night = venues.night_of(source, wanted.until, accepts=wanted.accepts) if sent else None
    if night is not None:
        night = night._replace(earned=earned_elsewhere(settings, folder, wanted.broker, night))
    plan = bind(options, rules, source, specs, arguments) if feed.kind.known else None
    if plan is not None:  # compiling takes a minute, in which a market would go by
        prepare(replace(plan, sent=sent), settings.cache_dir)
    process = begun(Process(settings, wanted.roles, folder, source=source), parts, stack)
    plan = plan or bind(options, rules, source, specs, arguments)
    plan = replace(
        plan,
        sent=sent,
        deployment=wanted.deployment,
        notes=(*plan.notes, *wanted.notes),
        later=getattr(source, "later", ()),
        simulator=getattr(source, "simulator", None),
    )
    if night is not None:
        plan = replace(plan, later=later_days(plan.feed.days, journal, night.today))
    opening = venues.Opening(settings, plan, source, folder, wanted.sending)
    venue = venues.VENUES[wanted.broker](opening, stack)
    try:
        result = run_paper(
            plan, source, folder, settings, journal=journal, base=settings.base_dir, show=show,
            venue=venue, night=night,
        )  # fmt: skip
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"it goes on with --out {wanted.out or folder}") from None
    if result.path is None:  # it goes on another day: what follows it has no end to wait for
        return result
    left = [followed(parts, process.parts.get(role)) for role in (Role.RELAY, Role.PROJECT)]
    troubles = filter(None, (result.trouble, *left))
    return replace(result, trouble="\nalphapanda: ".join(troubles))


def earned_elsewhere(settings: Settings, folder: Path, broker: Broker, night: Night) -> int:
    """Return what the account's other runs have earned today, scaled."""
    inside = sorted(path.parent for path in settings.runs_dir.glob(f"*/{FILE}"))
    known = dict.fromkeys([*inside, *registered_folders(settings.base_dir)])
    like = {"broker": str(broker), "account_id": settings.account_id}
    return earned_by_others(known, folder, like, night.today)


def followed(parts: Parts, part: Any) -> str:
    """Wait until what follows a run that has ended has all of it; return what is left to do."""
    if part is None:
        return ""
    with orderly() as asked:
        trouble: str | None = parts.unless(asked, part.finished())
    return str(part.left("it was not waited for")) if trouble is None else trouble


def folder_of(out: Path | None, options: Options, runs_dir: Path, stack: ExitStack) -> Path:
    """Return the run's folder; where none is named, a new one, removed if it stays empty."""
    if out is not None:
        return out.expanduser().absolute()
    folder = claimed(default_out(options, runs_dir, what="paper-")).absolute()
    stack.callback(remove_empty, folder)
    return folder


def options_of(wanted: Wanted, feed: FeedChoice) -> Options:
    """Return the options of strategies that are named, or of one run file."""
    if "data" in wanted.given:
        raise UsageError("the data come from --feed replay:PATH, not from --data")
    values = {**wanted.given, **feed.data()}
    feed.refuse_choosing(wanted.given)
    if wanted.deployment:
        return of_run.make(values, where=f"deployment {wanted.deployment}: ")
    if len(wanted.strategies) > 1:
        return of_run.make({**values, "strategies": list(wanted.strategies)})
    leaving = ["out", "journal"]
    if not feed.kind.ours:
        leaving += [*CHOOSING, "first", "last"]
    return run_files.of_command(wanted.strategies[0], values, leaving=leaving)


def refuse_others(options: Options, broker: Broker) -> None:
    """Refuse to trade at a broker what is bound to another.

    Raises:
        UsageError: if something is.
    """
    for entry in options.strategies:
        if entry.broker not in ("", broker):
            raise UsageError(
                f"{entry.name or entry.strategy} is bound to {entry.broker}, and this run's orders "
                f"go to {broker}"
            )


def active_options(wanted: Wanted, feed: FeedChoice, parts: Parts, database: Database) -> Options:
    """Return the options of the strategies that are active in the database."""
    from alphapanda.store.active import active  # noqa: PLC0415 (SQLAlchemy)

    feed.refuse_choosing(wanted.given)
    return of_run.make({**parts.do(active(database)), **wanted.given, **feed.data()})
