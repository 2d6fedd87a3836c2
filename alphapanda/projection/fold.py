"""What each event of a run changes in its rows, given that all before it have been taken in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import UNSET
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.events import events as model
from alphapanda.events.events import Envelope, EventType, RunStatus
from alphapanda.model.limits import RejectionCode
from alphapanda.projection.facts import (
    ImpossibleError,
    bounded,
    is_name,
    money,
    name,
    one_of,
    positive,
    refuse,
    short,
    side,
    size,
    told_by,
    trade_number,
    uuid,
)
from alphapanda.projection.rows import Row, read, write
from alphapanda.store.trading import Fill, Order, PnlSnapshot, Position, Run, Signal, Stage
from alphapanda.store.words import KINDS, PRODUCTS, TIFS, OrderStatus, SignalStatus

REFUSED = "refused"
"""The stage that counts events that could not be true."""
CHANGE = "rejected_change"
"""The stage of refusals that answer no signal, but a change or cancellation of an order."""
ORDERS = (model.Order, model.OrderEnd, model.OrderUnknown, model.Fill)
SIGNALS = (model.Signal, model.Rejection)
MOVES = (model.Fill, model.Charge)
FINAL = (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.FAILED)
ENDS = {
    EventType.ORDER_CANCELLED: OrderStatus.CANCELLED,
    EventType.ORDER_EXPIRED: OrderStatus.EXPIRED,
    EventType.ORDER_FAILED: OrderStatus.FAILED,
}
RANKS = {status: rank for rank, status in enumerate(RunStatus)}


class Fold:
    """The rows of a run that some events touch; `load` them, `take` each event, then `save`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.signals: dict[int, Row] = {}
        self.orders: dict[int, Row] = {}
        self.positions: dict[tuple[str, str], Row] = {}
        self.stages: dict[str, Row] = {}
        self.fills: list[Row] = []
        self.snapshots: list[Row] = []
        self._before = run.seq
        self._steps: dict[EventType, Callable[[Envelope], None]] = {
            EventType.TRADING_SIGNAL: self._signal,
            EventType.VALIDATED_SIGNAL: self._validated,
            EventType.REJECTED_SIGNAL: self._rejected,
            EventType.ORDER_PLACED: self._placed,
            EventType.ORDER_ADOPTED: self._placed,
            EventType.ORDER_ACKNOWLEDGED: self._acknowledged,
            EventType.ORDER_MODIFIED: self._modified,
            EventType.ORDER_TRIGGERED: self._triggered,
            EventType.ORDER_MODIFY_SENT: self._asked,
            EventType.ORDER_CANCEL_SENT: self._asked,
            EventType.ORDER_UNKNOWN: self._doubted,
            EventType.ORDER_FILLED: self._filled,
            **dict.fromkeys(ENDS, self._ended),
            EventType.CHARGE_BOOKED: self._charge,
            EventType.PNL_SNAPSHOT: self._pnl,
            EventType.RUN_STATE: self.state,
        }

    async def load(self, session: AsyncSession, events: Iterable[Envelope]) -> None:
        """Read the rows that events touch."""
        data = [event.data for event in events]
        run = self.run.run_id
        wanted = {each.order for each in data if isinstance(each, SIGNALS)}
        if wanted:
            mine = (Signal.run_id == run, Signal.signal_id.in_(wanted))
            self.signals = {row.signal_id: row for row in await read(session, Signal, *mine)}
        wanted |= {each.order for each in data if isinstance(each, ORDERS)}
        if wanted:
            placed = (Order.run_id == run, Order.order_id.in_(wanted))
            self.orders = {row.order_id: row for row in await read(session, Order, *placed)}
        moved = {each.instrument for each in data if isinstance(each, MOVES)}
        moved = set(filter(is_name, moved))  # PostgreSQL refuses even to look for some others
        if moved:
            held = (Position.run_id == run, Position.instrument.in_(moved))
            rows = await read(session, Position, *held)
            self.positions = {(row.strategy, row.instrument): row for row in rows}
        self.stages = {row.stage: row for row in await read(session, Stage, Stage.run_id == run)}

    async def save(self, session: AsyncSession) -> None:
        """Write what has changed; the caller commits."""
        await write(session, Signal, self.touched(self.signals))
        await write(session, Order, self.touched(self.orders))
        await write(session, Position, self.touched(self.positions))
        await write(session, Fill, self.fills)
        await write(session, PnlSnapshot, self.snapshots)
        await write(session, Stage, self.stages.values())

    def touched(self, rows: Mapping[Any, Row]) -> list[Row]:
        """Return the rows that events have changed since they were loaded."""
        return [row for row in rows.values() if row.seq > self._before]

    def take(self, event: Envelope) -> None:
        """Take in the next event of the run.

        Raises:
            ImpossibleError: if it can't be true; it is counted, and nothing else has changed.
        """
        self.run.seq = event.seq
        self.run.started_ns = min(self.run.started_ns, event.ts)
        stage = str(event.type)
        if event.type is EventType.REJECTED_SIGNAL and self._names_an_order(event.data):
            stage = CHANGE
        self._count(stage, event.ts)
        try:
            self._ours(event)
            step = self._steps.get(event.type)
            if step is not None:
                step(event)
        except ImpossibleError:
            self._count(REFUSED, event.ts)
            raise

    def _ours(self, event: Envelope) -> None:
        here = self.run.broker
        refuse(event.broker != here, f"broker {event.broker} in a run of {here}")

    def skip(self, event: Envelope) -> None:
        """Pass an event that the database refuses.

        Raises:
            ImpossibleError: always.
        """
        self.run.seq = event.seq
        self._count(REFUSED, event.ts)
        raise ImpossibleError("the database refuses it")

    def _count(self, stage: str, ts: int) -> None:
        row = self.stages.get(stage)
        if row is None:
            row = self.stages[stage] = Row(
                run_id=self.run.run_id, stage=stage, broker=self.run.broker, count=0, last_ns=ts,
                owner_id=self.run.owner_id, account_id=self.run.account_id,
            )  # fmt: skip
        row.count += 1
        row.last_ns = max(row.last_ns, ts)

    def _base(self, event: Envelope) -> dict[str, Any]:
        strategy = name(event.data.strategy)
        if strategy not in self.run.strategies:
            self.run.strategies = [*self.run.strategies, strategy]
        return {
            "run_id": self.run.run_id, "owner_id": self.run.owner_id, "ts": event.ts,
            "account_id": self.run.account_id, "broker": self.run.broker, "strategy": strategy,
        }  # fmt: skip

    # How a run stands is said outside its sequence, maybe repeatedly: the latest word counts.
    def state(self, event: Envelope) -> None:
        """Take in how a run stands, in whatever order that is said."""
        self._ours(event)
        run, told = self.run, event.data
        status = one_of(told.status, tuple(RunStatus))
        digest = name(told.digest) if told.digest else None
        about = None if told.manifest is UNSET else told_by(told.manifest)
        before = (run.state_ns, RANKS[RunStatus(run.status)], run.digest or "")
        if run.state_ns is None or (event.ts, RANKS[RunStatus(status)], digest or "") > before:
            run.status, run.state_ns, run.digest = status, event.ts, digest or run.digest
            run.ended_ns = None if status == RunStatus.RUNNING else event.ts
        run.started_ns = min(run.started_ns, event.ts)
        if about is not None:
            run.mode, names = about
            run.manifest = told.manifest
            run.strategies = [*names, *(each for each in run.strategies if each not in names)]

    # --- signals ------------------------------------------------------------------------------

    def _signal(self, event: Envelope) -> None:
        told = event.data
        refuse(told.order in self.signals, f"signal {told.order} a second time")
        row = Row(
            **self._base(event), signal_id=told.order, event_id=uuid(event.id), seq=event.seq,
            instrument=name(told.instrument), side=side(told.qty), quantity=size(told.qty),
            kind=one_of(told.kind, KINDS), product=one_of(told.product, PRODUCTS),
            price=money(told.price), trigger_price=money(told.trigger), status=SignalStatus.RAW,
            code=None, value=None, bound=None, tag=short(told.tag) if told.tag else "",
        )  # fmt: skip
        self.signals[told.order] = row

    def _verdict(self, event: Envelope) -> Row:
        row = self.signals.get(event.data.order)
        if row is None or row.status != SignalStatus.RAW:
            raise ImpossibleError(f"a verdict on {event.data.order}, which is no signal that waits")
        return row

    def _validated(self, event: Envelope) -> None:
        row = self._verdict(event)
        wild = row.quantity == 0 or row.price < 0 or row.trigger_price < 0
        refuse(wild, "a quantity or price that no rule lets pass")
        row.seq, row.status = event.seq, SignalStatus.VALIDATED

    def _rejected(self, event: Envelope) -> None:
        if self._names_an_order(event.data):
            return
        told, row = event.data, self._verdict(event)
        row.seq, row.status, row.code = event.seq, SignalStatus.REJECTED, short(told.code)
        row.value, row.bound = told.value, told.limit

    def _names_an_order(self, told: model.Rejection) -> bool:
        signal = self.signals.get(told.order)
        if signal is not None and signal.status == SignalStatus.RAW:
            return False
        return told.order in self.orders or told.code == RejectionCode.UNKNOWN_ORDER.name

    # --- orders -------------------------------------------------------------------------------

    def _placed(self, event: Envelope) -> None:
        told = event.data
        refuse(told.order in self.orders, f"order {told.order} a second time")
        refuse(told.qty == 0, "an order for nothing")
        row = Row(
            **self._base(event), order_id=told.order, client_order_id=name(event.key),
            broker_order_id=name(told.broker_order_id) if told.broker_order_id else None,
            seq=event.seq, instrument=name(told.instrument),
            side=side(told.qty), quantity=size(told.qty), filled=0, filled_value=0,
            kind=one_of(told.kind, KINDS), product=one_of(told.product, PRODUCTS),
            tif=one_of(told.tif, TIFS), price=positive(told.price),
            trigger_price=positive(told.trigger), status=OrderStatus.SUBMITTED, reason=None,
            updated_ns=event.ts,
        )  # fmt: skip
        self.orders[told.order] = row

    def _known(self, event: Envelope) -> Row:
        told = event.data
        row = self.orders.get(told.order)
        if row is None:
            raise ImpossibleError(f"order {told.order} was never placed")
        same = (row.strategy, row.instrument) == (told.strategy, told.instrument)
        refuse(not same, f"order {told.order} is another's")
        return row

    def _touch(self, event: Envelope, row: Row) -> None:
        row.seq, row.updated_ns = event.seq, event.ts
        told = getattr(event.data, "broker_order_id", "")
        if told:
            row.broker_order_id = name(told)

    def _asked(self, event: Envelope) -> None:
        self._touch(event, self._known(event))

    def _terms(self, event: Envelope) -> Row:
        row, told = self._known(event), event.data
        quantity, price, trigger = size(told.qty), positive(told.price), positive(told.trigger)
        refuse(side(told.qty) != row.side, "an order changes its side")
        refuse(quantity == 0 or quantity < row.filled, "an order for less than was filled")
        refuse(row.status == OrderStatus.FILLED and quantity != row.filled, "filled, and changed")
        row.kind = one_of(told.kind, KINDS)
        row.quantity, row.price, row.trigger_price = quantity, price, trigger
        self._touch(event, row)
        return row

    # A change that leaves nothing to fill is how a broker says that the order is filled.
    def _modified(self, event: Envelope) -> None:
        row = self._terms(event)
        if row.filled == row.quantity:
            row.status = OrderStatus.FILLED

    def _doubted(self, event: Envelope) -> None:
        row = self._known(event)
        if row.status not in FINAL:
            row.status = OrderStatus.UNKNOWN
        self._touch(event, row)

    def _acknowledged(self, event: Envelope) -> None:
        row = self._terms(event)
        if row.status in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN):
            row.status = OrderStatus.OPEN

    def _triggered(self, event: Envelope) -> None:
        row = self._terms(event)
        if row.status not in FINAL:
            row.status = OrderStatus.TRIGGERED

    def _ended(self, event: Envelope) -> None:
        row = self._known(event)
        refuse(row.status in FINAL, f"order {row.order_id} has ended already")
        row.status, row.reason = ENDS[event.type], name(event.data.reason)
        self._touch(event, row)

    # A fill may come after a cancellation that lost the race: it is booked all the same.
    # A contract that settles, and positions that close each other at square-off, have no order.
    def _filled(self, event: Envelope) -> None:
        told = event.data
        row = self._known(event) if told.order != 0 else None
        quantity, price, signed = size(told.qty), positive(told.price), told.qty
        charges, realised = money(told.charges), money(told.realised)
        other = row is not None and side(signed) != row.side
        refuse(quantity == 0 or other, "a fill of nothing, or the other side's")
        if row is not None:
            refuse(row.filled + quantity > row.quantity, "more filled than ordered")
            bounded(row.filled_value + quantity * price)
        position = self._position(event)
        refuse(position.quantity + signed != told.position, "a position that does not add up")
        cost = position.cost + signed * price + realised
        refuse(told.position == 0 and cost != 0, "a flat position that cost something")
        bounded(cost, position.realised + realised, position.charges + charges)
        self.fills.append(Row(
            **self._base(event), seq=event.seq, event_id=uuid(event.id), order_id=told.order,
            trade_id=name(number) if (number := trade_number(told)) else None,
            instrument=name(told.instrument), side=side(signed), quantity=quantity,
            price=price, charges=charges, realised=realised,
        ))  # fmt: skip
        if row is not None:
            row.filled += quantity
            row.filled_value += quantity * price
            if row.filled == row.quantity:
                row.status = OrderStatus.FILLED
            self._touch(event, row)
        position.quantity, position.cost, position.last = told.position, cost, price
        position.realised += realised
        position.charges += charges
        self._moved(event, position)

    # --- positions and P&L --------------------------------------------------------------------

    def _position(self, event: Envelope) -> Row:
        key = name(event.data.strategy), name(event.data.instrument)
        found = self.positions.get(key)
        return found or Row(
            **self._base(event), instrument=key[1], seq=event.seq, quantity=0, cost=0, realised=0,
            charges=0, last=0,
        )  # fmt: skip

    def _moved(self, event: Envelope, position: Row) -> None:
        position.seq, position.ts = event.seq, event.ts
        key = position.strategy, position.instrument
        if key not in self.positions:
            self.positions[key] = position

    def _charge(self, event: Envelope) -> None:
        position = self._position(event)
        total = position.charges + money(event.data.amount)
        bounded(total)
        position.charges = total
        self._moved(event, position)

    def _pnl(self, event: Envelope) -> None:
        told = event.data
        realised, unrealised = money(told.realised), money(told.unrealised)
        charges, pnl = money(told.charges), money(told.pnl)
        refuse(pnl != realised + unrealised - charges, "pnl is not realised + unrealised - charges")
        self.snapshots.append(Row(
            **self._base(event), seq=event.seq, event_id=uuid(event.id),
            realised=realised, unrealised=unrealised, charges=charges, pnl=pnl,
        ))  # fmt: skip
