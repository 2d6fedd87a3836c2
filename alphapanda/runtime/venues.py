"""Where a run's orders go: one table of brokers, and what a run may send there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import NamedTuple

from alphapanda.brokers.holding import DryRun, Holding, sent_and_held
from alphapanda.brokers.ports import (
    ExecutionClient,
    ForeignOrder,
    MarketSource,
    OrderRequest,
    Report,
)
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.events.events import Broker
from alphapanda.model.commands import Choice
from alphapanda.runs.nights import Night
from alphapanda.runs.paper import Venue
from alphapanda.runs.plan import RunPlan


class Sending(NamedTuple):
    """What of a run's orders leaves."""

    dry_run: bool = False
    """Nothing: each order ends at once."""
    read_only: bool = False
    """Nothing but cancellations, and what closes."""
    max_orders: int | None = None


ALL = Sending()
"""Every order leaves."""


class Opening(NamedTuple):
    """What it takes to open a venue."""

    settings: Settings
    plan: RunPlan
    source: MarketSource
    folder: Path
    sending: Sending


class Held:
    """A venue that lets pass what may be sent."""

    def __init__(self, venue: Venue, sending: Sending) -> None:
        self.broker = venue.broker
        self._venue = venue
        self._sending = sending

    def connect(self, run_id: str, history: Iterable[OrderRequest | Report]) -> ExecutionClient:
        """Return the client of a run, held back as was wanted."""
        before = list(history)
        if self._sending.dry_run:
            if sent_and_held(before)[0]:
                raise UsageError(
                    "--dry-run: this run has sent orders, which nobody would look after; go on "
                    "with --read-only, or begin another --out"
                )
            return DryRun()
        client = self._venue.connect(run_id, before)
        most = 0 if self._sending.read_only else self._sending.max_orders
        return client if most is None else Holding(client, most, before)

    def decide(self, choice: Choice, order_id: str) -> str:
        """Do what an operator has decided about orders; return why it can't be done."""
        return self._venue.decide(choice, order_id)

    def find(self, order_id: str) -> ForeignOrder | str:
        """Return an order of the broker's that no run sent, or why it can't be taken over."""
        return self._venue.find(order_id)

    def close_day(self) -> str:
        """Return what speaks against closing the day; nothing of one in which nothing left."""
        return "" if self._sending.dry_run else self._venue.close_day()


def no_venue(_wished: Opening, _stack: ExitStack) -> Venue | None:
    """Return no venue: the core fills paper orders itself."""
    return None


def open_zerodha(opening: Opening, stack: ExitStack) -> Venue | None:
    """Return Zerodha, closed with the stack.

    Raises:
        UsageError: if the rows are not Kite's live ones.
    """
    from alphapanda.brokers.zerodha.live_feed import LiveFeed  # noqa: PLC0415 (requests, Twisted)
    from alphapanda.brokers.zerodha.venue import ZerodhaVenue  # noqa: PLC0415

    live = opening.source.part
    if not isinstance(live, LiveFeed):
        raise UsageError("--broker zerodha trades on live ticks: --feed kite:NSE:INFY,NSE:TCS")
    venue = ZerodhaVenue(
        opening.settings, live, instruments=opening.plan.instruments,
        calendar=opening.plan.rules.calendar, schedule=opening.plan.rules.schedule,
        folder=opening.folder, deployment=opening.plan.deployment,
        products=frozenset(each.name for one in opening.plan.enrolments for each in one.products),
    )  # fmt: skip
    stack.callback(venue.close)
    return Held(venue, opening.sending)


def night_of(source: MarketSource, until: date | None, *, accepts: bool) -> Night:
    """Return where a run stands among its days.

    Raises:
        UsageError: if its last day is over, or the rows are not those of a running market.
    """
    from alphapanda.brokers.zerodha.live_feed import LiveSource  # noqa: PLC0415 (as below)

    if not isinstance(source, LiveSource):
        raise UsageError("--broker zerodha trades on live ticks: --feed kite:NSE:INFY,NSE:TCS")
    if until is not None and until < source.today:
        raise UsageError(f"--until {until}: that day is over; write one from {source.today} on")
    return Night(source.today, source.past_ns, until, accepts)


VENUES: dict[Broker, Callable[[Opening, ExitStack], Venue | None]] = {
    Broker.PAPER: no_venue,
    Broker.ZERODHA: open_zerodha,
}
"""Where orders go, by broker. A new one is a line here and a folder in `brokers/`."""
SENT = frozenset(VENUES) - {Broker.PAPER}
"""Brokers that orders are sent to."""
