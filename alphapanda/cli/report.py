"""`alphapanda report`: a run's page made again from its folder, or several runs side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alphapanda import config
from alphapanda.cli.output import print_json, print_table
from alphapanda.errors import OutsideError, UsageError
from alphapanda.research.compare import compare_page, comparison
from alphapanda.research.report import run_page
from alphapanda.research.result import Result
from alphapanda.runs.command_line import again
from alphapanda.runs.folders import load


def report(runs: Sequence[str], *, out: Path | None, json: bool) -> None:
    """Write the page of a run or the comparison of several, and tell where it is."""
    results = [load(run) for run in runs]
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
    return [{"run": r.summary["run"], **{key: r.summary[key] for key in keys}} for r in results]


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


def write(target: Path, page: str) -> Path:
    """Write a page beside its place and move it there whole.

    Raises:
        OutsideError: the system does not let it.
        UsageError: the place is a folder.
    """
    target = target.expanduser().absolute()
    if target.is_dir():
        raise UsageError(f"--out {target}: is a folder; name a file, {target.name}/report.html")
    beside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(page, encoding="utf-8")
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutsideError(
            f"can't write {target}: {error.strerror}; choose another --out"
        ) from error
    return target
