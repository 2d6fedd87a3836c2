"""What the command line's words do: run, show progress on stderr, print the result on stdout."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from alphapanda import config
from alphapanda.app import backtest as runs
from alphapanda.app import options, strategies
from alphapanda.app.show import result_table, strategy_table
from alphapanda.data.synth import synthesize

DEMO_DAY = date(2025, 8, 4)
INTERRUPTED = 130


def backtest(strategy: str, given: Mapping[str, Any], *, json: bool) -> None:
    """Run one backtest and print its result."""
    values = dict(given)
    if strategy.endswith(".toml"):
        values = {**options.read_file(Path(strategy)), **values}
    else:
        values["strategies"] = strategy
    where = f"{strategy}: " if strategy.endswith(".toml") else ""
    made = options.make(values, where=where)
    if made.out is None:
        made = options.make({**values, "out": default_out(made)}, where=where)
    with progress_bar(quiet=json) as progress:
        result = runs.run(made, progress=progress)
    if json:
        sys.stdout.write(jsonlib.dumps(result.summary, ensure_ascii=False) + "\n")
    else:
        console = Console()
        console.print(result_table(result, width=console.width))
    if result.summary["status"] == "interrupted":
        raise typer.Exit(INTERRUPTED)


def default_out(made: options.Options) -> Path:
    """Return a new folder under runs/, named by time and strategy."""
    name = Path(str(made.strategies[0].strategy).partition(":")[0]).stem
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    folder = config.load().runs_dir / f"{stamp}-{name}"
    number = 1
    while folder.exists():
        number += 1
        folder = folder.with_name(f"{stamp}-{name}-{number}")
    return folder


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[runs.Progress | None]:
    """Show rows, rate and time left on a terminal; elsewhere nothing."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} rows"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[fills]} fills"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("backtest", total=1, rate="", fills="0")

        def show(done: int, total: int, fills: int) -> None:
            speed = bar.tasks[0].speed or 0
            bar.update(
                task, completed=done, total=total, rate=f"{speed:,.0f}/s", fills=f"{fills:,}"
            )

        yield show


def demo(out: Path | None) -> None:
    """Generate a session and backtest on it."""
    folder = out or config.load().runs_dir / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "session.parquet"
    console = Console(stderr=True)
    if not path.exists():
        console.print("generating a session of NSE-like ticks: 5 shares, 3 days, seed 7")
        synthesize(path, day=DEMO_DAY, days=3, instruments=5, ticks_per_instrument=20_000, seed=7)
    console.print("compiling the core for ema_cross (about 15 s the first time) and running it")
    backtest("ema_cross", {"data": [str(path)], "params": ["fast=200", "slow=1000", "quantity=10"]},
             json=False)  # fmt: skip


def list_strategies() -> None:
    """Print the strategies of the strategies folder."""
    specs = {name: strategies.find(name) for name in strategies.available()}
    Console().print(strategy_table(specs))
