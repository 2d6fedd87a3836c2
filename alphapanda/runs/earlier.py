"""What an account's other runs have earned today: the day's loss limit is the account's."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from alphapanda.events.events import EventType, decode
from alphapanda.journal.journal import FILE, Journal
from alphapanda.model.calendar import ist_date
from alphapanda.model.money import to_scaled

RECENT_S = 36 * 3_600.0
SAME = ("broker", "account_id")


def earned_by_others(
    folders: Iterable[Path], own: Path, like: Mapping[str, Any], today: date
) -> int:  # fmt: skip
    """Return what runs of the same broker and account have earned today, scaled.

    Raises:
        DamageError: if a journal can't be read: what its run has lost is not known.
    """
    total = 0
    for folder in folders:
        file = folder / FILE
        if folder == own or not file.is_file() or not is_recent(file):
            continue
        journal = Journal.open(folder)
        manifest = journal.contents.manifest
        if manifest.get("sent") and all(manifest.get(name) == like[name] for name in SAME):
            total += earned_on(journal, today)
    return total


def is_recent(path: Path) -> bool:
    """Say if a file may have been written today."""
    return time.time() - path.stat().st_mtime < RECENT_S


def earned_on(journal: Journal, day: date) -> int:
    """Return the P&L that a run made on a day, marked at its last prices, scaled."""
    before: dict[str, int] = {}
    last: dict[str, int] = {}
    for batch in journal.batches():
        for line in batch.envelopes:
            if b'"pnl_snapshot"' not in line:
                continue
            event = decode(line)
            if event.type == EventType.PNL_SNAPSHOT:
                of = before if ist_date(event.ts) < day else last
                if ist_date(event.ts) <= day:
                    of[event.data.strategy] = to_scaled(event.data.pnl)
    return sum(pnl - before.get(name, 0) for name, pnl in last.items())
