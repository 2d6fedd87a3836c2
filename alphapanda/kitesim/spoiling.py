"""What faults of the script make of a quote on its way to clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from alphapanda.kitesim.market import Quote
from alphapanda.kitesim.packets import LTP
from alphapanda.kitesim.script import Fault

ABSURD = 10
"""A price out of this world is so many times the last."""
ODD = LTP.pack(0, 0) + b"\0\0\0\0"
"""A packet of a length that no client knows."""
SECOND = 1_000_000_000


def spoiled(quote: Quote, fault: Fault | None) -> Iterator[Quote]:
    """Yield what is sent in the place of a quote: itself, another, several, or nothing."""
    if fault is None or fault.do in ("late-tick", "odd-packet"):
        yield quote
    elif fault.do == "double-tick":
        yield quote
        yield quote
    elif fault.do == "absurd-tick":
        yield replace(quote, last=quote.last * ABSURD, high=quote.last * ABSURD)
    elif fault.do == "zero-time":
        yield replace(quote, ts=0, traded_ts=0)
    elif fault.do == "stale-time":
        yield replace(quote, ts=max(quote.ts - round(fault.seconds * SECOND), 0))
