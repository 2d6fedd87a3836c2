"""`alphapanda demo`: a session made up, and a backtest on it."""

from __future__ import annotations

import os
import sys
import time
from datetime import date
from pathlib import Path
from typing import Annotated

from rich.console import Console

from alphapanda import config
from alphapanda.cli import backtest
from alphapanda.cli.flags import option
from alphapanda.config.keys import environment_of
from alphapanda.config.settings import PREFIX
from alphapanda.data.synth.sessions import synthesize
from alphapanda.errors import OutsideError
from alphapanda.research.rundir import make_folder
from alphapanda.runs import discovery
from alphapanda.runs.stopping import NAP_S, orderly

DEMO_DAY = date(2025, 8, 4)


def demo(
    out: Annotated[
        Path | None,
        option(metavar="FOLDER", text="For the generated session. (default: runs/demo)"),
    ] = None,
    live: Annotated[
        bool, option("--live", text="Trade a made-up session on paper at speed, with the API and "
                     "its page, until Ctrl-C.")
    ] = False,
    speed: Annotated[str, option(metavar="N", text="Of --live. (default: 60x)")] = "60x",
    port: Annotated[int, option(metavar="N", text="Of --live's page. (default: a free one)")] = 0,
) -> None:  # fmt: skip
    """Generate a session of NSE-like ticks and backtest ema_cross on it."""
    if live:
        show_live(out, speed=speed, port=port)
        return
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


def show_live(out: Path | None, *, speed: str, port: int) -> None:
    """Trade a made-up session with the page beside it, in a base folder of its own.

    Raises:
        KeyboardInterrupt: at the end, which Ctrl-C is.
    """
    from alphapanda.runtime import demonstration  # noqa: PLC0415 (SQLAlchemy)

    console = Console(stderr=True)
    base = demonstration.make_base(out or config.load().base_dir / "demo-live")
    wanted = environment_of(base, {})
    for name in set(os.environ) - set(wanted):  # settings of the user: his database, his servers
        del os.environ[name]
    os.environ.update(wanted)
    console.print(f"preparing a session, tables and a user in {base}")
    made = demonstration.prepare(config.load())
    with orderly() as asked, demonstration.running(made, speed=speed, port=port) as begun:
        address, processes = begun
        sys.stdout.write(f"page      {address}/\nuser      {demonstration.USER}\n"
                         f"password  {made.password}\n")  # fmt: skip
        sys.stdout.flush()
        console.print(
            f"trading three strategies at {speed}: the first time they are compiled, which takes "
            f"half a minute; Ctrl-C ends it all. In another terminal: "
            f"{PREFIX}BASE_DIR={base} alphapanda status"
        )
        over = False
        while not asked() and processes.ended("api") is None:
            time.sleep(NAP_S)
            if not over and processes.ended("paper") is not None:
                over = True
                told = "the session is over" if processes.ended("paper") == 0 else (
                    f"trading has ended: {processes.last_word('paper')}")  # fmt: skip
                console.print(f"{told}; the page stays until Ctrl-C", markup=False)
        if not asked():
            raise OutsideError(f"the API has ended: {processes.last_word('api')}")
