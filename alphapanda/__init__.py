"""Alpha Panda: one compiled trading core for backtest, paper and live."""
