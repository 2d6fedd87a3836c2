"""`alphapanda cancel`, for runs that trade in other processes."""

from __future__ import annotations

from typing import Annotated

import typer

from alphapanda.cli.commanding import Reason, Run, Scope, Timeout, Wait, command_runs
from alphapanda.cli.flags import Json
from alphapanda.model.commands import Verb

Order = Annotated[int, typer.Argument(metavar="ORDER", min=1, help="The order's number.")]


def cancel(
    run: Run, order: Order, reason: Reason = "", wait: Wait = False, timeout: Timeout = 10.0,
    json: Json = False,
) -> int:  # fmt: skip
    """Cancel one working order, whichever strategy's it is."""
    return command_runs(
        Verb.CANCEL, run, Scope(order=order), everything=False, reason=reason, wait=wait,
        timeout=timeout, json=json,
    )  # fmt: skip
