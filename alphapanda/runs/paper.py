"""Trading, on paper or at a broker: a feed through the core, every step in the journal at once.

A run that was stopped, or killed, goes on where its journal ends when it is started again with the
same `--out`. It ends with the same tables, digest and journal as if it had never stopped.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from alphapanda import faults, log
from alphapanda.books.state import OrderState
from alphapanda.brokers.ports import (
    ExecutionClient,
    ForeignOrder,
    MarketSource,
    OrderRequest,
    Report,
)
from alphapanda.engine.engine import Engine
from alphapanda.errors import UsageError
from alphapanda.events.events import Broker
from alphapanda.journal.journal import FILE, Journal
from alphapanda.journal.records import LockError, is_written, torn_first
from alphapanda.model.calendar import Phase
from alphapanda.model.columns import Columns
from alphapanda.model.commands import Choice
from alphapanda.model.notes import Note, Rank
from alphapanda.research.orders import Spool
from alphapanda.research.result import Result
from alphapanda.research.rundir import RunDirectory, make_folder
from alphapanda.runs import manifest, recorder
from alphapanda.runs.commands import KILL, load_key, refuse_killed, registered
from alphapanda.runs.identity import differing, made_by
from alphapanda.runs.inbox import FileInbox
from alphapanda.runs.line import Line
from alphapanda.runs.nights import Night, catch_up, goes_on, news_of, notes_on_end
from alphapanda.runs.onward import Onward
from alphapanda.runs.operator import Operator
from alphapanda.runs.output import write_run
from alphapanda.runs.plan import RunPlan
from alphapanda.runs.reports import Reports
from alphapanda.runs.runner import ActiveRun, start
from alphapanda.runs.sending import Sender, Way, doubts
from alphapanda.runs.session import Session, blaming
from alphapanda.runs.stopping import orderly
from alphapanda.runs.summary import totals

if TYPE_CHECKING:
    from alphapanda.config.settings import Settings

LOG = log.get(__name__)
SILENCE_S = 20.0
"""So long a venue may say nothing at the end of a feed while an answer of it is awaited: a refusal
is said once a look into its books ten seconds later has confirmed it."""
DOUBT_S = 240.0
"""And so long while nobody knows if an order works: a client looks for it for some minutes."""
NAP_S = 0.5
PERFORMANCE = log.get("performance")
Show = Callable[["PaperRun"], None]


class Venue(Protocol):
    """Where a run's orders go: what opens its client, given what the run sent and heard so far."""

    broker: Broker

    def connect(self, run_id: str, history: Iterable[OrderRequest | Report]) -> ExecutionClient:
        """Return the client of a run; of one that goes on, behind its history."""
        ...

    def decide(self, choice: Choice, order_id: str) -> str:
        """Do what an operator has decided about orders; return why it can't be done."""
        ...

    def find(self, order_id: str) -> ForeignOrder | str:
        """Return an order of the broker's that no run sent, or why it can't be taken over."""
        ...

    def close_day(self) -> str:
        """Compare the day with the broker's books; return what speaks against closing it."""
        ...


@dataclass
class PaperRun:
    """A paper run while it trades, for whoever shows it."""

    run: ActiveRun
    recorder: recorder.Recorder


def run_paper(
    plan: RunPlan, source: MarketSource, folder: Path, settings: Settings, *,
    journal: Journal | None = None, base: Path | None = None, show: Show | None = None,
    venue: Venue | None = None, night: Night | None = None,
) -> Result:  # fmt: skip
    """Trade until the feed ends, into a folder; go on if its journal has not ended.

    Orders go to the venue, if there is one, else the core fills them. With a base folder, which
    has the key that signs commands, an operator can command the run. With a `night` the feed's
    end is a day's: a run that holds something goes on the next day, and so far there is no folder.

    Raises:
        UsageError: while `kill --all` holds for the base folder.
        KeyboardInterrupt: after an orderly stop by Ctrl-C or SIGTERM.
    """
    if base is not None:
        refuse_killed(base)
    make_folder(folder)
    with RunDirectory(folder, joins=True) as directory:
        assert plan.sent == (venue is not None), "a plan says whether its orders are sent"
        run = start(plan, source, directory, cache_dir=settings.cache_dir)
        mode, broker = ("paper", Broker.PAPER) if venue is None else ("live", venue.broker)
        document = manifest.document(plan, settings, name=folder.name, mode=mode, broker=broker)
        every = settings.paper.checkpoint_rows
        if journal is None:
            engine = run.session.engine
            kept = recorder.begin(plan, engine, folder, document, checkpoint_rows=every)
        else:
            same_run(journal, document)
            kept = recorder.resume(run, journal, checkpoint_rows=every)
        run.session.sinks.append(kept)
        remove_leftovers(directory)
        before = document if journal is None else journal.contents.manifest
        with log.bound(run_id=before["run_id"]), registered(base, folder, before["run_id"]):
            if base is not None:
                run.session.operator = operator_of(run, kept, folder, base, before["run_id"])
            LOG.info(
                "run begins" if journal is None else "run goes on", feed=before["feed"],
                strategies=plan.names, row=rows_taken(journal),
            )  # fmt: skip
            if night is not None and journal is not None:
                with blaming(plan.specs, run.session.time):
                    catch_up(run.session, night.past_ns)
            with (
                frozen_garbage(),
                measured(run),
                connected(run, kept, journal, venue, run_id=before["run_id"], night=night),
            ):
                stopped = trade(PaperRun(run, kept), journal, show=show)
                rest = None if stopped else rest_of(run, venue, night)
            if rest is not None:
                return pause(run, kept, directory.final, rest)
            if stopped:
                kept.pause()
                LOG.info("run stopped in order", rows=run.session.rows)
                raise KeyboardInterrupt
            result = end_run(run, kept, directory)
            facts = ("digest", "fills", "orders", "pnl", "charges")
            LOG.info("run ended", **{name: result.summary[name] for name in facts})
            return result


