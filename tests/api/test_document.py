"""The OpenAPI document: it reads well, and whatever fits it, or does not, is answered."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alphapanda.api.app import create_app
from alphapanda.api.scopes import RULES, V1
from tests.api.conftest import MINE, rows_of
from tests.support.api import WIDE, serving, settings_of
from tests.support.servers import databases

LEFT_OUT = (f"{V1}/stream", f"{V1}/stream/{{topic}}", f"{V1}/auth/logout",
            f"{V1}/auth/logout-everywhere")  # fmt: skip
"""Streams have no end, and who is logged out is asked no more."""


@pytest.fixture
def folder(tmp_path: Path, template: databases.Templates) -> Path:
    """Return a base folder with a database."""
    shutil.copy(template.folder / databases.FILE, tmp_path / databases.FILE)
    return tmp_path


def test_the_document_names_every_route_and_what_it_takes(folder: Path) -> None:
    """Each route has a summary and a description; each that writes says what its body is."""
    document = create_app(settings_of(folder)).openapi()
    shown = {
        (method.upper(), path): facts
        for path, of in document["paths"].items() for method, facts in of.items()
    }  # fmt: skip
    private = {each for each in RULES if each[0] != "WS"}
    missing = private - set(shown)
    assert missing == {("GET", "/{name:path}"), ("GET", "/docs"), ("GET", "/openapi.json")}
    for place, facts in shown.items():
        assert facts["summary"], place
        assert facts["description"].endswith("."), place
    with_body = {place for place, facts in shown.items() if "requestBody" in facts}
    assert ("POST", f"{V1}/commands") in with_body
    assert ("PUT", f"{V1}/strategies/{{name}}") in with_body


def test_whatever_is_asked_is_answered(folder: Path) -> None:
    """Schemathesis, in a process of its own, asks every route with few odd requests: no 5xx."""
    if importlib.util.find_spec("schemathesis") is None:
        reason = "pip install schemathesis"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with serving(settings_of(folder, api=WIDE)) as own:
        own.add_user("fuzzer", "admin", MINE)
        own.save(*rows_of(MINE))
        page = own.log_in("fuzzer")
        page.step_up()
        document = folder / "openapi.json"
        document.write_text(json.dumps(own.server.app.openapi()))
        words = [
            "run", str(document), "--url", own.origin, "--phases", "fuzzing", "--max-examples", "2",
            "--mode", "all", "--checks", "not_a_server_error", "--seed", "7", "--no-color",
            "--generation-database", "none", "--request-timeout", "20",
        ]  # fmt: skip
        for name, text in page.headers(**{"Idempotency-Key": "fuzzing-0001"}).items():
            words += ["--header", f"{name}: {text}"]
        for path in LEFT_OUT:
            words += ["--exclude-path", path]
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", *words], cwd=folder, timeout=400,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert own.ask("GET", "/health").status == 200
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    tested = re.search(r"Tested:\s+(\d+)", done.stdout)
    assert tested is not None, done.stdout[-3_000:]
    assert int(tested[1]) >= 55
