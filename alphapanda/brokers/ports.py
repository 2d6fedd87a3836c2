"""The two ports of a run: a source of market rows, and a venue that orders are sent to.

A new broker implements what this table asks for, and passes the contract suite in
`tests/support/contracts.py`; nothing else in the package asks which one it is.

    MarketSource.feed       required   what the rows are, known before the first of them
    MarketSource.rows       required   rows behind a place, in order, and empty portions while idle
    MarketSource.part       optional   what lives as long as the process; None for a recording
    MarketSource.origin     required   the files behind it, if any, and what was dropped from them
    MarketSource.goes_on    optional   True where the rows have ended, and more follow another time
    ExecutionClient         required of a broker that trades; paper orders are filled by the core
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from alphapanda.data.replay.replay import FileInfo
from alphapanda.events.feeds import Feed, Portion
from alphapanda.model.rows import ReportKind

__all__ = [
    "ExecutionClient", "ForeignOrder", "MarketSource", "OrderRequest", "Origin", "Report",
    "ReportKind",
]  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """Where a source's rows were read from, and what was noticed on the way."""

    data: tuple[str, ...] = ()
    """What the option `data` says of it."""
    files: tuple[FileInfo, ...] = ()
    """Path, SHA-256 and number of rows of each file; none where rows come over a network."""
    notes: tuple[str, ...] = ()
    repairs: Mapping[str, int] = field(default_factory=dict)
    """Rows dropped, by reason; complete once the last row has been taken."""
    clocks: tuple[int, ...] = ()
    """Times, ns, that a recorded market reached without a row; each lies between two rows."""


class MarketSource(Protocol):
    """Market rows in order, from a recording, from topics or from a broker."""

    @property
    def feed(self) -> Feed:
        """What the rows are."""
        ...

    @property
    def origin(self) -> Origin:
        """Where they were read from."""
        ...

    @property
    def part(self) -> Any:
        """What must be started before `feed` is known, and stopped in the end; None if nothing."""
        ...

    def rows(self, taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield the rows behind the first `taken` until the feed ends or `stopping` returns True.

        While nothing comes, an empty portion is yielded at least every 50 ms, so that whoever
        feeds a core can see to its commands.
        """
        ...


class OrderRequest(NamedTuple):
    """One message for a broker: place, change or cancel an order. Prices are scaled ints."""

    order: int
    """Number of the order in its run."""
    verb: int
    """`core.state.RequestVerb`."""
    strategy: int
    row: int
    """The instrument's place in the run."""
    qty: int
    """Signed; of a change the order's new total."""
    kind: int
    price: int
    trigger: int
    tif: int
    product: int
    protection: int = 0
    """Widest fill of MARKET and STOP, in 1e-7 of the last price."""
    broker: str = ""
    """The only one that it may go to; empty: whoever it is handed to."""
    adopts: str = ""
    """Of ADOPT, the broker's number of the order; nothing is sent."""
    since_ns: int = 0
    """Of ADOPT, when the core took it, ns UTC."""


class ForeignOrder(NamedTuple):
    """An order that the broker has and no run sent; it can become a strategy's."""

    name: str
    """EXCHANGE:SYMBOL."""
    qty: int
    """Signed, its total."""
    price: int
    """Scaled; 0: at the market."""
    trigger: int
    """0: none, or reached."""
    product: int


class Report(NamedTuple):
    """What a broker says; it becomes a control row, so it is kept and replayed."""

    kind: int
    """`model.rows.ReportKind`."""
    order: int = 0
    """The order's number in its run, 0 where it is not about one of ours."""
    row: int = -1
    qty: int = 0
    price: int = 0
    trigger: int = 0
    reason: int = 0
    """`model.rows.Reason` of an end, `model.limits.RejectionCode` of a block."""
    exchange_ns: int = 0
    """When it happened by the exchange's clock, ns UTC; 0 where the broker does not say."""
    broker_order_id: str = ""
    trade_id: str = ""
    text: str = ""
    """The broker's own words."""


class ExecutionClient(Protocol):
    """A venue that takes orders. The core fills paper orders itself and needs none.

    Every place is answered: by ACKNOWLEDGED, or by its end. So is every change or cancellation: by
    REPLACED, CHANGE_REJECTED, or the order's end. UNKNOWN answers nothing, it only tells that the
    answer is late. A report may be told twice; trades are told by order and number.
    """

    async def send(self, requests: Sequence[OrderRequest]) -> None:
        """Send requests that are already in the journal, on the disk; each one once."""
        ...

    def reports(self) -> AsyncIterator[Report]:
        """Yield what the venue says of orders, as it comes."""
        ...

    async def open_orders(self) -> Sequence[Report]:
        """Return an ACKNOWLEDGED report of every order of ours that is open at the venue."""
        ...
