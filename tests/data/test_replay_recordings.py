"""Every real recording opens and streams as it lies; what is no recording is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from alphapanda.data.replay.replay import ReplayOptions, open_replay
from alphapanda.errors import UsageError
from tests.data.replaying import DAY_NS, ns, run
from tests.support.ducks import query
from tests.support.shared import shared

MINUTE_NS = 60 * 10**9
OHLC = {"open", "high", "low", "close"}
QUOTE = {"bid", "bid_qty", "ask", "ask_qty"}
FULL = {"last", "qty", "volume", "oi"} | QUOTE

BARS = [
    # file, interval, instruments, days, rows, columns
    ("index_1min_nifty_banknifty_2021_202209", MINUTE_NS, 2, 434, 326_701, OHLC),
    ("index_1min_nifty_banknifty_2024_jan_may", MINUTE_NS, 2, 100, 74_254, OHLC),
    ("kite_60minute_20241205_20260109", 60 * MINUTE_NS, 24, 273, 45_720, OHLC | {"volume"}),
    ("kite_day_20200714_20260109", DAY_NS, 24, 1_367, 32_808, OHLC | {"volume"}),
    ("nse_1min_kite_201608_09", MINUTE_NS, 56, 18, 378_000, OHLC | {"volume"}),
    ("nse_1min_reliance_20251029_1226", MINUTE_NS, 1, 41, 15_372, OHLC | {"volume"}),
    ("nse_1min_yesbank_2019_jan_aug", MINUTE_NS, 1, 165, 62_176, OHLC | {"volume"}),
]
TICKS = [
    # file, kind, names, days, rows, columns, repairs, options
    ("breeze_stock_futures_20251117", "tick", ("NSE:RELIND", "NSE:TCS"), 1, 2_833, FULL,
     {"duplicate": 602, "backward volume": 1}, {}),
    ("crypto_binance_spot_ethusdt_20240808_bookticker", "quote", None, 1, 24_077, QUOTE, {},
     {"qty_scale": 10_000}),
    ("crypto_binance_spot_ethusdt_20240808_trades", "tick", None, 1, 6_106, {"last", "qty"}, {},
     {"qty_scale": 10_000}),
    ("dhan_depth200_NIFTY25DECFUT_20251229_1340", "quote", ("NFO:NIFTY25DECFUT",), 1, 1_744,
     {"bid", "ask"}, {}, {}),
    ("dhan_full_NIFTY25DECFUT_20251229", "tick", ("NFO:NIFTY25DECFUT",), 1, 356, FULL,
     {"null": 1}, {}),
    ("kite_derived_NIFTY25DECFUT_20251229_am", "tick", ("NFO:NIFTY25DECFUT",), 1, 5_837,
     {"last", "oi"}, {}, {"exchange": "NFO"}),
    ("kite_full_NIFTY25DECFUT_20251229", "tick", ("NFO:NIFTY25DECFUT",), 1, 271, FULL, {}, {}),
    ("nifty50_index_1s_2022_aug_sep", "tick", None, 20, 461_948, {"last"}, {}, {}),
    ("us_ibm_quote_ticks_20131007_08", "quote", ("NSE:us_ibm_quote_ticks",), 3, 234_817, QUOTE,
     {"duplicate": 27_993}, {}),
    ("us_ibm_trade_ticks_20131007_08", "tick", ("NSE:us_ibm_trade_ticks",), 3, 57_674,
     {"last", "qty"}, {"duplicate": 7_117}, {}),
]  # fmt: skip


def bars(name: str) -> Path:
    """Return a real bar file."""
    return shared("data", "bars", f"{name}.parquet")


def ticks(name: str) -> Path:
    """Return a real file of trades or quotes."""
    return shared("data", "ticks", f"{name}.parquet")


def check_order(rows: Any) -> None:
    """Times never fall, and rows of one time are in order of their instruments."""
    step = np.diff(rows.ts)
    assert (step >= 0).all()
    assert (np.diff(rows.row)[step == 0] >= 0).all()


@pytest.mark.parametrize("case", BARS, ids=lambda case: case[0])
def test_every_bar_file_streams_as_it_lies(case: tuple[Any, ...]) -> None:
    """Bars open without options, in order, with all their rows and columns."""
    name, interval_ns, instruments, days, count, columns = case
    replay, rows = run(bars(name))
    assert (replay.kind, replay.interval_ns, replay.repairs) == ("bar", interval_ns, {})
    assert len(replay.names) == instruments
    assert replay.names == tuple(sorted(replay.names))
    assert len(replay.days) == days
    assert rows.rows == replay.rows == count
    assert replay.columns == columns | {"ts", "instrument"}
    assert len(rows.volume) == (count if "volume" in columns else 0)
    check_order(rows)
    assert (rows.low <= np.minimum(rows.open, rows.last)).all()


@pytest.mark.parametrize("case", TICKS, ids=lambda case: case[0])
def test_every_tick_file_streams_defects_repaired(case: tuple[Any, ...]) -> None:
    """Ticks and quotes open, in order; those with defects only when they are repaired."""
    name, kind, names, days, count, columns, repairs, options = case
    path = ticks(name)
    if repairs:
        with pytest.raises(UsageError, match=r"row \d+.*--repair"):
            run(path, **options)
    replay, rows = run(path, repair=bool(repairs), **options)
    assert replay.kind == kind
    assert replay.interval_ns == 0
    assert replay.names == (names or (f"NSE:{name}",))
    assert len(replay.days) == days
    assert replay.rows == count
    assert replay.repairs == repairs
    assert rows.rows == count - sum(repairs.values())
    assert replay.columns == columns | {"ts", "instrument"}
    check_order(rows)
    for field, column in rows._asdict().items():
        assert column.dtype == (np.int32 if field == "row" else np.int64)
        assert column.flags.c_contiguous
        assert column.flags.writeable


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (("bars", "nse_cm_bhavcopy_full_20220808.parquet"), "bhavcopy"),
        (("options", "nse_fo_bhavcopy_fo_20251114.parquet"), "bhavcopy"),
        (("options", "nse_fo_bhavcopy_op_20251114.parquet"), "bhavcopy"),
        (("options", "nse_option_chain_NIFTY_20250829.parquet"), "option chain"),
        (("ticks", "crypto_binance_spot_ethusdt_20240808_depth.parquet"), "depth ladder"),
    ],
)
def test_files_that_are_no_recordings_are_refused(path: tuple[str, str], what: str) -> None:
    """A bhavcopy, an option chain and a ladder say what they are and are not run."""
    with pytest.raises(UsageError, match=f"{path[1]} is an? .*{what}"):
        open_replay(ReplayOptions(paths=[shared("data", *path)]))


def test_fractional_quantities_need_a_scale() -> None:
    """Crypto quantities say file, column and option; with a scale they are exact."""
    path = ticks("crypto_binance_spot_ethusdt_20240808_trades")
    with pytest.raises(
        UsageError, match=r"trades\.parquet, row 1: quantity is 0\.002.*--qty-scale"
    ):
        run(path)
    _, rows = run(path, qty_scale=10_000)
    quantity = pq.read_table(path, columns=["quantity"])["quantity"].to_numpy()
    assert (rows.qty == np.rint(quantity * 10_000)).all()


def test_a_quote_sides_mean_is_its_last_price() -> None:
    """Of two sides the middle, rounded down; of one, that side: IBM's quotes are one-sided."""
    _, rows = run(ticks("us_ibm_quote_ticks_20131007_08"), repair=True)
    assert ((rows.bid == 0) | (rows.ask == 0)).any()
    one = (rows.bid == 0) | (rows.ask == 0)
    assert (rows.last[one] == np.maximum(rows.bid, rows.ask)[one]).all()
    _, rows = run(ticks("dhan_depth200_NIFTY25DECFUT_20251229_1340"))
    assert (rows.last == (rows.bid + rows.ask) // 2).all()


def test_a_bar_enters_at_its_end() -> None:
    """Minutes enter a minute after their start, days at 15:30 IST."""
    replay, rows = run(bars("nse_1min_reliance_20251029_1226"))
    first = pq.read_table(bars("nse_1min_reliance_20251029_1226")).slice(0, 1).to_pylist()[0]
    assert rows.ts[0] == ns(date(2025, 10, 29), "09:16:00")
    assert rows.last[0] == round(first["close"] * 10_000)
    assert "stamps are bar starts: shifted by 1m" in replay.notes
    replay, rows = run(bars("kite_day_20200714_20260109"))
    assert rows.ts[0] == ns(date(2020, 7, 14), "15:30:00")
    assert ((rows.ts + 19_800 * 10**9) % DAY_NS == (15 * 60 + 30) * MINUTE_NS).all()
    assert "day bars enter at 15:30 IST of their day" in replay.notes


def test_prices_that_went_through_float32_are_paise_again() -> None:
    """25974.900390625 is 25974.90."""
    replay, rows = run(ticks("dhan_full_NIFTY25DECFUT_20251229"), repair=True)
    assert rows.last[0] == 259_749_000
    for column in (rows.last, rows.bid, rows.ask):
        assert (column % 100 == 0).all()
    assert any("float32" in note for note in replay.notes)


def test_a_symbol_that_is_null_at_first_is_the_same_instrument() -> None:
    """kite_derived names its contract from 10:42 on; all rows are one instrument, as noted."""
    replay, rows = run(ticks("kite_derived_NIFTY25DECFUT_20251229_am"))
    assert set(rows.row) == {0}
    assert any("2589 rows without a symbol" in note for note in replay.notes)
    assert any("volume_delta" in note for note in replay.notes)


def test_two_feeds_of_one_contract_run_together() -> None:
    """Kite and Dhan rows of NIFTY25DECFUT merge by time; where volumes disagree a row goes."""
    paths = [
        ticks("kite_full_NIFTY25DECFUT_20251229"),
        ticks("dhan_full_NIFTY25DECFUT_20251229"),
    ]
    replay, rows = run(paths, repair=True)
    assert replay.names == ("NFO:NIFTY25DECFUT",)
    assert replay.rows == 271 + 356
    assert rows.rows == replay.rows - sum(replay.repairs.values())
    assert (np.diff(rows.volume) >= 0).all()
    check_order(rows)


def test_prices_equal_those_of_duckdb_decimals() -> None:
    """Scaled prices equal an exact decimal reading of a real file, row by row."""
    path = ticks("nifty50_index_1s_2022_aug_sep")
    _, rows = run(path)
    exact = query(
        f"SELECT CAST(CAST(last_price AS DECIMAL(18, 4)) * 10000 AS BIGINT) AS last FROM '{path}'"
    )
    assert rows.last.tolist() == [last for (last,) in exact]


@pytest.mark.parametrize("batch_rows", [1_000, 262_144])
def test_streaming_twice_gives_the_same_bytes(batch_rows: int) -> None:
    """Batches of a sorted and of an unsorted file are the same, cut for cut, each time."""
    for path in (bars("nse_1min_kite_201608_09"), ticks("nifty50_index_1s_2022_aug_sep")):
        with open_replay(ReplayOptions(paths=[path], batch_rows=batch_rows)) as replay:
            first = [[column.tobytes() for column in batch] for batch in replay.batches()]
            second = [[column.tobytes() for column in batch] for batch in replay.batches()]
        assert first == second
        assert all(len(batch[0]) <= 8 * batch_rows for batch in first)


def test_files_are_named_with_their_hashes() -> None:
    """The manifest of a file is the README's: rows, bytes and SHA-256."""
    replay, _ = run(ticks("kite_full_NIFTY25DECFUT_20251229"))
    (info,) = replay.files
    assert info.rows == 271
    assert info.size == 32_272
    assert info.sha256 == "ace0cb13e2d3a299c183a412ee96e66e01319ce05dc8bf15027d5c3915578fa5"
