"""`alphapanda report`: a run's page made again from its folder, or several runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from alphapanda import config, files
from alphapanda.calibration import fill_errors
from alphapanda.calibration.fill_errors import Compared
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.errors import OutsideError, UsageError
from alphapanda.research import fill_section
from alphapanda.research.compare import compare_page, comparison
from alphapanda.research.details import details
from alphapanda.research.fill_section import add_fill_errors
from alphapanda.research.pack import Pack
from alphapanda.research.report import run_page
from alphapanda.research.result import Result, read_result
from alphapanda.research.table_csv import table_csv
from alphapanda.runs.command_line import again
from alphapanda.runs.folders import folder_of

HEADS = (
    "both", "live", "paper", "ticks p50", "p95", "bias", "₹ p50", "p95", "apart",
)  # fmt: skip
"""Of the table of a live run's fills."""


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
    fills: Annotated[
        Path | None,
        option("--fills", metavar="FILE.csv", text="Also the fills of one run, as CSV."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a run's HTML page again, or compare several runs in one."""
    sheets = [(name, path) for name, path in (("trades", trades), ("fills", fills)) if path]
    for name, path in sheets:
        if len(runs) > 1:
            raise UsageError(
                f"--{name} {path}: a file holds the {name} of one run, not of {len(runs)}"
            )
    settings = config.load()
    folders = [folder_of(run, settings.runs_dir) for run in runs]
    results = list(map(read_result, folders))
    for name, path in sheets:
        write(path, table_csv(results[0], name), f"--{name}")
    compared = [beside_paper(result, settings.cache_dir) for result in results]
    if len(results) == 1:
        page = run_page(results[0], again(results[0].manifest), section=section_of(compared[0]))
        target = out or folders[0] / "report.html"
    else:
        names = labelled(results)
        page = compare_page(results, names)
        target = out or settings.runs_dir / f"compare-{'-'.join(map(short, names))[:100]}.html"
    written = write(target, page)
    told = {"report": str(written), "runs": told_of(results, compared)}
    if json:
        print_json(told)
        return
    if len(results) > 1:
        print_table(side_by_side(results, labelled(results), width=Console().width))
    for result, each in zip(results, compared, strict=True):
        if each is not None:
            print_table(fills_table(result, fill_errors.errors_as_json(each)))
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


def beside_paper(result: Result, cache_dir: Path) -> Compared | None:
    """Return a live run's orders beside their paper fills; None of any other run."""
    return None if result.path is None else fill_errors.of_folder(result.path, cache_dir)


def section_of(compared: Compared | None) -> Callable[[Pack], dict[str, Any]] | None:
    """Return what adds the fills of a live run to its page."""
    if compared is None:
        return None
    told, points = fill_errors.errors_as_json(compared), fill_errors.points(compared)
    return lambda pack: add_fill_errors(pack, told, points)


def told_of(
    results: Sequence[Result], compared: Sequence[Compared | None]
) -> list[dict[str, Any]]:  # fmt: skip
    """Return what `--json` tells of each run; of a live one its fills beside those of paper too."""
    keys = ("status", "from", "to", "days", "fills", "pnl", "charges", "equity", "digest", "stats")
    return [
        {
            "run": r.summary["run"], **{key: r.summary[key] for key in keys},
            "details": details(r),
            **({} if each is None else {"fill_errors": fill_errors.errors_as_json(each)}),
        }
        for r, each in zip(results, compared, strict=True)
    ]  # fmt: skip


def fills_table(result: Result, told: Mapping[str, Any]) -> RenderableType:
    """Return a live run's fills beside those of paper, for the terminal."""
    name = result.path.name if result.path else "run"
    table = whole_table(columns=("filled in",), numbers=HEADS)
    for name_, *cells in fill_section.rows(told):
        table.add_row(name_, *cells)
    notes = [Text(line) for line in fill_section.lines(told)]
    return Group(Text(f"{name}: live fills beside paper fills", style="bold"), table, *notes)


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
