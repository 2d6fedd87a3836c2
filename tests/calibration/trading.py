"""A live run against the planted exchange, with its journal, as `alphapanda live` leaves one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda import config
from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import OrderRequest, Origin, Report, ReportKind
from alphapanda.events.events import Broker as BrokerName
from alphapanda.events.events import decode
from alphapanda.events.feeds import Feed, Portion
from alphapanda.journal.journal import FILE, Journal
from alphapanda.model.columns import Columns
from alphapanda.model.money import SCALE
from alphapanda.model.rows import Kind, Reason
from alphapanda.runs import options
from alphapanda.runs.paper import run_paper, unfinished
from alphapanda.runs.plan import bind, load_strategies, open_recording, rules_of
from tests.calibration.planted import Market, Truth, Venue
from tests.support.running import ROOT

STRATEGY = str(ROOT / "strategies" / "ema_cross.py")
PARAMS = ["fast=5", "slow=12"]


def recording(market: Market, path: Path) -> str:
    """Write a market's rows as a file that commands read; return its path."""
    columns = {"ts": pa.array(market.columns.ts, pa.timestamp("ns", tz="UTC"))}
    columns["symbol"] = pa.array(["NSE:INFY"] * market.rows)
    for name in ("last", "bid", "ask"):
        columns[name] = pa.array(getattr(market.columns, name) / SCALE)
    for name in ("qty", "bid_qty", "ask_qty"):
        columns[name] = pa.array(getattr(market.columns, name))
    pq.write_table(pa.table(columns), path)
    return str(path)


@dataclass
class RowByRow:
    """Gives the rows of a recording one by one."""

    feed: Feed
    columns: Columns
    part = None
    origin = Origin(data=("row by row:",))

    def rows(self, taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield what lies behind the first `taken` rows."""
        for at in range(taken, self.columns.rows):
            if stopping():
                return
            yield Portion(0, self.columns.slice(at, at + 1))


@dataclass
class PlantedVenue:
    """A venue whose exchange fills as planted, by the time at which the journal says it was sent.

    The number `refused` of the orders it takes is refused.
    """

    folder: Path
    market: Market
    truth: Truth
    refused: int = 0
    broker = BrokerName.ZERODHA

    def connect(self, _run_id: str, _history: Iterable[OrderRequest | Report]) -> PlantedClient:
        """Return its client."""
        return PlantedClient(self)


@dataclass
class PlantedClient:
    """The exchange as an `ExecutionClient`: it tells of a trade as soon as it is sure to come."""

    venue: PlantedVenue
    taken: int = 0
    read: int = 0
    """Batches of the journal."""
    journal: Journal | None = None
    sent: dict[int, int] = field(default_factory=dict)
    """By order, when the journal says it was sent."""
    waiting: list[Report] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, requests: Sequence[OrderRequest]) -> None:
        """Take market orders; a cancellation comes too late."""
        for request in requests:
            about = (request.order, request.row)
            if request.verb != RequestVerb.NEW:
                self.waiting.append(
                    Report(int(ReportKind.CHANGE_REJECTED), *about, reason=Reason.REJECTED)
                )
                continue
            assert request.kind == Kind.MARKET
            self.taken += 1
            if self.taken == self.venue.refused:
                self.waiting.append(Report(int(ReportKind.REJECTED), *about))
            else:
                self.waiting.append(self._filled(request))
        self.came.set()

    def _filled(self, request: OrderRequest) -> Report:
        columns = self.venue.market.columns
        at = int(np.searchsorted(columns.ts, self._sent(request.order), side="right")) - 1
        exchange = Venue(self.venue.market, self.venue.truth)
        exchange.send(at, Kind.MARKET, request.qty)
        if not exchange.fills:  # the day is over before it arrives
            return Report(int(ReportKind.EXPIRED), request.order, request.row)
        _, qty, price, ts = exchange.fills[0]
        return Report(
            int(ReportKind.FILLED), request.order, request.row, qty if request.qty > 0 else -qty,
            price, exchange_ns=ts, trade_id=str(request.order), broker_order_id=str(request.order),
        )  # fmt: skip

    def _sent(self, number: int) -> int:
        if self.journal is None:
            self.journal = Journal(self.venue.folder / FILE)
        self.journal.refresh()
        for batch in self.journal.batches(self.read):
            self.read += 1
            for line in batch.envelopes:
                if b'"order_placed"' in line:
                    made = decode(line)
                    self.sent[made.data.order] = made.ts
        return self.sent[number]

    async def reports(self) -> AsyncIterator[Report]:
        """Yield what waits, and wait."""
        while True:
            while self.waiting:
                yield self.waiting.pop(0)
            self.came.clear()
            await self.came.wait()

    async def open_orders(self) -> Sequence[Report]:
        """Return no order: each is filled at once."""
        return []


def trade(
    folder: Path, market: Market, truth: Truth, *, data: str, refused: int = 0, **given: str
) -> Path:
    """Trade ema_cross live on a recording at the planted exchange; return the run's folder."""
    chosen = options.make({
        "strategies": STRATEGY, "data": [data], "no_jit": True, "limits": "wide", "param": PARAMS,
        **given,
    })  # fmt: skip
    specs, arguments = load_strategies(chosen, config.load().strategies_dir)
    with ExitStack() as stack:
        source = stack.enter_context(open_recording(chosen, specs))
        parts = [portion.columns for portion in source.rows(0, lambda: False)]
        rows = Columns._make(np.concatenate(column) for column in zip(*parts, strict=True))
        one_by_one = RowByRow(source.feed, rows)
        plan = replace(bind(chosen, rules_of(chosen), one_by_one, specs, arguments), sent=True)
        venue = PlantedVenue(folder, market, truth, refused)
        run_paper(plan, one_by_one, folder, config.load(), journal=unfinished(folder), venue=venue)
    return folder
