"""Order updates of Kite's stream: each only wakes whoever reads the order book.

They come late, twice, in another order, or never, and a rejected one without its data; so nothing
is taken from them. A connection of its own, without instruments: ticks can't delay them.
"""

from __future__ import annotations

from collections.abc import Callable

from alphapanda.brokers.zerodha.orders.wire import Wire
from alphapanda.brokers.zerodha.ticker import Session, State, Ticker


def waker(url: str, wire: Wire, wake: Callable[[], None], *, family: str) -> Ticker:
    """Return a connection that calls `wake` for each update, and each time it has been made anew.

    Updates are not repeated for who was away, so the book is read after every reconnection.
    """

    async def session() -> Session:
        return Session(*wire.key)

    def noticed(what: str, _: str) -> None:
        if what in ("order", State.OPEN):
            wake()

    return Ticker(url, (), session, lambda _: None, noticed=noticed, family=family)
