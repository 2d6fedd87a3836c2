"""`alphapanda backtest`: one run over recorded data; progress on stderr, its result on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console

from alphapanda import config
from alphapanda.cli.flags import Json, Strategy, option, run_options
from alphapanda.cli.output import print_json, print_table
from alphapanda.cli.progress import progress_bar
from alphapanda.cli.show import result_table
from alphapanda.errors import OutsideError
from alphapanda.research.rundir import RunDirectory
from alphapanda.runs import backtest as runs
from alphapanda.runs import run_files
from alphapanda.runs.folders import default_out
from alphapanda.runs.options import RUN


@run_options
def backtest(
    strategy: Strategy,
    given: dict[str, Any],
    json: Json = False,
    out: Annotated[
        Path | None,
        option(metavar="FOLDER", panel=RUN, text="Run directory. (default: runs/TIME-STRATEGY)"),
    ] = None,
    journal: Annotated[
        bool, option("--journal", panel=RUN, text="Keep a journal, for alphapanda verify.")
    ] = False,
    bus: Annotated[
        bool, option("--bus", panel=RUN, text="Keep a journal, and publish it to the topics.")
    ] = False,
) -> None:
    """Run a strategy over recorded data, by its name or by a run file."""
    more = {"out": out, "journal": journal or bus or None}
    given = {**given, **{name: value for name, value in more.items() if value is not None}}
    run(strategy, given, json=json, bus=bus)


def run(strategy: str, given: Mapping[str, Any], *, json: bool, bus: bool = False) -> None:
    """Run one backtest, publish it where `bus` says so, and print its result."""
    made = run_files.of_command(strategy, given)
    settings = config.load()
    if bus:
        from alphapanda.runtime.servers import served  # noqa: PLC0415 (seldom asked for)

        served(settings)
    folder = default_out(made, settings.runs_dir)
    directory = RunDirectory(folder, numbered=True) if made.out is None else None
    with progress_bar(quiet=json) as progress:
        result = runs.run_backtest(made, settings, progress=progress, directory=directory)
    if json:
        print_json(result.summary)
    else:
        print_table(result_table(result, width=Console().width))
    if bus and result.path is not None:
        from alphapanda.runtime.relaying import publish  # noqa: PLC0415 (heavy, and seldom asked for)

        publish(result.path, settings)
    if made.journal and result.path is not None:
        from alphapanda.runtime.projecting import project  # noqa: PLC0415

        project(result.path, settings)
    if result.trouble:
        raise OutsideError(result.trouble)
    if result.summary["status"] == "interrupted":
        raise KeyboardInterrupt
