"""`alphapanda paper`: strategies on a feed, in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from alphapanda.cli import run
from alphapanda.cli.flags import STRATEGY, Json, option, run_options
from alphapanda.runs.options import RUN


@run_options
def paper(
    strategies: Annotated[list[str], typer.Argument(metavar="STRATEGY...", help=STRATEGY)],
    given: dict[str, Any],
    feed: Annotated[list[str], option(metavar="FEED", panel=RUN, text=run.FEED)],
    speed: Annotated[str | None, option(metavar="N", panel=RUN, text=run.SPEED)] = None,
    json: Json = False,
    out: Annotated[Path | None, option(metavar="FOLDER", panel=RUN, text=run.OUT)] = None,
) -> int:
    """Trade on paper: a feed at its own pace, with a journal that survives a crash."""
    return run.carry_out_roles(
        strategies, given, roles=[], feed=feed, speed=speed, out=out, json=json
    )
