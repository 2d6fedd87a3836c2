"""`alphapanda orders resume`: a person's word that what halted all placing is mended."""

from __future__ import annotations

from alphapanda.cli.beside import OfRun
from alphapanda.cli.commanding import Reason, Timeout, Wait, decide
from alphapanda.cli.flags import Json
from alphapanda.model.commands import Choice


def orders_resume(
    run: OfRun = None, reason: Reason = "", wait: Wait = False, timeout: Timeout = 10.0,
    json: Json = False,
) -> int:  # fmt: skip
    """Let orders leave again after a halt whose cause you have mended.

    Placing halts when Zerodha refuses this machine's address, or when two orders bear one tag.
    """
    return decide(Choice.RESUME, run, "", reason=reason, wait=wait, timeout=timeout, json=json)
