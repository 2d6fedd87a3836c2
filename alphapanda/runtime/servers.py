"""What has to be there before anything trades: the database, the login, and servers that answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from alphapanda import log
from alphapanda.bus import topics
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.net import redis
from alphapanda.runtime.lifecycle import Parts

if TYPE_CHECKING:
    from alphapanda.store.database import Database


def ready(
    parts: Parts, settings: Settings, *, stores: bool, brokers: Sequence[str]
) -> Database | None:
    """See that the servers of the settings are there, in order, and return the database.

    `stores` asks for a database even where it is a file; `brokers` are those whose topics are used.

    Raises:
        OutsideError: if one is not as it must be; the message says what to do next.
    """
    if settings.bus.enabled or settings.redis.enabled or settings.database.enabled or stores:
        log.start(settings)
    database, checks = None, []
    if settings.database.enabled or stores:
        database = stored(parts, settings)
        checks.append(database.health)
    # A login at the broker, for whoever trades live, belongs here: before anything is asked of it.
    if settings.redis.enabled:
        checks.append(partial(redis.health, settings))
    if settings.bus.enabled:
        checks.append(partial(topics.health, settings, brokers))
    parts.check(*checks)
    return database


def stored(parts: Parts, settings: Settings) -> Database:
    """Start the database, and see that its schema is this version's.

    Raises:
        OutsideError: if it does not answer, or has another schema; the message says what to do.
    """
    from alphapanda.store import migrating  # noqa: PLC0415 (SQLAlchemy)
    from alphapanda.store.database import Database  # noqa: PLC0415

    database = Database(settings)
    parts.start(database)
    parts.do(migrating.require_current(database))
    return database


def served(settings: Settings) -> None:
    """Refuse what needs a server of Kafka's protocol where none is used."""
    if not settings.bus.enabled:
        raise UsageError(
            "that needs a server of Kafka's protocol: set ALPHAPANDA_BUS__SERVERS=HOST:PORT"
        )
