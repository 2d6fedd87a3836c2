"""A run whose orders go to a broker: intent on the disk first, reports kept, stops survived."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphapanda import config
from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import OrderRequest, Origin, Report, ReportKind
from alphapanda.events.events import Broker as BrokerName
from alphapanda.events.events import EventType, Fill, decode
from alphapanda.events.feeds import Feed, Portion
from alphapanda.journal.journal import FILE
from alphapanda.model.columns import Columns
from alphapanda.model.commands import Choice
from alphapanda.model.rows import Kind, Reason
from alphapanda.research.result import Result
from alphapanda.runs import options
from alphapanda.runs.paper import run_paper, unfinished
from alphapanda.runs.plan import bind, load_strategies, open_recording, rules_of
from alphapanda.runs.reports import Reports
from alphapanda.runs.verify import verify
from tests.runs.alike import cut, envelopes
from tests.support.chancy_broker import Broker, Client, Standing
from tests.support.contracts import check_client
from tests.support.harness import cache_dir
from tests.support.running import ROOT, session

ROWS = 100
R = ReportKind
STRATEGY = str(ROOT / "strategies" / "ema_cross.py")


class OneByOne:
    """Gives the rows of a recording one by one; stops itself once."""

    part = None
    origin = Origin(data=("one by one:",))

    def __init__(self, feed: Feed, rows: Columns, stop_at: int) -> None:
        self.feed = feed
        self._rows, self._stop_at = rows, stop_at

    def rows(self, taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield what lies behind the first `taken` rows."""
        for at in range(taken, self._rows.rows):
            if stopping():
                return
            yield Portion(0, self._rows.slice(at, at + 1))
            if at == self._stop_at:
                os.kill(os.getpid(), signal.SIGINT)


@dataclass
class Chancy:
    """A venue at a broker that outlives the runs."""

    folder: Path
    desk: Broker
    histories: list[list[OrderRequest | Report]] = field(default_factory=list)

    broker = BrokerName.ZERODHA

    def connect(self, _run_id: str, history: Iterable[OrderRequest | Report]) -> Client:
        """Return a client that begins with all trades of before, told again."""
        self.histories.append(list(history))
        self.desk.begin_again(each for each in self.histories[-1] if isinstance(each, Report))
        return Careful(self.desk, self.folder)

    def decide(self, _choice: Choice, _order_id: str) -> str:
        """Decide nothing."""
        return "this broker holds no order up"

    def find(self, order_id: str) -> str:
        """Find no order of others."""
        return f"this broker has no {order_id}"

    def close_day(self) -> str:
        """Say that nothing differs."""
        return ""


class Careful(Client):
    """A client that finds each request in the journal before it takes it."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        super().__init__(broker)
        self._folder = folder

    async def send(self, requests: Sequence[OrderRequest]) -> None:
        """Take requests that the journal has."""
        kept = {
            decode(line).data.order for line in envelopes(self._folder) if b'"order_placed"' in line
        }
        for request in requests:
            assert request.verb != RequestVerb.NEW or request.order in kept, "not on the disk"
        await super().send(requests)


def trade(folder: Path, venue: Chancy, *, stop_at: int = -1, **more: Any) -> Result:
    """Trade on a recording at a venue; go on if the folder has a run that waits."""
    chosen = options.make({
        "strategies": STRATEGY, "data": [session(2, ROWS)], "no_jit": True, "limits": "wide",
        "param": ["fast=3", "slow=8"], **more,
    })  # fmt: skip
    specs, arguments = load_strategies(chosen, config.load().strategies_dir)
    rules = rules_of(chosen)
    with ExitStack() as stack:
        recording = stack.enter_context(open_recording(chosen, specs))
        parts = [portion.columns for portion in recording.rows(0, lambda: False)]
        rows = Columns._make(np.concatenate(column) for column in zip(*parts, strict=True))
        source = OneByOne(recording.feed, rows, stop_at)
        plan = bind(chosen, rules, source, specs, arguments)
        sent = replace(plan, sent=True)
        journal = unfinished(folder)
        return run_paper(sent, source, folder, config.load(), journal=journal, venue=venue)


def venue_of(folder: Path, seed: int = 5) -> Chancy:
    """Return a venue whose broker fills near Rs 100."""
    return Chancy(folder, Broker(seed, lambda _: 1_000_000))


def trades_of(run: Path) -> list[tuple[str, int]]:
    """Return number and quantity of each trade in a run's journal."""
    found = [decode(line).data for line in envelopes(run)]
    return [(fill.trade_id, fill.qty) for fill in found if isinstance(fill, Fill)]


def test_a_run_at_a_broker_replays_without_it(tmp_path: Path) -> None:
    """What was sent was on the disk first; events bear the broker's numbers; `verify` agrees."""
    venue = venue_of(tmp_path / "run")
    result = trade(tmp_path / "run", venue)
    broker = venue.desk
    told = [(trade, qty) for order in broker.orders.values() for trade, qty, _ in order.trades]
    assert result.summary["fills"] == len(told) >= 1
    assert sorted(trades_of(tmp_path / "run")) == sorted(told)
    filled = [line for line in envelopes(tmp_path / "run") if b'"order_filled"' in line]
    assert all(decode(line).data.broker_order_id for line in filled)
    assert {decode(line).broker for line in filled} == {"zerodha"}
    assert verify(tmp_path / "run", cache_dir()).identical


