"""Tags and bodies: what leaves is what was approved, digit by digit, and nothing has a default."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.brokers.ports import OrderRequest
from alphapanda.brokers.zerodha.orders.bodies import (
    Refused,
    Terms,
    change_form,
    path_of,
    place_form,
    terms_of,
)
from alphapanda.brokers.zerodha.orders.tags import FORM, MOST, Tags, parse
from alphapanda.kitesim.orders import Refusal
from alphapanda.kitesim.terms import place_terms
from alphapanda.model.instruments import Exchange, Instrument, Product, Segment
from alphapanda.model.rows import Kind, Tif
from tests.support.orders import INFY, NIFTY_FUT, change, market, new, rs
from tests.support.venue import LISTINGS

MCX = Instrument("MCX:GOLD26JANFUT", Exchange.MCX, Segment.FUTURES, 10_000, 1)
NIFTY = Instrument("NSE:NIFTY 50", Exchange.NSE, Segment.INDEX, 0, 1)
NCO = Instrument("NCO:GOLD26JANFUT", Exchange.NCO, Segment.FUTURES, 10_000, 1)


@given(st.text(min_size=1, max_size=40), st.integers(1, MOST - 1), st.integers(1, MOST - 1))
@settings(max_examples=30, deadline=None)
def test_a_tag_says_run_and_order_and_is_its_own(run: str, order: int, other: int) -> None:
    """Twenty capitals and digits that are read back; another order or run has another."""
    tags = Tags(run, "A1")
    tag = tags.of(order)
    assert len(tag) == 20
    assert FORM.fullmatch(tag)
    assert tags.number(tag) == order
    assert (tags.of(other) == tag) == (other == order)
    elsewhere = Tags(run + "x", "A1")
    assert elsewhere.number(tag) == 0
    assert elsewhere.is_kin(tag)
    assert not Tags(run, "B2").is_kin(tag)
    assert Tags(run, "A1", 20_451).of(order) != tag, "an exit that is sent anew another day"


@pytest.mark.parametrize("tag", ["", None, 5, "openalgo", "A" * 20 + "B", "a" * 18 + "A1"])
def test_what_others_write_is_no_tag_of_ours(tag: object) -> None:
    """Foreign tags are never taken for an order's number."""
    assert parse(tag) is None


def body(request: OrderRequest, instrument: Instrument = INFY) -> dict[str, str]:
    """Return the form of a request."""
    terms = terms_of(request, instrument)
    assert isinstance(terms, Terms), terms
    return place_form(terms, "T" * 20)


def test_forms_hold_what_is_meant_and_no_more() -> None:
    """Each kind has its fields; protection goes with MARKET and SL-M alone, never with LIMIT."""
    names = {"exchange", "tradingsymbol", "transaction_type", "quantity", "product", "order_type",
             "validity", "tag"}  # fmt: skip
    assert body(new(1)).keys() == names | {"price"}
    assert body(market(1)).keys() == names | {"market_protection"}
    stop = new(1, -5, 0, kind=Kind.STOP, trigger=rs(1_490), protection=200_000)
    form = body(stop)
    assert form.keys() == names | {"trigger_price", "market_protection"}
    assert (form["order_type"], form["transaction_type"]) == ("SL-M", "SELL")
    assert (form["trigger_price"], form["market_protection"]) == ("1490.00", "2")
    limit = body(new(1, 5, 1_500.05, kind=Kind.STOP_LIMIT, trigger=rs(1_500), protection=-1))
    assert (limit["order_type"], limit["price"]) == ("SL", "1500.05")
    assert "market_protection" not in limit
    assert body(new(1, 65, 26_000, product=Product.NRML), NIFTY_FUT)["product"] == "NRML"
    assert body(market(1, protection=55_000))["market_protection"] == "0.55"


@given(st.integers(1, 1 << 40), st.integers(1, 1 << 30), st.booleans())
@settings(max_examples=30, deadline=None)
def test_prices_are_plain_decimals_that_kitesim_reads_back(
    price: int, qty: int, sells: bool
) -> None:
    """No exponent, no more than four places; the simulator's parser reads the same ints."""
    request = new(1, -qty if sells else qty)._replace(price=price)
    form = body(request)
    assert form["quantity"].isdecimal()
    assert len(form["price"].partition(".")[2]) <= 4
    if price * 1.0 < 1 << 38:
        found = place_terms({**form, "price": form["price"]}, "regular", LISTINGS)
        if isinstance(found, Refusal):
            assert "Tick size" in found.message
        else:
            assert (found.price, found.qty, found.buys) == (price, qty, not sells)


@pytest.mark.parametrize(
    ("request_", "instrument", "word"),
    [
        (new(1, product=7), INFY, "product"), (new(1, kind=9), INFY, "kind"),
        (new(1, tif=5), INFY, "validity"), (new(1), NCO, "exchange"), (new(1), NIFTY, "index"),
        (new(1, product=Product.NRML), INFY, "NRML"), (new(1, 65), NIFTY_FUT, "CNC"),
        (new(1, 0), INFY, "quantity"), (new(1, 70, product=Product.NRML), NIFTY_FUT, "lot"),
        (new(1, 1_885, product=Product.NRML), NIFTY_FUT, "freeze"),
        (new(1, 5, 0), INFY, "price"), (new(1, kind=Kind.STOP, protection=-1), INFY, "trigger"),
        (new(1, kind=Kind.MARKET), INFY, "protection"), (market(1, protection=123), INFY, "0.01"),
        (new(1, tif=Tif.IOC, product=Product.NRML), MCX, "IOC"),
    ],
)  # fmt: skip
def test_what_has_no_word_at_kite_is_refused(
    request_: OrderRequest, instrument: Instrument, word: str
) -> None:
    """Unknown products, kinds and exchanges, odd sizes and unprotected orders have no body."""
    found = terms_of(request_, instrument)
    assert isinstance(found, Refused)
    assert word in found.text


def test_a_change_sends_what_changes_and_protection_with_a_market_order() -> None:
    """The quantity is the total; LIMIT to MARKET needs protection; what stays is not sent."""
    now = terms_of(new(1, 5, 1_500), INFY)
    assert isinstance(now, Terms)

    def form(wanted: OrderRequest) -> dict[str, str]:
        terms = terms_of(wanted, INFY)
        assert isinstance(terms, Terms)
        return change_form(terms, now)

    assert form(change(1, 5, 1_500)) == {}
    assert form(change(1, 8, 1_500)) == {"quantity": "8"}
    assert form(change(1, 5, 1_501.05)) == {"price": "1501.05"}
    assert form(market(1)) == {"order_type": "MARKET", "market_protection": "-1"}


def test_routes_take_orders_numbers_only() -> None:
    """What is no number of an order can't become part of a route."""
    assert path_of("251229000000000001") == "/orders/regular/251229000000000001"
    for bad in ("1", "12345678/../x", "abc", "1" * 25, "1234567 8"):
        with pytest.raises(AssertionError):
            path_of(bad)


def test_symbols_survive_encoding() -> None:
    """Ampersands, hyphens and dots arrive as they are."""
    for symbol in ("M&M", "BAJAJ-AUTO", "A.B"):
        share = Instrument(f"NSE:{symbol}", Exchange.NSE, Segment.EQUITY, 500, 1)
        assert body(new(1), share)["tradingsymbol"] == symbol