@contextmanager
def connected(
    run: ActiveRun, kept: recorder.Recorder, journal: Journal | None, venue: Venue | None, *,
    run_id: str, night: Night | None = None,
) -> Iterator[None]:  # fmt: skip
    """Send what the core says from now on to the venue, and let it hear what is reported there.

    What an earlier process of the run sent without an answer is in doubt until the venue tells.
    """
    if venue is None:
        yield
        return
    if journal is not None:
        journal.refresh()  # the calendar has brought it up to today
    before = [] if journal is None else list(recorder.history(run, journal))
    reports = Reports(given=kept.reports, booked=kept.booked)
    reports.put(*doubts(run.session.engine), *news_of(night, before))
    line = Line(venue.connect(run_id, before), reports)
    if run.session.operator is not None:
        run.session.operator.decide_with(venue.decide, venue.find)
    run.session.reports = reports
    way = Way(str(venue.broker), run.plan.brokers(str(venue.broker)), reports.put)
    run.session.sinks.append(Sender(run.session.engine, line.submit, way))
    line.look()  # what happened meanwhile is heard before anything new is decided
    line.start()
    try:
        yield
    finally:
        line.stop()


def operator_of(
    run: ActiveRun, kept: recorder.Recorder, folder: Path, base: Path, run_id: str
) -> Operator:
    """Return what takes the commands of a run's inbox; those in the journal are not taken again."""
    inbox = FileInbox(
        folder, load_key(base), run_id, settled=kept.commands, kill_file=base / KILL
    )  # fmt: skip
    instruments = [instrument.name for instrument in run.plan.instruments]
    given = len(kept.commands)
    return Operator(inbox, run.session.engine, run.plan.names, instruments, given=given)


@contextmanager
def measured(run: ActiveRun) -> Iterator[None]:
    """Log how many rows were fed, and how fast."""
    before, begun = run.session.rows, perf_counter()
    yield
    rows, seconds = run.session.rows - before, perf_counter() - begun
    PERFORMANCE.info("rows fed", rows=rows, seconds=round(seconds, 3))


@contextmanager
def frozen_garbage() -> Iterator[None]:
    """Keep what was made before out of the collector's walks; each stopped trading for 0.1 s."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def unfinished(folder: Path) -> Journal | None:
    """Return the journal of a run that waits in a folder, if there is one.

    Raises:
        UsageError: if the folder holds something else, a run that has ended or one that trades.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    if not (folder / FILE).is_file():
        raise UsageError(f"--out {folder}: there is something else; choose another")
    journal = Journal(folder / FILE)
    journal.refresh()
    if journal.contents.ended:
        raise UsageError(f"--out {folder}: this run has ended; choose another")
    if is_written(folder / FILE):
        raise LockError(f"--out {folder}: another process is writing this run; choose another")
    if journal.contents.manifest:
        return journal
    # Killed before its first record was whole, it had done nothing, and so left nothing else.
    if not torn_first(folder / FILE):
        raise UsageError(f"--out {folder}: its {FILE} is no journal; choose another")
    if any(path.name != FILE for path in folder.iterdir()):
        raise UsageError(
            f"--out {folder}: its {FILE} has not one whole record, and there are files of a run "
            "that got further; choose another"
        )
    return None


def remove_leftovers(directory: RunDirectory) -> None:
    """Remove what earlier processes of this run left half made; none of them lives."""
    for path in directory.final.parent.glob(f".{directory.final.name}.*.partial"):
        if path != directory.partial:
            shutil.rmtree(path, ignore_errors=True)


def same_run(journal: Journal, document: dict[str, Any]) -> None:
    """Refuse to go on with a run that was begun with other options, data or strategies."""
    before = journal.contents.manifest
    other_code = made_by(before, journal.contents.path)
    if other_code:
        raise UsageError(other_code)
    if manifest.fingerprint(before) != manifest.fingerprint(document):
        other = differing(before, document)
        raise UsageError(
            f"{journal.contents.path.parent}: the run that waits there was begun otherwise "
            f"({', '.join(other) or 'its feed'} differ); choose another --out"
        )


