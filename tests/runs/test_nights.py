"""A live run over the night: it goes on with what it holds, and nothing is sent behind its back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from alphapanda import config
from alphapanda.brokers.ports import OrderRequest, Origin, Report
from alphapanda.events.events import Broker as BrokerName
from alphapanda.events.events import EventType, decode
from alphapanda.events.feeds import Feed, Portion
from alphapanda.model.calendar import day_start_ns, ist_date
from alphapanda.model.columns import Columns
from alphapanda.model.commands import Choice
from alphapanda.model.rows import Kind
from alphapanda.research.result import Result
from alphapanda.runs import options
from alphapanda.runs.nights import Night, later_days
from alphapanda.runs.paper import run_paper, unfinished
from alphapanda.runs.plan import bind, load_strategies, open_recording, rules_of
from alphapanda.runs.verify import verify
from tests.runs.alike import envelopes
from tests.support.chancy_broker import Broker, Client
from tests.support.harness import cache_dir
from tests.support.running import ROOT, session

ROWS = 70
STRATEGY = f"{ROOT / 'tests' / 'support' / 'plain_strategies.py'}:Holder"


class Calm(Broker):
    """Every order fills whole and at once, every stop waits."""

    def __init__(self) -> None:
        super().__init__(1, lambda _: 5_000_000)

    def _one_in(self, count: int) -> bool:
        return count == 2


class Telling(Client):
    """A client that tells all it knows before anything new is decided."""

    async def open_orders(self) -> Sequence[Report]:
        """Return what waits to be told, and every order that is open."""
        return [*self.broker.told(all_=True), *await super().open_orders()]

    async def reports(self) -> AsyncIterator[Report]:
        """Yield what the broker says, whoever made it say so."""
        while True:
            for report in self.broker.told(all_=True):
                yield report
            await asyncio.sleep(0.005)


@dataclass
class Venue:
    """A broker that outlives the days."""

    desk: Broker = field(default_factory=Calm)
    differing: str = ""
    closed: int = 0

    broker = BrokerName.ZERODHA

    def connect(self, _run_id: str, history: Iterable[OrderRequest | Report]) -> Client:
        """Return a client that begins with what the run does not know."""
        self.desk.begin_again(each for each in history if isinstance(each, Report))
        return Telling(self.desk)

    def decide(self, _choice: Choice, _order_id: str) -> str:
        """Decide nothing."""
        return "this broker holds no order up"

    def close_day(self) -> str:
        """Say what differs."""
        self.closed += 1
        return self.differing


class Day:
    """The rows of one day, with which its session is over; it may be interrupted."""

    part = None
    origin = Origin(data=("a day:",))

    def __init__(self, feed: Feed, rows: Columns, venue: Venue, stop_at: int) -> None:
        self.feed = feed
        self._rows, self._venue, self._stop_at = rows, venue, stop_at

    def rows(self, _taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield all rows: a market does not wait for a run."""
        for at in range(self._rows.rows):
            if stopping():
                return
            yield Portion(0, self._rows.slice(at, at + 1))
            if at == self._stop_at:
                os.kill(os.getpid(), signal.SIGINT)
        self._venue.desk.end_day()


def trade(
    folder: Path, venue: Venue, day: int, *, until: date | None = None, hold: int = 75,
    stop_at: int = -1, over: bool = False, accepts: bool = False,
) -> Result:  # fmt: skip
    """Trade the first or the second day of a recording; go on if a run waits in the folder."""
    chosen = options.make({
        "strategies": STRATEGY, "data": [session(1, ROWS, days=2)], "no_jit": True,
        "limits": "wide", "param": [f"hold={hold}"],
    })  # fmt: skip
    specs, arguments = load_strategies(chosen, config.load().strategies_dir)
    rules = rules_of(chosen)
    with ExitStack() as stack:
        recording = stack.enter_context(open_recording(chosen, specs))
        parts = [portion.columns for portion in recording.rows(0, lambda: False)]
        rows = Columns._make(np.concatenate(column) for column in zip(*parts, strict=True))
        days = recording.feed.days
        bounds = np.searchsorted(rows.ts, [day_start_ns(each) for each in days]).tolist()
        begin, end = [*bounds, rows.rows][day : day + 2]
        part = rows.slice(end, end) if over else rows.slice(begin, end)
        source = Day(recording.feed._replace(days=days[:1]), part, venue, stop_at)
        journal = unfinished(folder)
        plan = replace(bind(chosen, rules, source, specs, arguments), sent=True)
        plan = replace(plan, later=later_days(days[:1], journal, days[day]))
        past_ns = int(rows.ts[end - 1]) + 3_600 * 10**9 if over else day_start_ns(days[day])
        night = Night(days[day], past_ns, until, accepts)
        return run_paper(
            plan, source, folder, config.load(), journal=journal, venue=venue, night=night
        )


