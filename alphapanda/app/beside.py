"""What follows a run's journal while the run lasts: on a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import Self


class Beside:
    """A context around a run. Whatever the part inside does, it reads the journal, nothing else.

    `live` is the part: it calls `ready` once the run may begin, then waits for `left`.
    """

    def __init__(self, name: str) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left = asyncio.Event()
        self._ready = threading.Event()
        self._whole = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name)

    async def live(self) -> None:
        """Start, wait for the run's end, stop."""
        raise NotImplementedError

    def ready(self) -> None:
        """Let the run begin."""
        self._ready.set()

    async def left(self) -> bool:
        """Wait until the run is over; say if it ended, and was not stopped by an exception."""
        await self._left.wait()
        return self._whole

    def __enter__(self) -> Self:
        """Start.

        Raises:
            OutsideError: if the part can't do without what does not answer.
        """
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop.

        Raises:
            OutsideError: if what is left to do was not done in time; the message says what to do.
        """
        self._whole = kind is None
        if self._loop is not None and self._error is None:
            self._loop.call_soon_threadsafe(self._left.set)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._on_the_loop())
        except BaseException as error:  # noqa: BLE001 (told by the thread that started this one)
            self._error = error
        finally:
            self._ready.set()

    async def _on_the_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.live()
