"""A run on its way into its journal: batches with their envelopes, checkpoints, and its end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from alphapanda import faults
from alphapanda.brokers.ports import OrderRequest, Report
from alphapanda.engine.engine import Engine
from alphapanda.errors import UsageError
from alphapanda.events.envelopes import Translator
from alphapanda.events.events import RunStatus, decode, encode
from alphapanda.events.payloads import rows_of
from alphapanda.journal.gaps import Gaps
from alphapanda.journal.journal import FILE, STOPPED, Journal, JournalWriter
from alphapanda.journal.packing import Batch
from alphapanda.model.columns import Columns
from alphapanda.model.rows import Control
from alphapanda.model.texts import Texts, adopted, worded
from alphapanda.model.texts import commands as commands_of
from alphapanda.runs.plan import RunPlan
from alphapanda.runs.reports import reports_in, trade_of
from alphapanda.runs.runner import ActiveRun
from alphapanda.runs.sending import requests_in
from alphapanda.runs.session import Collector, Session
from alphapanda.runs.timing import JOURNAL, STEPS

CRASHED = "goes on after a crash"
FORGOTTEN = -1
"""How far an order may fill that has left the order table: the broker's own limit. It is over, or
was sent; nothing is sent again by it."""


class Recorder:
    """Writes what a core was given and what it said, before anything acts on it."""

    def __init__(
        self, engine: Engine, writer: JournalWriter, translator: Translator, *, status: RunStatus,
        checkpoint_rows: int,
    ) -> None:  # fmt: skip
        self._translator = translator
        self._engine = engine
        self._writer = writer
        self._final = status
        self._every = checkpoint_rows
        self._since = 0
        self._missed = 0
        self.gaps = Gaps()
        """The rows that came so far, and those that did not."""
        self._collected = Collector()
        self.commands: list[str] = []
        """Ids of the commands that the journal has."""
        self.reports = 0
        """How many reports it has from earlier processes, and ..."""
        self.booked: set[tuple[int, str]] = set()
        """... the trades among them, each with its order."""
        self.finished = False
        """Whether the journal has the control rows behind the feed's last row."""

    @property
    def envelopes(self) -> int:
        """Envelopes of the run so far."""
        return self._writer.seq

    def miss(self, rows: int) -> None:
        """Note that so many rows of the feed never came; it is written with the next batch."""
        self._missed += rows

    def take(self, rows: Any) -> None:
        """Keep some output rows until their batch is closed."""
        self._collected.take(rows)

    def close_batch(self, batch: Columns, controls: Any, texts: Sequence[Texts] = ()) -> None:
        """Write one batch: what came in, and what came out of it."""
        said = self._collected.drain()
        self.commands += commands_of(texts)
        if not (batch.rows or len(controls) or len(said) or self._missed):
            return
        self.gaps.take(self._missed, batch)
        self._translator.miss(self._missed)
        made = self._translator.take(said, batch, controls, texts)
        envelopes = [encode(envelope) for envelope in made]
        begun = time.perf_counter()
        self._writer.batch(batch, controls, envelopes, self._missed, texts)
        STEPS.add(JOURNAL, time.perf_counter() - begun)
        self._missed = 0
        faults.at("batch kept")
        self._since += batch.rows
        if self._since >= self._every:
            self._writer.checkpoint(self._engine.snapshot())
            faults.at("checkpoint kept")
            self._since = 0

    def end(self, digest: str, note: str = "") -> None:
        """Say that the run has ended, with the digest of all its rows."""
        self._writer.status(self._final, ts=time.time_ns(), digest=digest, note=note)
        faults.at("end kept")
        self._writer.close()

    def pause(self) -> None:
        """Stop in order: the run goes on another time."""
        self._writer.checkpoint(self._engine.snapshot())
        self._writer.status(RunStatus.RUNNING, ts=time.time_ns(), note=STOPPED)
        self._writer.close()


def translator_of(plan: RunPlan, document: dict[str, Any]) -> Translator:
    """Return the translator at the start of a run."""
    return Translator(
        document["run_id"], broker=document["broker"], feed=document["feed"],
        strategies=plan.names,
        instruments=[instrument.name for instrument in plan.instruments],
    )  # fmt: skip


def begin(
    plan: RunPlan, engine: Engine, folder: Path, document: dict[str, Any], *, checkpoint_rows: int
) -> Recorder:
    """Begin a run's journal in its folder, with a checkpoint behind so many rows each."""
    writer = JournalWriter.create(folder / FILE, document)
    faults.at("journal begun")
    return Recorder(
        engine, writer, translator_of(plan, document), status=RunStatus.ENDED,
        checkpoint_rows=checkpoint_rows,
    )  # fmt: skip


