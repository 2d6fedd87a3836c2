"""`alphapanda stress`: progress on stderr, a table of cases or one JSON object on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alphapanda import config
from alphapanda.cli.check import heading, noted, tell
from alphapanda.cli.flags import Json, Strategy, run_options
from alphapanda.cli.progress import progress_bar
from alphapanda.model.money import SCALE, to_scaled
from alphapanda.research.cards import left
from alphapanda.research.table import DASH, count
from alphapanda.runs import run_files
from alphapanda.validation import stress as stresses


@run_options
def stress(strategy: Strategy, given: dict[str, Any], json: Json = False) -> None:
    """Rerun with worse fills, dearer charges and lost rows: how much of the P&L survives."""
    made = run_files.of_command(strategy, given, leaving=["out"])
    with progress_bar(quiet=json, what="stress") as progress:
        summary = stresses.run(made, config.load(), progress=progress).summary
    tell(summary, stress_table(summary), json=json)


def stress_table(summary: Mapping[str, Any]) -> RenderableType:
    """Return what each case left of the P&L."""
    table = Table(
        title=Text(heading(summary), style="bold"), box=box.SIMPLE, border_style="dim",
        collapse_padding=True, pad_edge=False,
    )  # fmt: skip
    table.add_column("case")
    for name in ("P&L", "change", "survives", "fills", "charges"):
        # Where the terminal is narrow words give way, never digits.
        table.add_column(name, justify="right", no_wrap=name != "survives")
    for place, case in enumerate(summary["cases"]):
        if place + 1 == len(summary["cases"]):
            table.add_section()
        table.add_row(
            case["case"], round_rupees(case["pnl"]),
            round_rupees(case["change"]) if place else DASH,
            left(case) if place else DASH, count(case["fills"]), round_rupees(case["charges"]),
            style=None if place else "bold",
        )  # fmt: skip
    return Group(table, *idle(summary), *noted(summary))


def round_rupees(text: str) -> str:
    """Return a decimal string in whole rupees: a table of cases needs no paise."""
    return f"₹{count(round(to_scaled(text) / SCALE))}".replace("₹-", "-₹")


def idle(summary: Mapping[str, Any]) -> list[Text]:
    """Return why some cases can't change anything on these data, those of one reason together."""
    cases: dict[str, list[str]] = {}
    for case in summary["cases"]:
        if case.get("why"):
            cases.setdefault(case["why"], []).append(case["case"])
    return [
        Text(f"not applicable: {', '.join(names)}: {why}", style="yellow")
        for why, names in cases.items()
    ]
