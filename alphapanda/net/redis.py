"""The way to Redis: a client whose calls end in time, and what is said when it does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any
from urllib.parse import urlsplit

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError


def client(settings: Settings) -> tuple[Any, tuple[type[Exception], ...]]:
    """Return a Redis client whose calls end in time and are never made twice; and its errors.

    Raises:
        UsageError: if the package is not installed, or the address is none.
    """
    try:
        from redis import asyncio, backoff, exceptions  # noqa: PLC0415 (only where it is used)
        from redis.asyncio.retry import Retry  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Redis needs the package {error.name}: pip install 'alphapanda[servers]'"
        ) from None
    limits = settings.redis
    try:
        made = asyncio.from_url(
            limits.url.get_secret_value(), max_connections=limits.connections,
            socket_connect_timeout=limits.connect_timeout_s, socket_timeout=limits.timeout_s,
            retry=Retry(backoff.NoBackoff(), 0),
        )  # fmt: skip
    except ValueError:  # its text may hold the password
        raise UsageError(
            "setting redis.url (ALPHAPANDA_REDIS__URL) is no address of a Redis: "
            "redis://:PASSWORD@HOST:PORT/0"
        ) from None
    return made, (exceptions.RedisError, OSError, TimeoutError)


async def bounded(settings: Settings, call: Awaitable[Any]) -> Any:
    """Return the answer to a call, however many pieces it comes in.

    Raises:
        TimeoutError: if it is not whole in time; the client's own limit is for each piece.
    """
    async with asyncio.timeout(2 * settings.redis.timeout_s):
        return await call


async def health(settings: Settings) -> None:
    """Ask Redis for an answer.

    Raises:
        OutsideError: if there is none.
    """
    made, lost = client(settings)
    try:
        await bounded(settings, made.ping())
    except lost as error:
        raise unreachable(settings, error) from error
    finally:
        await made.aclose()


def unreachable(settings: Settings, error: BaseException) -> OutsideError:
    """Return the error that says what to do when there is no Redis."""
    url = urlsplit(settings.redis.url.get_secret_value())
    why = str(error).strip().partition("\n")[0] or type(error).__name__
    return OutsideError(
        f"Redis at {url.hostname}:{url.port or 6379} does not answer ({why}): start it, set "
        "ALPHAPANDA_REDIS__URL, or do without by ALPHAPANDA_REDIS__ENABLED=false"
    )
