"""Tasks of asyncio that fail loudly, end in time, and retry with growing waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any

from alphapanda.errors import OutsideError

CANCEL_S = 0.2


async def within(limit_s: float, work: Coroutine[Any, Any, None]) -> None:
    """Await something of a client's, for so long.

    It is a task of its own, for a client may swallow that it is cancelled, so that a limit around
    it never ends; and cancels what it awaits itself, so that the caller seems to be cancelled.

    Raises:
        TimeoutError: if it has not ended by then, or was cancelled from inside.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task], timeout=limit_s)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(noticed)
            await asyncio.wait([task], timeout=CANCEL_S)
    if not task.done() or task.cancelled():
        raise TimeoutError
    task.result()


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until they have ended, however they end."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    if ending:
        await asyncio.wait(ending)


def noticed(future: asyncio.Future[Any]) -> None:
    """Take a failure's exception, so that asyncio does not report it as forgotten."""
    if not future.cancelled():
        future.exception()


def see_alive(task: asyncio.Task[Any] | None, part: str) -> None:
    """See that a part that lives as a task has not failed.

    Raises:
        OutsideError: if it has, or was never started.
    """
    if task is None:
        raise OutsideError(f"the {part} does not run")
    if task.done() and not task.cancelled() and task.exception() is not None:
        raise OutsideError(f"the {part} has ended: {task.exception()}")


def waits(first_s: float, most_s: float = 5.0) -> Iterator[float]:
    """Yield how long to wait before each further attempt: doubled up to a bound, for ever."""
    wait = min(first_s, most_s)
    while True:
        yield wait
        wait = min(2 * wait, most_s)
