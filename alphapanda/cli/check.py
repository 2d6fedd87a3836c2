"""The commands `check` and `stress`: progress on stderr, a table or one JSON object on stdout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from alphapanda.cli.output import print_json, print_table
from alphapanda.cli.progress import progress_bar
from alphapanda.model.money import SCALE, to_scaled
from alphapanda.research.cards import left
from alphapanda.research.table import DASH, WIDTH, count
from alphapanda.runs import options
from alphapanda.validation import check as checks
from alphapanda.validation import stress as stresses

FINDING = 1


def check(strategy: str, given: Mapping[str, Any], *, json: bool, **how: Any) -> int:
    """Check a strategy, print what was found, and return the exit status."""
    made = options.of_command(strategy, given, leaving=["out"])
    with progress_bar(quiet=json, what="check") as progress:
        summary = checks.run(made, **how, progress=progress).summary
    tell(summary, check_table(summary), json=json)
    return FINDING if summary["findings"] else 0


def stress(strategy: str, given: Mapping[str, Any], *, json: bool) -> None:
    """Run a strategy under worse conditions and print what is left of its P&L."""
    made = options.of_command(strategy, given, leaving=["out"])
    with progress_bar(quiet=json, what="stress") as progress:
        summary = stresses.run(made, progress=progress).summary
    tell(summary, stress_table(summary), json=json)


def tell(summary: Mapping[str, Any], table: RenderableType, *, json: bool) -> None:
    """Print a summary as one JSON object, or as a table."""
    if json:
        print_json(summary)
    else:
        print_table(table)


def heading(summary: Mapping[str, Any]) -> str:
    """Return strategies and days."""
    return f"{', '.join(summary['strategies'])}  {summary['from']} to {summary['to']}"


def noted(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what the reader should know."""
    for note in summary["notes"]:
        yield Text(f"note: {note}", style="yellow")


def check_table(summary: Mapping[str, Any]) -> RenderableType:
    """Return what a check found: a verdict, then each finding by what, where, why, what to do."""
    counts = (
        f"{count(summary['runs'])} runs of {count(summary['rows'])} rows, "
        f"{count(summary['decisions'])} decisions compared"
    )
    findings = summary["findings"]
    verdict = Text("nothing found", style="bold green")
    if findings:
        verdict = Text(plural(len(findings), "finding"), style="bold red")
    first = Text.assemble((heading(summary), "bold"), ": ", verdict, f" ({counts})")
    parts: list[RenderableType] = [first]
    parts += [finding_table(finding) for finding in findings]
    return Group(*parts, *noted(summary))


def plural(number: int, word: str) -> str:
    """Return a number of things: `1 finding`, `2 findings`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def finding_table(finding: Mapping[str, Any]) -> Table:
    """Return one finding."""
    table = Table(
        title=Text(f"{finding['kind']}: {finding['what']}", style="bold red"), title_justify="left",
        box=box.ROUNDED, show_header=False, border_style="dim", width=min(Console().width, WIDTH),
    )  # fmt: skip
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for label, value in finding_rows(finding):
        table.add_row(label, Text(value))
    return table


REFERENCE = {"warm-up": ("long history", "started later"), "cut": ("all rows", "rows cut off"),
             "changed": ("all rows", "other future")}  # fmt: skip


def finding_rows(finding: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield label and text of what a trader wants to know of a finding."""
    one, other = REFERENCE.get(finding["how"], ("first run", "second run"))
    yield (
        "where",
        (
            f"{finding['strategy']} on {finding['instrument']}, {finding['time']} IST, "
            f"row {finding['row'] + 1:,} in order of time"
        ),
    )
    if "cut_row" in finding:
        yield "cut", f"at {finding['cut_time']}, row {finding['cut_row'] + 1:,}"
    if "start_row" in finding:
        yield (
            "started",
            (
                f"{finding['start_time']}, {finding['rows_since_start']:,} rows before; "
                f"decides after {finding['first']:,}, settles after {finding['settled']:,}"
            ),
        )
    yield one, finding["with"]
    yield other, finding["without"]
    if finding["value"] is not None:
        kind = "indicator" if finding["indicator"] else "it holds"
        yield (
            kind,
            (
                f"{finding['value']} = {shown(finding['value_with'])}, "
                f"and {shown(finding['value_without'])} {other}"
            ),
        )
    for path in finding.get("reads", ()):
        yield "it reads", path
    yield "why", finding["why"]
    yield "do", finding["todo"]


def shown(value: Any) -> str:
    """Return a value with as many digits as matter."""
    return f"{value:,.8g}" if isinstance(value, float) else str(value)


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
            case["case"], whole(case["pnl"]), whole(case["change"]) if place else DASH,
            left(case) if place else DASH, count(case["fills"]), whole(case["charges"]),
            style=None if place else "bold",
        )  # fmt: skip
    return Group(table, *idle(summary), *noted(summary))


def whole(text: str) -> str:
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
