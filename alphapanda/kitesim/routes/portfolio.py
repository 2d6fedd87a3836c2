"""Positions, holdings and funds."""

from __future__ import annotations

from typing import Any

from alphapanda.kitesim.answers import funds_row, holding_row, position_row, rupees
from alphapanda.kitesim.call import Answer, Call, Route
from alphapanda.kitesim.logins import digest
from alphapanda.kitesim.orders import Refusal

SEGMENTS = ("equity", "commodity")


def positions(call: Call) -> Answer:
    """Return what is held now, and what was traded today."""
    held = list(call.sim.account.positions.values())
    quotes = call.sim.market.by_key
    today = [p for p in held if p.day_buy_qty or p.day_sell_qty]
    return {
        "net": [position_row(p, quotes[p.listing.key], net=True) for p in held],
        "day": [position_row(p, quotes[p.listing.key], net=False) for p in today],
    }


def convert(call: Call) -> Answer:
    """Move a position from one product to another."""
    names = ("exchange", "tradingsymbol", "transaction_type", "quantity", "old_product",
             "new_product")  # fmt: skip
    refusal = call.missing(*names)
    if refusal is not None:
        return refusal
    p = call.params
    listing = call.sim.listings.by_key.get(f"{p['exchange']}:{p['tradingsymbol']}")
    if listing is None or not p["quantity"].isdecimal():
        return Refusal("Invalid position.")
    done = call.sim.exchange.convert(
        listing, p["transaction_type"], int(p["quantity"]), (p["old_product"], p["new_product"])
    )
    return done or Refusal("There is no such position to convert.")


def holdings(call: Call) -> Answer:
    """Return the shares in the account."""
    quotes = call.sim.market.by_key
    return [holding_row(held, quotes[key]) for key, held in call.sim.account.holdings.items()]


def summary(call: Call) -> Answer:
    """Return the holdings' sums."""
    quotes = call.sim.market.by_key
    invested = value = today = before = 0
    for key, held in call.sim.account.holdings.items():
        size, quote = held.quantity + held.t1, quotes[key]
        invested += held.average * size
        value += quote.last * size
        today += (quote.last - quote.close) * size
        before += quote.close * size
    return {
        "total_pnl": rupees(value - invested), "today_pnl": rupees(today),
        "total_pnl_percent": (value - invested) * 100 / invested if invested else 0,
        "today_pnl_percent": today * 100 / before if before else 0,
        "invested_amount": rupees(invested), "current_value": rupees(value),
    }  # fmt: skip


def authorise(call: Call) -> Answer:
    """Return a request for the depository's word; in the simulator it is given at once."""
    for held in call.sim.account.holdings.values():
        held.authorised = True
    return {"request_id": digest(call.sim.seed, "authorise")[:32]}


def funds(call: Call) -> Answer:
    """Return the money of both segments, or of one."""
    blocked = call.sim.exchange.blocked()
    rows: dict[str, Any] = {
        name: funds_row(call.sim.account, blocked=blocked, commodity=name == "commodity")
        for name in SEGMENTS
    }
    segment = call.path.get("segment")
    if segment is None:
        return rows
    return rows.get(segment) or Refusal(f"Invalid `segment`: {segment}.")


ROUTES = (
    Route("GET", "/portfolio/positions", "other", positions),
    Route("PUT", "/portfolio/positions", "other", convert),
    Route("GET", "/portfolio/holdings", "other", holdings),
    Route("GET", "/portfolio/holdings/compact", "other", holdings),
    Route("GET", "/portfolio/holdings/summary", "other", summary),
    Route("POST", "/portfolio/holdings/authorise", "other", authorise),
    Route("GET", "/user/margins", "other", funds),
    Route("GET", "/user/margins/{segment}", "other", funds),
)
