"""`alphapanda resume`, for runs that trade in other processes."""

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


def resume(
    run: Run = None, everything: All = False, strategy: Strategy = None,
    instrument: Instrument = None, reason: Reason = "", wait: Wait = False,
    timeout: Timeout = 10.0, json: Json = False,
) -> int:  # fmt: skip
    """Lift a pause; what was killed stays killed."""
    return command_runs(
        Verb.RESUME, run, scope_of(strategy, instrument), everything=everything,
        reason=reason, wait=wait, timeout=timeout, json=json,
    )  # fmt: skip
