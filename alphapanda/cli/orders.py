"""`alphapanda orders`: our orders of today beside the broker's."""

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
from alphapanda.model.calendar import ist_date
from alphapanda.runs.kept_books import books_of

COLUMNS = {
    "standing": "standing", "instrument": "instrument", "product": "product", "ours": "ours",
    "theirs": "at Zerodha",
}  # fmt: skip


def orders(run: OfRun = None, broker: AtBroker = None, json: Json = False) -> int:
    """Show our orders of today beside the broker's; status 1 if some differ.

    \b
    What no run can explain is decided by you:
      alphapanda orders ignore ORDER
      alphapanda orders adopt ORDER --strategy NAME
    """  # noqa: D301 (click keeps the lines below its mark as they are)
    from alphapanda.brokers.zerodha import beside  # noqa: PLC0415 (requests, Twisted)
    from alphapanda.brokers.zerodha.orders.reading import order_row  # noqa: PLC0415
    from alphapanda.brokers.zerodha.sessions import logged_in  # noqa: PLC0415

    require_broker(broker)
    settings = config.load()
    books = books_of(journals_at(settings, run, Broker.ZERODHA))
    with log.running(settings), logged_in(settings) as client:
        today = ist_date(client.clock())
        theirs = rows_of(client.read("orders"), order_row, "order book")
    lines = beside.order_lines(books.of_day(today), theirs)
    return show_lines(
        lines, COLUMNS, "orders", nothing=f"{today}: no order of ours, and none at Zerodha",
        json=json, day=str(today),
    )  # fmt: skip
