"""A person's folder on a running simulator: settings, a login, today's list of instruments."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alphapanda.brokers.zerodha import dumps, login
from alphapanda.config.settings import Settings
from alphapanda.model.calendar import ist_date
from tests.support.kite import MASTER_KEY
from tests.support.kitesim import OUTSIDE, Server


def variables(server: Server, base: Path) -> dict[str, str]:
    """Return the environment in which commands reach a simulator."""
    facts = server.facts
    values = {
        "USER_ID": facts["user_id"], "API_KEY": facts["api_key"], "ENABLED": "true",
        "API_SECRET": facts["api_secret"], "API_URL": facts["rest"], "FEED_URL": facts["ws"],
        "LOGIN_URL": f"{facts['rest']}/connect/login",
    }  # fmt: skip
    return {
        "ALPHAPANDA_BASE_DIR": str(base), "ALPHAPANDA_SECURITY__KEY": MASTER_KEY,
        "ALPHAPANDA_LOGS__CONSOLE": "off",
        **{f"ALPHAPANDA_ZERODHA__{name}": text for name, text in values.items()},
    }  # fmt: skip


def token_of(server: Server) -> str:
    """Log in without any client library, and return the access token."""
    facts, token = server.facts, server.request_token()
    checksum = hashlib.sha256(f"{facts['api_key']}{token}{facts['api_secret']}".encode())
    form = {"api_key": facts["api_key"], "request_token": token, "checksum": checksum.hexdigest()}
    answer = OUTSIDE.post(f"{facts['rest']}/session/token", data=form, timeout=60).json()
    return str(answer["data"]["access_token"])


def log_in(server: Server, settings: Settings) -> None:
    """Log in as a person would, keep the session, and the simulator's dump as the day's list.

    `instruments fetch` wants a whole market's list, and a simulator has that of its data.
    """
    login.log_in(settings, lambda _: None, request_token=server.request_token())
    facts = server.facts
    text = OUTSIDE.get(
        f"{facts['rest']}/instruments", timeout=60,
        headers={"Authorization": f"token {facts['api_key']}:{token_of(server)}"},
    ).text  # fmt: skip
    path = dumps.path_of(settings.instruments_dir, ist_date(server.sim("clock")["now_ns"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))


@contextmanager
def evening(server: Server) -> Iterator[None]:
    """Let the clock go to the evening once the data have ended, so that a feed ends too."""
    over = threading.Event()

    def wait() -> None:
        while not over.wait(0.1):
            if server.sim("state")["ended"]:
                server.go_wrong(do="clock-jump", at="00:00:01", seconds=8 * 3600.0)
                return

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
