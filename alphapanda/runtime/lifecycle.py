"""The long-lived parts of a process: started in order, each once, and stopped in reverse.

They live on one loop, on a thread beside the one that computes. A part that was not started whole
has cleaned up after itself; what was started is stopped, whatever happens.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any, Protocol, Self, TypeVar

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.runs.stopping import NAP_S

LOG = log.get(__name__)
T = TypeVar("T")


class Part(Protocol):
    """What lives as long as the process; everything happens on the loop of `Parts`."""

    async def start(self) -> None:
        """Begin. What can't raises an OutsideError, or a UsageError, and leaves nothing behind."""

    async def stop(self) -> None:
        """Finish what is in hand, within a time limit, and let go of everything."""

    async def health(self) -> None:
        """Raise an OutsideError that says what to do next, if something is wrong."""


class Parts:
    """Holds each part of a process once; a context, at whose end all are stopped.

    `stop_timeout_s` is for all of them together; what hangs longer is cut off.
    """

    def __init__(self, *, stop_timeout_s: float) -> None:
        self.left: list[str] = []
        """Tasks that outlived every part: none, if parts are whole."""
        self._stop_timeout_s = stop_timeout_s
        self._levels: list[list[Part]] = []
        self._loop: asyncio.AbstractEventLoop
        self._leave = asyncio.Event()
        self._starting = asyncio.Lock()
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="parts")

    def __enter__(self) -> Self:
        """Begin the loop."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop all parts, those of the last `start` first, and end the loop.

        Raises:
            BaseException: the first that came out of a stop, if nothing else is on its way.
        """
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        if self._failed and kind is None:
            raise self._failed[0]

    def start(self, *parts: Part) -> None:
        """Start some parts concurrently, and return when all run.

        Raises:
            OutsideError: the first that one raised; the others are stopped with the rest.
        """
        self.do(self._start(parts))

    def check(self, *checks: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Ask for the health of some parts, concurrently.

        Raises:
            OutsideError: if one is not well; the message has what each of those says.
        """
        self.do(checked(checks))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the loop, and return what it returns."""
        with self.under_way(work) as future:
            return future.result()

    def unless(self, asked: Callable[[], bool], work: Coroutine[Any, Any, T]) -> T | None:
        """Run something on the loop that is cut off, with None, when the process is to stop."""
        with self.under_way(work) as future:
            while not wait([future], NAP_S).done:
                if asked():
                    return None
            return future.result()

    @contextmanager
    def under_way(self, work: Coroutine[Any, Any, T]) -> Iterator[Future[T]]:
        """Give the future of something that runs on the loop; left early, it is cut off."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            yield future
        finally:
            future.cancel()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        await self._leave.wait()
        await self._starting.acquire()  # a start that is cut off ends first
        until = time.monotonic() + self._stop_timeout_s
        while self._levels:
            await asyncio.gather(*(self._stop(each, until) for each in self._levels.pop()))
        mine = asyncio.current_task()
        self.left = [task.get_name() for task in asyncio.all_tasks() if task is not mine]

    async def _start(self, parts: tuple[Part, ...]) -> None:
        held = [each for level in self._levels for each in level]
        assert not [each for each in parts if each in held], "a part is started once"
        level: list[Part] = []
        self._levels.append(level)
        async with self._starting:
            tasks = [asyncio.create_task(started(part, level)) for part in parts]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _stop(self, part: Part, until: float) -> None:
        try:
            async with asyncio.timeout(max(until - time.monotonic(), 0)):
                await part.stop()
        except Exception as error:
            LOG.exception("part not stopped in order", part=type(part).__name__)
            self._failed.append(error)


@contextmanager
def living(settings: Settings) -> Iterator[Parts]:
    """Give parts, and logs, to a command that needs some for a while."""
    with log.running(settings), Parts(stop_timeout_s=settings.paper.stop_timeout_s) as parts:
        yield parts


async def started(part: Part, level: list[Part]) -> None:
    """Start a part, and note that it is to be stopped."""
    await part.start()
    level.append(part)


async def checked(checks: tuple[Callable[[], Coroutine[Any, Any, None]], ...]) -> None:
    """Ask all at once, and tell of each that is not well."""
    answers = await asyncio.gather(*(check() for check in checks), return_exceptions=True)
    wrong = [each for each in answers if isinstance(each, BaseException)]
    for error in wrong:
        if not isinstance(error, OutsideError):
            raise error
    if wrong:
        raise OutsideError("\nalphapanda: ".join(map(str, wrong)))
