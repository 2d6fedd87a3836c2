"""A run on its way into its journal: batches with their envelopes, checkpoints, and its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alphapanda.app.backtest import Run, strategy_names
from alphapanda.core.engine import Engine
from alphapanda.journal.journal import FILE, JournalWriter, Status
from alphapanda.model.columns import Columns
from alphapanda.model.envelopes import Translator
from alphapanda.model.events import encode
from alphapanda.model.rows import OUT

CHECKPOINT_ROWS = 250_000
"""Market rows between two checkpoints: a second or less to run again."""


class Recorder:
    """Writes what a core was given and what it said, before anything acts on it."""

    def __init__(
        self, engine: Engine, writer: JournalWriter, translator: Translator, *, status: Status
    ) -> None:
        self.translator = translator
        self._engine = engine
        self._writer = writer
        self._final = status
        self._since = 0
        self.envelopes = writer.seq

    def take(self, batch: Columns, controls: Any, rows: Sequence[Any]) -> None:
        """Write one batch: what came in, and what came out of it."""
        said = np.concatenate([*rows, np.empty(0, OUT)])
        if not (batch.rows or len(controls) or len(said)):
            return
        envelopes = [encode(made) for made in self.translator.take(said, batch, controls)]
        self._writer.batch(batch, controls, envelopes)
        self.envelopes += len(envelopes)
        self._since += batch.rows
        if self._since >= CHECKPOINT_ROWS:
            self._writer.checkpoint(self._engine.snapshot())
            self._since = 0

    def end(self, digest: str, note: str = "") -> None:
        """Say that the run has ended, with the digest of all its rows."""
        self._writer.status(self._final, digest=digest, note=note)
        self._writer.close()

    def pause(self) -> None:
        """Stop in order: the run goes on another time."""
        self._writer.checkpoint(self._engine.snapshot())
        self._writer.status(Status.RUNNING, note="stopped")
        self._writer.close()


def translator_of(made: Run, document: dict[str, Any]) -> Translator:
    """Return the translator at the start of a run."""
    return Translator(
        document["run_id"], broker=document["broker"], feed=document["feed"],
        strategies=strategy_names(made.specs),
        instruments=[instrument.name for instrument in made.instruments],
    )  # fmt: skip


def begin(made: Run, engine: Engine, folder: Path, document: dict[str, Any]) -> Recorder:
    """Begin a run's journal in its folder."""
    writer = JournalWriter.create(folder / FILE, document)
    return Recorder(engine, writer, translator_of(made, document), status=Status.ENDED)
