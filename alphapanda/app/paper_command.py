"""The command `paper`: a live table on stderr, and the result of `backtest` on stdout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from rich import box
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from alphapanda import config, log
from alphapanda.app import backtest as runs
from alphapanda.app import options, paper
from alphapanda.app.command import default_out
from alphapanda.app.output import print_json, print_table
from alphapanda.app.projecting import Projecting, wanted
from alphapanda.app.relaying import Relaying
from alphapanda.app.show import result_table
from alphapanda.errors import UsageError
from alphapanda.journal.journal import Journal
from alphapanda.model.calendar import INDIA
from alphapanda.model.money import text
from alphapanda.model.rows import Out
from alphapanda.research.table import count

REFRESH_S = 0.25


def trade(
    strategies: Sequence[str], given: Mapping[str, Any], *, feed: Sequence[str], speed: str,
    out: Path | None, json: bool,
) -> None:  # fmt: skip
    """Trade on paper and print the result."""
    if "data" in given:
        raise UsageError("paper takes its data from --feed replay:PATH, not from --data")
    pace = paper.parse_speed(speed)
    values = {**given, "data": [paper.parse_feed(word) for word in feed]}
    if len(strategies) == 1:
        made = options.of_command(strategies[0], values, leaving=["out", "journal"])
    else:
        made = options.make({**values, "strategies": list(strategies)})
    folder = out or default_out(made, what="paper-")
    settings = config.load()

    tables: list[Projecting] = []

    @contextmanager
    def beside(run: Path) -> Iterator[None]:
        log.start(settings)
        with ExitStack() as parts:
            if settings.bus.enabled:
                parts.enter_context(Relaying(settings, Journal.open(run)))
            if wanted(settings):
                tables.append(parts.enter_context(Projecting(settings, Journal.open(run))))
            yield

    try:
        with live_table(quiet=json) as show:
            result = paper.run(made, folder, speed=pace, show=show, beside=beside)
    except KeyboardInterrupt:
        Console(stderr=True).print(f"stopped in order; it goes on with --out {folder}")
        raise
    finally:
        log.stop()
    if json:
        print_json(result.summary)
    else:
        print_table(result_table(result, width=Console().width))
    for part in tables:
        part.told()


@contextmanager
def live_table(*, quiet: bool) -> Iterator[paper.Show | None]:
    """Show how a run stands, a few times a second, on a terminal; elsewhere nothing."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    begun, last, first = monotonic(), 0.0, -1
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(standing: paper.Standing) -> None:
            nonlocal last, first
            if first < 0:
                first = standing.done
            now = monotonic()
            if now - last >= REFRESH_S:
                last = now
                rate = (standing.done - first) / max(now - begun, 1e-9)
                live.update(standing_table(standing, rate), refresh=True)

        yield show


def standing_table(standing: paper.Standing, rate: float) -> RenderableType:
    """Return where a run stands: the feed, what was decided, and what is held."""
    made, course = standing.made, standing.course
    counts, tables = course.gatherer.counts, course.engine.tables
    at = datetime.fromtimestamp(standing.now / 1e9, INDIA)
    total = made.replay.rows
    left = (total - standing.done) / rate if rate else 0
    table = Table(box=box.SIMPLE, show_header=False, title=f"paper  {at:%Y-%m-%d %H:%M:%S} IST")
    table.add_row("rows", f"{count(standing.done)} of {count(total)}, {count(round(rate))}/s, "
                          f"{left:,.0f} s left")  # fmt: skip
    table.add_row("envelopes", count(made.recorder.envelopes))
    table.add_row("signals", count(int(counts[Out.SIGNAL])))
    table.add_row("rejected", count(int(counts[Out.REJECTED])))
    table.add_row("orders", count(int(counts[Out.ORDER])))
    table.add_row("fills", count(int(counts[Out.FILL])))
    for k, name in enumerate(runs.strategy_names(made.specs)):
        ledger = tables["ledgers"][k]
        table.add_row(Text(f"P&L {name}"), text(int(ledger["cash"] + ledger["mark"])))
    table.add_row("held", Text(held(made, tables)))
    return table


def held(made: runs.Run, tables: Mapping[str, Any]) -> str:
    """Return the first positions that are held."""
    qty = tables["positions"]["qty"].reshape(len(made.specs), -1).sum(axis=0)
    rows = np.flatnonzero(qty)
    shown = [f"{made.instruments[row].name} {int(qty[row]):+,}" for row in rows[:6]]
    return ", ".join(shown + (["..."] if len(rows) > len(shown) else [])) or "nothing"
