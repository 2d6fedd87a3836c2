"""What tests of topics and tables share: a server whose topics are all read, and a database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from alphapanda.bus import topics
from alphapanda.config import sections
from alphapanda.config.settings import Settings
from alphapanda.events.topics import BROKERS
from tests.projection.on_topics import pass_over
from tests.support.servers import own
from tests.support.servers.kafka import Kafka


@pytest.fixture(scope="module")
def server() -> Iterator[Kafka]:
    """Return a server of the module's own, which a test may stop and must leave running."""
    with own(Kafka) as started:
        yield started


@pytest.fixture
def settings(migrated_database: Settings, server: Kafka) -> Settings:
    """Return settings with a database of its own, and a server with all topics.

    What lies on them is another test's, and counts as read: only who rewinds reads it.
    """
    bus = sections.Bus(enabled=True, servers=server.url, stuck_after_s=5)
    made = migrated_database.model_copy(update={"bus": bus})
    if not asyncio.run(topics.bootstrap(made, BROKERS)).created:
        asyncio.run(pass_over(made))
    return made
