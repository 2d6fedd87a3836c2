"""Clients that hold back what a run sends: all of it, or what is beyond a number of orders.

Whatever is held back ends at once with a report, so a strategy sees what became of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence

from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import ExecutionClient, OrderRequest, Report, ReportKind
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import Reason

MOVES = (ReportKind.FILLED, ReportKind.SQUARED_OFF)
"""Reports of trades, which move what is held."""


class DryRun:
    """Sends nothing: each order ends as cancelled, reason DRY_RUN."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[Report] = asyncio.Queue()

    async def send(self, requests: Sequence[OrderRequest]) -> None:
        """End what is new; there is nothing that could be changed or cancelled."""
        for request in requests:
            if request.verb == RequestVerb.NEW:
                self._said.put_nowait(held_back(request, "this is a dry run"))

    async def reports(self) -> AsyncIterator[Report]:
        """Yield how each order ended."""
        while True:
            yield await self._said.get()

    async def open_orders(self) -> Sequence[Report]:
        """Return nothing: no order is open."""
        return ()


class Holding:
    """Sends at most so many new orders; what closes a position always passes.

    With `most` 0 it only reads: then nothing passes but cancellations, and what closes.
    """

    def __init__(
        self, client: ExecutionClient, most: int, history: Iterable[OrderRequest | Report] = ()
    ) -> None:
        self._client = client
        self._most = most
        self._sent, self._held = sent_and_held(history)
        self._said: asyncio.Queue[Report] = asyncio.Queue()
        if self._sent >= most:
            self._said.put_nowait(self._blocked())

    async def send(self, requests: Sequence[OrderRequest]) -> None:
        """Pass on what may pass, and end the rest."""
        passing = []
        before = self._sent
        for request in requests:
            new = request.verb == RequestVerb.NEW
            if new and self._sent >= self._most and not self._closes(request):
                self._said.put_nowait(held_back(request, self._why))
                continue
            self._sent += new
            passing.append(request)
        if passing:
            await self._client.send(passing)
        if before < self._most <= self._sent:
            self._said.put_nowait(self._blocked())

    async def reports(self) -> AsyncIterator[Report]:
        """Yield what the venue says, and what was held back."""
        theirs = self._client.reports()
        hearing: asyncio.Task[Report] = asyncio.ensure_future(anext(theirs))
        own = asyncio.ensure_future(self._said.get())
        try:
            while True:
                done, _ = await asyncio.wait({hearing, own}, return_when="FIRST_COMPLETED")
                if own in done:
                    yield own.result()
                    own = asyncio.ensure_future(self._said.get())
                if hearing in done:
                    report = hearing.result()
                    if report.kind in MOVES and report.row >= 0:
                        self._held[report.row] += report.qty
                    if not (self._sent >= self._most and lifts(report)):  # it is ours that stands
                        yield report
                    hearing = asyncio.ensure_future(anext(theirs))
        finally:
            hearing.cancel()
            own.cancel()

    async def open_orders(self) -> Sequence[Report]:
        """Return the state of every order that is open at the venue."""
        return await self._client.open_orders()

    @property
    def _why(self) -> str:
        return f"--max-orders {self._most}" if self._most else "--read-only"

    def _closes(self, request: OrderRequest) -> bool:
        held = self._held[request.row]
        return held * request.qty < 0 and abs(request.qty) <= abs(held)

    def _blocked(self) -> Report:
        return Report(ReportKind.BLOCKED, reason=int(RejectionCode.READ_ONLY), text=self._why)


def sent_and_held(history: Iterable[OrderRequest | Report]) -> tuple[int, Counter[int]]:
    """Return how many new orders a run has sent, and what it holds by instrument row."""
    sent: set[int] = set()
    held: Counter[int] = Counter()
    for entry in history:
        if isinstance(entry, OrderRequest):
            if entry.verb == RequestVerb.NEW:
                sent.add(entry.order)
        elif entry.kind in MOVES:
            held[entry.row] += entry.qty
        elif entry.reason == Reason.DRY_RUN and entry.kind == ReportKind.CANCELLED:
            sent.discard(entry.order)
    return len(sent), held


def lifts(report: Report) -> bool:
    """Say if a report lets the account take risk again that may only read."""
    lifted = report.kind == ReportKind.UNBLOCKED and report.row < 0
    return lifted and report.reason == RejectionCode.READ_ONLY


def held_back(request: OrderRequest, why: str) -> Report:
    """Return the end of an order that was never sent."""
    return Report(
        ReportKind.CANCELLED, request.order, request.row, reason=int(Reason.DRY_RUN), text=why
    )  # fmt: skip
