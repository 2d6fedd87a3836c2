"""Orders on the simulated exchange, in real time: what its own ledger says is what was reported."""

from __future__ import annotations

from pathlib import Path

from alphapanda.brokers.ports import ReportKind
from tests.support.kitesim import Server
from tests.support.orders import cancel, change, new, rs, trading


def test_an_order_is_placed_filled_changed_and_cancelled(
    venue: Server, token: str, tmp_path: Path
) -> None:
    """A fill has the trade's own price; a change and a cancellation show once the book has them."""
    with trading(venue, tmp_path, token) as trader:
        trader.send(new(1), new(2, 5, 1_450))
        filled = trader.until_said(1, ReportKind.FILLED)
        assert (filled.qty, filled.price) == (5, rs(1_500.05))
        trader.until_said(2, ReportKind.ACKNOWLEDGED)
        trader.send(change(2, 8, 1_449.5))
        replaced = trader.until_said(2, ReportKind.REPLACED)
        assert (replaced.qty, replaced.price) == (8, rs(1_449.5))
        trader.send(cancel(2))
        assert trader.until_said(2, ReportKind.CANCELLED).reason == 0
        assert not trader.alerts
    ledger = venue.sim("ledger")["entries"]
    tags = [entry["tag"] for entry in ledger if entry["kind"] == "placed"]
    assert len(set(tags)) == len(tags) == 2
