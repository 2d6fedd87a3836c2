"""`alphapanda logout zerodha`: the session ended, at Kite and here."""

from __future__ import annotations

import sys

from alphapanda import config, log
from alphapanda.brokers.zerodha.login import log_out
from alphapanda.cli.flags import Json
from alphapanda.cli.output import print_json


def logout_zerodha(json: Json = False) -> None:
    """End the session at Zerodha, at Kite and in the database."""
    settings = config.load()
    with log.running(settings):
        user = log_out(settings)
    if json:
        print_json({"user_id": user})
    else:
        sys.stdout.write(f"{user} is logged out\n" if user else "nobody was logged in\n")
