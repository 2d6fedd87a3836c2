"""The server of the API: one process, one loop, that says goodbye before it closes."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import uvicorn
from fastapi import FastAPI

from alphapanda import log
from alphapanda.api.app import create_app
from alphapanda.api.services import Monitor, Part, Services
from alphapanda.config.settings import Settings
from alphapanda.errors import AlphaPandaError, OutsideError, UsageError

LOG = log.get("api")
SEND_BUFFER = 65_536
"""Bytes that the system takes for one who does not read, until it is noticed."""
GRACE_S = 1
CONNECTIONS = 200
HEAD_S, LOOK_S = 15.0, 2.0
"""How long a connection may be open without a request, and how often that is looked at."""
MOST_PORT = 65_535
LOOPBACK = ("127.0.0.1", "::1", "localhost")
USUAL = (
    "ASGI callable returned without completing handshake.",
    "ASGI callable returned without completing response.",
)
"""What uvicorn calls errors: refusals of WebSockets, and slow readers that were let go."""


class Usual(logging.Filter):
    """Leaves out lines that say what is not wrong."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say if a line is written."""
        return not record.getMessage().startswith(USUAL)


class ApiServer:
    """Serves the API until it is stopped; a long-lived part, which may be the process's only."""

    def __init__(
        self, settings: Settings, *, monitor: Monitor | None = None, more: Sequence[Part] = ()
    ) -> None:  # fmt: skip
        guard_address(settings)
        self.settings = settings
        self.app: FastAPI = create_app(settings, monitor=monitor, more=more)
        self.services: Services = self.app.state.services
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._reaper: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Where it listens, as a browser writes it."""
        assert self._socket is not None, "the server has not been started"
        port = self._socket.getsockname()[1]
        return f"{self.services.origins.scheme}://{self.settings.api.host}:{port}"

    async def start(self) -> None:
        """Begin to serve.

        Raises:
            OutsideError: if the address is taken, or a part can't start; it says what to do.
        """
        assert self._task is None, "the server has been started already"
        self._socket = listening(self.settings)
        self.services.origins.at(self._socket.getsockname()[1])
        logger = logging.getLogger("uvicorn.error")
        logger.addFilter(USUAL_FILTER)
        logger.setLevel(logging.WARNING)  # below it are addresses with their queries
        self._server = uvicorn.Server(config_of(self.app, self.settings))
        self.services.hub.cut_off = self._cut_off
        self._task = asyncio.create_task(self._serve(), name="api")
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 (uvicorn's)
            await asyncio.sleep(0.01)
        if self._task.done():
            self._socket.close()
            error = self.services.failure
            if isinstance(error, AlphaPandaError):
                raise error
            if error is not None:
                raise error
            raise OutsideError("the API has not started: the log says why")
        self._reaper = asyncio.create_task(self._reap(), name="connections")

    async def _serve(self) -> None:
        assert self._server is not None
        assert self._socket is not None
        # Signals are the process's to hear, and so is the end: uvicorn would exit by itself.
        with suppress(SystemExit):
            await self._server._serve(sockets=[self._socket])

    # uvicorn waits for ever for a request's head: a few hundred that never come would keep out all,
    # a kill too.
    async def _reap(self) -> None:
        assert self._server is not None
        since: dict[Any, float] = {}
        while True:
            await asyncio.sleep(LOOK_S)
            now = time.monotonic()
            since = {
                each: since.get(each, now)
                for each in list(self._server.server_state.connections) if asks_nothing(each)
            }  # fmt: skip
            for each, began in since.items():
                if now - began > HEAD_S:
                    each.transport.abort()

    # Who reads nothing would keep his connection until what was written for him is flushed.
    def _cut_off(self, peer: Any) -> None:
        assert self._server is not None
        for each in list(self._server.server_state.connections):
            known: Any = each
            if peer is not None and known.client is not None and tuple(known.client) == tuple(peer):
                known.transport.abort()

    async def stop(self) -> None:
        """Say goodbye to all who watch, finish what is being answered, and close."""
        if self._task is None or self._server is None:
            return
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.wait([self._reaper])
            self._reaper = None
        self.services.hub.let_go()
        await asyncio.sleep(0)
        self._server.should_exit = True
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        if self._socket is not None:
            self._socket.close()

    async def health(self) -> None:
        """See that it serves.

        Raises:
            OutsideError: if it does not.
        """
        if self._task is None or self._task.done():
            raise OutsideError("the API serves no more: the log says why")


def asks_nothing(connection: Any) -> bool:
    """Say if nothing was asked by a connection, or no more since it was answered."""
    if not hasattr(connection, "cycle"):  # a WebSocket
        return False
    return connection.cycle is None or bool(connection.cycle.response_complete)


USUAL_FILTER = Usual()


def config_of(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return how uvicorn serves: bounded in all that it lets a client choose."""
    api = settings.api
    return uvicorn.Config(
        app, http="h11", ws="websockets-sansio", loop="none", lifespan="on", log_config=None,
        access_log=False, proxy_headers=False, server_header=False, date_header=True,
        limit_concurrency=CONNECTIONS, timeout_graceful_shutdown=GRACE_S, timeout_keep_alive=10,
        ws_max_size=65_536, ws_per_message_deflate=False, h11_max_incomplete_event_size=16_384,
        ssl_certfile=None if api.tls_cert is None else str(api.tls_cert),
        ssl_keyfile=None if api.tls_key is None else str(api.tls_key),
    )  # fmt: skip


def listening(settings: Settings) -> socket.socket:
    """Return the socket that is listened on.

    Raises:
        UsageError: if the port is none.
        OutsideError: if the address can't be had.
    """
    api = settings.api
    if not 0 <= api.port <= MOST_PORT:
        raise UsageError(f"--port {api.port} is none: write 1 to {MOST_PORT}, or 0 for a free one")
    family = socket.AF_INET6 if ":" in api.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        made.bind((api.host, api.port))
        made.listen(128)
    except OSError as error:
        made.close()
        raise OutsideError(
            f"{api.host}:{api.port}: {error.strerror}: stop what listens there, or choose another "
            "--port"
        ) from error
    made.setblocking(False)
    return made


def guard_address(settings: Settings) -> None:
    """Refuse to be reached from elsewhere without encryption.

    Raises:
        UsageError: it says what to set.
    """
    api: Any = settings.api
    safe = api.tls_cert is not None or api.trusted_proxies
    if api.host not in LOOPBACK and not safe:
        raise UsageError(
            f"--host {api.host} is reached from elsewhere, where logins would be read on the way: "
            "set api.tls_cert and api.tls_key, or api.trusted_proxies to a proxy that encrypts"
        )
    if api.host not in LOOPBACK and not api.origins:
        raise UsageError("set api.origins to the page's address, as https://HOST")
