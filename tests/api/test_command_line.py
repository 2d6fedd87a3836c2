"""`users add` and `api`, as somebody at a terminal has them."""

from __future__ import annotations

import http.client
import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alphapanda import cli
from tests.support.api import KEY, PASSWORD
from tests.support.servers import databases

ALPHAPANDA = (sys.executable, "-m", "alphapanda")


@pytest.fixture
def base(
    tmp_path: Path, template: databases.Templates, monkeypatch: pytest.MonkeyPatch
) -> Path:  # fmt: skip
    """Return a base folder with a database, which is this process's."""
    shutil.copy(template.folder / databases.FILE, tmp_path / databases.FILE)
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(tmp_path))
    monkeypatch.setenv("ALPHAPANDA_SECURITY__KEY", KEY)
    return tmp_path


def add(words: list[str], typed: str, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    status = cli.carry_out(["users", "add", *words, "--password-stdin"])
    told = capsys.readouterr()
    return status, told.out + told.err


@pytest.mark.parametrize(("words", "typed", "word"), [
    (["mira", "--role", "admn"], PASSWORD, "admin"),
    (["mi ra", "--role", "admin"], PASSWORD, "letters"),
    (["", "--role", "admin"], PASSWORD, "letters"),
    (["mira", "--role", "admin"], "short", "12"),
    (["mira", "--role", "admin"], "a" * 20, "different"),
    (["mira", "--role", "admin"], f"{PASSWORD}\n{PASSWORD}\n", "one line"),
    (["mira", "--role", "admin"], "", "one line"),
])  # fmt: skip
def test_a_user_that_may_not_be_is_refused(
    words: list[str], typed: str, word: str, base: Path, capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The message says what to write, and never what was typed."""
    status, told = add(words, typed, capsys, monkeypatch)
    assert status == 2
    assert word in told
    assert not typed or typed.strip() not in told


def test_the_first_user_logs_in_and_sigterm_ends_it(
    base: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made by one line, once; the API says where it is, answers, and ends in order."""
    words = ["mira", "--role", "admin"]
    assert add(words, f"{PASSWORD}\n", capsys, monkeypatch) == (0, "added mira, admin\n")
    status, told = add(words, PASSWORD, capsys, monkeypatch)
    assert (status, "already" in told) == (2, True)
    made = subprocess.Popen([*ALPHAPANDA, "api", "--port", "0"], stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "ALPHAPANDA_LOGS__CONSOLE": "off"})  # fmt: skip
    assert made.stderr is not None
    try:
        line = made.stderr.readline()
        assert line.startswith("the API is at http://127.0.0.1:"), line
        port = int(line.partition(";")[0].rpartition(":")[2])
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        asked.request("POST", "/api/v1/auth/login",
                      f'{{"name": "mira", "password": "{PASSWORD}"}}',
                      {"Content-Type": "application/json"})  # fmt: skip
        got = asked.getresponse()
        assert got.status == 200
        got.read()
        secret = str(got.getheader("set-cookie")).partition("=")[2].partition(";")[0]
        asked.request(
            "GET",
            "/api/v1/auth/me?token=hunter2-canary",
            headers={"X-API-Key": "ap_hunter2-canary", "Cookie": "a=hunter2-canary"},
        )
        refused = asked.getresponse()
        assert refused.status == 400
        refused.read()
        asked.close()
        made.send_signal(signal.SIGTERM)
        _, rest = made.communicate(timeout=30)
    finally:
        made.kill()
        made.communicate()
    assert made.returncode in (0, 130), rest
    assert "Traceback" not in rest
    logs = "".join(file.read_text() for file in (base / "logs").glob("*.jsonl"))
    assert '"event": "login"' in logs
    for secret_text in ("hunter2-canary", secret, PASSWORD, KEY):
        assert secret_text not in logs + rest


def test_api_is_a_process_of_its_own(
    base: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """S32, and F8's other half: never beside what trades; without a key it does not begin."""
    assert cli.carry_out(["run", "--role", "api", "--role", "trade"]) == 2
    assert "--role api alone" in capsys.readouterr().err
    monkeypatch.delenv("ALPHAPANDA_SECURITY__KEY")
    assert cli.carry_out(["api", "--port", "0"]) == 2
    assert "config key" in capsys.readouterr().err
    assert cli.carry_out(["api", "--host", "0.0.0.0"]) == 2
    assert "tls_cert" in capsys.readouterr().err
