"""`alphapanda demo`: a session made up, and a backtest on it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

from rich.console import Console

from alphapanda import config
from alphapanda.cli import backtest
from alphapanda.cli.flags import option
from alphapanda.data.synth.sessions import synthesize
from alphapanda.research.rundir import make_folder
from alphapanda.runs import discovery

DEMO_DAY = date(2025, 8, 4)


def demo(
    out: Annotated[
        Path | None,
        option(metavar="FOLDER", text="For the generated session. (default: runs/demo)"),
    ] = None,
) -> None:
    """Generate a session of NSE-like ticks and backtest ema_cross on it."""
    folder = out or config.load().runs_dir / "demo"
    path = folder / "session.parquet"
    console = Console(stderr=True)
    if not path.exists():
        console.print("generating a session of NSE-like ticks: 5 shares, 3 days, seed 7")
        make_folder(folder)
        synthesize(path, day=DEMO_DAY, days=3, instruments=5, ticks_per_instrument=20_000, seed=7)
    console.print("compiling the core for ema_cross (about 15 s the first time) and running it")
    given = {"data": [str(path)], "params": ["fast=200", "slow=1000", "quantity=10"]}
    backtest.run(str(discovery.shipped_dir() / "ema_cross.py"), given, json=False)
