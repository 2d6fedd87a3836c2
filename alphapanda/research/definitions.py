"""What each figure of a run's page is, in a sentence: shown on hover over its label."""

from __future__ import annotations

DAYS = "of daily returns, from the initial cash and each trading day's close"
DEFINITIONS = {
    "P&L after charges": "Equity at the end less the cash at the start.",
    "Return": "P&L after charges / cash at the start.",
    "CAGR": "Growth a year: (end / start) ^ (252 / trading days) - 1.",
    "Trading days": "Days of the calendar from the first to the last of the data, "
    "those without a row too.",
    "Max drawdown, every P&L row": "Deepest fall of equity from its highest point before, as a "
    "part of that; at every change, within days too.",
    "Max drawdown, day closes": "The same, of each trading day's close.",
    "Max drawdown, money": "Greatest fall of equity from its highest point before, in rupees.",
    "Volatility, a year": f"Standard deviation {DAYS}, x the root of 252.",
    "Sharpe": f"Mean / standard deviation {DAYS}, x the root of 252; no riskless rate.",
    "Sharpe, daily returns": f"Mean / standard deviation {DAYS}, x the root of 252.",
    "Sortino": f"Mean / root of the mean square of the losses {DAYS}, x the root of 252.",
    "Calmar": "CAGR / max drawdown of day closes.",
    "Time in market": "Part of the trading hours in which there was a position.",
    "Gross exposure, mean": "Worth of all positions without their signs, as a part of equity, "
    "averaged over the trading hours.",
    "Fills": "Executions; one order may have several.",
    "Round trips": "From flat to flat, by strategy and instrument; open ones are not counted.",
    "Hit rate": "Round trips with a profit after charges / all round trips.",
    "Profit factor": "Profits of winning round trips / losses of losing ones, after charges.",
    "Average win": "Mean P&L after charges of the round trips with a profit.",
    "Average loss": "Mean P&L after charges of the round trips with a loss.",
    "Order requests": "New orders that strategies asked for, each counted once by how it ended.",
    "Traded value": "Sum of quantity x price of all fills.",
    "Turnover": "Traded value / mean equity.",
    "Charges": "Brokerage, taxes and fees, those beside fills too.",
    "Expectancy": "Mean P&L of a round trip after charges.",
    "Profits in a row": "Most round trips with a profit in a row, as they closed.",
    "Losses in a row": "Most round trips with a loss in a row, as they closed.",
    "Beta": "Covariance of the run's and the benchmark's daily returns / the benchmark's variance.",
    "Alpha, a year": "Mean of daily return - beta x the benchmark's, x 252; no riskless rate.",
    "Correlation": "Of the run's daily returns with the benchmark's.",
}
"""By label."""
