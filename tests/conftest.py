"""What all tests share: one cache of compiled loops, and real servers, started when first used."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alphapanda.bus import topics
from alphapanda.config.settings import Settings
from tests.support.events import LARGE, settings_for
from tests.support.servers import databases, own, shared_by_all
from tests.support.servers.kafka import Kafka
from tests.support.servers.postgres import Postgres
from tests.support.servers.redis import Redis

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker has it left when the others are done."""
    items.sort(key=lambda item: folder_of(item.nodeid) != "system")


def pytest_collection_finish() -> None:
    """Look for garbage in nothing that collecting left: a seventh of the time went into that.

    It stays aside when a paper run, which sets aside what was there before it, ends.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
    gc.unfreeze = lambda: None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many tests each folder has and what they took, where more than one was run."""
    tests, seconds = Counter[str](), Counter[str]()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                tests[folder_of(report.nodeid)] += report.when == "call"
                seconds[folder_of(report.nodeid)] += report.duration
    if len(tests) > 1:
        terminalreporter.section("seconds by folder")
        for folder, took in seconds.most_common():
            terminalreporter.write_line(f"{folder:<16}{tests[folder]:>6}{took:>9.1f}")


def folder_of(nodeid: str) -> str:
    """Return the folder in tests/ that a test belongs to."""
    file = Path(nodeid.partition("::")[0])
    return file.parts[1] if len(file.parts) > 2 else file.stem


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


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[Postgres]:
    """Return a server of our own, which a test may stop and must leave running."""
    with own(Postgres) as server:
        yield server


@pytest.fixture
def own_topics(tmp_path: Path, own_kafka: Kafka) -> Settings:
    """Return settings with a server whose topics take messages of 6 MB."""
    wide = settings_for(tmp_path, own_kafka.url, message_bytes=LARGE)
    asyncio.run(topics.bootstrap(wide, ["replay"]))
    return settings_for(tmp_path, own_kafka.url)
