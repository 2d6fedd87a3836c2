"""`alphapanda positions`: what our runs hold beside what is in the account."""

from __future__ import annotations

from alphapanda import config, log
from alphapanda.cli.beside import (
    AtBroker,
    OfRun,
    journals_at,
    require_broker,
    rows_of,
    show_lines,
)
from alphapanda.cli.flags import Json
from alphapanda.events.events import Broker
from alphapanda.runs.kept_books import books_of

COLUMNS = {
    "standing": "standing", "instrument": "instrument", "product": "product", "ours": "ours",
    "theirs": "theirs",
}  # fmt: skip


def positions(run: OfRun = None, broker: AtBroker = None, json: Json = False) -> int:
    """Show what our runs hold beside the account; status 1 if it has less, or another side.

    Shares that lie in the account from before are CNC, and not ours.
    """
    from alphapanda.brokers.zerodha import beside  # noqa: PLC0415 (requests, Twisted)
    from alphapanda.brokers.zerodha.orders.reading import (  # noqa: PLC0415
        holding_row,
        position_row,
    )
    from alphapanda.brokers.zerodha.sessions import logged_in  # noqa: PLC0415

    require_broker(broker)
    settings = config.load()
    books = books_of(journals_at(settings, run, Broker.ZERODHA))
    with log.running(settings), logged_in(settings) as client:
        found = client.read("portfolio.positions")
        net = found.get("net") if isinstance(found, dict) else None
        held = rows_of(net, position_row, "positions")
        shares = rows_of(client.read("portfolio.holdings"), holding_row, "holdings")
    lines = beside.position_lines(books.held(), held, shares)
    return show_lines(
        lines, COLUMNS, "positions", nothing="nothing is held, by us or in the account", json=json
    )
