"""The clock of a running market among the rows: timers go on, and a run with it replays."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphapanda import config
from alphapanda.brokers.ports import Origin
from alphapanda.engine.controls import Placer, Row
from alphapanda.events.feeds import Feed, Portion
from alphapanda.journal.journal import Journal
from alphapanda.model.columns import Columns
from alphapanda.model.rows import CONTROL, Control
from alphapanda.runs import options
from alphapanda.runs.paper import run_paper, unfinished
from alphapanda.runs.plan import bind, load_strategies, open_recording, rules_of
from alphapanda.runs.verify import verify
from tests.support.harness import cache_dir
from tests.support.running import ROOT, command, facts, session

ROWS, SLICE = 300, 50
SECOND = 10**9
STRATEGY = str(ROOT / "strategies" / "ema_cross.py")


class Clocked:
    """Gives slices of a recording, and between two of them the time; stops itself once."""

    part = None
    origin = Origin(data=("clocked:",))

    def __init__(
        self, feed: Feed, rows: Columns, *, stop_after: int = 0, back_ns: int = 0
    ) -> None:  # fmt: skip
        self.feed = feed
        self._rows = rows
        self._stop_after = stop_after
        self._back_ns = back_ns

    def rows(self, taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield what lies behind the first `taken` rows."""
        assert taken % SLICE == 0
        if taken:
            self._rows = self._rows._replace(ts=self._rows.ts - self._back_ns)
        for at in range(taken, self._rows.rows, SLICE):
            if stopping():
                return
            yield Portion(0, self._rows.slice(at, at + SLICE))
            end = min(at + SLICE, self._rows.rows - 1)
            yield Portion(0, Columns.of(), int(self._rows.ts[end]))
            if at + SLICE == self._stop_after:
                os.kill(os.getpid(), signal.SIGINT)


def traded(folder: Path, *, stop_after: int = 0, back_ns: int = 0) -> dict[str, Any]:
    """Trade on a recording with the clock among its rows; return the summary."""
    chosen = options.make({
        "strategies": STRATEGY, "data": [session(2, ROWS)], "no_jit": True, "limits": "wide",
        "param": ["fast=3", "slow=8"],
    })  # fmt: skip
    specs, arguments = load_strategies(chosen, config.load().strategies_dir)
    with ExitStack() as stack:
        recording = stack.enter_context(open_recording(chosen, specs))
        parts = [portion.columns for portion in recording.rows(0, lambda: False)]
        rows = Columns._make(np.concatenate(column) for column in zip(*parts, strict=True))
        source = Clocked(recording.feed, rows, stop_after=stop_after, back_ns=back_ns)
        plan = bind(chosen, rules_of(chosen), source, specs, arguments)
        return run_paper(plan, source, folder, config.load(), journal=unfinished(folder)).summary


@pytest.fixture
def _interrupts() -> Iterator[None]:
    """Let Ctrl-C interrupt, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupts")
def test_a_run_with_the_clock_goes_on_and_replays(tmp_path: Path) -> None:
    """Stopped between two rows and begun again it is the run that never stopped; both verify."""
    digest = traded(tmp_path / "whole")["digest"]
    with pytest.raises(KeyboardInterrupt):
        traded(tmp_path / "stopped", stop_after=4 * SLICE)
    assert traded(tmp_path / "stopped")["digest"] == digest
    for name in ("whole", "stopped"):
        assert verify(tmp_path / name, cache_dir()).identical
        kinds = [
            int(k) for b in Journal.open(tmp_path / name).batches() for k in b.controls["kind"]
        ]
        assert kinds.count(Control.TIME) >= 2 * ROWS // SLICE - 1
        assert Control.SQUARE_OFF in kinds


@pytest.mark.usefixtures("_interrupts")
def test_a_feed_that_goes_back_leaves_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Begun again by a feed of earlier times, a run is still what a backtest on its rows says."""
    with pytest.raises(KeyboardInterrupt):
        traded(tmp_path / "run", stop_after=4 * SLICE)
    summary = traded(tmp_path / "run", back_ns=9 * SECOND)
    (told,) = [note for note in summary["notes"] if "the run was past" in note]
    assert int(told.split()[0]) >= 1
    assert verify(tmp_path / "run", cache_dir()).identical
    again = facts(command(
        "backtest", STRATEGY, "--data", str(tmp_path / "run"), "--no-jit", "--json",
        "--limits", "wide", "--param", "fast=3", "--param", "slow=8",
        "--out", str(tmp_path / "again"), capsys=capsys,
    ))  # fmt: skip
    assert (again["digest"], again["fills"]) == (summary["digest"], summary["fills"])


def controls(*rows: Row) -> np.ndarray:
    made = np.zeros(len(rows), CONTROL)
    for name in Row._fields:
        made[name] = [getattr(row, name) for row in rows]
    return made


def test_what_is_due_comes_before_the_time() -> None:
    """The calendar's rows up to a time, in order, then the time; each once, and not again later."""
    given = controls(
        Row(10, Control.PHASE, 1), Row(20, Control.SQUARE_OFF), Row(30, Control.DAY_END)
    )
    placer = Placer(given, bars=False)
    first = placer.until(20)
    assert first["ts"].tolist() == [10, 20, 20]
    assert first["kind"].tolist() == [Control.PHASE, Control.SQUARE_OFF, Control.TIME]
    assert first["at"].tolist() == [0, 0, 0]
    assert placer.until(25)["kind"].tolist() == [Control.TIME]
    later = placer.take(Columns.of(ts=[29, 31], row=[0, 0], last=[1, 1]))
    assert (later["kind"].tolist(), later["at"].tolist()) == ([Control.DAY_END], [1])
    assert len(placer.rest()) == 0
