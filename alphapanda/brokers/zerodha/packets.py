"""Kite's binary frames as columns: packets by their own length, prices in units of Rs 0.0001.

A frame is a count, then for each packet its length and its bytes, all big-endian. What a packet is
its length tells: 8 a price, 28 and 32 an index, 44 a quote, 184 a quote with depth and times.
Prices are read as signed numbers, whatever may be counted as unsigned ones.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

LTP, INDEX, INDEX_FULL, QUOTE, FULL = 8, 28, 32, 44, 184
HEARTBEAT = 4
"""Frames shorter than that have no packet."""
PRICE, COUNT, SHORT = ">i4", ">u4", ">u2"

_OHLC = [(name, PRICE) for name in ("open", "high", "low", "close")]
_LTP = [("token", COUNT), ("last", PRICE)]
_INDEX = [*_LTP, *((name, PRICE) for name in ("high", "low", "open", "close", "change"))]
_QUOTE = [
    *_LTP, ("qty", COUNT), ("average", PRICE),
    *((name, COUNT) for name in ("volume", "buy_qty", "sell_qty")), *_OHLC,
]  # fmt: skip
_DEPTH: Any = [("qty", COUNT), ("price", PRICE), ("orders", SHORT), ("padding", SHORT)]
_FULL = [
    *_QUOTE,
    *((name, COUNT) for name in ("traded", "oi", "oi_high", "oi_low", "stamp")),
    ("bids", _DEPTH, 5), ("asks", _DEPTH, 5),
]  # fmt: skip
LAYOUTS: dict[int, np.dtype[Any]] = {
    LTP: np.dtype(_LTP),
    INDEX: np.dtype(_INDEX),
    INDEX_FULL: np.dtype([*_INDEX, ("stamp", COUNT)]),
    QUOTE: np.dtype(_QUOTE),
    FULL: np.dtype(_FULL),
}
FRAMED = {
    size: np.dtype([("length", SHORT), ("packet", layout)]) for size, layout in LAYOUTS.items()
}
"""The same, each with its length in front."""

PRICES = ("last", "average", "open", "high", "low", "close", "bid", "ask")
COUNTS = ("qty", "volume", "buy_qty", "sell_qty", "bid_qty", "ask_qty", "oi", "stamp", "traded")
TICK = np.dtype(
    [("token", np.int64), ("size", np.int64), *((name, np.int64) for name in (*PRICES, *COUNTS)),
     ("flaw", np.int8)]
)  # fmt: skip
"""A tick: prices scaled, times in seconds since 1970, 0 what the packet does not have; `flaw` is
the number of what is wrong with it, 0 for nothing."""

CURRENCY, BSE_CURRENCY, COMMODITY = 3, 6, 12
UNIT = 100
"""What a paisa is in units of Rs 0.0001; BSE's currencies and NCO come in those units already."""
FINER = 1_000
"""What a unit is in CDS's prices, of which ten million make a rupee."""

FLAWS = ("", "no price", "a price finer than 0.0001")
NO_PRICE, TOO_FINE = 1, 2


@dataclass(slots=True)
class Decoded:
    """The packets of a frame, in their order, and what was passed over."""

    ticks: NDArray[Any]
    skipped: Counter[int] = field(default_factory=Counter)
    """Packets of a length that is not known, by length."""
    torn: bool = False
    """Whether the frame's count and lengths do not fit its size; then nothing of it counts."""


NOTHING = np.empty(0, TICK)


def decode(frame: bytes) -> Decoded:
    """Return the ticks of a frame; a heartbeat has none."""
    if len(frame) < HEARTBEAT:
        return Decoded(NOTHING, torn=len(frame) > 1)
    (count,) = struct.unpack_from(">H", frame)
    uniform = decode_uniform(frame, count)
    if uniform is not None:
        return Decoded(uniform)
    places = split(frame, count)
    if places is None:
        return Decoded(NOTHING, torn=True)
    return decode_mixed(frame, places)


def decode_uniform(frame: bytes, count: int) -> NDArray[Any] | None:
    """Return the ticks of a frame whose packets have one known length, None for any other frame."""
    (size,) = struct.unpack_from(">H", frame, 2)
    if count == 0 or size not in LAYOUTS or len(frame) != 2 + count * (2 + size):
        return None
    found = np.frombuffer(frame, FRAMED[size], count, 2)
    if (found["length"] != size).any():
        return None
    return ticks_of(found["packet"], size)


def split(frame: bytes, count: int) -> list[tuple[int, int]] | None:
    """Return place and length of each packet; None where they do not fill the frame."""
    at, places, whole = 2, [], len(frame)
    for _ in range(count):
        if at + 2 > whole:
            return None
        size = frame[at] << 8 | frame[at + 1]
        at += 2
        places.append((at, size))
        at += size
    return places if at == whole else None


def decode_mixed(frame: bytes, places: list[tuple[int, int]]) -> Decoded:
    """Return the ticks of packets of several lengths, in the order of the frame."""
    at, sizes = np.array(places, np.int64).reshape(-1, 2).T
    ends = [*(np.flatnonzero(np.diff(sizes)) + 1).tolist(), len(sizes)]
    runs: dict[int, list[tuple[int, int]]] = {}
    skipped: Counter[int] = Counter()
    for first, end in zip([0, *ends], ends, strict=False):
        size = int(sizes[first]) if first < end else 0
        if size in LAYOUTS:
            runs.setdefault(size, []).append((first, end))
        elif first < end:
            skipped[size] += end - first
    if not runs:
        return Decoded(NOTHING, skipped)
    parts = [
        ticks_of(
            np.concatenate([
                np.frombuffer(frame, FRAMED[size], end - first, at[first] - 2)["packet"]
                for first, end in mine
            ]), size,
        )
        for size, mine in runs.items()
    ]  # fmt: skip
    order = np.concatenate([np.arange(*run) for mine in runs.values() for run in mine])
    return Decoded(np.concatenate(parts)[np.argsort(order)], skipped)


def ticks_of(packets: NDArray[Any], size: int) -> NDArray[Any]:
    """Return packets of one length as ticks."""
    ticks = np.zeros(len(packets), TICK)
    ticks["token"], ticks["size"] = packets["token"], size
    names = packets.dtype.names or ()
    for name in (*PRICES, *COUNTS):
        if name in names:
            ticks[name] = packets[name]
    if size == FULL:
        for side, price, qty in (("bids", "bid", "bid_qty"), ("asks", "ask", "ask_qty")):
            ticks[price], ticks[qty] = packets[side]["price"][:, 0], packets[side]["qty"][:, 0]
    scale(ticks)
    return ticks


def scale(ticks: NDArray[Any]) -> None:
    """Bring prices from each segment's unit to Rs 0.0001, and mark what can't be a price."""
    segment = ticks["token"] & 0xFF
    exact = (segment == BSE_CURRENCY) | (segment == COMMODITY)
    finer = segment == CURRENCY
    factor = np.where(exact | finer, 1, UNIT)
    flaw = ticks["flaw"]
    flaw[ticks["last"] <= 0] = NO_PRICE
    for name in PRICES:
        raw = ticks[name]
        flaw[(raw < 0) & (flaw == 0)] = NO_PRICE
        if finer.any():
            # An average is computed and may be finer than a price; it is no price of the core's.
            if name != "average":
                flaw[finer & (raw % FINER != 0) & (flaw == 0)] = TOO_FINE
            raw[finer] //= FINER
        raw *= factor
