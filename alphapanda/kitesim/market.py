"""Prices as the exchange shows them: what rows of data make of each instrument's quote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alphapanda.kitesim.candles import Candles
from alphapanda.kitesim.hours import Hours
from alphapanda.kitesim.listings import Listing
from alphapanda.model.calendar import ist_date
from alphapanda.model.instruments import Segment

BAND = {Segment.EQUITY: 20, Segment.FUTURES: 10, Segment.INDEX: 0, Segment.OPTIONS: 0}
"""Circuit limits in percent of the previous close, 0: none."""

PRICED = frozenset({"last", "open", "high", "low", "bid", "ask"})

Row = Mapping[str, int]
"""One row of data: the columns that it has, by name."""


@dataclass(slots=True)
class Quote:
    """An instrument's price, book and day so far; prices scaled, times ns UTC."""

    listing: Listing
    close: int = 0
    """Of the day before."""
    last: int = 0
    qty: int = 0
    volume: int = 0
    value: int = 0
    """Traded price x quantity, for the average price."""
    valued: int = 0
    """The quantity behind `value`."""
    bid: int = 0
    bid_qty: int = 0
    ask: int = 0
    ask_qty: int = 0
    open: int = 0
    high: int = 0
    low: int = 0
    oi: int = 0
    oi_high: int = 0
    oi_low: int = 0
    ts: int = 0
    traded_ts: int = 0
    traded: int = 0
    """Quantity traded by the last row; -1: the data don't tell."""
    taken_bid: int = 0
    taken_ask: int = 0
    """What orders have taken of the book since the last row."""
    reach_low: int = 0
    reach_high: int = 0
    """How far the price went with the last row."""
    lower_circuit: int = 0
    upper_circuit: int = 0
    divided: int = 1
    """By what the prices of the data are divided: shares were split."""
    candles: Candles = field(default_factory=Candles)

    @property
    def average(self) -> int:
        """The day's average price, weighted by what the data show of its trades."""
        return self.value // self.valued if self.valued else 0

    @property
    def has_book(self) -> bool:
        """Whether the data show bid or ask."""
        return bool(self.bid or self.ask)

    def see(self, row: Row, *, bars: bool) -> None:
        """Take a row of data in."""
        row = self._now_priced(row)
        last, before = row.get("last", self.last), self.volume
        self.ts = row["ts"]
        if last:
            self.last = last
            self.open = self.open or row.get("open") or last
            self.high = max(self.high, row.get("high", 0), last)
            self.low = min(price for price in (self.low, row.get("low", 0), last) if price > 0)
        self.traded = self._traded(row, bars=bars)
        if self.traded > 0:
            self.qty = self.traded if bars else row.get("qty") or self.traded
            self.traded_ts = self.ts
            self.value += self.last * self.traded
            self.valued += self.traded
        elif self.traded < 0:
            self.traded_ts = self.ts
        self.volume = before + row.get("volume", 0) if bars else row.get("volume", before)
        for name in ("bid", "bid_qty", "ask", "ask_qty"):
            setattr(self, name, row.get(name, getattr(self, name)))
        if "oi" in row:
            self.oi = row["oi"]
            self.oi_high = max(self.oi_high, self.oi)
            self.oi_low = min(self.oi_low or self.oi, self.oi)
        self.taken_bid = self.taken_ask = 0
        self.reach_low = (row.get("low") if bars else 0) or self.last
        self.reach_high = (row.get("high") if bars else 0) or self.last

    def remember(self, row: Row, *, bars: bool) -> None:
        """Take the row that was seen last into the candles."""
        row = self._now_priced(row)
        last = self.last
        prices = (last, last, last, last)
        if bars:  # a bar's row comes at its end
            prices = (
                row.get("open") or last,
                row.get("high") or last,
                row.get("low") or last,
                last,
            )
        ts = self.ts - 1 if bars else self.ts
        self.candles.see(ts, prices, volume=max(self.traded, 0), oi=self.oi)

    def _now_priced(self, row: Row) -> Row:
        if self.divided == 1:
            return row
        return {n: v // self.divided if n in PRICED else v for n, v in row.items()}

    def _traded(self, row: Row, *, bars: bool) -> int:
        if bars:
            return row.get("volume", -1)
        if "volume" in row:
            return max(row["volume"] - self.volume, 0)
        return row.get("qty", -1)

    def band(self) -> None:
        """Set the circuit limits by the previous close."""
        percent = BAND[self.listing.instrument.segment]
        tick = self.listing.instrument.tick_size or 1
        if percent and self.close:
            self.lower_circuit = -(-self.close * (100 - percent) // 100 // tick) * tick
            self.upper_circuit = self.close * (100 + percent) // 100 // tick * tick

    def split(self, ratio: int) -> None:
        """Divide prices from now on, and those of the candles that were."""
        self.divided *= ratio
        self.last //= ratio
        self.close //= ratio
        self.candles.divide(ratio)
        self.band()

    def next_day(self) -> None:
        """Begin a day: what was last is the previous close."""
        self.close = self.last
        self.qty = self.volume = self.value = self.valued = 0
        self.open = self.high = self.low = self.oi_high = self.oi_low = 0
        self.bid = self.bid_qty = self.ask = self.ask_qty = 0
        self.band()


class Market:
    """All quotes, and the time of the last row."""

    def __init__(
        self, listings: tuple[Listing, ...], *, bars: bool, hours: Hours | None = None
    ) -> None:
        self.quotes = [Quote(listing) for listing in listings]
        """By the data's number of the instrument."""
        self.by_key = {quote.listing.key: quote for quote in self.quotes}
        self.by_token = {quote.listing.token: quote for quote in self.quotes}
        self.bars = bars
        self._hours = hours
        self.ts = 0

    def show(self, number: int, row: Row) -> None:
        """Show an instrument before the day begins, as if it had closed where its data begin."""
        quote = self.quotes[number]
        quote.last = quote.close = row.get("last", 0)
        quote.ts = quote.traded_ts = row["ts"]
        quote.bid, quote.bid_qty = row.get("bid", 0), row.get("bid_qty", 0)
        quote.ask, quote.ask_qty = row.get("ask", 0), row.get("ask_qty", 0)
        quote.oi, quote.volume = row.get("oi", 0), 0 if self.bars else row.get("volume", 0)
        quote.reach_low = quote.reach_high = quote.last
        quote.traded = 0 if "volume" in row or "qty" in row else -1
        quote.band()

    def relist(self, quote: Quote, listing: Listing) -> None:
        """Give a quote's instrument another listing."""
        del self.by_token[quote.listing.token]
        quote.listing = listing
        self.by_token[listing.token] = quote

    def see(self, number: int, row: Row) -> Quote:
        """Take a row of data in and return its instrument's quote."""
        if self.ts and ist_date(row["ts"]) != ist_date(self.ts):
            for quote in self.quotes:
                quote.next_day()
        self.ts = row["ts"]
        quote = self.quotes[number]
        ts = row["ts"] - 1 if self.bars else row["ts"]
        quote.see(row, bars=self.bars)
        if quote.last and (self._hours is None or self._hours.in_candles(quote.listing, ts)):
            quote.remember(row, bars=self.bars)
        return quote
