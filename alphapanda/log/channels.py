"""Channels of the log, and the one table that says which part writes to which."""

from __future__ import annotations

CHANNELS = (
    "application", "trading", "market_data", "api", "audit", "performance", "error", "monitoring",
)  # fmt: skip
"""A file each. Errors of every channel are in `error` too."""

PARTS = {
    "": "application",
    "api": "api",
    "audit": "audit",
    "bus.feed_reader": "market_data",
    "bus.feed_sender": "market_data",
    "core": "trading",
    "engine": "trading",
    "data": "market_data",
    "feed": "market_data",
    "journal": "trading",
    "kitesim": "market_data",
    "monitor": "monitoring",
    "performance": "performance",
    "projection": "monitoring",
    "runs.paper": "trading",
    "store.audit": "audit",
    "web": "api",
    "zerodha": "trading",
    "zerodha.feed": "market_data",
}
"""A module without `alphapanda.`, or a word: it and what lies below it. The longest counts."""


def part_of(name: str) -> str:
    """Return `bus.relay` of the module `alphapanda.bus.relay`."""
    return "" if name == "alphapanda" else name.removeprefix("alphapanda.")


def channel_of(part: str) -> str:
    """Return the channel that a part writes to."""
    while part not in PARTS:
        part = part.rpartition(".")[0]
    return PARTS[part]
