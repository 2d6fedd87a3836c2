"""`alphapanda orders ignore`: a person's word on an order that no run knows."""

from __future__ import annotations

from typing import Annotated

import typer

from alphapanda.cli.beside import OfRun
from alphapanda.cli.commanding import Reason, Timeout, Wait, decide
from alphapanda.cli.flags import Json
from alphapanda.model.commands import Choice

Order = Annotated[str, typer.Argument(metavar="ORDER", help="The order's number at the broker.")]


def orders_ignore(
    order: Order, run: OfRun = None, reason: Reason = "", wait: Wait = False,
    timeout: Timeout = 10.0, json: Json = False,
) -> int:  # fmt: skip
    """Take an order in quarantine for somebody else's: its instrument takes risk again.

    It is neither cancelled nor followed; `alphapanda orders --broker zerodha` shows it.
    """
    return decide(Choice.IGNORE, run, order, reason=reason, wait=wait, timeout=timeout, json=json)
