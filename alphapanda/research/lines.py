"""Rows and lines of a run's figures that terminal, page and notebook have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alphapanda.model.money import PAISA, to_scaled
from alphapanda.research.requests import ENDS
from alphapanda.research.table import count, money, number, percent

Row = tuple[str, str]


def rupees(text: str | None) -> str:
    """Return a decimal string of rupees as India writes it."""
    return money(None if text is None else to_scaled(text))


def exactly(text: str) -> str:
    """Return a decimal string of rupees in paise, or in four digits where it has them."""
    scaled = to_scaled(text)
    rest = abs(scaled) % PAISA
    if not rest:
        return money(scaled)
    return f"{'-' if scaled < 0 else ''}{money(abs(scaled) - rest)}{rest:02d}"


def request_rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return how the order requests ended, each once, with what was filled of those cut short."""
    told = summary.get("requests")
    if told is None:  # of an earlier version
        return [("Orders", count(summary["orders"])), ("Refused", count(summary["rejected"]))]
    rows = [("Order requests", count(told["total"]))]
    for name in ENDS:
        partly, filled = told["partly_filled"].get(name), told["filled_quantity"].get(name)
        more = f" ({count(partly)} in part: {count(filled)})" if partly else ""
        if told[name] or name in ("refused", "filled", "expired"):
            rows.append((f"  {name}", f"{count(told[name])}{more}"))
    return rows


def pnl_line(summary: Mapping[str, Any]) -> str:
    """Return what the P&L is the sum of; empty where that was not kept."""
    parts = summary.get("pnl_parts")
    if parts is None:
        return ""
    trips, rest, account = (exactly(parts[name]) for name in ("trips", "open", "account_charges"))
    return (
        f"trips {trips} + open {rest} + account charges {account} = P&L {exactly(summary['pnl'])}"
    )


def drawdown_rows(stats: Mapping[str, Any]) -> list[Row]:
    """Return the drawdowns, each with what it is of."""
    rows = [("Max drawdown, every P&L row", percent(stats["max_drawdown"]))]
    if "max_drawdown_daily" in stats:
        rows.append(("Max drawdown, day closes", percent(stats["max_drawdown_daily"])))
    return rows


def time_rows(stats: Mapping[str, Any]) -> list[Row]:
    """Return how long there was a position, and how large it was."""
    rows = [("Time in market", percent(stats["exposure"]))]
    if "gross_exposure" in stats:
        rows.append(("Gross exposure, mean", percent(stats["gross_exposure"])))
    return rows


def ratio_rows(stats: Mapping[str, Any]) -> list[Row]:
    """Return the figures of daily returns."""
    return [
        ("Volatility, a year", percent(stats["volatility"])),
        ("Sharpe", number(stats["sharpe"])),
        ("Sortino", number(stats["sortino"])),
        ("Calmar", number(stats["calmar"])),
    ]


def loud_and_quiet(summary: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the notes that stand above the figures, and the others, each worst first."""
    notes, first = list(summary["notes"]), summary.get("loud_notes", 0)
    return notes[:first], notes[first:]


def more_open(positions: Mapping[str, int]) -> list[list[str]]:
    """Return a row for the open positions that have none."""
    return [["other open positions", count(len(positions) - 5)]] if len(positions) > 5 else []
