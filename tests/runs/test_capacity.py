"""Orders that may be open at once: enough for every instrument, or as many as an option says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import alphapanda
from alphapanda import bracket, buy_limit, strategy
from alphapanda.errors import UsageError

INSTRUMENTS = 1_500


@strategy(compiled=False)
class Resting:
    """Leaves a limit order far below the market on each instrument."""

    def on_bar(self, ctx: Any) -> None:
        """Ask once."""
        buy_limit(ctx, 1, ctx.close // 2 // 500 * 500)


@strategy(compiled=False)
class Bracketed:
    """Asks for an entry with its exits, which takes the place of three orders."""

    def on_bar(self, ctx: Any) -> None:
        """Ask once."""
        bracket(ctx, 1, ctx.close // 4 // 500 * 500, price=ctx.close // 2 // 500 * 500)


@pytest.fixture(scope="module")
def minute() -> pd.DataFrame:
    """Return one minute of many instruments."""
    names = [f"S{number:04}" for number in range(INSTRUMENTS)]
    time = pd.Timestamp("2023-07-03 09:15", tz="Asia/Kolkata")
    prices = {name: np.full(INSTRUMENTS, 100.0) for name in ("open", "high", "low", "close")}
    return pd.DataFrame({"ts": time, "symbol": names, **prices, "volume": 1_000})


def run(which: type, minute: pd.DataFrame, **options: Any) -> Any:
    """Run a strategy on that minute."""
    return alphapanda.backtest(which, minute, jit=False, limits="wide", cash=10**9, interval="1m",
                               **options)  # fmt: skip


def test_many_instruments_have_room(minute: pd.DataFrame) -> None:
    """More than the least there is, without a word from the user; an entry takes three places."""
    assert run(Resting, minute).summary["rejected_by"] == {}
    assert run(Bracketed, minute).summary["rejected_by"] == {}


def test_the_option_sets_it_and_the_note_names_it(minute: pd.DataFrame) -> None:
    """What does not fit is refused, told with a count, and the option that gives room."""
    summary = run(Resting, minute, open_orders=100).summary
    assert summary["rejected_by"] == {"ORDER_CAPACITY": INSTRUMENTS - 100}
    (note,) = [note for note in summary["notes"] if note.startswith("ORDER_CAPACITY")]
    assert "--open-orders N makes room" in note
    assert run(Resting, minute, open_orders=INSTRUMENTS).summary["rejected_by"] == {}


@pytest.mark.parametrize("number", [0, 2, 100_001])
def test_what_no_table_could_be_is_refused(number: int, minute: pd.DataFrame) -> None:
    """Fewer than an entry with its exits, or more than memory is meant for."""
    with pytest.raises(UsageError, match="--open-orders"):
        run(Resting, minute, open_orders=number)