def resume(run: ActiveRun, journal: Journal, *, checkpoint_rows: int) -> Recorder:
    """Bring a fresh core to where a journal ends, and go on writing it.

    The newest checkpoint is the start, and what follows it is run again: it must say the same.

    Raises:
        UsageError: if the run has ended, or what is run again comes out otherwise.
    """
    contents = journal.contents
    notes = [status.get("note") for status in contents.statuses]
    stopped = journal.stopped
    writer = journal.writer()
    engine = run.session.engine
    translator = translator_of(run.plan, contents.manifest)
    first = restored(run.plan, engine, journal)
    commands: list[str] = []
    finished = False
    times = worded_rows = 0
    gaps = Gaps()
    booked: set[tuple[int, str]] = set()
    for number, batch in enumerate(journal.batches()):
        rows = recorded_rows(batch, translator)
        gaps.take(batch.missed, batch.columns)
        if number >= first and replay_batch(engine, batch).tobytes() != rows.tobytes():
            writer.close()
            raise UsageError(
                f"{contents.path}: what was recorded from event {batch.seq:,} on comes out "
                "otherwise now: something that the strategy reads has changed since (a file, the "
                "time, chance). Put it back, or choose another --out; nothing was added to the run"
            )
        run.gatherer.take(rows)
        run.gatherer.close_batch(batch.columns, batch.controls, batch.texts)
        commands += commands_of(batch.texts)
        run.session.rows += batch.columns.rows
        ticks = int((batch.controls["kind"] == Control.TIME).sum())
        times += ticks
        worded_rows += int(worded(batch.controls).sum())
        booked.update(trades_in(batch))
        finished = not (batch.columns.rows or batch.texts or ticks)
    fed = worded_rows + (0 if run.plan.clocks else times)  # those did not lie ready
    run.session.skip_controls(translator.position.controls - fed)
    if not stopped:
        notes.append(CRASHED)
        writer.status(RunStatus.RUNNING, ts=time.time_ns(), note=CRASHED)
    final = RunStatus.RECOVERED if CRASHED in notes else RunStatus.ENDED
    made = Recorder(engine, writer, translator, status=final, checkpoint_rows=checkpoint_rows)
    made.commands, made.finished, made.gaps = commands, finished, gaps
    made.reports, made.booked = worded_rows - len(commands), booked
    return made


def trades_in(batch: Batch) -> Iterator[tuple[int, str]]:
    """Yield the trades that a batch's reports told of, each with its order."""
    for report in reports_in(batch.controls, batch.texts):
        if (trade := trade_of(report)) is not None:
            yield trade


def history(run: ActiveRun, journal: Journal) -> Iterator[OrderRequest | Report]:
    """Yield what a run sent and was told so far, in order, for a client that goes on with it."""
    translator = translator_of(run.plan, journal.contents.manifest)
    allowed = run.plan.brokers(str(journal.contents.manifest["broker"]))
    for batch in journal.batches():
        yield from reports_in(batch.controls, batch.texts)
        taken, rows = adopted(batch.controls, batch.texts), recorded_rows(batch, translator)
        for request in requests_in(rows, run.session.engine, allowed, taken):
            yield request if request.protection else request._replace(protection=FORGOTTEN)


# The state of a strategy in plain Python is no part of a snapshot: it is run from the start.
def restored(plan: RunPlan, engine: Engine, journal: Journal) -> int:
    """Set a core to the newest checkpoint; return the first batch that is not in it."""
    checkpoints = journal.contents.checkpoints
    if not checkpoints or not all(spec.compiled for spec in plan.specs):
        return 0
    engine.restore(journal.snapshot(checkpoints[-1]))
    return checkpoints[-1].batch


def recorded_rows(batch: Batch, translator: Translator) -> Any:
    """Return the rows that a batch's envelopes were made of, and lead the translator past them."""
    envelopes = [decode(line) for line in batch.envelopes]
    translator.miss(batch.missed)
    translator.skip(envelopes, batch.columns, batch.controls)
    return rows_of(envelopes, translator.strategies, translator.instruments)


def replay_batch(engine: Engine, batch: Batch) -> Any:
    """Return what a core says to a batch of a journal."""
    collected = Collector()
    Session(engine, [collected]).feed(batch.columns, batch.controls)
    return collected.drain()
