"""What orders and positions are worth, and what funds they need."""

from __future__ import annotations

from alphapanda.core.state import Core, Record
from alphapanda.model.charges import portion
from alphapanda.model.rows import Kind


def valued_at(core: Core, request: Record) -> int:
    """Return the price at which a signal is valued: the last, or by its kind trigger or limit."""
    if request.kind == Kind.MARKET:
        return int(core.instruments[request.row].last)
    if request.kind == Kind.STOP:
        return int(request.trigger)
    return int(request.price)


def margin_of(position: Record, instrument: Record, qty: int, price: int) -> int:
    """Return the margin of `qty` at `price`: a short option's on its strike, else on its price."""
    if qty < 0 and position.margin_short != 0:
        return portion(-qty * instrument.strike, position.margin_short)
    return portion(abs(qty) * price, position.margin_rate)


def opening_qty(position: Record, qty: int) -> int:
    """Return how much of `qty` would open or enlarge a position, working orders counted."""
    if qty > 0:
        return max(0, min(qty, position.qty + position.open_buy + qty))
    return max(0, min(-qty, -position.qty + position.open_sell - qty))


def needed_funds(position: Record, instrument: Record, qty: int, price: int) -> int:
    """Return what an order blocks: its value for delivery, the margin of what it opens else."""
    opening = opening_qty(position, qty)
    if opening == 0:
        return 0
    if position.margin_rate == 0:
        return opening * price if qty > 0 else 0
    return margin_of(position, instrument, opening if qty > 0 else -opening, price)


def equity(core: Core, owner: int) -> int:
    """Return what a strategy has made so far, or what the account is worth, at last prices."""
    ledger = core.ledgers[owner]
    if owner != core.clock[0].strategies:
        return int(ledger.cash + ledger.mark)
    worth = int(ledger.cash)
    for strategy in range(owner):
        worth += core.ledgers[strategy].cash + core.ledgers[strategy].mark
    return worth


def free_funds(core: Core) -> int:
    """Return the account's cash that nothing blocks; leveraged positions count with their P&L."""
    owner = core.clock[0].strategies
    account = core.ledgers[owner]
    cash = account.cash + account.margin_mark - account.margin - account.blocked
    for strategy in range(owner):
        cash += core.ledgers[strategy].cash
    return int(cash)
