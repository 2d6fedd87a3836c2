"""The core as its host holds it: tables filled for a run, batches in, output rows out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.compiler.places import (
    COLUMNS,
    FROM_CORE,
    FROM_STRATEGIES,
    LINKS,
    OWN,
    table_places,
)
from alphapanda.engine.compiler.program import Program
from alphapanda.engine.filling import fill, heap_layout, table_sizes
from alphapanda.engine.records import view
from alphapanda.engine.setup import CONTROLS, Enrolment, Setup, Table
from alphapanda.model.columns import Columns
from alphapanda.model.rows import CONTROL


class Engine:
    """One core: its state and the loop that moves it."""

    def __init__(self, program: Program, setup: Setup) -> None:
        self.program = program
        self.setup = setup
        heap, heaps = heap_layout(setup.strategies, setup.windows)
        sizes = table_sizes(program, setup, heap)
        self.tables: dict[str, Table] = {
            name: np.zeros(sizes[name], dtype)
            for name, dtype in zip(program.names, program.dtypes, strict=True)
        }
        fill(self.tables, setup, program.shape, heaps)
        places = table_places(len(program.names))
        self.handle = np.zeros(2 * (OWN + len(places)), np.int64)
        self.address = self.handle.ctypes.data
        for place, table in zip(places, self.tables.values(), strict=True):
            self._point(place, table)
        self._links = np.zeros(len(FROM_STRATEGIES) + len(FROM_CORE), np.int64)
        self._point(LINKS, self._links)
        if program.publish is not None:
            program.publish(self.address, 0)
        self._clock = view(self.tables["clock"])[0]
        self.plain: Any = None
        if program.step is not None:
            self.plain = program.state(*(view(table) for table in self.tables.values()))
            self._make_selves()

    @property
    def specs(self) -> list[Spec]:
        """The strategies that run in it."""
        return [enrolment.spec for enrolment in self.setup.strategies]

    def feed(self, columns: Columns, controls: Table | None = None) -> Iterator[Table]:
        """Run a batch; yield output rows, each array valid until the next is asked for.

        `controls` are CONTROL records in order, `at` counted within the batch.
        """
        controls = np.empty(0, CONTROL) if controls is None else controls
        start = 0
        while True:
            part = controls[start : start + CONTROLS]
            start += len(part)
            end = columns.rows if start >= len(controls) else int(controls["at"][start])
            yield from self._feed_part(
                columns if end == columns.rows else columns.slice(0, end), part
            )
            if start >= len(controls):
                return
            columns = columns.slice(end, columns.rows)
            controls = controls.copy()
            controls["at"] -= end

    def _feed_part(self, columns: Columns, controls: Table) -> Iterator[Table]:
        clock = self._clock
        if len(controls):
            self.tables["controls"][: len(controls)] = controls
        clock.n_controls = len(controls)
        clock.next_control = 0
        clock.control_at = int(controls["at"][0]) if len(controls) else 1 << 62
        for place, column in enumerate(columns, COLUMNS):
            self._point(place, column)
        at = 0
        while True:
            at = self._step(columns, at)
            rows = clock.n_out
            last = rows < clock.room
            clock.n_out = 0
            clock.seq += rows
            if last:
                clock.n_controls = clock.next_control = clock.control_at = 0
            yield self.tables["out"][:rows]
            if last:
                return

    def _point(self, place: int, table: Any) -> None:
        count = len(table)
        if count:  # asking an array for its address costs as much as a row
            self.handle[2 * place] = table.__array_interface__["data"][0]
        self.handle[2 * place + 1] = count

    def _step(self, columns: Columns, at: int) -> int:
        if self.program.entry is not None:
            return int(self.program.entry(self.address, at))
        assert self.program.step is not None
        return self.program.step(self, Columns._make(view(column) for column in columns), at)

    def snapshot(self) -> bytes:
        """Return the state as bytes: equal bytes, equal futures."""
        return b"".join(
            table.tobytes()
            for name, table in self.tables.items()
            if name not in ("out", "controls")
        )

    def restore(self, snapshot: bytes) -> None:
        """Set the state to a snapshot of a core of the same set-up."""
        at = 0
        for name, table in self.tables.items():
            if name not in ("out", "controls"):
                size = table.nbytes
                table[:] = np.frombuffer(snapshot[at : at + size], table.dtype)
                at += size
        if at != len(snapshot):
            raise AssertionError(f"snapshot of {len(snapshot)} bytes for a state of {at}")

    def _make_selves(self) -> None:
        for k, enrolment in enumerate(self.setup.strategies):
            records = view_of(self.plain, f"s{k}")
            selves = records
            if not enrolment.spec.compiled:
                selves = [plain_self(enrolment, record) for record in records]
            self.program.selves[k][:] = selves


def view_of(plain: Any, name: str) -> Any:
    """Return one table of a plain state."""
    return getattr(plain, name)


def plain_self(enrolment: Enrolment, record: Any) -> Any:
    """Return the object that is `self` in the hooks of a strategy in plain Python."""
    made: Any = object.__new__(enrolment.spec.cls)
    names = [name for name in dir(type(record)) if not name.startswith("_")]
    for name in names:
        setattr(made, name, getattr(record, name))
    if hasattr(made, "start"):
        made.start()
    return made
