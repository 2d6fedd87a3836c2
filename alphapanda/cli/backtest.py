"""What the command line's words do: run, show progress on stderr, print the result on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from alphapanda import config
from alphapanda.cli.output import print_json, print_table
from alphapanda.cli.progress import progress_bar
from alphapanda.cli.show import result_table, strategy_facts, strategy_table
from alphapanda.data.synth.sessions import synthesize
from alphapanda.engine.compiler.declared import Spec
from alphapanda.errors import OutsideError, UsageError
from alphapanda.research.rundir import RunDirectory, make_folder
from alphapanda.runs import backtest as runs
from alphapanda.runs import discovery, options
from alphapanda.runs.folders import default_out

DEMO_DAY = date(2025, 8, 4)


def backtest(strategy: str, given: Mapping[str, Any], *, json: bool, bus: bool = False) -> None:
    """Run one backtest, publish it where `bus` says so, and print its result."""
    made = options.of_command(strategy, given)
    if bus:
        from alphapanda.runtime.servers import served  # noqa: PLC0415 (seldom asked for)

        served(config.load())
    directory = RunDirectory(default_out(made), numbered=True) if made.out is None else None
    with progress_bar(quiet=json) as progress:
        result = runs.run_backtest(made, progress=progress, directory=directory)
    if json:
        print_json(result.summary)
    else:
        print_table(result_table(result, width=Console().width))
    if bus and result.path is not None:
        from alphapanda.runtime.relaying import publish  # noqa: PLC0415 (heavy, and seldom asked for)

        publish(result.path)
    if made.journal and result.path is not None:
        from alphapanda.runtime.projecting import project  # noqa: PLC0415

        project(result.path)
    if result.trouble:
        raise OutsideError(result.trouble)
    if result.summary["status"] == "interrupted":
        raise KeyboardInterrupt


def demo(out: Path | None) -> None:
    """Generate a session and backtest on it."""
    folder = out or config.load().runs_dir / "demo"
    path = folder / "session.parquet"
    console = Console(stderr=True)
    if not path.exists():
        console.print("generating a session of NSE-like ticks: 5 shares, 3 days, seed 7")
        make_folder(folder)
        synthesize(path, day=DEMO_DAY, days=3, instruments=5, ticks_per_instrument=20_000, seed=7)
    console.print("compiling the core for ema_cross (about 15 s the first time) and running it")
    given = {"data": [str(path)], "params": ["fast=200", "slow=1000", "quantity=10"]}
    backtest(str(discovery.shipped_dir() / "ema_cross.py"), given, json=False)


def list_strategies(*, json: bool) -> None:
    """Print the strategies that are found by name; those that don't load are told on stderr."""
    specs: dict[str, Spec] = {}
    failures: list[str] = []
    for name in discovery.available():
        try:
            specs[name] = discovery.find(name)
        except UsageError as error:
            failures.append(str(error))
    if json:
        told = {name: strategy_facts(spec) for name, spec in specs.items()}
        print_json(told)
    else:
        print_table(strategy_table(specs))
    if failures:
        raise UsageError("\nalphapanda: ".join(failures))
