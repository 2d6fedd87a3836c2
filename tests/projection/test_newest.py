"""The newest row of each instrument out of a journal, recounted row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from alphapanda.events.feeds import envelopes, kept_in
from alphapanda.journal.journal import Journal
from alphapanda.projection import newest
from alphapanda.projection.changes import Market
from alphapanda.projection.newest import NewestRows
from tests.support.running import called, session


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of three instruments, in several batches."""
    folder = tmp_path_factory.mktemp("newest")
    feed = f"replay:{session(3, 1_500)}"
    done = called("paper", "ema_cross", "--feed", feed, "--speed", "max", "--limits", "wide",
                  "--no-jit", "--out", "run", "--json", cwd=folder)  # fmt: skip
    assert done.status == 0, done.err
    return folder / "run"


@pytest.mark.parametrize("most", [2, 3, 256])
def test_it_is_the_last_row_of_each_that_is_looked_at(
    most: int, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each event is that which the row itself makes, and all rows are counted once."""
    monkeypatch.setattr(newest, "MOST", most)
    run = Journal.open(journal)
    feed = kept_in(run.contents.manifest)
    last, seq, rows = {}, 0, 0
    for number, batch in enumerate(run.batches()):
        seq += batch.missed
        for event in envelopes(feed, batch.columns, seq):
            if number >= len(run.contents.batches) - most:
                last[event.data.instrument] = event
        seq += batch.columns.rows
        rows += batch.columns.rows
    looking = NewestRows(run)
    found, others = looking.take()
    assert len(run.contents.batches) > 2
    assert {event.data.instrument: event for event in found} == last
    assert len(found) + others == rows
    assert looking.take() == ([], 0)
    changes = list(Market("run").take(found, others))
    counted = [change.value for change in changes if change.part == "stages"]
    assert [each["count"] for each in counted if each is not None] == [rows]
