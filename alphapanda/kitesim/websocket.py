"""The ticker's server: its handshake, and one reader and one writer for each connection."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import unquote

from aiohttp import WSMsgType, web

from alphapanda.kitesim.rest import is_loopback
from alphapanda.kitesim.simulator import Simulator
from alphapanda.kitesim.ticker import Connection

TOO_SLOW, GOING_AWAY = 1008, 1001
LARGEST = 1 << 20
CLOSING_S = 1.0


def application(sim: Simulator) -> web.Application:
    """Return the ticker of a simulator."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if not is_loopback(request.remote):
            return web.Response(status=403, text="SIMULATOR: loopback only.")
        query = parameters(request.rel_url.raw_query_string)
        key, token = query.get("api_key", ""), query.get("access_token", "")
        refusal = sim.logins.refusal(key, token, sim.now())
        if refusal is not None or not key:
            return web.Response(status=403, text="Forbidden")
        fault = sim.handshake_fault()
        if fault == "refuse-handshake":
            return web.Response(status=503, text="Service unavailable")
        connection = sim.hub.open(token)
        if connection is None:
            return web.Response(status=429, text="Too many connections")
        if fault == "close-after-handshake":
            connection.leave(GOING_AWAY)
        try:
            return await serve(sim, request, connection)
        finally:
            sim.hub.close(connection)

    app = web.Application()
    app.router.add_get("/", handle)
    return app


async def serve(sim: Simulator, request: web.Request, connection: Connection) -> web.StreamResponse:
    """Serve a connection to its end."""
    wire = web.WebSocketResponse(compress=False, timeout=CLOSING_S, max_msg_size=LARGEST)
    await wire.prepare(request)

    async def write() -> None:
        try:
            await connection.send(wire)
            code = connection.leaving[0]
        except TimeoutError:
            code = TOO_SLOW
        except ConnectionError:
            return
        await leave(request, wire, code)

    writer = asyncio.create_task(write())
    try:
        async for message in wire:
            if message.type == WSMsgType.TEXT:
                sim.hub.take(connection, message.data)
    finally:
        writer.cancel()
        await asyncio.wait([writer])
    return wire


async def leave(request: web.Request, wire: web.WebSocketResponse, code: int | None) -> None:
    """End a connection by a close code, None: without a word; and drop it soon."""
    transport = request.transport
    if code is not None:
        message = b"SIMULATOR: too slow" if code == TOO_SLOW else b""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(CLOSING_S):
                await wire.close(code=code, message=message)
    if transport is not None:
        transport.abort()


def parameters(query: str) -> dict[str, str]:
    """Return a query's parameters; a + in a token is a plus, as clients write it unescaped."""
    pairs = (part.partition("=") for part in query.split("&"))
    return {name: unquote(value) for name, _, value in pairs}
