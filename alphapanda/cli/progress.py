"""Progress of long work on the terminal: the one place that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn

from alphapanda.runs import runner

Show = Callable[..., None]
"""Called with the step, what is done of it, all of it, and a word on it if there is one."""


@contextmanager
def progress_bar(
    *, quiet: bool, what: str = "backtest", unit: str = "rows"
) -> Iterator[runner.Progress | None]:
    """Show what is done, its rate and the time left on a terminal; elsewhere nothing.

    What is done already at the first call was not done now, and tells nothing of the speed.
    """
    with show_bars("{task.description}", unit, quiet=quiet) as show:
        if show is None:
            yield None
            return
        show(what, 0, None)

        def say(done: int, total: int, fills: int) -> None:
            show(what, done, total, f"{fills:,} fills" if fills else "")

        yield say


@contextmanager
def step_bars(what: str, *, quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """Show what is done, rate and time left of each step on a terminal; elsewhere nothing."""
    with show_bars(f"{what}: {{task.description}}", quiet=quiet) as show:
        yield show


@contextmanager
def show_bars(head: str, unit: str = "", *, quiet: bool) -> Iterator[Show | None]:
    """Yield what shows steps as bars, a line each; None where nobody looks."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn(head), BarColumn(), TextColumn("{task.fields[count]}"),
        TextColumn("{task.fields[rate]}"), TextColumn("{task.fields[word]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, Task] = {}

        def show(step: str, done: int, total: int | None, word: str = "") -> None:
            if step not in tasks:
                number = bar.add_task(step, total=None, count="", rate="", word="")
                tasks[step] = next(task for task in bar.tasks if task.id == number)
            task = tasks[step]
            if total is None:
                return
            if task.total is None:
                bar.reset(task.id, total=total, completed=done)
            bar.update(
                task.id, completed=done, total=total, rate=rate_of(task.speed or 0), word=word,
                count=f"{done:,}/{total:,} {unit}".rstrip(),
            )  # fmt: skip

        yield show


def rate_of(speed: float) -> str:
    """Return a speed to the whole number, a slow one to a tenth."""
    return f"{speed:,.0f}/s" if speed >= 10 else f"{speed:,.1f}/s"
