"""`alphapanda status`: what runs here and how it is, without API and without servers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from alphapanda import config
from alphapanda.cli.flags import Json
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.monitor import beats, health
from alphapanda.monitor.health import Health, State
from alphapanda.monitor.watching import RunFacts
from alphapanda.research.curves import india
from alphapanda.research.lines import rupees
from alphapanda.research.table import count

FINDING = 1
TONES = {State.OK: "green", State.DEGRADED: "yellow", State.DOWN: "bold red", State.OFF: "dim",
         State.UNKNOWN: "yellow"}  # fmt: skip


def status(json: Json = False) -> int:
    """Show processes, runs and the health of every part; status 1 if one is down."""
    settings = config.load()
    found, runs, table = asyncio.run(look(settings))
    down = any(each.state == State.DOWN for each in table)
    if json:
        print_json({
            "processes": [
                {**msgspec.to_builtins(seen.beat), "state": seen.state,
                 "age_s": round(seen.age_s, 3)}
                for seen in found.seen
            ], "strange": found.strange,
            "runs": [msgspec.to_builtins(run) for run in runs], "health": health.facts(table),
        })  # fmt: skip
    else:
        print_table(Group(*sections(found, runs, table)), whole=True)
    return FINDING if down else 0


async def look(settings: Settings) -> tuple[beats.Found, list[RunFacts], list[Health]]:
    """Look at everything once."""
    from alphapanda.monitor.observing import Monitor  # noqa: PLC0415 (SQLAlchemy)

    monitor = Monitor(settings, must=())
    try:
        await monitor.journals.look()
        with suppress(OutsideError):  # the row of the database says so
            await monitor.counts.count()
        await monitor.health_table.once()
        return beats.read(settings.base_dir), monitor.journals.runs(), monitor.table()
    finally:
        await monitor.database.stop()
        await monitor.counts.stop()


def sections(
    found: beats.Found, runs: Sequence[RunFacts], table: Sequence[Health]
) -> list[RenderableType]:  # fmt: skip
    """Return what is shown: what is wrong first, then processes, runs and parts."""
    bad = [each for each in table if each.state in (State.DOWN, State.DEGRADED)]
    made: list[RenderableType] = [
        Text(f"{each.part} is {each.state}: {each.text}", style=TONES[each.state]) for each in bad
    ] or [Text("nothing is wrong", style="green")]
    made += [processes_table(found) if found.seen else Text("no process of this folder beats")]
    made += [runs_table(runs) if runs else Text("no run here keeps a journal")]
    parts = whole_table(columns=("part", "state", "what is so"))
    for each in table:
        parts.add_row(each.part, Text(each.state, style=TONES[each.state]), Text(each.text))
    return [*made, parts]


def processes_table(found: beats.Found) -> RenderableType:
    """Return the processes, a row each."""
    table = whole_table(
        columns=("process", "state", "run", "parts"), numbers=("beat", "cpu", "memory", "up since")
    )
    for seen in found.seen:
        beat = seen.beat
        wrong = [f"{name}: {text}" for name, text in beat.parts.items() if text != "ok"]
        table.add_row(
            Text(f"{beat.role} {beat.pid}"), Text(seen.state), Text(beat.run_id),
            Text("; ".join(wrong) or "ok"), f"{seen.age_s:.0f} s ago",
            "-" if beat.cpu is None else f"{beat.cpu:.0%}",
            "-" if beat.rss_bytes is None else f"{beat.rss_bytes / 1e6:,.0f} MB",
            india(beat.started_ns),
        )  # fmt: skip
    return table


def runs_table(runs: Sequence[RunFacts]) -> RenderableType:
    """Return the runs, a row each."""
    table = whole_table(
        columns=("run", "status", "market time"),
        numbers=("rows", "never came", "events", "charges", "net P&L"),
    )
    for run in runs:
        table.add_row(
            Text(run.run), Text(run.status), india(run.row_ns) if run.row_ns else "-",
            count(run.rows), count(run.missed), count(run.events),
            rupees(total(run, "charges")), rupees(total(run, "pnl")),
        )  # fmt: skip
    return table


def total(run: RunFacts, kind: str) -> str | None:
    """Return a sum over a run's strategies; None where none has had a snapshot."""
    if not run.pnl:
        return None
    return f"{sum(Decimal(amounts[kind]) for amounts in run.pnl.values()):.4f}"
