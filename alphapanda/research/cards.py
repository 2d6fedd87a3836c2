"""What `check` and `stress` found, as pieces of HTML that take the notebook's own colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from alphapanda.model.money import to_scaled
from alphapanda.research.table import count, money, percent


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its first column is text, the others are numbers."""

    def line(tag: str, cells: Sequence[str]) -> str:
        made = (
            f"<{tag} style='text-align:{'right' if place else 'left'}'>{escape(cell)}</{tag}>"
            for place, cell in enumerate(cells)
        )
        return f"<tr>{''.join(made)}</tr>"

    return f"<table>{line('th', heads)}{''.join(line('td', row) for row in rows)}</table>"


def noted(notes: Sequence[str]) -> str:
    """Return notes as a list, worst first."""
    return f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>" if notes else ""


def stress_card(summary: Mapping[str, Any]) -> str:
    """Return the cases of a stress, and what each left of the P&L."""
    rows = [
        [case["case"], rupees(case["pnl"]), rupees(case["change"]) if place else "",
         left(case) if place else "", count(case["fills"]), rupees(case["charges"])]
        for place, case in enumerate(summary["cases"])
    ]  # fmt: skip
    title = f"{', '.join(summary['strategies'])} {summary['from']} to {summary['to']}"
    heads = ["case", "P&L", "change", "survives", "fills", "charges"]
    why = [f"{case['case']}: {case['why']}" for case in summary["cases"] if case.get("why")]
    notes = noted([*why, *summary["notes"]])
    return f"<div><b>stress of {escape(title)}</b>{html_table(heads, rows)}{notes}</div>"


def check_card(summary: Mapping[str, Any]) -> str:
    """Return the findings of a check, the gravest first."""
    findings = summary["findings"]
    told = f"{len(findings)} findings" if findings else "nothing found"
    rows = [
        [finding["how"], finding["strategy"], finding["instrument"], finding["time"],
         finding["why"], finding["todo"]]
        for finding in findings
    ]  # fmt: skip
    heads = ["what", "strategy", "instrument", "time", "why", "what to do"]
    table = html_table(heads, rows) if rows else ""
    title = f"{', '.join(summary['strategies'])} {summary['from']} to {summary['to']}"
    return f"<div><b>check of {escape(title)}: {told}</b>{table}{noted(summary['notes'])}</div>"


def rupees(text: str) -> str:
    """Return a decimal string as India writes it."""
    return money(to_scaled(text))


def left(case: Mapping[str, Any]) -> str:
    """Return what is left of a profit in per cent, and of a loss in words."""
    if case["survives"] is None:
        return str(case["verdict"])
    return "profit gone" if case["survives"] <= 0 else percent(case["survives"], digits=0)
