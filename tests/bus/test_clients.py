"""Clients of the server are closed in time, whatever they do meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from alphapanda.bus.client import close_client, open_client
from alphapanda.errors import OutsideError
from tests.support.events import settings_for


class Client:
    """A client of the library, and what it holds; a test says what it does when asked to stop."""

    def __init__(self, way: str) -> None:
        self.way, self.freed = way, False
        self.rest = asyncio.Event()

    @property
    def client(self) -> Client:
        """Return what has the connections."""
        return self

    async def close(self) -> None:
        """Close, in its way, and at the second time its connections alone."""
        way, self.way = self.way, ""
        while way == "does not hear" and not self.rest.is_set():
            try:
                await self.rest.wait()
            except asyncio.CancelledError:
                continue
        if way == "cancels itself":  # it awaits a task of its own that it has cancelled
            task = asyncio.create_task(asyncio.sleep(60))
            task.cancel()
            await task
        if way == "fails":
            raise OSError("broken pipe")
        self.freed = True

    start = close


@pytest.mark.parametrize("way", ["is quick", "fails", "cancels itself", "does not hear"])
def test_whatever_a_client_does_it_is_closed(tmp_path: Path, way: str) -> None:
    """In time, its connections too, and without its caller seeming to be cancelled."""
    settings = settings_for(tmp_path, "127.0.0.1:1", stop_timeout_s=1, connect_timeout_s=1)

    async def go() -> None:
        client = Client(way)
        async with asyncio.timeout(5):
            await close_client(client, settings)
        assert client.freed
        client.rest.set()

    asyncio.run(go())


@pytest.mark.parametrize("way", ["fails", "cancels itself", "does not hear"])
def test_a_client_that_does_not_start_is_an_outage(tmp_path: Path, way: str) -> None:
    """It is told as one in time, and closed."""
    settings = settings_for(tmp_path, "127.0.0.1:1", stop_timeout_s=1, connect_timeout_s=1)

    async def go() -> None:
        client = Client(way)
        async with asyncio.timeout(5):
            with pytest.raises(OutsideError, match="does not answer"):
                await open_client(client, settings)
        assert client.freed
        client.rest.set()

    asyncio.run(go())
