"""Tables of what was traded: strategies and runs, and the projections of their events."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from alphapanda.events.events import RunStatus
from alphapanda.store.base import (
    Base,
    Counter,
    Facts,
    Id,
    Money,
    Name,
    Names,
    Nanos,
    Number,
    Owned,
    Projected,
    Quantity,
    Word,
    check,
    of_broker,
    one_of,
)
from alphapanda.store.words import (
    KINDS,
    MODES,
    PRODUCTS,
    TIFS,
    OrderStatus,
    Side,
    SignalStatus,
)


class Strategy(Owned, Base):
    """A strategy as somebody set it up."""

    __tablename__ = "strategies"
    __table_args__ = (
        UniqueConstraint("owner_id", "account_id", "deployment", "broker", "name"),
        of_broker(),
        one_of("product", PRODUCTS),
        check("cash_sign", "cash >= 0"),
    )

    id: Mapped[Counter]
    name: Mapped[Name]
    type: Mapped[Name]
    """Its file in strategies/, without `.py`."""
    deployment: Mapped[Name]
    """The file in deployments/ that binds it, without `.toml`; empty: none does."""
    parameters: Mapped[Facts]
    limits: Mapped[Facts]
    """Its own, over those of its run."""
    instruments: Mapped[Names]
    broker: Mapped[Word]
    product: Mapped[Word | None]
    cash: Mapped[Money]
    active: Mapped[bool] = mapped_column(index=True)
    created_ns: Mapped[Nanos]
    updated_ns: Mapped[Nanos]


class Run(Owned, Base):
    """A run, from its journal's manifest and its run_state events."""

    __tablename__ = "runs"
    __table_args__ = (
        of_broker(),
        one_of("mode", MODES),
        one_of("status", RunStatus),
        check("seq_sign", "seq >= -1"),
        check("order_of_times", "ended_ns IS NULL OR ended_ns >= started_ns"),
    )

    run_id: Mapped[Name] = mapped_column(primary_key=True)
    broker: Mapped[Word]
    mode: Mapped[Word]
    strategies: Mapped[Names]
    status: Mapped[Word] = mapped_column(index=True)
    started_ns: Mapped[Nanos] = mapped_column(index=True)
    ended_ns: Mapped[Nanos | None]
    state_ns: Mapped[Nanos | None]
    """When it was said how it stands."""
    seq: Mapped[Number]
    """The last event that was taken in, all before it too; -1 for none."""
    digest: Mapped[Name | None]
    manifest: Mapped[Facts]


class Signal(Projected, Base):
    """A signal and what the risk gate said of it; what it refused may be any nonsense."""

    __tablename__ = "signals"
    __table_args__ = (
        of_broker(),
        one_of("side", Side),
        one_of("kind", KINDS),
        one_of("product", PRODUCTS),
        one_of("status", SignalStatus),
        check("quantity_sign", "quantity >= 0 AND (quantity > 0 OR status <> 'validated')"),
        check("price_sign", "status <> 'validated' OR (price >= 0 AND trigger_price >= 0)"),
        check("refusal", "(status = 'rejected') = (code IS NOT NULL)"),
    )

    signal_id: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    """The core's number: the order's, if it becomes one."""
    event_id: Mapped[Id] = mapped_column(unique=True)
    seq: Mapped[Number]
    instrument: Mapped[Name] = mapped_column(index=True)
    side: Mapped[Word]
    quantity: Mapped[Quantity]
    kind: Mapped[Word]
    product: Mapped[Word]
    price: Mapped[Money]
    trigger_price: Mapped[Money]
    status: Mapped[Word] = mapped_column(index=True)
    code: Mapped[Word | None]
    """The rule that refused it, with what it saw and allows."""
    value: Mapped[Number | None]
    bound: Mapped[Number | None]
    tag: Mapped[Word]
    """Why the strategy asked, in its own word; empty where it gave none."""


