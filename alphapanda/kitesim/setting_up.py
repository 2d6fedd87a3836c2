"""What a script says of account, exchange and instruments before the day begins."""

from __future__ import annotations

from dataclasses import replace
from decimal import InvalidOperation
from typing import Any

from alphapanda.errors import UsageError, did_you_mean
from alphapanda.kitesim.account import Holding
from alphapanda.kitesim.checks import Rules
from alphapanda.kitesim.listings import Listings
from alphapanda.kitesim.market import Market
from alphapanda.kitesim.script import Script
from alphapanda.model.calendar import ist_date
from alphapanda.model.instruments import Freezes
from alphapanda.model.money import to_scaled

MARGINS = ("call", "row")


def rules_of(script: Script) -> Rules:
    """Return the exchange's rules.

    Raises:
        UsageError: a value that is none.
    """
    given = script.exchange
    margin = given.get("margin", "call")
    if margin not in MARGINS:
        raise UsageError(f"[exchange] margin = {margin!r}: write call or row.")
    return Rules(
        margin == "call", int(given.get("largest_fill", 0)),
        bool(given.get("unlisted_address", False)),
    )  # fmt: skip


def holdings_of(script: Script, listings: Listings) -> dict[str, Holding]:
    """Return the account's shares.

    Raises:
        UsageError: an instrument that the data have not, or a number that is none.
    """
    found = {}
    for row in script.account.get("holdings", ()):
        listing = known(row.get("name"), listings)
        found[listing] = Holding(
            listings.by_key[listing], price(row.get("average", "0"), "average"),
            int(row.get("quantity", 0)), int(row.get("t1", 0)),
            authorised=bool(row.get("authorised", True)),
        )  # fmt: skip
    return found


def set_prices(market: Market, script: Script) -> None:
    """Set previous closes and circuit limits.

    Raises:
        UsageError: an instrument that the data have not, or a price that is none.
    """
    for row in script.instruments:
        name = row.get("name")
        if name not in market.by_key:
            hint = did_you_mean(str(name), market.by_key)
            raise UsageError(f"[[instrument]] name = {name!r} is not in the data.{hint}")
        quote = market.by_key[name]
        if "close" in row:
            quote.close = price(row["close"], "close")
            quote.band()
        quote.lower_circuit = price(row.get("lower", 0), "lower") or quote.lower_circuit
        quote.upper_circuit = price(row.get("upper", 0), "upper") or quote.upper_circuit


def known(name: object, listings: Listings) -> str:
    """Return a name of the data."""
    if not isinstance(name, str) or name not in listings.by_key:
        hint = did_you_mean(str(name), listings.by_key)
        raise UsageError(f"[account] holdings: {name!r} is not in the data.{hint}")
    return name


def price(value: object, key: str) -> int:
    """Return rupees, scaled."""
    try:
        return to_scaled(str(value))
    except InvalidOperation as error:
        raise UsageError(f"{key} = {value!r} is not an amount of rupees.") from error


def answer_s(script: Script) -> tuple[float, float]:
    """Return the least and the most that an answer takes.

    Raises:
        UsageError: if they are none.
    """
    given = script.exchange.get("answer_s", (0.0, 0.0))
    try:
        least, most = map(float, given)
    except (TypeError, ValueError):
        least, most = 1.0, 0.0
    if not 0 <= least <= most:
        raise UsageError(f"[exchange] answer_s = {given!r}: write two seconds, as [0.02, 0.08].")
    return least, most


def with_freezes(listings: Listings, start: int) -> Listings:
    """Return listings with the freeze quantities that are known of the data's day."""
    freezes, day = Freezes.builtin(), ist_date(start)

    def completed(listing: Any) -> Any:
        instrument = listing.instrument
        freeze = instrument.freeze_quantity or freezes.at(instrument.underlying, day)
        return replace(listing, instrument=replace(instrument, freeze_quantity=freeze))

    return listings.replaced([completed(listing) for listing in listings.all])


def unknown(kind: str, columns: frozenset[str]) -> list[str]:
    """Return what data do not tell, and what stands for it."""
    notes = [
        (
            "previous close: the first price of each instrument; circuit limits: 20 % around it "
            "for shares, 10 % for futures, none else"
        ),
        (
            "margins: full value of deliveries and bought options, 20 % intraday, 15 % of futures "
            "and sold options; Zerodha's depend on contract and day"
        ),
        "depth: the best bid and ask alone" if columns & {"bid", "ask"} else
        "depth: none; orders fill at the last price",
    ]  # fmt: skip
    if not columns & {"bid_qty", "ask_qty"}:
        notes.append("sizes of bid and ask: none; an order that arrives fills whole")
    if not columns & {"volume", "qty"}:
        notes.append("traded quantities: none; volumes are 0")
    if kind == "bar":
        notes.append("bars: one tick at the end of each")
    return notes
