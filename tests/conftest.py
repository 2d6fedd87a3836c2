"""What all tests share: one cache of compiled loops, and real servers, started when first used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from alphapanda.config.settings import Settings
from tests.servers import databases, shared_by_all
from tests.servers.kafka import Kafka
from tests.servers.postgres import Postgres
from tests.servers.redis import Redis

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> None:
    """Keep compiled loops in build/, unless a cache was chosen: a new shape costs some 15 s."""
    os.environ.setdefault("ALPHAPANDA_CACHE_DIR", str(ROOT / "build" / "compiled"))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Return the address of a PostgreSQL whose user may create databases."""
    with shared_by_all(Postgres) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Return the address of a Redis; a test uses keys of its own."""
    with shared_by_all(Redis) as url:
        yield url


@pytest.fixture(scope="session")
def kafka_address() -> Iterator[str]:
    """Return HOST:PORT of a broker of Kafka's protocol; a test uses topics of its own."""
    with shared_by_all(Kafka) as address:
        yield address


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> databases.Templates:
    """Return the migrated databases that others are copied from."""
    return databases.Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(
    request: pytest.FixtureRequest, tmp_path: Path, templates: databases.Templates
) -> Iterator[Settings]:
    """Return settings with a database of its own without tables: SQLite, then PostgreSQL."""
    server = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    with templates.empty(tmp_path, server) as settings:
        yield settings


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_database(
    request: pytest.FixtureRequest, tmp_path: Path, templates: databases.Templates
) -> Iterator[Settings]:
    """Return settings with a database of its own with all tables: SQLite, then PostgreSQL."""
    server = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    with templates.migrated(tmp_path, server) as settings:
        yield settings
