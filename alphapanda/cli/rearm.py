"""`alphapanda rearm`, for runs that trade in other processes."""

from __future__ import annotations

from typing import Annotated

from alphapanda import config
from alphapanda.cli.commanding import (
    All,
    Instrument,
    Reason,
    Run,
    Strategy,
    Timeout,
    Wait,
    command_runs,
    confirm_account,
    scope_of,
)
from alphapanda.cli.flags import Json, option
from alphapanda.model.commands import Verb


def rearm(
    run: Run = None, everything: All = False, strategy: Strategy = None,
    instrument: Instrument = None,
    account: Annotated[
        str | None, option("--account", metavar="ID", text="The account's id, to be sure.")
    ] = None,
    reason: Reason = "", wait: Wait = False, timeout: Timeout = 10.0, json: Json = False,
) -> int:  # fmt: skip
    """Lift a kill, and nothing else; the account's id is asked for."""
    confirm_account(account, config.load().account_id, "rearm lets orders pass again")
    return command_runs(
        Verb.REARM, run, scope_of(strategy, instrument), everything=everything, reason=reason,
        wait=wait, timeout=timeout, json=json,
    )  # fmt: skip
