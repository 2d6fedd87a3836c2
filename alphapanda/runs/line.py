"""The line between a run and the client of its broker: an event loop on a thread of its own.

The core's thread hands requests over and goes on; they reach the client one batch after the other.
What the client reports waits until the core asks. What fails there fails the run when it asks next.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import ExecutionClient, OrderRequest
from alphapanda.errors import OutsideError
from alphapanda.runs.reports import Reports
from alphapanda.runs.timing import ACK, SEND, STEPS

STOP_S = 10.0


class Line:
    """Carries requests to a client, and its reports back. `submit` is for the core's thread."""

    def __init__(self, client: ExecutionClient, reports: Reports) -> None:
        self._client = client
        self._reports = reports
        self._loop = asyncio.new_event_loop()
        self._requests: asyncio.Queue[Sequence[OrderRequest] | None] = asyncio.Queue()
        self._asked: dict[int, float] = {}
        """By order that was placed, when it was handed over; until the broker first answers."""
        self._thread = threading.Thread(target=self._live, name="order line", daemon=True)

    def start(self) -> None:
        """Begin; the client's reports are taken from now on."""
        self._thread.start()

    def submit(self, requests: Sequence[OrderRequest]) -> None:
        """Hand over requests that are on the disk; if the line has failed, the run hears of it."""
        self._pass(tuple(requests))

    def look(self) -> None:
        """Before the start: ask the client for the state of every open order, as reports."""
        try:
            self._loop.run_until_complete(asyncio.wait_for(self._look(), STOP_S))
        except TimeoutError:
            raise OutsideError(
                f"the broker's client does not say within {STOP_S:.0f} s which orders are open"
            ) from None

    def stop(self) -> None:
        """End once all that was handed over is with the client; take its last reports."""
        self._pass(None)
        self._thread.join(STOP_S)

    def _pass(self, requests: Sequence[OrderRequest] | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: the reports say why
            self._loop.call_soon_threadsafe(self._requests.put_nowait, requests)

    async def _look(self) -> None:
        self._reports.put(*await self._client.open_orders())

    def _live(self) -> None:
        try:
            self._loop.run_until_complete(self._run())
        except BaseException as error:  # noqa: BLE001 (the run is told when it asks next)
            self._reports.fail(error)
        finally:
            self._loop.close()

    async def _run(self) -> None:
        hearing = asyncio.create_task(self._hear())
        sending = asyncio.create_task(self._send())
        await asyncio.wait({hearing, sending}, return_when=asyncio.FIRST_COMPLETED)
        hearing.cancel()
        for task in (sending, hearing):
            await ended(task)

    async def _send(self) -> None:
        while (requests := await self._requests.get()) is not None:
            begun = time.perf_counter()
            self._asked.update({
                each.order: begun for each in requests if each.verb == RequestVerb.NEW
            })  # fmt: skip
            await self._client.send(requests)
            STEPS.add(SEND, time.perf_counter() - begun)

    async def _hear(self) -> None:
        async for report in self._client.reports():
            self._reports.put(report)
            asked = self._asked.pop(report.order, None)
            if asked is not None:
                STEPS.add(ACK, time.perf_counter() - asked)
        raise AssertionError("a client whose reports end has to say why")


async def ended(task: Coroutine[Any, Any, None] | asyncio.Task[None]) -> None:
    """Wait for a task's end; one that was cancelled ended in order."""
    try:
        await task
    except asyncio.CancelledError:
        return
