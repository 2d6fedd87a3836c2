"""What every source and every sink must keep to, as checks that each implementation is given to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np

from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import (
    ExecutionClient,
    MarketSource,
    OrderRequest,
    Report,
    ReportKind,
)
from alphapanda.model.columns import Columns
from alphapanda.model.rows import OUT, Out
from alphapanda.runs.session import Sink


def on() -> bool:
    """Never ask to stop."""
    return False


def joined(source: MarketSource, taken: int = 0) -> Columns:
    """Return all rows behind the first `taken` as one batch."""
    parts = [portion.columns for portion in source.rows(taken, on) if portion.columns.rows]
    if not parts:
        return Columns.of()
    return Columns._make(np.concatenate(column) for column in zip(*parts, strict=True))


def check_source(make: Callable[[int], MarketSource], *, places: tuple[int, ...]) -> None:
    """Hold a source to the port: `make(taken)` returns one that is started, fresh each time."""
    first = make(0)
    feed = first.feed
    rows = joined(first)
    assert feed.kind in ("tick", "quote", "bar")
    assert len(feed.names) == len(feed.instruments)
    assert feed.rows in (None, rows.rows)
    assert first.origin.data, "a run says where its rows came from"
    assert (np.diff(rows.ts) >= 0).all(), "time never goes back"
    assert set(np.unique(rows.row)) <= set(range(len(feed.instruments)))
    for taken in places:
        rest = joined(make(taken), taken)
        assert rest.rows == max(rows.rows - taken, 0)
        if rest.rows:
            for one, other in zip(rest, rows.slice(taken, rows.rows), strict=True):
                np.testing.assert_array_equal(one, other)
    stopped = [portion.columns.rows for portion in make(0).rows(0, lambda: True)]
    assert sum(stopped) == 0, "asked to stop, it gives nothing more"


def check_sink(sink: Sink, kept: Callable[[], object], *, batch: Columns, controls: object) -> None:
    """Hold a sink to the port: what it was given may be overwritten as soon as it returns."""
    buffer = np.zeros(4, OUT)
    buffer["ts"] = batch.ts[:1][0]
    buffer["type"], buffer["strategy"] = Out.PNL, 0
    sink.take(buffer)
    buffer.view(np.int64)[:] = -7
    sink.close_batch(batch, controls)  # type: ignore[arg-type]
    assert kept() == [Out.PNL] * 4


async def check_client(
    client: ExecutionClient, *, works: OrderRequest, fills: OrderRequest, settled_s: float = 60.0
) -> None:
    """Hold a client to the port, at a venue where one new order works and the other is filled.

    Each message is answered; what is open is told; trades add up and have numbers of their own.
    """
    heard: list[Report] = []
    hearing = asyncio.create_task(listen(client, heard))
    await client.send([works, fills])
    await until(lambda: filled(heard, fills.order) == fills.qty, settled_s, heard)
    await until(lambda: bool(kinds(heard, works.order)), settled_s, heard)
    assert ReportKind.ACKNOWLEDGED in kinds(heard, works.order)
    found = await client.open_orders()
    async with asyncio.timeout(settled_s):  # that an order is over may be seen after its trades
        while [report.order for report in found] != [works.order]:
            await asyncio.sleep(0.05)
            found = await client.open_orders()
    assert found[0].kind == ReportKind.ACKNOWLEDGED
    await client.send([works._replace(verb=int(RequestVerb.CANCEL))])
    await until(lambda: ReportKind.CANCELLED in kinds(heard, works.order), settled_s, heard)
    assert await client.open_orders() == []
    hearing.cancel()
    trades = [report for report in heard if report.kind == ReportKind.FILLED]
    assert all(report.trade_id and report.price > 0 for report in trades)
    assert all(report.broker_order_id for report in trades)
    assert {report.order for report in heard if report.order} <= {works.order, fills.order}


async def listen(client: ExecutionClient, heard: list[Report]) -> None:
    """Keep what a client reports."""
    async for report in client.reports():
        heard += [report]


async def until(done: Callable[[], bool], longest_s: float, heard: list[Report]) -> None:
    """Wait until a client has reported something."""
    for _ in range(round(longest_s * 50)):
        if done():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"it did not come in {longest_s:.0f} s; what came: {heard}")


def kinds(heard: Sequence[Report], order: int) -> list[int]:
    """Return the kinds of reports of an order."""
    return [report.kind for report in heard if report.order == order]


def filled(heard: Sequence[Report], order: int) -> int:
    """Return how much of an order was filled, each trade counted once."""
    trades = {r.trade_id: r.qty for r in heard if r.kind == ReportKind.FILLED and r.order == order}
    return sum(trades.values())
