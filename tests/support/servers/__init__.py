"""Throw-away real servers for the tests: PostgreSQL, Redis and Apache Kafka, without Docker.

A server whose address stands in the environment, as ALPHAPANDA_TEST_POSTGRES, is used instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from tests.support.servers import kafka, postgres, redis
from tests.support.servers.process import MissingError, Server

S = TypeVar("S", bound=Server | kafka.Cluster)

VARIABLES = {
    postgres.Postgres: postgres.VARIABLE, redis.Redis: redis.VARIABLE, kafka.Kafka: kafka.VARIABLE,
    kafka.Cluster: kafka.VARIABLE,
}  # fmt: skip


@contextmanager
def shared_by_all(kind: type[Server]) -> Iterator[str]:
    """Give the address of a server: that of the environment, else of one of our own.

    Skips the test where there can be none; in CI that is a failure.
    """
    given = os.environ.get(VARIABLES[kind])
    if given:
        yield given
        return
    with own(kind) as server:
        yield server.url


@contextmanager
def own(kind: type[S]) -> Iterator[S]:
    """Give a server that the test may kill, freeze and start again."""
    try:
        server = kind()
        started(server)
    except MissingError as error:
        absent(kind, error)
    try:
        yield server
    finally:
        try:
            server.stop()
        finally:
            server.remove()


def started(server: Server | kafka.Cluster) -> None:
    try:
        server.start()
    except BaseException:
        server.remove()
        raise


def absent(kind: type[Server | kafka.Cluster], error: MissingError) -> NoReturn:
    import pytest  # noqa: PLC0415 (`provision` runs while pytest is being installed)

    reason = f"{error} (or set {VARIABLES[kind]})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
