"""An exchange with a fault in its books does not pass the check of its books."""

from __future__ import annotations

import random
from typing import Any

import pytest

from alphapanda.kitesim import exchange
from alphapanda.kitesim.account import Account
from alphapanda.kitesim.ledger import Ledger
from alphapanda.kitesim.matching import Match
from tests.kitesim.test_exchange import check_books, play

SEEDS = 60
BOOK, WRITE, MATCH = Account.book, Ledger.write, exchange.match


def steps(seed: int) -> list[Any]:
    """Return what is done to an exchange: quotes that move, orders, changes, cancellations."""
    some = random.Random(seed)
    price = lambda: some.randrange(1440, 1560)  # noqa: E731
    return [
        some.choice((
            ("tick", price(), some.randrange(40)),
            ("place", some.choice(("BUY", "SELL")), some.choice(("CNC", "MIS")),
             some.choice(("MARKET", "LIMIT", "SL")), some.randrange(1, 60), price()),
            ("cancel", some.randrange(30)),
            ("modify", some.randrange(30), price(), some.randrange(1, 80)),
            ("fill", some.randrange(30)),
        ))
        for _ in range(40)
    ]  # fmt: skip


def book_twice(account: Account, trade: Any) -> None:
    """Book each trade twice."""
    BOOK(account, trade)
    BOOK(account, trade)


def forget_some(account: Account, trade: Any) -> None:
    """Book no trade of an odd quantity."""
    if trade.qty % 2 == 0:
        BOOK(account, trade)


def forget_holdings(account: Account, trade: Any) -> None:
    """Leave the shares where they were when they are sold."""
    terms = trade.order.terms
    account.position(terms.listing, terms.product).book(terms.side, trade.qty, trade.price)


def hide_trades(ledger: Ledger, kind: str, ts: int, **values: Any) -> None:
    """Write no trade down."""
    if kind != "trade":
        WRITE(ledger, kind, ts, **values)


def dearer(ledger: Ledger, kind: str, ts: int, **values: Any) -> None:
    """Write another price down than was paid."""
    more = {"price": values["price"] + 500} if kind == "trade" else {}
    WRITE(ledger, kind, ts, **{**values, **more})


def fill_more(order: Any, quote: Any, **how: Any) -> Match | None:
    """Fill more than an order asks for."""
    found = MATCH(order, quote, **how)
    return found and Match(found.qty + 1, found.price)


SABOTAGE: dict[str, tuple[Any, str, Any]] = {
    "books twice": (Account, "book", book_twice), "forgets trades": (Account, "book", forget_some),
    "sells what it keeps": (Account, "book", forget_holdings),
    "hides trades": (Ledger, "write", hide_trades), "another price": (Ledger, "write", dearer),
    "fills too much": (exchange, "match", fill_more),
}  # fmt: skip


def caught() -> bool:
    """Say if the check finds a fault in the books of some day."""
    for seed in range(SEEDS):
        try:
            check_books(play(steps(seed)))
        except AssertionError:
            return True
    return False


def test_sound_books_pass() -> None:
    """The days on which sabotage is looked for have no fault of their own."""
    assert not caught()


@pytest.mark.parametrize("what", SABOTAGE)
def test_the_check_of_the_books_catches_sabotage(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """An exchange that doubles, hides or invents is noticed."""
    monkeypatch.setattr(*SABOTAGE[what])
    assert caught()
