"""`alphapanda orders adopt`: a person's word that an order of the account is a strategy's."""

from __future__ import annotations

from typing import Annotated

import typer

from alphapanda import config
from alphapanda.cli.beside import OfRun
from alphapanda.cli.commanding import (
    Reason,
    Scope,
    Timeout,
    Wait,
    command_runs,
    sending_target,
)
from alphapanda.cli.flags import Json, option
from alphapanda.model.commands import Verb

Order = Annotated[str, typer.Argument(metavar="ORDER", help="The order's number at the broker.")]
Taker = Annotated[str, option("--strategy", metavar="NAME", text="The strategy that takes it.")]


def orders_adopt(
    order: Order, strategy: Taker, run: OfRun = None, reason: Reason = "", wait: Wait = False,
    timeout: Timeout = 10.0, json: Json = False,
) -> int:  # fmt: skip
    """Make an order of the account a strategy's, with what was filled of it today.

    It may work still, or be filled: a position of today is adopted by the orders that made it. The
    strategy may change and cancel it from then on; no bracket stands behind it. It must be of an
    instrument that the strategy trades, and of the same product.
    """
    target = sending_target(config.load(), run)
    return command_runs(
        Verb.ADOPT, str(target.folder), Scope("strategy", strategy, order_id=order),
        everything=False, reason=reason, wait=wait, timeout=timeout, json=json,
    )  # fmt: skip
