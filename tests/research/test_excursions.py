"""The price path and the excursions of trades, against a recount row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.model.columns import Columns
from alphapanda.research.events import Names
from alphapanda.research.prices import PIECES, PIECES_EACH, PricePath, candles_of, step_ns
from alphapanda.research.stats import Fills, round_trips
from alphapanda.research.trades import excursions, path_of

FIRST = 1_754_280_000 * 10**9
NAMES = Names(("a", "b"), ("NSE:X", "NSE:Y", "NSE:Z"))
STEP = 60 * 10**9

rows = st.lists(
    st.tuples(
        st.integers(0, 40 * 10**9), st.integers(0, 2), st.integers(1, 1_000),
        st.sampled_from([0, 0, 0, 1, -1, 2, -2]), st.integers(0, 1),
    ),
    min_size=1, max_size=80,
)  # fmt: skip


def session(drawn: list[Any]) -> tuple[Columns, Any, Fills]:
    """Return market rows, and fills at some of them: as output rows, and as the statistics'."""
    ts = FIRST + np.cumsum([step for step, *_ in drawn])
    row, last = (np.array([each[k] for each in drawn], np.int64) for k in (1, 2))
    qty, strategy = (np.array([each[k] for each in drawn], np.int64) for k in (3, 4))
    at = qty != 0
    made = np.zeros(int(at.sum()), [("ts", "<i8"), ("row", "<i8")])
    made["ts"], made["row"] = ts[at], row[at]
    zero = np.zeros(int(at.sum()), np.int64)
    fills = Fills(ts[at], strategy[at], row[at], qty[at], last[at], zero)
    return Columns.of(ts=ts, row=row, last=last), made, fills


def batches(market: Columns, made: Any, size: int) -> Iterator[tuple[Columns, Any]]:
    for start in range(0, market.rows, size):
        batch = market.slice(start, start + size)
        inside = np.isin(made["ts"], batch.ts)
        yield batch, made[inside]


@given(rows, st.integers(1, 50))
@settings(deadline=None)
def test_the_path_does_not_depend_on_batches(drawn: list[Any], size: int) -> None:
    """However the rows are cut, and put together, the pieces are the same."""
    drawn = [(step + 1, *rest) for step, *rest in drawn]  # no time is on both sides of a cut
    market, made, _ = session(drawn)
    whole, cut = (PricePath(NAMES.instruments, step=STEP) for _ in range(2))
    whole.take(market, made)
    for batch, fills in batches(market, made, size):
        cut.take(batch, fills)
        cut.flush()
    assert cut.table().equals(whole.table())


@given(rows)
@settings(deadline=None)
def test_excursions_agree_with_a_recount(drawn: list[Any]) -> None:
    """Of every trip the worst and the best price between its fills is found, to the row."""
    market, made, fills = session(drawn)
    path = PricePath(NAMES.instruments, step=STEP)
    path.take(market, made)
    trips = round_trips(fills)
    adverse, favourable = excursions(trips, fills, path_of(path.table(), NAMES))
    for k in range(len(trips.pnl)):
        row, side, start, end = (
            int(column[k]) for column in (trips.row, trips.side, trips.entry_ts, trips.exit_ts)
        )
        inside = (market.row == row) & (market.ts >= start) & (market.ts < end)
        own = (fills.row == row) & (fills.strategy == trips.strategy[k])
        own &= (np.arange(len(own)) >= trips.first[k]) & (np.arange(len(own)) <= trips.last[k])
        seen = np.concatenate([market.last[inside], fills.price[own]])
        entry = trips.entry_value[k] / trips.opened[k]
        moves = side * (seen - entry) / entry
        assert adverse[k] == pytest.approx(min(0, moves.min()))
        assert favourable[k] == pytest.approx(max(0, moves.max()))


@pytest.mark.parametrize("days", [1, 20, 250, 2_500, 7_500])
@pytest.mark.parametrize("instruments", [1, 56, 500])
def test_the_path_stays_small(days: int, instruments: int) -> None:
    """Ten or thirty years of many instruments make no more pieces than a page can bear."""
    step = step_ns(days, instruments) // 10**9
    each = days * max(22_500 // step, 1) if step <= 86_400 else days * 86_400 // step + 1
    assert each <= PIECES_EACH
    assert each * instruments <= PIECES * 1.1


@given(st.lists(st.tuples(*[st.integers(1, 90)] * 3), min_size=1, max_size=40), st.integers(1, 9))
@settings(deadline=None)
def test_a_piece_of_bars_is_a_bar(drawn: list[tuple[int, int, int]], size: int) -> None:
    """Bars of a step together: the first open, the last close, all volume; of ticks it is 0."""
    opened, close, volume = np.array(drawn).T
    ts = 25 * 10**9 * np.arange(1, len(drawn) + 1)
    bars = Columns.of(
        ts=ts, row=np.zeros(len(ts)), last=close, open=opened, volume=volume,
        high=np.maximum(opened, close), low=np.minimum(opened, close),
    )  # fmt: skip
    none = np.zeros(0, [("ts", np.int64), ("row", np.int64)])
    path, ticked = (PricePath(NAMES.instruments, step=60 * 10**9) for _ in range(2))
    for start in range(0, len(ts), size):
        path.take(bars.slice(start, start + size), none)
        path.flush()
    found = candles_of(path.table(), np.zeros(1, np.int64))
    minute = ts // (60 * 10**9)
    expected = [(opened[minute == m][0], volume[minute == m].sum()) for m in np.unique(minute)]
    assert list(zip(*(each.tolist() for each in found), strict=True)) == expected
    ticked.take(Columns.of(ts=ts, row=np.zeros(len(ts)), last=close, volume=volume), none)
    first, quiet = candles_of(ticked.table(), np.zeros(1, np.int64))
    assert first.tolist() == [close[minute == m][0] for m in np.unique(minute)]
    assert not quiet.any()


def test_pieces_of_an_earlier_version_have_no_candles() -> None:
    """A run whose prices were kept without them is drawn as a line."""
    last = np.array([5, 7], np.int64)
    opened, volume = candles_of(pa.table({"last": [1, 2]}), last)
    assert opened.tolist() == [5, 7]
    assert volume.tolist() == [0, 0]
