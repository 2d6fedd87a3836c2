"""`alphapanda flatten`, for runs that trade in other processes."""

from __future__ import annotations

from alphapanda.cli.commanding import (
    All,
    Instrument,
    Reason,
    Run,
    Strategy,
    Timeout,
    Wait,
    command_runs,
    scope_of,
)
from alphapanda.cli.flags import Json
from alphapanda.model.commands import Verb


def flatten(
    run: Run = None, everything: All = False, strategy: Strategy = None,
    instrument: Instrument = None, reason: Reason = "", wait: Wait = False,
    timeout: Timeout = 10.0, json: Json = False,
) -> int:  # fmt: skip
    """Pause, cancel all working orders, and close the positions by market orders."""
    return command_runs(
        Verb.FLATTEN, run, scope_of(strategy, instrument), everything=everything,
        reason=reason, wait=wait, timeout=timeout, json=json,
    )  # fmt: skip
