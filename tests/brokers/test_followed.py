"""A run that follows another sees its rows and its clock, and stops where that stops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphapanda.brokers.followed import FollowedSource, open_followed, portions_of
from alphapanda.events.feeds import Portion
from alphapanda.journal.journal import FILE, Journal
from alphapanda.journal.packing import Batch
from alphapanda.model.columns import Columns
from alphapanda.model.rows import CONTROL, Control
from tests.support.running import called, session


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that has ended."""
    folder = tmp_path_factory.mktemp("followed")
    words = ("--data", session(2, 300), "--no-jit", "--limits", "wide", "--journal", "--json",
             "--batch", "64")  # fmt: skip
    done = called("backtest", "ema_cross", *words, "--out", "run", cwd=folder)
    assert done.status == 0, done.err
    return folder / "run"


def rows_in(portions: Iterator[Portion]) -> list[int]:
    """Return the times of rows."""
    return [ts for portion in portions for ts in portion.columns.ts.tolist()]


def never() -> bool:
    return False


def test_all_rows_come_from_any_place_on(whole: Path) -> None:
    """From the first row or behind some; a run that has ended ends the feed."""
    journal = Journal.open(whole)
    kept = [ts for batch in journal.batches() for ts in batch.columns.ts.tolist()]
    assert len(kept) == 600
    for taken in (0, 1, 255, 256, 599, 600):
        source = FollowedSource(Journal.open(whole))
        assert rows_in(source.rows(taken, never)) == kept[taken:]
        assert not source.goes_on


def cut_to(whole: Path, folder: Path, part: float) -> Path:
    """Return a folder whose journal has only the first part of another."""
    folder.mkdir()
    text = (whole / FILE).read_bytes()
    (folder / FILE).write_bytes(text[: int(len(text) * part)])
    return folder


def test_a_run_that_grows_is_followed(whole: Path, tmp_path: Path) -> None:
    """While its journal stands still nothing comes but empty portions; then the rest does."""
    grown = cut_to(whole, tmp_path / "grows", 0.5)
    kept = rows_in(FollowedSource(Journal.open(whole)).rows(0, never))
    source = FollowedSource(Journal.open(grown))
    seen: list[int] = []
    idle = 0
    for portion in source.rows(0, never):
        seen += portion.columns.ts.tolist()
        idle += not portion.columns.rows
        if idle == 3:
            assert 0 < len(seen) < len(kept)
            (grown / FILE).write_bytes((whole / FILE).read_bytes())
    assert seen == kept


def test_it_stops_when_asked(whole: Path, tmp_path: Path) -> None:
    """A run that waits for rows that nobody writes any more ends by its own stop."""
    source = FollowedSource(Journal.open(cut_to(whole, tmp_path / "lost", 0.5)))
    asked: list[int] = []
    for portion in source.rows(0, asked.__len__):  # type: ignore[arg-type]
        asked += [] if portion.columns.rows else [1]
    assert not source.goes_on


def test_a_run_that_has_not_begun_is_waited_for(whole: Path, tmp_path: Path) -> None:
    """The wait is the caller's; when the manifest is there, the feed is what it says."""
    folder = tmp_path / "new"
    waits: list[int] = []

    def wait() -> None:
        waits.append(1)
        if len(waits) == 2:
            folder.mkdir()
            (folder / FILE).write_bytes((whole / FILE).read_bytes()[:10])
        if len(waits) == 4:
            (folder / FILE).write_bytes((whole / FILE).read_bytes())

    source = open_followed(folder, wait)
    assert len(waits) == 4
    assert source.feed.id == Journal.open(whole).contents.manifest["feed"]


@pytest.mark.parametrize(("had", "expected"), [
    (0, [(2, [10, 20]), 25, (0, [30]), 35]), (1, [(1, [10, 20]), 25, (0, [30]), 35]),
    (3, [(0, [20]), 25, (0, [30]), 35]), (4, [25, (0, [30]), 35]), (5, [25, 35]),
])  # fmt: skip
def test_the_clock_stands_among_the_rows(had: int, expected: list[Any]) -> None:
    """Times lie where they lay, rows that never came are the first, what was had is left out."""
    ts = np.array([10, 20, 30], np.int64)
    controls = np.zeros(3, CONTROL)
    controls["ts"], controls["kind"] = [15, 25, 35], [Control.PHASE, Control.TIME, Control.TIME]
    batch = Batch(Columns.of(ts=ts, row=np.zeros(3, np.int32)), controls, [], 0, missed=2)
    found = [
        (portion.missed, portion.columns.ts.tolist()) if portion.columns.rows else portion.clock_ns
        for portion in portions_of(batch, had)
    ]
    assert found == expected
