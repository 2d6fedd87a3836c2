"""`alphapanda login zerodha`: the day's session, by a browser or by a request token."""

from __future__ import annotations

import sys
from typing import Annotated

from alphapanda import config, log
from alphapanda.brokers.zerodha.clocks import time_text
from alphapanda.brokers.zerodha.login import log_in
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json

RequestToken = Annotated[
    str | None,
    option("--request-token", metavar="T",
           text="From the address that a browser elsewhere was sent to; nothing is served."),
]  # fmt: skip


def login_zerodha(request_token: RequestToken = None, json: Json = False) -> None:
    """Log in at Zerodha for the day: a page to open, or a request token from one."""
    settings = config.load()
    with log.running(settings):
        done = log_in(settings, show_page, request_token=request_token)
    if json:
        print_json({**done._asdict(), "expires": time_text(done.expires_ns)})
        return
    sys.stdout.write(
        f"{'SIMULATOR: ' if done.simulator else ''}logged in as {done.user_id} ({done.name}) "
        f"until {time_text(done.expires_ns)}\n"
    )


def show_page(address: str) -> None:
    """Print what to open; to stderr, for it is no result."""
    sys.stderr.write(f"Open this page and log in; this command waits:\n{address}\n")
    sys.stderr.flush()