@pytest.mark.parametrize("crash", [False, True])
def test_a_run_goes_on_without_sending_or_booking_twice(tmp_path: Path, crash: bool) -> None:
    """Stopped or killed, then told everything again: each order sent once, each trade kept once."""
    folder = tmp_path / "run"
    venue = venue_of(folder)
    with pytest.raises(KeyboardInterrupt):
        trade(folder, venue, stop_at=120)
    if crash:
        cut(folder / FILE, records=2)
    trade(folder, venue)
    assert set(venue.desk.messages.values()) == {1}
    told = [(trade, qty) for o in venue.desk.orders.values() for trade, qty, _ in o.trades]
    assert sorted(trades_of(folder)) == sorted(told)
    requests = [each for each in venue.histories[1] if isinstance(each, OrderRequest)]
    assert {each.order for each in requests if each.verb == RequestVerb.NEW} <= set(
        venue.desk.orders
    )
    assert verify(folder, cache_dir()).identical


PARAMS = ["fast=3", "slow=8", "quantity=5"]


class SquaringOff(Broker):
    """It also closes what the first order has brought, in two trades, by an order of its own."""

    def _trade(self, order: Standing) -> None:
        super()._trade(order)
        if order.request.order == 1 and not order.open:
            rest = order.filled - order.filled // 2
            for number, qty in ((1, -(order.filled // 2)), (2, -rest)):
                report = Report(
                    int(R.SQUARED_OFF), 0, order.request.row, qty, 1_010_000,
                    reason=int(Reason.SQUARE_OFF) if number == 1 else 0,
                    broker_order_id="251229000001", trade_id=f"90{number}",
                )  # fmt: skip
                self.untold.append(report)
                self.said.append(report)


def test_a_square_off_is_booked_once_and_replays(tmp_path: Path) -> None:
    """Stopped and told everything again, its trades are kept once, numbered; and its fee."""
    folder = tmp_path / "run"
    venue = Chancy(folder, SquaringOff(5, lambda _: 1_000_000))
    with pytest.raises(KeyboardInterrupt):
        trade(folder, venue, stop_at=60, product="MIS", param=PARAMS)
    result = trade(folder, venue, product="MIS", param=PARAMS)
    kept = [decode(line) for line in envelopes(folder)]
    fills = [each.data for each in kept if isinstance(each.data, Fill) and not each.data.order]
    told = [each for each in venue.desk.said if each.kind == R.SQUARED_OFF]
    assert [(f.trade_id, f.broker_order_id, f.qty) for f in fills] == [
        (each.trade_id, each.broker_order_id, each.qty) for each in told
    ]
    assert len(fills) == 2
    booked = [each.data.kind for each in kept if each.type == EventType.CHARGE_BOOKED]
    assert booked.count("SQUARE_OFF") == 1
    bought = sum(order.filled for order in venue.desk.orders.values())
    assert fills[-1].position == 0
    assert result.summary["fills"] == len(trades_of(folder))
    assert sum(qty for _, qty in trades_of(folder)) == bought + sum(each.qty for each in told)
    assert verify(folder, cache_dir()).identical


class Failing(Client):
    """A client that breaks when something is sent."""

    async def send(self, requests: Sequence[OrderRequest]) -> None:
        """Fail."""
        raise ZeroDivisionError(f"{len(requests)} requests")


def test_a_client_that_fails_fails_the_run(tmp_path: Path) -> None:
    """Nobody goes on trading blind: the client's own failure comes out of the run."""
    venue = venue_of(tmp_path / "run")
    venue.connect = lambda *_: Failing(venue.desk)  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        trade(tmp_path / "run", venue)


def test_the_broker_of_chance_keeps_to_the_port() -> None:
    """The fake passes what every client must pass."""

    class Calm(Broker):
        def _one_in(self, count: int) -> bool:
            return count == 2

    facts = {"strategy": 0, "row": 0, "trigger": 0, "tif": 0, "product": 1}
    works = OrderRequest(1, RequestVerb.NEW, qty=5, kind=Kind.LIMIT, price=900_000, **facts)
    fills = OrderRequest(2, RequestVerb.NEW, qty=7, kind=Kind.MARKET, price=0, **facts)
    client = Client(Calm(1, lambda _: 1_000_000))
    asyncio.run(check_client(client, works=works, fills=fills))


def test_a_trade_is_taken_once() -> None:
    """The same number of the same order again is counted, not booked; of another it is another."""
    reports = Reports(booked={(1, "a")})
    told = [
        Report(ReportKind.FILLED, n, 0, 1, 5, trade_id=t) for n, t in ((1, "a"), (2, "a"), (2, "a"))
    ]
    reports.put(*told)
    controls, texts = reports.take(7)
    assert (controls["b"].tolist(), len(texts), reports.repeated) == ([2], 1, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": 99}, {"kind": R.CANCELLED, "reason": 99}, {"kind": R.BLOCKED, "reason": 3},
        {"kind": R.FILLED, "qty": 1, "price": 5}, {"kind": R.REJECTED, "exchange_ns": -1},
        {"kind": R.ACKNOWLEDGED, "broker_order_id": "x" * 65},
    ],
)  # fmt: skip
def test_a_report_that_cannot_be_stops_the_run(wrong: dict[str, Any]) -> None:
    """A client's broken promise reaches neither core nor journal."""
    reports = Reports()
    reports.put(Report(**{"order": 1, **wrong}))
    with pytest.raises(AssertionError):
        reports.take(7)


def test_long_words_are_cut_and_say_so() -> None:
    """A broker's page of HTML does not fill the journal; that it was cut is said."""
    reports = Reports()
    reports.put(Report(ReportKind.REJECTED, 1, text="x" * 5_000))
    (words,) = reports.take(7)[1]
    assert words.text.endswith("(cut: 5,000 characters)")
