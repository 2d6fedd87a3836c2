"""Instruments, quotes and candles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from alphapanda.kitesim.answers import ltp_row, ohlc_row, quote_row, rupees
from alphapanda.kitesim.call import Answer, Call, Csv, Route
from alphapanda.kitesim.candles import LONGEST_DAYS, MINUTES
from alphapanda.kitesim.market import Quote
from alphapanda.kitesim.orders import Refusal
from alphapanda.model.calendar import INDIA

FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


def instruments(call: Call) -> Answer:
    """Return the day's dump."""
    return Csv(call.sim.listings.dump(call.path.get("exchange"), call.sim.nights.closes))


def by_key(row: Callable[[Quote], dict[str, Any]], most: int) -> Callable[[Call], Answer]:
    """Return what answers for quotes of one form; keys without a price are left out."""

    def answer(call: Call) -> Answer:
        if not call.keys:
            return Refusal("Missing or empty field `i`")
        if len(call.keys) > most:
            return Refusal(f"Too many tokens requested. Max permitted is {most}.")
        found = {key: find(call, key) for key in call.keys}
        return {key: row(quote) for key, quote in found.items() if quote and quote.last}

    return answer


def find(call: Call, key: str) -> Quote | None:
    """Return the quote of EXCHANGE:SYMBOL or of a token."""
    market = call.sim.market
    return market.by_token.get(int(key)) if key.isdecimal() else market.by_key.get(key)


def trigger_range(call: Call) -> Answer:
    """Return how far the trigger of a cover order may be from the price."""
    found = {key: find(call, key) for key in call.keys}
    return {
        key: {"instrument_token": quote.listing.token, "lower": rupees(quote.lower_circuit),
              "upper": rupees(quote.upper_circuit)}
        for key, quote in found.items() if quote
    }  # fmt: skip


def candles(call: Call) -> Answer:
    """Return candles that have begun by now."""
    wanted = span(call)
    if isinstance(wanted, Refusal):
        return wanted
    token = call.path["token"]
    quote = call.sim.market.by_token.get(int(token)) if token.isdecimal() else None
    if quote is None:
        return Refusal("invalid token")
    first, last = wanted
    found = quote.candles.between(ns(first), min(ns(last), call.now), call.path["interval"])
    with_oi = call.params.get("oi") == "1"
    return {"candles": [row_of(candle, with_oi=with_oi) for candle in found]}


def span(call: Call) -> tuple[datetime, datetime] | Refusal:
    """Return from when to when candles are wanted."""
    interval = call.path["interval"]
    refusal = call.missing("from", "to")
    if refusal is not None or interval not in MINUTES:
        return refusal or Refusal("invalid interval")
    first, last = (when(call.params[name]) for name in ("from", "to"))
    if first is None or last is None:
        return Refusal("invalid from date" if first is None else "invalid to date")
    most = LONGEST_DAYS[interval]
    if first > last or last - first > timedelta(days=most):
        after = "from date cannot be after to date"
        return Refusal(after if first > last else f"interval exceeds max limit: {most} days")
    return first, last


def row_of(candle: list[int], *, with_oi: bool) -> list[Any]:
    """Return a candle as Kite writes it."""
    start, *prices = candle[:5]
    at = datetime.fromtimestamp(start // 1_000_000_000, INDIA)
    row = [f"{at:%Y-%m-%dT%H:%M:%S%z}", *map(rupees, prices), candle[5]]
    return [*row, candle[6]] if with_oi else row


def when(text: str) -> datetime | None:
    """Return a time in India; None for what is none."""
    for form in FORMS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=INDIA)
        except ValueError:
            continue
    return None


def ns(time: datetime) -> int:
    """Return a time in ns UTC."""
    return round(time.timestamp()) * 1_000_000_000


ROUTES = (
    Route("GET", "/instruments", "other", instruments),
    Route("GET", "/instruments/trigger_range/{side}", "other", trigger_range),
    Route("GET", "/instruments/historical/{token}/{interval}", "historical", candles),
    Route("GET", "/instruments/{exchange}", "other", instruments),
    Route("GET", "/quote", "quote", by_key(quote_row, 500)),
    Route("GET", "/quote/ohlc", "quote", by_key(ohlc_row, 1000)),
    Route("GET", "/quote/ltp", "quote", by_key(ltp_row, 1000)),
)
