"""What tests of the bus share: a server of their own where topics have settings of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from alphapanda.bus import topics
from alphapanda.config.settings import Settings
from tests.bus.events import LARGE, settings_for
from tests.servers import own
from tests.servers.kafka import Kafka


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
