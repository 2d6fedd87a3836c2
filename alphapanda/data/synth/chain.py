"""A made-up option chain: quotes of calls and puts on a made-up share, and their instruments file.

Prices are Black's with no interest and a volatility that is a little higher away from the money, so
that a call less its put is the share less the strike. Options expire on Tuesdays; an expiry's
strikes surround the price at which the share opened on the first day of its listing. Every minute
brings a trade of a lot and a quote of each contract, from the share's own quote at that moment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alphapanda.data.importers.contracts import instruments_csv, stem, strike_text
from alphapanda.data.importers.source import Contract
from alphapanda.data.synth.sessions import PLAIN, TICK_SIZE, Style, replacing, share_days
from alphapanda.errors import UsageError
from alphapanda.model.calendar import day_start_ns

LOT = 500
STEP = 10
"""Rupees between strikes."""

EXPIRIES = 2
"""Expiries listed at a time: this week's and the next."""

TUESDAY, WEEK = 1, timedelta(days=7)
MOST_STRIKES = 50
OPEN_S, CLOSE_S = 33_300, 55_800
MINUTES = 375
YEAR_S = 365 * 86_400
VOLATILITY = 0.24
SCHEMA = pa.schema([
    ("ts", pa.timestamp("ns", "Asia/Kolkata")), ("symbol", pa.string()),
    ("last", pa.float64()), ("qty", pa.int64()), ("volume", pa.int64()),
    ("bid", pa.float64()), ("bid_qty", pa.int64()), ("ask", pa.float64()), ("ask_qty", pa.int64()),
])  # fmt: skip
Floats = NDArray[np.float64]
normal: Callable[[Any], Any] = np.frompyfunc(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)), 1, 1)

INDEX = "NIFTY"


def synthesize_chain(
    path: Path, instruments: Path, *, shares: Sequence[str], day: date, days: int, strikes: int,
    ticks: int, seed: int, style: Style = PLAIN,
) -> None:  # fmt: skip
    """Write the quotes of a chain on the first share, `strikes` on each side of its price.

    The instruments file has its contracts and all shares, which are `synthesize`'s. The same
    arguments give the same bytes. Days are made and written one after the other; each file appears
    whole or not at all.

    Raises:
        UsageError: `strikes` is out of bounds.
        OutsideError: a file cannot be written.
    """
    check_strikes(strikes)
    underlying, known = shares[0], dict[date, list[Contract]]()
    with replacing(path) as partial, pq.ParquetWriter(partial, SCHEMA, compression="zstd") as out:
        made = share_days(underlying, day=day, days=days, ticks=ticks, seed=seed, style=style)
        for session, share in made:
            second, value = share.us / 1e6, (share.bid + share.ask) / 2 * TICK_SIZE
            quoted = share.bid > 0
            spot = at_minutes(second[quoted], value[quoted])
            listed = live(known, underlying, session, opening=float(spot[0]), strikes=strikes)
            out.write_table(quotes(listed, session, spot))
    with replacing(instruments) as partial:
        contracts = [contract for listed in known.values() for contract in listed]
        text = instruments_csv(contracts, Path())
        for number, name in enumerate(shares, 1):
            text += f"{number},{number},{name},{name},0.0,,0.0,{TICK_SIZE},1,EQ,NSE,NSE\n"
        partial.write_text(text, encoding="utf-8")


def check_strikes(strikes: int) -> None:
    """Refuse a number of strikes a side that makes no chain, or too large a one."""
    if not 1 <= strikes <= MOST_STRIKES:
        raise UsageError(f"chain: {strikes} strikes a side is not between 1 and {MOST_STRIKES}.")


def at_minutes(second: Floats, value: Floats) -> Floats:
    """Return the values known at the end of each minute of a session; before the first, that."""
    ends = OPEN_S + 60.0 * np.arange(1, MINUTES + 1) - 1e-6
    return np.asarray(value[np.maximum(np.searchsorted(second, ends, side="right") - 1, 0)])


def live(
    known: dict[date, list[Contract]], underlying: str, day: date, *, opening: float, strikes: int
) -> list[Contract]:
    """Return the contracts that are listed on a day; those of a new expiry get their strikes."""
    first = day + timedelta(days=(TUESDAY - day.weekday()) % 7)
    expiries = [first + WEEK * number for number in range(EXPIRIES)]
    for expiry in expiries:
        if expiry not in known:
            known[expiry] = contracts_of(underlying, expiry, opening, strikes)
    return [contract for expiry in expiries for contract in known[expiry]]


def contracts_of(underlying: str, expiry: date, opening: float, strikes: int) -> list[Contract]:
    """Return the contracts of an expiry around a price."""
    middle = round(opening / STEP) * STEP
    levels = [middle + STEP * number for number in range(-strikes, strikes + 1)]
    # Its weeks are named as those of an index: a share of the exchange has months only.
    begin = underlying + stem(INDEX, expiry, [expiry]).removeprefix(INDEX)
    return [
        Contract(f"{begin}{strike_text(at)}{right}", underlying, expiry, float(at), right, LOT)
        for at in levels if at > 0 for right in ("CE", "PE")
    ]  # fmt: skip


def quotes(contracts: Sequence[Contract], day: date, spot: Floats) -> pa.Table:
    """Return a day's quotes of contracts, by minute and contract."""
    minutes = 60 * np.arange(1, MINUTES + 1)
    ahead = np.array([(contract.expiry - day).days * 86_400 for contract in contracts])
    left = np.maximum(CLOSE_S - OPEN_S - minutes[:, None] + ahead[None, :], 1) / YEAR_S
    strike = np.array([contract.strike for contract in contracts])
    call = np.array([contract.option_type == "CE" for contract in contracts])
    value = worth(spot[:, None], strike[None, :], left, call=call[None, :])
    middle = np.maximum(np.rint(value / TICK_SIZE).astype(np.int64), 1)
    wide = np.where(middle < 20, 1, 2)
    bid, ask = (middle - wide).ravel(), (middle + wide).ravel()
    midnight = day_start_ns(day) // 10**9
    ts = (midnight + OPEN_S + minutes) * 10**9 - 1000
    size = np.full(bid.size, 10 * LOT)
    return pa.table([
        pa.array(np.repeat(ts, len(contracts))).cast(SCHEMA.field("ts").type),
        pa.array([f"NFO:{contract.symbol}" for contract in contracts] * MINUTES),
        middle.ravel() / 20.0, np.full(bid.size, LOT),
        LOT * np.repeat(minutes // 60, len(contracts)),
        bid / 20.0, np.where(bid > 0, size, 0), ask / 20.0, size,
    ], schema=SCHEMA)  # fmt: skip


def worth(spot: Floats, strike: Floats, left: Floats, *, call: Any) -> Floats:
    """Return what options are worth, `left` years before they expire."""
    far = np.log(spot / strike)
    deviation = VOLATILITY * (1.0 + 2.0 * far**2) * np.sqrt(left)
    up = far / deviation + deviation / 2
    calls = spot * normal(up).astype(float) - strike * normal(up - deviation).astype(float)
    return np.asarray(np.where(call, calls, calls - spot + strike))
