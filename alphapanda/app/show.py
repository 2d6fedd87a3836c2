"""A result and the strategies as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alphapanda.core.strategy import Spec
from alphapanda.model.money import to_scaled
from alphapanda.research.result import Result
from alphapanda.research.table import count, duration, money, number, percent, summary_table


def rupees(text: str | None) -> str:
    """Return a decimal string of rupees as India writes it."""
    return money(None if text is None else to_scaled(text))


def result_table(result: Result, *, width: int) -> RenderableType:
    """Return a run's summary: result, risk, trades, costs, data, speed, and what to know."""
    s = result.summary
    stats = s["stats"]
    title = f"{', '.join(s['strategies'])}  {s['from']} to {s['to']}"
    if s["status"] != "complete":
        title += f"  ({s['status'].upper()}: PARTIAL RESULT)"
    sections = [
        ("Result", [("P&L after charges", rupees(s["pnl"])), ("Return", percent(stats["return"])),
                    ("Final equity", rupees(s["equity"])), ("CAGR", percent(stats["cagr"]))]),
        ("Risk", [("Max drawdown", percent(stats["max_drawdown"])),
                  ("Volatility", percent(stats["volatility"])),
                  ("Sharpe", number(stats["sharpe"])), ("Sortino", number(stats["sortino"]))]),
        ("Trades", [("Orders", count(s["orders"])), ("Fills", count(s["fills"])),
                    ("Round trips", count(stats["trips"])), ("Hit rate", percent(stats["hit_rate"])),
                    ("Turnover", number(stats["turnover"])), ("Exposure", percent(stats["exposure"])),
                    ("Rejected", count(s["rejected"]))]),
        ("Charges", [(k.replace("_", " "), rupees(v)) for k, v in s["charges_by"].items()]
                    + [("total", rupees(s["charges"]))]),
        ("Rejected by", [(k, count(v)) for k, v in s["rejected_by"].items()]),
        ("Data", [("Rows", count(s["ticks"])), ("Days", count(s["days"])),
                  ("Instruments", count(len(s["instruments"]))), ("Kind", s["kind"])]
                 + [(f"dropped: {k}", count(v)) for k, v in s["repairs"].items()]),
        ("Engine", [("Time", duration(s["engine_s"])), ("Rows/s", count(s["ticks_per_s"])),
                    ("Events", count(s["events"])), ("Digest", s["digest"][:16])]),
    ]  # fmt: skip
    notes = [Text(f"note: {note}", style="yellow") for note in s["notes"]]
    path = [Text(f"run: {result.path}")] if result.path is not None else []
    return Group(summary_table(sections, title=title, width=width), *notes, *path)


def strategy_table(specs: Mapping[str, Spec]) -> Table:
    """Return the strategies with what they do, their binding and their parameters."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("strategy", "binds", "parameters", "what it does"):
        table.add_column(heading, overflow="fold")
    for name, spec in specs.items():
        binds = spec.binding.kind + (
            f" {', '.join(spec.binding.legs)}" if spec.binding.legs else ""
        )
        if not spec.compiled:
            binds += " (plain Python)"
        params = "\n".join(describe(key, param) for key, param in spec.params.items())
        table.add_row(name, binds, params, spec.doc)
    return table


def describe(name: str, param: Any) -> str:
    """Return a parameter as `fast=20 (window of the fast average)`."""
    return f"{name}={param.default}" + (f" ({param.doc})" if param.doc else "")
