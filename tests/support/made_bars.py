"""Made-up bars with something planted in them: a pair that comes back, futures that expire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alphapanda.data.importers.contracts import instruments_csv
from alphapanda.data.importers.source import Contract
from alphapanda.model.calendar import MINUTE, Calendar, day_start_ns

Floats = NDArray[np.float64]
OPEN = 555 * MINUTE
TICK = 0.05
EXPIRIES = {"25SEP": date(2025, 9, 30), "25OCT": date(2025, 10, 28), "25NOV": date(2025, 11, 25)}
"""The last Tuesdays of three months."""
LOT = 75
MUHURAT = date(2025, 10, 21)
"""An hour in the afternoon: left out."""


@dataclass(frozen=True)
class Made:
    """Closes [bars] by symbol, when each bar begins (ns UTC), and the instruments file."""

    exchange: str
    closes: dict[str, Floats]
    ts: NDArray[np.int64]
    listed: str
    ends: dict[str, date]

    def write(self, root: Path) -> tuple[Path, Path]:
        """Write bars and instruments; a contract has no bar behind its expiry."""
        data, listed = root / "bars.parquet", root / "listed.csv"
        pieces = [self.bars(symbol) for symbol in self.closes]
        pq.write_table(pa.concat_tables(pieces).sort_by([("ts", "ascending")]), data)
        listed.write_text(self.listed, encoding="utf-8")
        return data, listed

    def bars(self, symbol: str) -> pa.Table:
        """Return the bars of one symbol; each opens where the last one closed."""
        close = np.round(np.round(self.closes[symbol] / TICK) * TICK, 2)
        opened = np.append(close[:1], close[:-1])
        end = self.ends.get(symbol)
        kept = np.ones(len(self.ts), bool)
        if end is not None:
            kept = self.ts < day_start_ns(end) + 1_440 * MINUTE
        n = int(kept.sum())
        return pa.table({
            "ts": pa.array(self.ts[kept], pa.timestamp("ns", "Asia/Kolkata")),
            "symbol": pa.array([f"{self.exchange}:{symbol}"] * n),
            "open": opened[kept], "high": np.maximum(opened, close)[kept],
            "low": np.minimum(opened, close)[kept], "close": close[kept],
            "volume": np.full(n, 100_000),
        })  # fmt: skip


def starts(first: date, last: date, minutes: int) -> NDArray[np.int64]:
    """Return when each bar of the sessions from first to last begins."""
    within = OPEN + MINUTE * np.arange(0, 375, minutes)
    days = [day_start_ns(day) for day in Calendar.nse().days(first, last) if day != MUHURAT]
    return np.concatenate([day + within for day in days])


def pair_of_shares(*, seed: int, planted: bool, half_life: float = 6.0, days: int = 3) -> Made:
    """Return minutes of two shares; planted: half of what parts them is gone after `half_life`."""
    rng = np.random.default_rng(seed)
    ts = starts(date(2025, 9, 1), date(2025, 9, days), 1)
    far = 500.0 + rng.normal(0, 0.25, len(ts)).cumsum()
    if planted:
        kept, apart = 0.5 ** (1 / half_life), np.zeros(len(ts))
        for n, step in enumerate(rng.normal(0, 0.5, len(ts))):
            apart[n] = kept * apart[n - 1] + step
        near = 60.0 + 0.8 * far + apart
    else:
        near = 460.0 + rng.normal(0, 0.2, len(ts)).cumsum()
    listed = instruments_csv([], Path())
    for number, name in enumerate(("LEFT", "RIGHT"), 1):
        listed += f"{number},{number},{name},{name},0.0,,0.0,{TICK},1,EQ,NSE,NSE\n"
    return Made("NSE", {"LEFT": near, "RIGHT": far}, ts, listed, {})


def futures_of_months(*, seed: int = 5) -> Made:
    """Return six weeks of NIFTY futures of three months, each dearer than the one before it."""
    rng = np.random.default_rng(seed)
    ts = starts(date(2025, 9, 22), date(2025, 10, 31), 15)
    spot = 24_800.0 + rng.normal(0, 18.0, len(ts)).cumsum()
    ends = {f"NIFTY{month}FUT": day for month, day in EXPIRIES.items()}
    closes = {name: spot + 110.0 * place for place, name in enumerate(ends)}
    contracts = [Contract(name, "NIFTY", day, 0.0, "FUT", LOT) for name, day in ends.items()]
    return Made("NFO", closes, ts, instruments_csv(contracts, Path()), ends)
