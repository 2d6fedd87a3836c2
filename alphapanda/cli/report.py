"""`alphapanda report`: a run's page made again from its folder, or several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from alphapanda import config, files
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json, print_table
from alphapanda.errors import OutsideError, UsageError
from alphapanda.research.compare import compare_page, comparison
from alphapanda.research.details import details
from alphapanda.research.report import run_page
from alphapanda.research.result import Result
from alphapanda.research.trade_csv import trades_csv
from alphapanda.runs.command_line import again
from alphapanda.runs.folders import load


def report(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="A name under runs/, or a folder.")
    ],
    out: Annotated[
        Path | None,
        option(
            metavar="FILE",
            text="The page. (default: report.html in the run; for several runs/compare-....html)",
        ),
    ] = None,
    trades: Annotated[
        Path | None,
        option("--trades", metavar="FILE.csv", text="Also the round trips of one run, as CSV."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a run's HTML page again, or compare several runs in one."""
    if trades is not None and len(runs) > 1:
        raise UsageError(f"--trades {trades}: a file holds the round trips of one run, not of "
                         f"{len(runs)}")  # fmt: skip
    results = [load(run) for run in runs]
    if trades is not None:
        write(trades, trades_csv(results[0]), "--trades")
    if len(results) == 1:
        page = run_page(results[0], again(results[0].manifest))
        target = out or results[0].path / "report.html"  # type: ignore[operator]
    else:
        names = labelled(results)
        page = compare_page(results, names)
        target = out or config.load().runs_dir / f"compare-{'-'.join(map(short, names))[:100]}.html"
    written = write(target, page)
    told = {"report": str(written), "runs": told_of(results)}
    if json:
        print_json(told)
        return
    if len(results) > 1:
        print_table(side_by_side(results, labelled(results), width=Console().width))
    print_table(Text(f"report: {written}", overflow="fold"))


def short(name: str) -> str:
    """Return a run's name as part of the name of a file."""
    return "".join(letter if letter.isalnum() or letter in "._" else "_" for letter in name)


def labelled(results: Sequence[Result]) -> list[str]:
    """Return a name for each run: its folder's, numbered where two are alike."""
    names = [result.path.name if result.path else "run" for result in results]
    return [
        f"{name} ({names[: place + 1].count(name)})" if names.count(name) > 1 else name
        for place, name in enumerate(names)
    ]


def told_of(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return what `--json` tells of each run."""
    keys = ("status", "from", "to", "days", "fills", "pnl", "charges", "equity", "digest", "stats")
    return [
        {"run": r.summary["run"], **{key: r.summary[key] for key in keys}, "details": details(r)}
        for r in results
    ]


def side_by_side(results: Sequence[Result], names: Sequence[str], *, width: int) -> Table:
    """Return the figures of runs, one a column; as many lines a run as a narrow terminal needs."""
    rows = [(label, cells) for label, cells in comparison(results)]
    table = Table(box=None, width=min(width, 30 + 26 * len(names)), header_style="bold")
    table.add_column("", style="dim", no_wrap=True)
    for name in names:
        table.add_column(Text(name, overflow="fold"), justify="right", overflow="fold")
    for label, cells in rows:
        table.add_row(label, *cells)
    return table


def write(target: Path, page: str, flag: str = "--out") -> Path:
    """Write a file beside its place and move it there whole.

    Raises:
        OutsideError: the system does not let it.
        UsageError: the place is a folder.
    """
    target = target.expanduser().absolute()
    if target.is_dir():
        raise UsageError(f"{flag} {target}: is a folder; name a file, {target.name}/report.html")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(target, page)
    except OSError as error:
        raise OutsideError(
            f"can't write {target}: {error.strerror}; choose another {flag}"
        ) from error
    return target
