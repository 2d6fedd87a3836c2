"""Every recording of ../shared/data that can be run is run, and its books are right."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import alphapanda
from alphapanda.errors import UsageError
from alphapanda.model.charges import Schedule
from tests.support.recount import differences, last_prices, recount, terms, trades
from tests.support.shared import shared

ROOT = Path(__file__).resolve().parents[2]


class Recording(NamedTuple):
    """A file, what part of it to run, and where its last prices are."""

    file: str
    rows: int
    repaired: dict[str, int] = {}  # noqa: RUF012 (nobody writes to it)
    first: str | None = None
    last: str | None = None
    exchange: str = "NSE"
    price: str = "last_price"
    time: str = "time"
    symbol: str = "symbol"
    name: str | None = None
    more: dict[str, Any] = {}  # noqa: RUF012

    def __repr__(self) -> str:
        return Path(self.file).stem


def bars(file: str, rows: int, first: str, last: str, **more: str) -> Recording:
    path = f"bars/{file}.parquet"
    return Recording(path, rows, {}, first, last, price="close", time="date", more=more)


FUTURE = "NFO:NIFTY25DECFUT"
ETHER = "crypto_binance_spot_ethusdt_20240808"
RECORDINGS = (
    bars("index_1min_nifty_banknifty_2021_202209", 882, "2021-11-04", "2021-11-08", costs="none"),
    bars("index_1min_nifty_banknifty_2024_jan_may", 2_584, "2024-01-19", "2024-01-23",
         costs="none"),
    bars("kite_60minute_20241205_20260109", 3_024, "2024-12-05", "2024-12-31"),
    bars("kite_day_20200714_20260109", 2_880, "2020-07-14", "2020-12-31"),
    bars("nse_1min_kite_201608_09", 21_000, "2016-08-16", "2016-08-16"),
    bars("nse_1min_reliance_20251029_1226", 747, "2025-12-12", "2025-12-15"),
    bars("nse_1min_yesbank_2019_jan_aug", 4_142, "2019-05-06", "2019-05-20"),
    Recording(
        "ticks/breeze_stock_futures_20251117.parquet", 2_230,
        {"duplicate": 602, "backward volume": 1}, time="recv_time", symbol="Symbol",
    ),
    Recording(
        f"ticks/{ETHER}_bookticker.parquet", 24_077, price="bid_price",
        name=f"NSE:{ETHER}_bookticker", more={"qty_scale": 10_000},
    ),
    Recording(
        f"ticks/{ETHER}_trades.parquet", 6_106, price="price", time="recv_time",
        name=f"NSE:{ETHER}_trades", more={"qty_scale": 10_000},
    ),
    Recording(
        "ticks/dhan_depth200_NIFTY25DECFUT_20251229_1340.parquet", 1_744, exchange="NFO",
        price="best_bid", name=FUTURE,
    ),
    Recording(
        "ticks/dhan_full_NIFTY25DECFUT_20251229.parquet", 355, {"null": 1}, exchange="NFO",
        price="round(ltp, 2)", name=FUTURE,
    ),
    Recording(
        "ticks/kite_derived_NIFTY25DECFUT_20251229_am.parquet", 5_837, exchange="NFO", name=FUTURE
    ),
    Recording("ticks/kite_full_NIFTY25DECFUT_20251229.parquet", 271, exchange="NFO", name=FUTURE),
    Recording(
        "ticks/nifty50_index_1s_2022_aug_sep.parquet", 15_035, {}, "2022-09-21", "2022-09-21",
        name="NSE:nifty50_index_1s_2022_aug_sep",
    ),
    Recording(
        "ticks/us_ibm_quote_ticks_20131007_08.parquet", 206_824, {"duplicate": 27_993},
        name="NSE:us_ibm_quote_ticks", price="bid_price",
    ),
    Recording(
        "ticks/us_ibm_trade_ticks_20131007_08.parquet", 50_557, {"duplicate": 7_117},
        name="NSE:us_ibm_trade_ticks", price="price",
    ),
)  # fmt: skip
REFUSED = (
    f"ticks/{ETHER}_depth.parquet",
    "bars/nse_cm_bhavcopy_full_20220808.parquet",
    "options/nse_fo_bhavcopy_fo_20251114.parquet",
    "options/nse_fo_bhavcopy_op_20251114.parquet",
    "options/nse_option_chain_NIFTY_20250829.parquet",
)


@pytest.mark.parametrize("recording", RECORDINGS, ids=repr)
def test_recording_runs(recording: Recording) -> None:
    """With --repair and --calendar always each gives fills and exact books, in plain Python."""
    path = shared("data", recording.file)
    strategy = "sma_cross" if recording.file.startswith("bars/") else "ema_cross"
    result = alphapanda.backtest(
        str(ROOT / "strategies" / f"{strategy}.py"), path, repair=True, calendar="always",
        limits="wide", jit=False, exchange=recording.exchange, from_=recording.first,
        to=recording.last, **recording.more,
    )  # fmt: skip
    summary = result.summary
    assert summary["ticks"] == recording.rows
    assert summary["repairs"] == recording.repaired
    assert summary["fills"] > 0
    assert summary["status"] == "complete"
    last = {} if quotes_only(recording) else prices(recording, path)
    if last:
        counted = recount(
            trades(result.table("fills")), last,
            schedule=Schedule.parse(recording.more.get("costs", "zerodha")),
            terms=terms("CNC" if recording.exchange == "NSE" else "NRML"),
            cash=Decimal(1_000_000),
        )  # fmt: skip
        assert differences(result, counted) == []


def quotes_only(recording: Recording) -> bool:
    """Whether there is no last price to mark at: the core then uses what quotes there are."""
    return "bid" in recording.price


def prices(recording: Recording, path: Path) -> dict[str, Decimal]:
    """Return the last prices of the part that is run."""
    until = f"{recording.time} <= '{recording.last} 23:59:59+05:30'::TIMESTAMPTZ"
    return last_prices(
        path, name=recording.name, exchange=recording.exchange, price=recording.price,
        time=recording.time, symbol=recording.symbol,
        where=until if recording.last else "true",
    )  # fmt: skip


@pytest.mark.parametrize("file", REFUSED)
def test_what_is_no_recording_is_refused(file: str) -> None:
    """A ladder, a bhavcopy, a chain: the message says what it is, and what can be imported."""
    strategy = str(ROOT / "strategies" / "ema_cross.py")
    todo = "Give trades" if "depth" in file else "Import it: alphapanda data import"
    with pytest.raises(UsageError, match=f"cannot be run. {todo}"):
        alphapanda.backtest(strategy, shared("data", file), jit=False)


def test_no_recording_is_forgotten() -> None:
    """A file added to the shared data has to be named here."""
    folder = shared("data")
    known = {recording.file for recording in RECORDINGS} | set(REFUSED)
    found = {f.relative_to(folder).as_posix() for f in folder.glob("*/*.parquet")}
    assert found == known
