"""After an edit in backtesting.py: read the bars, run an SMA cross, print the figures.

Its argument is the Parquet file; its interpreter has `backtesting` and `pyarrow`.
"""

from __future__ import annotations

import json
import sys
import warnings

import backtesting
import pandas as pd

warnings.filterwarnings("ignore")
backtesting.backtesting._tqdm = lambda rows, **_: rows


def average(prices: pd.Series, window: int) -> pd.Series:
    return pd.Series(prices).rolling(window).mean()


class Cross(backtesting.Strategy):
    """Long while the fast average is above the slow one."""

    def init(self) -> None:
        """Declare the averages."""
        self.fast = self.I(average, self.data.Close, 10)
        self.slow = self.I(average, self.data.Close, 50)

    def next(self) -> None:
        """Enter and leave."""
        apart = self.fast[-1] - self.slow[-1]
        if self.position:
            if apart < -1e-6:
                self.position.close()
        elif apart > 1e-6:
            self.buy(size=1)


rows = pd.read_parquet(sys.argv[1]).set_index("ts")
rows.columns = [name.capitalize() for name in rows.columns]
stats = backtesting.Backtest(rows, Cross, cash=10_000_000, commission=0.0003).run()
print(json.dumps({"trades": int(stats["# Trades"]), "equity": float(stats["Equity Final [$]"])}))
