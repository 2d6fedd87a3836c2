"""A simulator with its two servers, from its first to its last breath."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from aiohttp import web

from alphapanda.errors import OutsideError
from alphapanda.kitesim import rest, websocket
from alphapanda.kitesim.acts import act
from alphapanda.kitesim.postbacks import Postbacks
from alphapanda.kitesim.simulator import Simulator

HOST = "127.0.0.1"
KEEPALIVE_S = 30.0
"""An idle connection is closed after it."""
CLOSING_S = 0.5
"""For calls under way when the simulator ends."""


async def serve(
    sim: Simulator, *, port: int, ws_port: int, ready: Callable[[dict[str, Any]], None]
) -> None:
    """Serve until cancelled; `ready` is called once with addresses and the app's keys.

    Raises:
        OutsideError: a port is taken.
        UsageError: data that can't be run, or settings that can't be read.
    """
    sim.act = partial(act, sim)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Postbacks(sim))
        rest_port = await listen(stack, rest.application(sim), port)
        ticker_port = await listen(stack, websocket.application(sim), ws_port)
        ready(facts(sim, rest_port, ticker_port))
        await asyncio.to_thread(sim.redirect)
        await sim.run()


def facts(sim: Simulator, rest_port: int, ticker_port: int) -> dict[str, Any]:
    """Return what a client needs to know."""
    root = f"http://{HOST}:{rest_port}"
    return {
        "rest": root, "ws": f"ws://{HOST}:{ticker_port}",
        "login": f"{root}/connect/login?v=3&api_key={sim.app.api_key}",
        "api_key": sim.app.api_key, "api_secret": sim.app.api_secret,
        "user_id": sim.app.user_id, "pid": os.getpid(),
    }  # fmt: skip


async def listen(stack: AsyncExitStack, app: web.Application, port: int) -> int:
    """Let a server listen on loopback and return its port; 0: any that is free."""
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, keepalive_timeout=KEEPALIVE_S,
        shutdown_timeout=CLOSING_S,
    )  # fmt: skip
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, HOST, port)
    try:
        await site.start()
    except OSError as error:
        raise OutsideError(
            f"port {port} of {HOST}: {error.strerror or error}: choose another, or 0 for any"
        ) from error
    address = runner.addresses[0]
    return int(address[1])


def run(
    sim: Simulator, *, port: int, ws_port: int, ready: Callable[[dict[str, Any]], None]
) -> None:
    """Serve until interrupted."""
    try:
        asyncio.run(serve(sim, port=port, ws_port=ws_port, ready=ready))
    finally:
        sim.close()