class Order(Projected, Base):
    """An order as it stands; `ts` is when it was placed."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("broker", "account_id", "client_order_id"),
        of_broker(),
        one_of("side", Side),
        one_of("kind", KINDS),
        one_of("product", PRODUCTS),
        one_of("tif", TIFS),
        one_of("status", OrderStatus),
        check("quantity_sign", "quantity > 0 AND filled >= 0 AND filled <= quantity"),
        check("price_sign", "price >= 0 AND trigger_price >= 0 AND filled_value >= 0"),
        check("filled_whole", "status <> 'filled' OR filled = quantity"),
    )

    order_id: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    client_order_id: Mapped[Name]
    broker_order_id: Mapped[Name | None] = mapped_column(index=True)
    seq: Mapped[Number]
    """The last event about it; an older one changes nothing."""
    instrument: Mapped[Name] = mapped_column(index=True)
    side: Mapped[Word]
    quantity: Mapped[Quantity]
    filled: Mapped[Quantity]
    filled_value: Mapped[Money]
    kind: Mapped[Word]
    product: Mapped[Word]
    tif: Mapped[Word]
    price: Mapped[Money]
    trigger_price: Mapped[Money]
    status: Mapped[Word] = mapped_column(index=True)
    reason: Mapped[str | None]
    updated_ns: Mapped[Nanos] = mapped_column(index=True)


class Fill(Projected, Base):
    """A fill; the broker's number of it counts once."""

    __tablename__ = "fills"
    __table_args__ = (
        # The exchange's numbers begin anew each day, in each segment; an order has one of both.
        UniqueConstraint("run_id", "order_id", "trade_id"),
        of_broker(),
        one_of("side", Side),
        check("quantity_sign", "quantity > 0"),
        check("price_sign", "price >= 0"),
    )

    seq: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[Id] = mapped_column(unique=True)
    order_id: Mapped[Number] = mapped_column(index=True)
    trade_id: Mapped[Name | None]
    instrument: Mapped[Name] = mapped_column(index=True)
    side: Mapped[Word]
    quantity: Mapped[Quantity]
    price: Mapped[Money]
    charges: Mapped[Money]
    realised: Mapped[Money]


class Position(Projected, Base):
    """What a strategy holds of an instrument; `ts` is when it last changed."""

    __tablename__ = "positions"
    __table_args__ = (
        of_broker(),
        check("flat", "quantity <> 0 OR cost = 0"),
        check("last_sign", "last >= 0"),
    )

    strategy: Mapped[Name] = mapped_column(primary_key=True)
    instrument: Mapped[Name] = mapped_column(primary_key=True)
    seq: Mapped[Number]
    quantity: Mapped[Quantity]
    cost: Mapped[Money]
    realised: Mapped[Money]
    charges: Mapped[Money]
    last: Mapped[Money]


class PnlSnapshot(Projected, Base):
    """A strategy's profit and loss at a time."""

    __tablename__ = "pnl_snapshots"
    __table_args__ = (
        of_broker(),
        check("sum", "pnl = realised + unrealised - charges"),
    )

    seq: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[Id] = mapped_column(unique=True)
    realised: Mapped[Money]
    unrealised: Mapped[Money]
    charges: Mapped[Money]
    pnl: Mapped[Money]


class Stage(Owned, Base):
    """How many events of a type a run has had, and when the last was."""

    __tablename__ = "stages"
    __table_args__ = (of_broker(), check("count_sign", "count > 0"))

    run_id: Mapped[Name] = mapped_column(primary_key=True, sort_order=-1)
    stage: Mapped[Word] = mapped_column(primary_key=True)
    """A type of event, or `refused` for those that could not be true."""
    broker: Mapped[Word]
    count: Mapped[Number]
    last_ns: Mapped[Nanos]


class Held(Base):
    """An event that came before one that it follows, kept until that has come."""

    __tablename__ = "held"
    __table_args__ = (check("seq_sign", "seq >= 0"),)

    run_id: Mapped[Name] = mapped_column(primary_key=True)
    seq: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    envelope: Mapped[str]


PROJECTIONS = (Run, Signal, Order, Fill, Position, PnlSnapshot, Stage, Held)
"""Tables that hold nothing but what the journals say."""
