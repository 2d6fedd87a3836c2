"""The tick sizes of shares of which no instruments file is given: the exchange's dated rule."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from typing import NamedTuple

from alphapanda.model.classes import Funds
from alphapanda.model.dated import TABLES, a_date, read_table, rows_of
from alphapanda.model.instruments import Exchange, Instrument, Segment
from alphapanda.model.money import to_scaled

SYMBOL = re.compile(r"[A-Z0-9&]+(?:-[A-Z0-9&]+)*")
"""A symbol as NSE writes them; files of other markets are often named otherwise."""

OTHER_SERIES = re.compile(r".+-(?!(?:BE|BZ|BO|RL|AF)$)[A-Z][A-Z0-9]")
"""A series of which the rule says nothing: SME shares, bonds, rights."""


class TickStep(NamedTuple):
    """A tick size (scaled), the first day that has it, and the highest price that does."""

    since: date
    up_to: int
    """0: any price."""
    tick: int


@cache
def tick_steps() -> tuple[TickStep, ...]:
    """Return NSE's steps by day, then by price."""
    path = TABLES / "ticks.toml"
    return tuple(
        TickStep(a_date(row.get("from"), f"{path}, from"), to_scaled(step.get("up_to", "0")),
                 to_scaled(step["tick"]))
        for row in rows_of(path, read_table(path), "tick")
        for step in row["steps"]
    )  # fmt: skip


def tick_by_rule(instrument: Instrument) -> bool:
    """Say if an instrument is a share of NSE whose tick is not known from a file."""
    if instrument.exchange != Exchange.NSE or instrument.segment != Segment.EQUITY:
        return False
    if instrument.tick_size != 0 or not SYMBOL.fullmatch(instrument.symbol):
        return False
    funds = Funds.builtin()
    a_fund = funds.kind_of(instrument, date.max) or funds.looks_like(instrument, date.max)
    return not a_fund and OTHER_SERIES.fullmatch(instrument.symbol) is None
