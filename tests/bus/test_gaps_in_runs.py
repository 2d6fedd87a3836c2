"""A run whose feed has a hole: it is in the journal, and everything after it keeps its place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphapanda.bus.feed_sender import messages
from alphapanda.events.events import FeedStatus
from alphapanda.events.feeds import begin_ns, envelopes, state
from alphapanda.faults import VARIABLE
from alphapanda.journal.gaps import Gaps
from alphapanda.journal.journal import Journal
from alphapanda.model.columns import Columns
from alphapanda.runs import options as of_run
from alphapanda.runs.command_line import again
from alphapanda.runs.plan import open_recording
from alphapanda.runs.verify import verify
from tests.runs.alike import alike
from tests.runs.alike import envelopes as kept
from tests.support.events import send, settings_for
from tests.support.harness import cache_dir
from tests.support.running import called, process, session

pytestmark = pytest.mark.core

HOLE = range(600, 640)
RULES = ["--limits", "wide", "--param", "fast=20", "--param", "slow=60", "--json"]


async def published(
    folder: Path, address: str, *, holes: Sequence[range] = (HOLE,), data: str = ""
) -> tuple[str, dict[str, int]]:
    """Publish a session with holes; return the feed, and the place of each row by its id."""
    given = of_run.make({"data": [data or session(1, 3_000)]}, trades=False)
    with open_recording(given, ()) as source:
        feed = source.feed
        rows = next(source.rows(0, lambda: False)).columns
    events = list(envelopes(feed, rows, 0))
    begun = state(feed, FeedStatus.BEGUN, ts=begin_ns(feed))
    ended = state(feed, FeedStatus.ENDED, ts=int(rows.ts[-1]), last=len(events) - 1)
    there = [each for each in events if not any(each.data.feed_seq in hole for hole in holes)]
    await send(settings_for(folder, address), messages([begun, *there, ended]))
    return feed.id, {each.id: each.data.feed_seq for each in events}


def test_a_hole_is_kept_and_what_follows_keeps_its_place(
    kafka_address: str, tmp_path: Path
) -> None:
    """Killed behind the hole or not: verified, and chains begin with the ticks that there were."""
    bus = {"ALPHAPANDA_BUS__SERVERS": kafka_address, "ALPHAPANDA_BUS__GAP_AFTER_S": "0.5"}
    assert called("bootstrap", cwd=tmp_path, **bus).status == 0
    feed, places = asyncio.run(published(tmp_path, kafka_address))
    words = ["run", "--role", "trade", "ema_cross", "--feed", f"bus:{feed}", *RULES, "--out"]
    whole = called(*words, "whole", cwd=tmp_path, **bus)
    assert whole.status == 1, whole.err
    assert process(*words, "killed", cwd=tmp_path, **bus, **{VARIABLE: "batch kept:2"}).status < 0
    again = called(*words, "killed", cwd=tmp_path, **bus)
    assert again.status == 1, again.err
    assert json.loads(whole.out)["gaps"] == json.loads(again.out)["gaps"]
    assert json.loads(whole.out)["digest"] == json.loads(again.out)["digest"]
    assert json.loads(whole.out)["ticks"] == len(places) - len(HOLE)
    for name in ("whole", "killed"):
        batches = Journal.open(tmp_path / name).contents.batches
        assert sum(batch.missed for batch in batches) == len(HOLE)
        assert verify(tmp_path / name, cache_dir()).identical
    lines = kept(tmp_path / "whole")
    signals = [each for each in map(json.loads, lines) if each["type"] == "trading_signal"]
    seqs = [places[each["correlation_id"]] for each in signals]
    assert min(seqs) < HOLE.start < HOLE.stop <= max(seqs)
    assert not set(seqs) & set(HOLE)
    assert alike(lines) == alike(kept(tmp_path / "killed"))


def test_holes_are_shown_wherever_the_run_is(kafka_address: str, tmp_path: Path) -> None:
    """Missing rows at the feed's start, inside it and at its end are counted, with their times."""
    holes = range(5), range(300, 461), range(2_990, 3_000)
    bus = {"ALPHAPANDA_BUS__SERVERS": kafka_address, "ALPHAPANDA_BUS__GAP_AFTER_S": "0.5"}
    assert called("bootstrap", cwd=tmp_path, **bus).status == 0
    data = session(3, 1_000)
    feed, places = asyncio.run(published(tmp_path, kafka_address, holes=holes, data=data))
    total, missed = len(places), 5 + 161 + 10
    assert total == 3_000
    words = ["run", "--role", "trade", "ema_cross", "--feed", f"bus:{feed}", *RULES, "--out"]
    told = called(*words, str(tmp_path / "runs" / "one"), cwd=tmp_path, **bus)
    assert told.status == 1, told.err
    summary = json.loads(told.out)
    said = f"with gaps: {missed} rows of 3,000 in 3 gaps, from the feed's start to its end"
    assert summary["status"] == said
    assert summary["notes"][0].startswith(said)
    assert summary["gaps"] == {
        "missed": missed, "rows": 3_000, "gaps": 3, "from_ns": None, "to_ns": None,
    }  # fmt: skip
    given = {"cwd": tmp_path, "ALPHAPANDA_BASE_DIR": str(tmp_path)}
    listed = called("runs", "list", **given).out
    assert "with gaps: 176 rows of 3,000" in " ".join(listed.split())
    facts = json.loads(called("runs", "list", "--json", **given).out)["runs"][0]
    assert (facts["rows"], facts["missed"]) == (total - missed, missed)
    assert json.loads(called("runs", "show", "one", "--json", **given).out)["gaps"] == said
    found = json.loads(called("verify", "one", "--json", **given).out)
    assert (found["identical"], found["gaps"]["missed"], found["notes"][0]) == (True, missed, said)
    page = (tmp_path / "runs" / "one" / "report.html").read_text()
    assert f'"partial":"{said}' in page.replace('": "', '":"')


def test_the_times_of_a_hole_are_those_of_the_rows_beside_it() -> None:
    """From the last row before to the first behind, though its rows are missed in two pieces."""
    minute, start = 60 * 10**9, 1_764_042_300 * 10**9
    gaps = Gaps()
    gaps.take(0, Columns.of(ts=start + minute * np.arange(3), row=[0, 0, 0], last=[1, 2, 3]))
    assert gaps.status == ""
    gaps.take(4, Columns.of())
    gaps.take(2, Columns.of(ts=[start + 9 * minute], row=[0], last=[4]))
    assert gaps.status == (
        "with gaps: 6 rows of 10, from 2025-11-25 09:17:00 IST to 2025-11-25 09:24:00 IST"
    )
    gaps.take(1, Columns.of(ts=[start + 11 * minute], row=[0], last=[4]))
    assert gaps.status == (
        "with gaps: 7 rows of 12 in 2 gaps, from 2025-11-25 09:17:00 IST to 2025-11-25 09:26:00 IST"
    )


def test_a_run_on_a_feed_says_how_it_is_made_again() -> None:
    """Its page shows the command with the feed, and the strategy by its path."""
    manifest: dict[str, Any] = {
        "strategies": [{"file": "strategies/ema_cross.py", "params": {"fast": 20}}],
        "options": {"data": ["bus:replay:0a1b"], "cash": 10_000_000_000},
    }
    assert again(manifest).split() == [
            "alphapanda", "paper", "strategies/ema_cross.py", "\\", "--param", "fast=20", "\\",
            "--feed",
        "bus:replay:0a1b",
    ]  # fmt: skip
    manifest["options"]["data"] = ["some/where/ticks.parquet"]
    assert again(manifest).split()[-1].endswith("/some/where/ticks.parquet")
