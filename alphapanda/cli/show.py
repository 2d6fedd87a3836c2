"""A result and the strategies as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alphapanda.engine.compiler.declared import Spec
from alphapanda.model.declaration import Param
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
                    ("Round trips", count(stats["trips"])),
                    ("Hit rate", percent(stats["hit_rate"])),
                    ("Turnover", number(stats["turnover"])),
                    ("Exposure", percent(stats["exposure"])),
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
    lines = [f"run: {result.path}"] if result.path else []
    lines += ["report: report.html in it"] if result.path and not result.trouble else []
    table = summary_table(sections, title=title, width=width)
    return Group(table, *notes, *map(Text, lines))


def strategy_table(specs: Mapping[str, Spec]) -> RenderableType:
    """Return the strategies by folder: what they do, their binding and their parameters."""
    parts: list[RenderableType] = []
    for folder in dict.fromkeys(Path(spec.file).parent for spec in specs.values()):
        parts.append(Text(f"in {folder}:\n"))
        for name, spec in specs.items():
            if Path(spec.file).parent == folder:
                title = Text.assemble((name, "bold"), "  ", spec.doc)
                parts += [title, parameters(spec), Text()]
    return Group(*parts)


def parameters(spec: Spec) -> Table:
    """Return a strategy's binding and parameters, one a line."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row("  binds", Text(binds(spec)))
    for key, param in spec.params.items():
        table.add_row(f"  {key}={param.default}", Text(describe(param)))
    return table


def binds(spec: Spec) -> str:
    """Return how a strategy meets instruments."""
    legs = f" {', '.join(spec.binding.legs)}" if spec.binding.legs else ""
    return f"{spec.binding.kind}{legs}" + ("" if spec.compiled else " (plain Python)")


def strategy_facts(spec: Spec) -> dict[str, Any]:
    """Return what `alphapanda strategies --json` tells of a strategy."""
    return {
        "class": spec.cls.__name__,
        "file": spec.file,
        "doc": spec.doc,
        "compiled": spec.compiled,
        "binds": spec.binding.kind,
        "legs": list(spec.binding.legs),
        "hooks": list(spec.hooks),
        "params": {name: asdict(param) for name, param in spec.params.items()},
    }


BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def describe(param: Param) -> str:
    """Return a parameter's meaning and bounds: `window of the fast average, >= 1`."""
    bounds = [
        f"{sign} {bound:g}"
        for key, sign in BOUNDS.items()
        if (bound := getattr(param, key)) is not None
    ]
    return ", ".join([*([param.doc] if param.doc else []), *bounds])
