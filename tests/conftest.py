"""What all tests share: one cache of compiled loops, and real servers, started when first used."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from alphapanda.bus import topics
from alphapanda.config.settings import Settings
from tests.support.events import LARGE, settings_for
from tests.support.servers import databases, own, shared_by_all
from tests.support.servers.kafka import Kafka
from tests.support.servers.postgres import Postgres
from tests.support.servers.redis import Redis

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


@pytest.fixture(scope="session")
def own_kafka() -> Iterator[Kafka]:
    """Return a server of our own, which a test may stop and must leave running."""
    with own(Kafka) as server:
        yield server


@pytest.fixture
def own_topics(tmp_path: Path, own_kafka: Kafka) -> Settings:
    """Return settings with a server whose topics take messages of 6 MB."""
    wide = settings_for(tmp_path, own_kafka.url, message_bytes=LARGE)
    asyncio.run(topics.bootstrap(wide, ["replay"]))
    return settings_for(tmp_path, own_kafka.url)
