"""A run whose feed has a hole: it is in the journal, and everything after it keeps its place."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from alphapanda.bus.feed_sender import messages
from alphapanda.events.events import FeedStatus
from alphapanda.events.feeds import begin_ns, envelopes, state
from alphapanda.faults import VARIABLE
from alphapanda.journal.journal import Journal
from alphapanda.runs import options as of_run
from alphapanda.runs.command_line import again
from alphapanda.runs.plan import open_recording
from alphapanda.runs.verify import verify
from tests.runs.alike import alike
from tests.runs.alike import envelopes as kept
from tests.support.events import send, settings_for
from tests.support.running import process, session

pytestmark = pytest.mark.core

HOLE = range(600, 640)
RULES = ["--limits", "wide", "--param", "fast=20", "--param", "slow=60", "--json"]


async def published(folder: Path, address: str) -> tuple[str, dict[str, int]]:
    """Publish a session with a hole; return the feed, and the place of each row by its id."""
    given = of_run.make({"data": [session(1, 3_000)]}, trades=False)
    with open_recording(given, ()) as source:
        feed = source.feed
        rows = next(source.rows(0, lambda: False)).columns
    events = list(envelopes(feed, rows, 0))
    begun = state(feed, FeedStatus.BEGUN, ts=begin_ns(feed))
    ended = state(feed, FeedStatus.ENDED, ts=int(rows.ts[-1]), last=len(events) - 1)
    there = [each for each in events if each.data.feed_seq not in HOLE]
    await send(settings_for(folder, address), messages([begun, *there, ended]))
    return feed.id, {each.id: each.data.feed_seq for each in events}


def test_a_hole_is_kept_and_what_follows_keeps_its_place(
    kafka_address: str, tmp_path: Path
) -> None:
    """Killed behind the hole or not: verified, and chains begin with the ticks that there were."""
    bus = {"ALPHAPANDA_BUS__SERVERS": kafka_address, "ALPHAPANDA_BUS__GAP_AFTER_S": "0.5"}
    assert process("bootstrap", cwd=tmp_path, **bus).status == 0
    feed, places = asyncio.run(published(tmp_path, kafka_address))
    words = ["run", "--role", "trade", "ema_cross", "--feed", f"bus:{feed}", *RULES, "--out"]
    whole = process(*words, "whole", cwd=tmp_path, **bus)
    assert whole.status == 0, whole.err
    assert process(*words, "killed", cwd=tmp_path, **bus, **{VARIABLE: "batch kept:2"}).status < 0
    again = process(*words, "killed", cwd=tmp_path, **bus)
    assert again.status == 0, again.err
    assert json.loads(whole.out)["digest"] == json.loads(again.out)["digest"]
    assert json.loads(whole.out)["ticks"] == len(places) - len(HOLE)
    for name in ("whole", "killed"):
        batches = Journal.open(tmp_path / name).contents.batches
        assert sum(batch.missed for batch in batches) == len(HOLE)
        assert verify(tmp_path / name).identical
    lines = kept(tmp_path / "whole")
    signals = [each for each in map(json.loads, lines) if each["type"] == "trading_signal"]
    seqs = [places[each["correlation_id"]] for each in signals]
    assert min(seqs) < HOLE.start < HOLE.stop <= max(seqs)
    assert not set(seqs) & set(HOLE)
    assert alike(lines) == alike(kept(tmp_path / "killed"))


def test_a_run_on_a_feed_says_how_it_is_made_again() -> None:
    """Its page shows the command with the feed; a folder of data is shown without its path."""
    manifest: dict[str, Any] = {
        "strategies": [{"file": "strategies/ema_cross.py", "params": {"fast": 20}}],
        "options": {"data": ["bus:replay:0a1b"], "cash": 10_000_000_000},
    }
    assert again(manifest).split() == [
        "alphapanda", "paper", "ema_cross.py", "\\", "--param", "fast=20", "\\", "--feed",
        "bus:replay:0a1b",
    ]  # fmt: skip
    manifest["options"]["data"] = ["some/where/ticks.parquet"]
    assert again(manifest).split()[-2:] == ["--data", "ticks.parquet"]
