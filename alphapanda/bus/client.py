"""The way to the server: aiokafka where it is installed, connections by the settings, limits."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from types import ModuleType
from typing import Any

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.net.tasks import within

CLIENT = "alphapanda"
METADATA_MS = 60_000
QUIET = logging.NullHandler()
"""What aiokafka says goes to the log, and not to stderr where there is none."""
GROUP = "alphapanda"
"""Before the name of every consumer group."""


def kafka() -> ModuleType:
    """Return aiokafka, with its errors and its admin client.

    Raises:
        UsageError: if it is not installed.
    """
    try:
        import aiokafka.admin  # noqa: PLC0415 (only where there is a server)
        import aiokafka.errors  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Kafka's protocol needs the package {error.name}: pip install 'alphapanda[servers]'"
        ) from None
    logging.getLogger("aiokafka").addHandler(QUIET)
    module: ModuleType = aiokafka
    return module


def failures() -> tuple[type[Exception], ...]:
    """Return what may come out of a call to the server."""
    error: type[Exception] = kafka().errors.KafkaError
    return error, OSError, TimeoutError


def connection(settings: Settings) -> dict[str, Any]:
    """Return what every client is made with.

    Raises:
        UsageError: if no server is used.
    """
    bus = settings.bus
    if not bus.enabled:
        raise UsageError(
            "no server of Kafka's protocol is used: set ALPHAPANDA_BUS__SERVERS=HOST:PORT"
        )
    secure = {(False, False): "PLAINTEXT", (True, False): "SSL",
              (False, True): "SASL_PLAINTEXT", (True, True): "SASL_SSL"}  # fmt: skip
    given: dict[str, Any] = {
        "bootstrap_servers": [each.strip() for each in bus.servers.split(",")],
        "client_id": CLIENT,
        "request_timeout_ms": milliseconds(bus.request_timeout_s),
        "metadata_max_age_ms": METADATA_MS,
        "security_protocol": secure[bus.tls, bool(bus.username)],
    }
    if bus.tls:
        given["ssl_context"] = ssl.create_default_context()
    if bus.username:
        given |= {"sasl_mechanism": "SCRAM-SHA-256", "sasl_plain_username": bus.username,
                  "sasl_plain_password": bus.password.get_secret_value()}  # fmt: skip
    return given


def milliseconds(seconds: float) -> int:
    """Return seconds as the client takes them; 0 would be no limit."""
    return max(1, round(seconds * 1000))


async def open_client(client: Any, settings: Settings) -> None:
    """Start a producer, a consumer or an admin client, or close it again.

    Raises:
        OutsideError: if the server does not answer in time; the message says what to do.
    """
    async with AsyncExitStack() as undone:
        undone.push_async_callback(close_client, client, settings)
        lost = failures()
        try:
            await within(settings.bus.connect_timeout_s, client.start())
        except lost as error:
            raise unreachable(settings, error) from error
        undone.pop_all()


async def close_client(client: Any, settings: Settings) -> None:
    """Stop a client; one that hangs, as it may without a server, is cut off."""
    stop = client.close if hasattr(client, "close") else client.stop
    lost = failures()
    try:
        await within(settings.bus.stop_timeout_s / 2, stop())
    except lost:
        inner = getattr(client, "client", None) or getattr(client, "_client", None)
        if inner is not None:
            with suppress(*failures()):
                await within(1, inner.close())


@asynccontextmanager
async def opened(client: Any, settings: Settings) -> AsyncIterator[Any]:
    """Give a client that is started, and stop it at the end; what it raises says what to do.

    Raises:
        OutsideError: if the server does not answer.
    """
    await open_client(client, settings)
    lost = failures()
    try:
        yield client
    except lost as error:
        raise unreachable(settings, error) from error
    finally:
        await close_client(client, settings)


def unreachable(settings: Settings, error: BaseException) -> OutsideError:
    """Return the error that says what to do when the server does not answer."""
    name, said = type(error).__name__, str(error)
    why = said if said.startswith(name) else f"{name}: {said}".rstrip(": ")
    return OutsideError(
        f"the server of Kafka's protocol at {settings.bus.servers} does not answer ({why}): start "
        "it, set ALPHAPANDA_BUS__SERVERS, or do without by ALPHAPANDA_BUS__ENABLED=false"
    )
