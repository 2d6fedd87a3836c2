"""Progress of long work on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from alphapanda.runs import runner


@contextmanager
def progress_bar(
    *, quiet: bool, what: str = "backtest", unit: str = "rows"
) -> Iterator[runner.Progress | None]:
    """Show what is done, its rate and the time left on a terminal; elsewhere nothing."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} " + unit),
        TextColumn("{task.fields[rate]}"), TextColumn("{task.fields[fills]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=1, rate="", fills="")

        def show(done: int, total: int, fills: int) -> None:
            speed = bar.tasks[0].speed or 0
            made = f"{fills:,} fills" if fills else ""
            bar.update(task, completed=done, total=total, rate=f"{speed:,.0f}/s", fills=made)

        yield show