def of_type(folder: Path, kind: EventType) -> list[tuple[date, int]]:
    """Return day and order of each event of a type."""
    found = [decode(line) for line in envelopes(folder)]
    return [(ist_date(each.ts), each.data.order) for each in found if each.type == kind]


def test_a_position_lives_over_night_and_its_stop_with_it(tmp_path: Path) -> None:
    """The first day does not end the run; the stop is sent anew at the open; both days replay."""
    folder, venue = tmp_path / "run", Venue()
    rest = trade(folder, venue, 0)
    assert (rest.summary["status"], rest.path, rest.trouble) == ("goes on", None, "")
    assert "held over night: 1" in rest.summary["notes"][0]
    assert verify(folder, cache_dir()).identical
    result = trade(folder, venue, 1)
    assert (result.summary["status"], result.summary["open_positions"]) == ("complete", {})
    monday, tuesday = of_type(folder, EventType.ORDER_FILLED)
    assert [monday[1], tuesday[1]] == [1, 4]
    assert (tuesday[0] - monday[0]).days == 1
    stops = [one for one in venue.desk.orders.values() if one.request.kind == Kind.STOP]
    assert [(one.request.order, one.request.qty) for one in stops] == [(2, -10), (3, -10)]
    assert of_type(folder, EventType.ORDER_PLACED)[2] == (tuesday[0], 3)
    assert set(venue.desk.messages.values()) == {1}
    assert venue.closed == 2
    found = result.summary
    assert (found["from"], found["to"]) == (str(monday[0]), str(tuesday[0]))
    assert result.table("days").num_rows == 2
    assert verify(folder, cache_dir()).identical


@pytest.mark.parametrize("over", [True, False])
def test_a_run_that_died_before_the_close_goes_on(tmp_path: Path, over: bool) -> None:
    """The same evening its day is closed; the next morning it trades, and nothing old is sent."""
    folder, venue = tmp_path / "run", Venue()
    with pytest.raises(KeyboardInterrupt):
        trade(folder, venue, 0, stop_at=45)
    venue.desk.end_day()
    before = len(venue.desk.messages)
    if over:
        rest = trade(folder, venue, 0, over=True)
        assert (rest.summary["status"], venue.closed) == ("goes on", 1)
        assert len(venue.desk.messages) == before
    trade(folder, venue, 1)
    placed = of_type(folder, EventType.ORDER_PLACED)
    assert [order for _, order in placed[:3]] == [1, 2, 3]
    assert placed[2][0] > placed[1][0]
    assert set(venue.desk.messages.values()) == {1}
    assert verify(folder, cache_dir()).identical


def test_the_last_day_that_was_named_ends_the_run(tmp_path: Path) -> None:
    """What it holds then is told; before it the run goes on though it holds nothing."""
    venue = Venue()
    held = trade(tmp_path / "held", venue, 0, until=date(2025, 8, 4))
    assert held.summary["status"] == "complete"
    assert any("no stop of ours protects" in note for note in held.summary["notes"])
    flat = trade(tmp_path / "flat", Venue(), 0, until=date(2025, 8, 5), hold=30)
    assert flat.summary["open_positions"] == {}
    assert "goes on until 2025-08-05" in flat.summary["notes"][0]


def test_a_day_that_is_not_the_brokers_keeps_the_run_open(tmp_path: Path) -> None:
    """It is said, and the same command compares again; a person may take the day for closed."""
    folder, venue = tmp_path / "run", Venue(differing="charges differ")
    rest = trade(folder, venue, 0, hold=30)
    assert (rest.summary["status"], rest.path) == ("goes on", None)
    assert "charges differ" in rest.trouble
    done = trade(folder, venue, 0, over=True, accepts=True, hold=30)
    assert done.summary["status"] == "complete"
    assert any("charges differ" in note for note in done.summary["notes"])
