"""How a run stands, by its journal or by the board: positions, P&L, orders, the age of its feed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from alphapanda.events import events as model
from alphapanda.events.events import Envelope, EventType, decode
from alphapanda.journal.journal import FILE, Journal
from alphapanda.model.calendar import INDIA
from alphapanda.projection.live import Parts

LAST_ORDERS = 10
ENDS = {
    EventType.ORDER_CANCELLED: "cancelled", EventType.ORDER_EXPIRED: "expired",
    EventType.ORDER_FAILED: "failed",
}  # fmt: skip


@dataclass
class Standing:
    """How a run stands now."""

    run: str
    status: str = "not begun"
    row_ns: int = 0
    """The time of the newest row of its feed."""
    age_s: float | None = None
    """How long ago something came, None if nothing has."""
    positions: dict[tuple[str, str], int] = field(default_factory=dict)
    pnl: dict[str, str] = field(default_factory=dict)
    orders: dict[int, list[Any]] = field(default_factory=dict)
    """Strategy, instrument, quantity, price and state, by number; those that began last."""
    commands: list[str] = field(default_factory=list)
    """The operator's, as they were applied."""
    over: bool = False
    trouble: str = ""

    def feed(self) -> str:
        """Return the feed's time and age in words."""
        if not self.row_ns:
            return "no row has come"
        at = datetime.fromtimestamp(self.row_ns / 1e9, INDIA)
        age = "" if self.age_s is None or self.over else f", {self.age_s:,.0f} s ago"
        return f"last row of {at:%Y-%m-%d %H:%M:%S} IST{age}"


class Source(Protocol):
    """Where a run's standing comes from."""

    async def look(self) -> Standing:
        """Return how the run stands now.

        Raises:
            AlphaPandaError: if that can't be known.
        """
        ...


class JournalSource:
    """A run's own journal, read on from where it was read to before."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._journal = Journal(self._file)
        self._batches = 0
        self.standing = Standing(folder.name)

    async def look(self) -> Standing:
        """Return how the run stands now."""
        return self.read()

    def read(self) -> Standing:
        """Read what was added, and return how the run stands now."""
        self._journal.refresh()
        made = self.standing
        for batch in self._journal.batches(self._batches):
            self._batches += 1
            if batch.columns.rows:
                made.row_ns = int(batch.columns.ts[-1])
            for line in batch.envelopes:
                take(made, decode(line))
        made.status = self._journal.standing()
        made.over = self._journal.contents.ended
        made.age_s = max(time.time() - self._file.stat().st_mtime, 0)
        return made


def take(made: Standing, event: Envelope) -> None:
    """Take an event of a run in."""
    data = event.data
    if isinstance(data, model.Fill):
        made.positions[data.strategy, data.instrument] = data.position
        order = made.orders.get(data.order)
        if order is not None:
            whole = data.filled == order[2]
            order[4] = "filled" if whole else f"filled {data.filled:,}"
    elif isinstance(data, model.Pnl):
        made.pnl[data.strategy] = data.pnl
    elif isinstance(data, model.OrderEnd) and data.order in made.orders:
        made.orders[data.order][4] = ENDS.get(event.type, str(event.type))
    elif isinstance(data, model.Order) and event.type is EventType.ORDER_PLACED:
        made.orders[data.order] = [data.strategy, data.instrument, data.qty, data.price, "placed"]
        while len(made.orders) > LAST_ORDERS:
            del made.orders[next(iter(made.orders))]
    elif isinstance(data, model.Command):
        words = [data.verb, *([data.name] if data.name else []), f"by {data.by}" if data.by else ""]
        made.commands.append(" ".join(word for word in words if word))


class BoardSource:
    """The live board, which processes on other machines write; any `Live` that has begun."""

    def __init__(self, live: Any, broker: str, run_id: str) -> None:
        self._live, self._broker, self._run_id = live, broker, run_id
        self._begun = False

    async def look(self) -> Standing:
        """Return how the run stands now."""
        if not self._begun:
            await self._live.start()
            self._begun = True
        parts = await self._live.get(self._broker, self._run_id)
        return of_board(self._run_id, parts, time.time_ns())


def of_board(run_id: str, parts: Parts, now_ns: int) -> Standing:
    """Return how a run stands by its board."""
    made = Standing(run_id)
    run: Mapping[str, Any] = parts.get("run", {}).get(run_id, {})
    made.status = str(run.get("status", "not on the board"))
    made.over = made.status in (model.RunStatus.ENDED, model.RunStatus.RECOVERED)
    stages = (each.get("last_ns", 0) for each in parts.get("stages", {}).values())
    made.row_ns = max(stages, default=0)
    made.age_s = max(now_ns - made.row_ns, 0) / 1e9 if made.row_ns else None
    for each in parts.get("positions", {}).values():
        made.positions[each["strategy"], each["instrument"]] = each["quantity"]
    made.pnl = {name: each["pnl"] for name, each in parts.get("pnl", {}).items()}
    for each in list(parts.get("orders", {}).values())[-LAST_ORDERS:]:
        wanted = f"{each['side']} {each['quantity']:,}"
        made.orders[each["order_id"]] = [
            each["strategy"], each["instrument"], wanted, each["price"], each["status"],
        ]  # fmt: skip
    return made
