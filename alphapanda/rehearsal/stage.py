"""The stage of a rehearsal: a simulator, and settings that lead nowhere else.

Every command of a rehearsal is a process of its own with an environment of its own: the base
folder, database and key are made for it, and no server of the user's settings is in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from alphapanda.config.keys import environment_of, new_key
from alphapanda.errors import OutsideError

PROGRAM = (sys.executable, "-m", "alphapanda")
STOP_S = 20.0
ANSWER_S = 60.0
USER = "SIM001"
LAST_WORDS = 2_000
"""Characters of a process's complaints that are shown."""


class Simulated(NamedTuple):
    """A simulator that serves."""

    rest: str
    ws: str
    login: str
    api_key: str
    api_secret: str
    user_id: str
    pid: int


def environment(base: Path, callback: str, sim: Simulated | None = None) -> dict[str, str]:
    """Return the environment of a rehearsal's processes: nothing of the user's settings."""
    ours = {
        "ACCOUNT_ID": USER, "ZERODHA__CALLBACK_URL": callback, "SECURITY__KEY": key_in(base),
    }  # fmt: skip
    if sim is not None:
        ours |= {
            "ZERODHA__ENABLED": "true", "ZERODHA__USER_ID": sim.user_id,
            "ZERODHA__API_KEY": sim.api_key, "ZERODHA__API_SECRET": sim.api_secret,
            "ZERODHA__API_URL": sim.rest, "ZERODHA__FEED_URL": sim.ws,
            "ZERODHA__LOGIN_URL": sim.login,
        }  # fmt: skip
    return environment_of(base, ours)


def key_in(base: Path) -> str:
    """Return the key that seals tokens in a base folder, made at the first call."""
    file = base / "rehearsal.key"
    if not file.exists():
        with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as key:
            key.write(new_key())
    return file.read_text(encoding="ascii")


@contextmanager
def simulator(words: Sequence[str], *, base: Path, callback: str) -> Iterator[Simulated]:
    """Start `alphapanda kitesim` with these words; stop it in the end.

    Raises:
        OutsideError: if it does not begin; with what it said.
    """
    command = [*PROGRAM, "kitesim", "--json", "--redirect", callback, *words]
    said = base / "kitesim.log"
    with said.open("w") as stderr, subprocess.Popen(  # noqa: S603 (our own)
        command, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=base,
        env=environment(base, callback), start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            if not line:
                process.wait(STOP_S)
                raise OutsideError(f"the simulator did not start: {last_words(said.read_text())}")
            yield Simulated(**json.loads(line))
        finally:
            stop(process)


def stop(process: subprocess.Popen[str]) -> None:
    """Stop a process in order, by force if it does not."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def last_words(text: str) -> str:
    """Return the end of what a process said."""
    return text.strip().removeprefix("alphapanda: ")[-LAST_WORDS:] or "it said nothing"


class Stage:
    """Runs commands against a simulator, and asks it what happened."""

    def __init__(self, base: Path, callback: str, sim: Simulated) -> None:
        self.base = base
        self.sim = sim
        self._variables = environment(base, callback, sim)

    def run(self, *words: str, fine: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
        """Run a command of ours to its end.

        Raises:
            OutsideError: if its status is not fine; with what it said.
            KeyboardInterrupt: after Ctrl-C, once the command has ended.
        """
        with subprocess.Popen(  # noqa: S603 (our own)
            [*PROGRAM, *words], cwd=self.base, env=self._variables, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                out, err = process.communicate()
            except KeyboardInterrupt:
                process.communicate()
                raise
        if process.returncode not in fine:
            raise OutsideError(f"alphapanda {words[0]} failed: {last_words(err or out)}")
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def request_token(self) -> str:
        """Log in at the simulator's page, as a person would, and return what it sends back."""
        answer = self._session().post(
            self.sim.login, data={"user_id": self.sim.user_id, "totp": "123456"},
            allow_redirects=False, timeout=ANSWER_S,
        )  # fmt: skip
        query = parse_qs(urlsplit(answer.headers.get("Location", "")).query)
        if "request_token" not in query:
            raise OutsideError(f"the simulator's login page answered {answer.status_code}")
        return str(query["request_token"][0])

    def morning(self) -> None:
        """Let the simulator's next day begin; until then its books are those of the day before."""
        answer = self._session().post(f"{self.sim.rest}/_sim/morning", timeout=ANSWER_S)
        if not answer.ok:
            raise OutsideError(f"the simulator's next day does not begin: {answer.text:.300}")

    def ledger(self) -> dict[str, Any]:
        """Return the exchange's own book of what happened."""
        answer = self._session().get(f"{self.sim.rest}/_sim/ledger", timeout=ANSWER_S)
        return dict(answer.json())

    def _session(self) -> Any:
        import requests  # noqa: PLC0415 (of the extra `live`)

        session = requests.Session()
        session.trust_env = False
        return session
