"""Orders that are held back end with a report; what closes a position always passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from alphapanda.books.state import RequestVerb
from alphapanda.brokers.holding import DryRun, Holding
from alphapanda.brokers.ports import ExecutionClient, OrderRequest, Report, ReportKind
from alphapanda.model.instruments import Product
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import Kind, Reason, Tif


def request(order: int, qty: int, verb: RequestVerb = RequestVerb.NEW) -> OrderRequest:
    """Return a request on the first row."""
    return OrderRequest(
        order, int(verb), 0, 0, qty, int(Kind.MARKET), 0, 0, int(Tif.DAY), int(Product.CNC)
    )


class Filling:
    """A venue that fills each new order at once."""

    def __init__(self) -> None:
        self.sent: list[OrderRequest] = []
        self._said: asyncio.Queue[Report] = asyncio.Queue()

    async def send(self, requests: Sequence[OrderRequest]) -> None:
        """Fill what is new."""
        for each in requests:
            self.sent.append(each)
            if each.verb == RequestVerb.NEW:
                self._said.put_nowait(
                    Report(ReportKind.FILLED, each.order, each.row, each.qty, 1, trade_id="1")
                )

    async def reports(self) -> AsyncIterator[Report]:
        """Yield the fills."""
        while True:
            yield await self._said.get()

    async def open_orders(self) -> Sequence[Report]:
        """Return nothing: all is filled."""
        return ()


def heard(client: ExecutionClient, *sent: tuple[list[OrderRequest], int]) -> list[Report]:
    """Return the reports of a client: each lot of requests is sent, and so many then read."""

    async def run() -> list[Report]:
        stream = client.reports()
        found: list[Report] = []
        for requests, count in sent:
            await client.send(requests)
            found += [await asyncio.wait_for(anext(stream), 20) for _ in range(count)]
        return found

    return asyncio.run(run())


def test_a_dry_run_sends_nothing() -> None:
    """Each new order ends as cancelled, reason DRY_RUN; there is nothing to cancel or change."""
    lot = [request(1, 5), request(1, 5, RequestVerb.CANCEL), request(2, -5)]
    assert [(r.kind, r.order, r.reason) for r in heard(DryRun(), (lot, 2))] == [
        (ReportKind.CANCELLED, 1, Reason.DRY_RUN), (ReportKind.CANCELLED, 2, Reason.DRY_RUN),
    ]  # fmt: skip


def test_at_most_so_many_orders() -> None:
    """Beyond them new risk ends at once and is blocked; what closes, and cancellations, pass."""
    venue = Filling()
    told = heard(
        Holding(venue, 1),
        ([request(1, 5)], 2),  # its fill, and that no more may pass
        ([request(2, 5), request(3, -8), request(4, -5)], 3),
        ([request(2, 5, RequestVerb.CANCEL)], 0),
    )
    ended = {r.order: r.reason for r in told if r.kind == ReportKind.CANCELLED}
    assert ended == {2: Reason.DRY_RUN, 3: Reason.DRY_RUN}
    assert [each.order for each in venue.sent] == [1, 4, 2]
    blocks = [(r.row, r.reason) for r in told if r.kind == ReportKind.BLOCKED]
    assert blocks == [(-1, RejectionCode.READ_ONLY)]


def test_read_only_blocks_from_the_start() -> None:
    """Before anything is sent the account takes no new risk."""
    venue = Filling()
    told = heard(Holding(venue, 0), ([request(1, 5)], 2))
    assert {r.kind for r in told} == {ReportKind.BLOCKED, ReportKind.CANCELLED}
    assert venue.sent == []