def rows_taken(journal: Journal | None) -> int:
    """Return how many rows of the feed lie behind a run, those that never came included."""
    if journal is None:
        return 0
    return sum(place.rows + place.missed for place in journal.contents.batches)


def trade(paper: PaperRun, journal: Journal | None, *, show: Show | None) -> bool:
    """Feed the rest of the feed to the core; return True if it was stopped before its end."""
    run, session = paper.run, paper.run.session
    fed, onward = False, Onward()
    with orderly() as stopping, blaming(run.plan.specs, session.time):
        for missed, part, clock_ns in run.source.rows(rows_taken(journal), stopping):
            paper.recorder.miss(missed)
            session.advance(onward.take(part, session.now), clock_ns)
            fed |= bool(part.rows or clock_ns)
            if show is not None and (part.rows or clock_ns):
                show(paper)
        if stopping() or getattr(run.source, "goes_on", False):
            return True
        add_notes(run, *onward.notes())
        hear_out(session, stopping)
        if fed or not paper.recorder.finished:
            session.finish(always=run.plan.rules.calendar.is_always)
            hear_out(session, stopping)
        if session.reports is not None and stopping():
            return True  # answers are awaited still
    faults.at("feed ended")
    return False


def hear_out(session: Session, stopping: Callable[[], bool]) -> None:
    """Take a venue's reports until all that was sent is answered, or it is silent for long."""
    reports, since = session.reports, monotonic()
    while reports is not None and session.now and not stopping():
        left = since + patience(session.engine) - monotonic()
        if reports.came.wait(max(min(left, NAP_S), 0.0)):
            session.advance(Columns.of())
            since = monotonic()
        elif left <= 0:
            return


def patience(engine: Engine) -> float:
    """Return how many seconds of silence of a venue are waited out for what is not answered."""
    orders = engine.tables["orders"]
    if np.any((orders["id"] != 0) & (orders["state"] == OrderState.UNKNOWN)):
        return DOUBT_S
    working = (orders["id"] != 0) & (orders["state"] < OrderState.CLOSED)
    if np.any(working & is_over(engine, orders)):
        return DOUBT_S
    return SILENCE_S if doubts(engine) else 0.0


def is_over(engine: Engine, orders: Any) -> Any:
    """Return of which orders the session is over: the broker has still to say how they ended."""
    instruments = engine.tables["instruments"]
    return (instruments["phase"] == Phase.CLOSED)[orders["row"]]


class Rest(NamedTuple):
    """Why a run does not end with its day."""

    why: str
    trouble: str = ""
    """What a person has to see to; empty: nothing."""


def rest_of(run: ActiveRun, venue: Venue | None, night: Night | None) -> Rest | None:
    """Close the day at the venue, and return why the run does not end with it; None: it does."""
    if venue is None or night is None:
        return None
    differing = venue.close_day()
    if night.accepts and differing:
        LOG.warning("day closed although the books differ", why=differing)
        add_notes(run, Note(f"the day was closed although {differing}", Rank.BROKEN))
        differing = ""
    why = goes_on(run.session.engine, night)
    if why or differing:
        return Rest(why or "the day is not closed", differing)
    add_notes(run, *notes_on_end(run.session.engine))
    return None


def add_notes(run: ActiveRun, *notes: str) -> None:
    """Let a run's result say more."""
    run.plan = replace(run.plan, notes=(*run.plan.notes, *notes))


def pause(run: ActiveRun, kept: recorder.Recorder, folder: Path, rest: Rest) -> Result:
    """Let a run wait for its next day; return how it stands."""
    kept.pause()
    LOG.info("day over, the run goes on", why=rest.why)
    run.status = "goes on"
    summary, tables = totals(run)
    summary["notes"].insert(0, f"{rest.why}: the run goes on with --out {folder}")
    summary["run"] = str(folder)
    trouble = rest.trouble and (
        f"{rest.trouble}; the same command compares again today, --accept-closing takes the day "
        "for closed"
    )
    return Result(summary, tables, None, Spool(run.gatherer.names), {}, trouble)


def end_run(run: ActiveRun, kept: recorder.Recorder, directory: RunDirectory) -> Result:
    """Write the tables of a run that is over, then its end into the journal."""
    gaps = kept.gaps
    if gaps.missed:
        run.status = gaps.status
    summary, tables = totals(run)
    if gaps.missed:
        said = f"{gaps.status}: what would have been decided there is not known"
        summary["notes"].insert(0, said)
        summary["gaps"] = gaps.facts()
    faults.at("tables written")
    result = write_run(run, directory, summary, tables)
    faults.at("folder filled")
    kept.end(summary["digest"], note=run.status)
    return result
