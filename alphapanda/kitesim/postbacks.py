"""Postbacks: order updates sent to the app's own address, each once, whatever comes back."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from alphapanda import log
from alphapanda.errors import UsageError
from alphapanda.kitesim.simulator import Simulator

LOG = log.get(__name__)
LIMIT_S = 5.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
QUEUE = 1_000


class Postbacks:
    """Sends updates of the app's orders to an address on this machine, if the script has one."""

    def __init__(self, sim: Simulator) -> None:
        self._url = str(sim.script.exchange.get("postback", ""))
        if self._url and urlsplit(self._url).hostname not in LOOPBACK:
            raise UsageError("[exchange] postback: the simulator sends to this machine only.")
        self._updates = asyncio.Queue[dict[str, Any]](QUEUE)
        self._task: asyncio.Task[None] | None = None
        if self._url:
            sim.on_update.append(self._take)

    async def __aenter__(self) -> Self:
        """Begin to send."""
        if self._url:
            self._task = asyncio.create_task(self._send())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop sending."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _take(self, update: dict[str, Any]) -> None:
        if self._updates.full():
            LOG.warning("kitesim_postback_lost", order=update["order_id"])
        else:
            self._updates.put_nowait(update)

    async def _send(self) -> None:
        limit = aiohttp.ClientTimeout(total=LIMIT_S)
        async with aiohttp.ClientSession(timeout=limit, trust_env=False) as session:
            while True:
                body = json.dumps(await self._updates.get()).encode()
                headers = {"Content-Type": "application/json"}
                try:
                    async with session.post(self._url, data=body, headers=headers) as answer:
                        await answer.read()
                except (aiohttp.ClientError, TimeoutError) as error:
                    LOG.warning("kitesim_postback_failed", reason=str(error))
