"""Trading on paper beside servers that fall silent: the run is the same, what is missing is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from alphapanda.app.lifecycle import Parts
from alphapanda.app.projecting import RunProjector
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.journal.journal import FILE, Journal
from alphapanda.project.follower import source_in
from alphapanda.project.tables import Tables
from alphapanda.store.database import Database
from tests.cli.running import process, session
from tests.project.days import tables_of, with_redis
from tests.project.test_project_command import (
    RULES,
    board_of,
    kept,
    projected,
    recounted,
    started,
    taken_in,
)
from tests.servers import databases
from tests.servers.databases import using
from tests.servers.process import wait_until
from tests.servers.proxy import Proxy

pytestmark = pytest.mark.core
ROWS = 6_000
WORDS = ["ema_cross", *RULES]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the summary of a backtest of the same rows."""
    told = process("backtest", *WORDS, "--data", session(2, ROWS), "--out", "run",
                   cwd=tmp_path_factory.mktemp("undisturbed"))  # fmt: skip
    assert told.status == 0, told.err
    return dict(json.loads(told.out))
