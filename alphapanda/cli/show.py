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
from alphapanda.research import lines
from alphapanda.research.lines import rupees
from alphapanda.research.result import Result
from alphapanda.research.table import count, duration, number, percent, summary_table


def result_table(result: Result, *, width: int) -> RenderableType:
    """Return a run's summary: what is wrong with it, result, risk, trades, costs, data, notes."""
    s = result.summary
    stats = s["stats"]
    title = f"{', '.join(s['strategies'])}  {s['from']} to {s['to']}"
    if s["status"] != "complete":
        title += f"  ({s['status'].upper()}: PARTIAL RESULT)"
    sections = [
        ("Result", [("P&L after charges", rupees(s["pnl"])), ("Return", percent(stats["return"])),
                    ("Final equity", rupees(s["equity"])), ("CAGR", percent(stats["cagr"]))]),
        ("Ratios of daily returns", lines.ratio_rows(stats)),
        ("Risk", [*lines.drawdown_rows(stats), *lines.time_rows(stats)]),
        ("Trades", [("Fills", count(s["fills"])), ("Round trips", count(stats["trips"])),
                    ("Hit rate", percent(stats["hit_rate"])),
                    ("Turnover", number(stats["turnover"]))]),
        ("Orders", lines.request_rows(s)),
        ("Charges", [(k.replace("_", " "), rupees(v)) for k, v in s["charges_by"].items()]
                    + [("total", rupees(s["charges"]))]),
        ("Rejected by", [(k, count(v)) for k, v in s["rejected_by"].items()]),
        ("Data", [("Rows", count(s["ticks"])), ("Days with rows", count(s["days"])),
                  ("Trading days", count(stats["days"])),
                  ("Instruments", count(len(s["instruments"]))), ("Kind", s["kind"])]
                 + [(f"dropped: {k}", count(v)) for k, v in s["repairs"].items()]),
        ("Engine", [("Time", duration(s["engine_s"])), ("Rows/s", count(s["ticks_per_s"])),
                    ("Events", count(s["events"])), ("Digest", s["digest"][:16])]),
    ]  # fmt: skip
    bad, quiet = lines.loud_and_quiet(s)
    warnings = [Text(f"warning: {note}", style="bold red") for note in bad]
    notes = [Text(f"note: {note}", style="yellow") for note in quiet]
    after = [lines.pnl_line(s)] if lines.pnl_line(s) else []
    ends = [f"run: {result.path}"] if result.path else []
    ends += ["report: report.html in it"] if result.path and not result.trouble else []
    table = summary_table(sections, title=title, width=width)
    return Group(*warnings, table, *map(Text, after), *notes, *map(Text, ends))


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
