"""A gateway with all its parts, as a run needs it for one day: a session ends at 06:00."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alphapanda.brokers.ports import OrderRequest, Report
from alphapanda.brokers.zerodha.addresses import Addresses
from alphapanda.brokers.zerodha.orders.desk import Desk
from alphapanda.brokers.zerodha.orders.epochs import Epochs
from alphapanda.brokers.zerodha.orders.gateway import Alarm, Gateway
from alphapanda.brokers.zerodha.orders.guard import Guard
from alphapanda.brokers.zerodha.orders.reconciling import Books
from alphapanda.brokers.zerodha.orders.restoring import forget_expired, restore
from alphapanda.brokers.zerodha.orders.sent import SentLog
from alphapanda.brokers.zerodha.orders.state import State
from alphapanda.brokers.zerodha.orders.tags import Tags
from alphapanda.brokers.zerodha.orders.why import Why
from alphapanda.brokers.zerodha.orders.wire import Wire
from alphapanda.config.settings import Settings
from alphapanda.model.instruments import Instrument

EPOCH = "orders.epoch"
"""The file of an account's epochs, in the folder of its runs."""


@dataclass(frozen=True)
class Trading:
    """What a gateway needs to know of its run."""

    run_id: str
    deployment: str
    """Two capitals or digits, on every tag."""
    instruments: Sequence[Instrument]
    """By row."""
    folder: Path
    """Of the run: what was sent is kept beside its journal."""
    account_folder: Path
    """Where all runs of the account claim their epochs."""
    day: int = 0
    """Today, in days in India since 1970."""
    history: Iterable[OrderRequest | Report] = ()
    """What the journal has, in its order: requests and reports of earlier processes."""
    positions: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """Signed quantities of ours by row and `Product` from before the history."""
    expected: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """What the account was to show this morning, by instrument and product."""
    changed: Mapping[int, str] = field(default_factory=dict)
    """Instruments, by row, that are not listed as they were, and how not."""
    products: frozenset[str] = frozenset()
    """Those that the run's strategies trade, which the account must have."""
    over: Callable[[int], bool] = lambda _: False
    """Says if the session of a row's instrument is over for today."""
    squares_off: Callable[[int], int] = lambda _: 0
    """Returns from when on the broker squares off a row's instrument today; 0: never."""


def open_gateway(
    settings: Settings, addresses: Addresses, token: str, *, trading: Trading,
    alarm: Alarm | None = None,
) -> Gateway:  # fmt: skip
    """Return a gateway that goes on where an earlier process of the run stopped; not yet started.

    Raises:
        LockError: if another process trades this run, or the account.
        OutsideError: if a file can't be read or written.
    """
    epochs = Epochs(trading.account_folder / EPOCH)
    lock = epochs.hold()
    epoch = epochs.claim()
    sent = SentLog(trading.folder, epoch, day=trading.day)
    carried = {key: qty for key, qty in trading.positions.items() if qty}
    state = State(
        Tags(trading.run_id, trading.deployment, trading.day), trading.instruments, trading.over,
        trading.day, trading.squares_off, settings.zerodha.reprice_s,
        held=dict(carried), carried=carried, expected=trading.expected,
    )  # fmt: skip
    history = list(trading.history)
    restore(state, history, sent.before, time.monotonic())
    forget_expired(state)
    for row, text in trading.changed.items():
        state.changed.add(row)
        state.alert("listed otherwise", text)
        state.block(row, Why.SYNC, text)
    guard = Guard(
        epoch, epochs.newest, sent=sent.before.places, reprices=settings.zerodha.reprice_s > 0
    )
    desk = Desk(state, Books(settings.zerodha.user_id, trading.products))
    wire = Wire(settings, addresses, token)
    gateway = Gateway(
        desk, wire, sent, guard=guard, alarm=alarm, lock=lock, updates=addresses.feed,
        family=settings.zerodha.address_family,
    )  # fmt: skip
    gateway.approve(
        entry for entry in history
        if isinstance(entry, OrderRequest) and entry.order not in sent.before.older
    )  # fmt: skip
    for tag, broker_id in sent.before.ids.items():
        guard.know(tag, broker_id)
    for tracked in state.orders.values():  # whose number only the order book has told
        guard.know(tracked.tag, tracked.broker_id)
    return gateway
