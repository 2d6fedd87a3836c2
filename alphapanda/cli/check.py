"""`alphapanda check`: progress on stderr, findings as tables or one JSON object on stdout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from alphapanda import config
from alphapanda.cli.flags import Json, Strategy, option, run_options
from alphapanda.cli.output import print_json, print_table
from alphapanda.cli.progress import progress_bar
from alphapanda.research.table import WIDTH, count
from alphapanda.runs import run_files
from alphapanda.runs.options import RUN
from alphapanda.validation import check as checks

FINDING = 1


@run_options
def check(
    strategy: Strategy,
    given: dict[str, Any],
    cuts: Annotated[
        str, option(metavar="N", panel=RUN, text="Times the history is cut. (default: 5)")
    ] = "5",
    tolerance: Annotated[
        str,
        option(
            metavar="SHARE",
            panel=RUN,
            text="How far an indicator may be off after its warm-up. (default: 5%)",
        ),
    ] = "5%",
    json: Json = False,
) -> int:
    """Look for decisions that use the future, chance, or too short a warm-up; status 1 if any."""
    made = run_files.of_command(strategy, given, leaving=["out"])
    with progress_bar(quiet=json, what="check") as progress:
        found = checks.run(made, config.load(), cuts=cuts, tolerance=tolerance, progress=progress)
    tell(found.summary, check_table(found.summary), json=json)
    return FINDING if found.summary["findings"] else 0


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
             "changed": ("all rows", "other future"), "learnt": ("it holds", "else"),
             "order": ("as they came", "in another order"),
             "batches": ("usual portions", "other portions")}  # fmt: skip


def finding_rows(finding: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield label and text of what a trader wants to know of a finding."""
    one, other = REFERENCE.get(finding["how"], ("first run", "second run"))
    yield (
        "where",
        (
            f"{finding['strategy']} on {finding['instrument']}, {finding['time']} IST, "
            f"row {finding['row']:,} in order of time"
        ),
    )
    if "cut_row" in finding:
        yield "cut", f"at {finding['cut_time']}, row {finding['cut_row']:,}"
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
    for value in finding["values"]:
        kind = "indicator" if value["name"] == finding["indicator"] else "it holds"
        both = f"{value['name']} = {show_number(value['with'])}"
        if value["without"] is not None:
            both += f", and {show_number(value['without'])} {other}"
        yield kind, both
    for path in finding.get("reads", ()):
        yield "it reads", path
    yield "why", finding["why"]
    yield "do", finding["todo"]


def show_number(value: Any) -> str:
    """Return a value with as many digits as matter."""
    return f"{value:,.8g}" if isinstance(value, float) else str(value)
