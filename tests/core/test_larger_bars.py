"""Larger bars from smaller ones: the bar that ends with the hour completes the hour."""

# ruff: noqa: ANN001, ANN201, ANN202, D102 (strategies are written as traders write them)
from __future__ import annotations

from typing import Any

import numpy as np

from alphapanda import sma, strategy
from alphapanda.model.calendar import Phase
from alphapanda.model.columns import Columns
from tests.support.harness import MINUTE, T0, bars, closes, opens, phase, play, share

SEEN: list[tuple[int, float]] = []
ENDED: list[tuple[int, float]] = []
CLOSE = T0 + 12 * MINUTE


@strategy(compiled=False)
class Minutes:
    """Decides on every minute with the last close of five."""

    five = sma(1, bar="5m")

    def on_bar(self, ctx):
        SEEN.append(((ctx.now - T0) // MINUTE, self.five.value))


@strategy(compiled=False)
class Fives:
    """Decides on five minutes."""

    bar = "5m"
    five = sma(1, bar="5m")

    def on_bar(self, ctx):
        ENDED.append(((ctx.now - T0) // MINUTE, ctx.close / 10_000))
        assert self.five.value == ctx.close / 10_000


def rising(count: int, **more: Any) -> Columns:
    """Return minute bars that close at 101, 102 and so on."""
    return bars(*[(100 + k, 101 + k, 100 + k, 101 + k) for k in range(count)], **more)


def seen(columns: Columns, events: Any = ()) -> list[tuple[int, float]]:
    """Return minute and value of each decision on minutes."""
    SEEN.clear()
    play(columns, classes=[Minutes], events=events)
    return SEEN.copy()


def ended(columns: Columns, events: Any = ()) -> list[tuple[int, float]]:
    """Return minute and close of each decision on five minutes."""
    ENDED.clear()
    play(columns, classes=[Fives], events=events)
    return ENDED.copy()


def test_the_bar_that_ends_with_the_hour_completes_it() -> None:
    """A decision at 09:20 sees the five minutes to 09:20, not those to 09:15."""
    assert seen(rising(11)) == [(5, 105), *((k, 105) for k in range(6, 10)), (10, 110), (11, 110)]


def test_a_larger_bar_s_own_hook_comes_at_its_end() -> None:
    """With the row behind it, or with the close; never with the next morning."""
    assert ended(rising(11)) == [(5, 105), (10, 110)]
    session = (opens(CLOSE), closes(CLOSE))
    assert ended(rising(12), session) == [(5, 105), (10, 110), (12, 112)]


def test_the_last_larger_bar_of_a_session_is_seen_by_its_last_bar() -> None:
    """At the close the decision sees the bar that the close cuts short."""
    assert seen(rising(12), (opens(CLOSE), closes(CLOSE)))[-1] == (12, 112)


@strategy(compiled=False)
class Fours:
    """Decides on four minutes."""

    bar = "4m"

    def on_bar(self, ctx):
        ENDED.append(((ctx.now - T0) // MINUTE, ctx.close / 10_000))


def test_a_short_last_bar_belongs_to_the_larger_bar_that_it_ends_in() -> None:
    """Two-minute bars of a session of five minutes: the last, of a minute, is no part of four."""
    columns = rising(3)._replace(ts=np.array([T0 + k * MINUTE for k in (2, 4, 5)]))
    until = T0 + 5 * MINUTE
    ENDED.clear()
    play(columns, classes=[Fours], events=(opens(until), closes(until)), interval=2 * MINUTE)
    assert ENDED == [(4, 102), (5, 103)]


def test_every_instrument_of_a_moment_is_known_before_a_larger_bar_decides() -> None:
    """Of two instruments whose bars end together, the hook of either sees both completed."""
    both: list[tuple[int, int, int]] = []

    @strategy(compiled=False)
    class Two:
        """Looks at the other instrument when five minutes end."""

        bar = "5m"

        def on_bar(self, ctx):
            other = ctx.core.instruments[1 - ctx.row]
            both.append(((ctx.now - T0) // MINUTE, ctx.row, other.last // 10_000))

    first = rising(6)
    ts = [t for t in first.ts for _ in range(2)]
    columns = Columns.of(
        ts=ts, row=[0, 1] * 6, **{
            name: [p for p in getattr(first, name) for _ in range(2)]
            for name in ("last", "open", "high", "low")
        },
    )  # fmt: skip
    play(columns, classes=[Two], instruments=[share("NSE:A"), share("NSE:B")])
    assert both == [(5, 0, 105), (5, 1, 105)]


def test_rows_outside_the_session_are_counted_by_phase() -> None:
    """What no strategy sees is told apart: before the open, in the auction, after the close."""
    columns = rising(6)
    events = (
        phase(T0, Phase.PRE_OPEN, T0 + MINUTE), phase(T0 + MINUTE, Phase.OPEN, T0 + 3 * MINUTE),
        phase(T0 + 3 * MINUTE, Phase.AUCTION, T0 + 4 * MINUTE),
        phase(T0 + 4 * MINUTE, Phase.CLOSED, T0 + 9 * MINUTE),
    )  # fmt: skip
    played = play(columns, {}, events=events)
    names = ("pre_open", "auction", "outside", "post_close")
    assert [played.field("clock", name) for name in names] == [1, 1, 2, 0]
    assert played.field("clock", "outside_from") == T0 + 5 * MINUTE
    assert played.field("clock", "outside_to") == T0 + 6 * MINUTE
