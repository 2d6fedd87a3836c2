"""Refusals in words: what the rule saw, what it allows, in the units of a trader."""

from __future__ import annotations

from alphapanda.model.money import text
from alphapanda.store.trading import Signal

MONEY = {
    "price_band", "value_limit", "open_value_limit", "loss_limit", "funds", "tick_size",
    "trigger_tick", "stop_tick", "target_tick", "self_trade", "wrong_side",
}  # fmt: skip
"""Codes whose value and limit are prices or money."""
NEVER_NS = 10 * 365 * 86_400 * 10**9
"""An age as great is that of a price whose time is 0: there was none."""
WORDS = {
    "price_band": "the price {value} is outside the day's limits or the band ({limit})",
    "tick_size": "the price {value} is no multiple of the tick {limit}",
    "trigger_tick": "the trigger {value} is no multiple of the tick {limit}",
    "stop_tick": "the stop {value} is no multiple of the tick {limit}",
    "target_tick": "the target {value} is no multiple of the tick {limit}",
    "lot_size": "the quantity {value} is no multiple of the lot {limit}",
    "qty_limit": "the quantity {value} is above the limit {limit}",
    "value_limit": "the order's value {value} is above the limit {limit}",
    "open_value_limit": "the value of all working orders would be {value}, the limit is {limit}",
    "position_limit": "the position would be {value}, the limit is {limit}",
    "loss_limit": "the loss {value} has reached the limit {limit}: trading is stopped",
    "rate": "{value} orders in the window, the limit is {limit}",
    "duplicate": "the same order came a moment ago",
    "repeat_exec": "{value} fills of the same kind in the window, the limit is {limit}",
    "self_trade": "it would trade with an order of this account at {value}",
    "no_protection": "a market order has no price to protect it",
    "stale_data": "the last price is {value} old, the limit is {limit}",
    "market_closed": "the market takes no orders in this phase",
    "killed": "trading is stopped: killed",
    "paused": "trading is paused: it would add risk",
    "funds": "it needs {value}, there is {limit}",
    "holdings": "the holdings are {limit}, it would sell {value}",
    "unknown_order": "there is no such working order",
    "order_capacity": "no more orders fit",
    "wrong_side": "a trigger, stop or target lies on the wrong side of the price",
}  # fmt: skip


def sentence(row: Signal) -> str | None:
    """Return why a signal was refused, or None if it was not."""
    if row.code is None:
        return None
    pattern = WORDS.get(row.code.lower(), f"refused by the rule {row.code}")
    value, limit = row.value, row.bound
    if row.code.lower() == "stale_data":
        if value is not None and value >= NEVER_NS:
            return "no price has come yet"
        return pattern.format(value=seconds(value), limit=seconds(limit))
    if row.code.lower() in MONEY:
        return pattern.format(value=rupees(value), limit=rupees(limit))
    return pattern.format(value=count(value), limit=count(limit))


def rupees(scaled: int | None) -> str:
    """Return money as text."""
    return "unknown" if scaled is None else text(scaled)


def seconds(ns: int | None) -> str:
    """Return a length of time as text."""
    return "unknown" if ns is None else f"{ns / 10**9:,.1f} s"


def count(number: int | None) -> str:
    """Return a count as text."""
    return "unknown" if number is None else f"{number:,}"
