"""Trading at a broker: the run of `runs/paper.py`, with a venue that its orders are sent to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alphapanda.brokers.ports import MarketSource
from alphapanda.journal.journal import Journal
from alphapanda.research.result import Result
from alphapanda.runs.paper import Show, Venue, run_paper
from alphapanda.runs.plan import RunPlan


def run_live(
    plan: RunPlan, source: MarketSource, venue: Venue, folder: Path, journal: Journal | None,
    *, base: Path | None = None, show: Show | None = None,
) -> Result:  # fmt: skip
    """Trade at a venue until the feed ends, into a folder; go on if its journal has not ended.

    Raises:
        UsageError: while `kill --all` holds for the base folder.
        KeyboardInterrupt: after an orderly stop by Ctrl-C or SIGTERM.
    """
    sent = replace(plan, sent=True)
    return run_paper(sent, source, folder, journal, base=base, show=show, venue=venue)
