"""A small option chain on a made-up share, priced by Black's formula, for words of strategies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from alphapanda import strategy, universe
from alphapanda.indicators._black76 import black_price, years_between
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Instrument, OptionType
from tests.support.harness import (
    DAY,
    MINUTE,
    T0,
    future,
    merged,
    option,
    play,
    rs,
    share,
    ticks,
)

SESSION = 375 * MINUTE
WEEK = 7 * 1440 * MINUTE
NEAR, FAR = T0 + SESSION + WEEK, T0 + SESSION + 4 * WEEK
"""When the two expiries close, a week and four weeks from today."""
STRIKES = (80, 90, 95, 100, 105, 110, 120)
SPOT, RATE, VOLATILITY = 101.0, 0.06, 0.25


@dataclass
class Chain:
    """Instruments by name, what each costs, when each expires."""

    prices: dict[str, float] = field(default_factory=dict)
    instruments: list[Instrument] = field(default_factory=list)
    expiries: dict[int, int] = field(default_factory=dict)

    def add(self, instrument: Instrument, price: float, expiry: int = 0) -> None:
        """List an instrument; without a price no row of it comes."""
        if expiry:
            self.expiries[len(self.instruments)] = expiry
        if price:
            self.prices[instrument.name] = price
        self.instruments.append(instrument)

    def row(self, name: str) -> int:
        """Return an instrument's row."""
        return [instrument.name for instrument in self.instruments].index(f"NFO:{name}")

    def columns(self) -> Columns:
        """Return one row of each at T0."""
        rows = [i.name for i in self.instruments]
        return merged(*(ticks(price, row=rows.index(name)) for name, price in self.prices.items()))


def chain(*, spot: bool = True, futures: bool = True) -> Chain:
    """Return a chain of two expiries; the far one has no future."""
    made = Chain()
    if spot:
        made.add(share(), SPOT)
    for name, expiry in (("N", NEAR), ("F", FAR)):
        years = years_between(T0, expiry)
        forward = SPOT * math.exp(RATE * years)
        day = DAY + timedelta(days=(expiry - T0) // (1440 * MINUTE))
        if futures and name == "N":
            made.add(future(f"NFO:{name}FUT", expiry=day), forward, expiry)
        for strike in STRIKES:
            for right in (OptionType.CALL, OptionType.PUT):
                price = black_price(right, forward, strike, years, VOLATILITY, RATE)
                side = "CE" if right == OptionType.CALL else "PE"
                listed = option(f"NFO:{name}{strike}{side}", rs(strike), right, expiry=day)
                made.add(listed, price, expiry)
    return made


def ask(made: Chain, question: Callable[[Any], Any], **desk: Any) -> Any:
    """Return the answer to a question that the strategy asks once all prices are known."""
    heard: list[Any] = []
    last = len(made.prices) - 1
    play(
        made.columns(), classes=[asker(last, lambda ctx: heard.append(question(ctx)))],
        instruments=made.instruments, expiries=made.expiries, **desk,
    )  # fmt: skip
    (answer,) = heard
    return answer


def asker(last: int, question: Callable[[Any], None]) -> type:
    """Return a strategy that asks on the row numbered `last`."""
    seen = [0]

    @strategy(compiled=False)
    class Asker:
        """Asks once."""

        bind = universe()

        def on_tick(self, ctx: Any) -> None:
            if seen[0] == last:
                question(ctx)
            seen[0] += 1

    return Asker
