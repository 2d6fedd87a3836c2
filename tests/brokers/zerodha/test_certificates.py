"""S29: a server that can't show that it is the one that was meant is told nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from alphapanda.brokers.zerodha.opening import open_client
from alphapanda.brokers.zerodha.ticker import Session, State, Ticker
from alphapanda.errors import OutsideError
from tests.brokers.zerodha.test_ticker import HASTY
from tests.support.kite import TOKEN, Kite
from tests.support.tls import self_signed


class Impostor:
    """Listens on this machine with a certificate of its own making, and keeps what it is told."""

    def __init__(self, certificate: Path) -> None:
        self.heard: list[bytes] = []
        self.came = threading.Event()
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                made, _ = self._listening.accept()
                with (
                    made,
                    suppress(OSError),
                    self._context.wrap_socket(made, server_side=True) as tls,
                ):
                    self.heard.append(tls.recv(65_536))
                self.came.set()

    def close(self) -> None:
        """End."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)


@pytest.fixture(params=["127.0.0.1", "api.kite.trade"])
def impostor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Impostor]:
    """Return a server that says it is this machine, or that it is Kite; nobody has signed that."""
    made = Impostor(self_signed(tmp_path, host=request.param))
    yield made
    made.close()


def test_no_request_is_sent_to_who_shows_no_trusted_certificate(
    impostor: Impostor, kite: Kite, tmp_path: Path
) -> None:
    """The error names the reason; of key and token not a byte has left."""
    sections = kite.sections()
    sections["zerodha"] |= {
        "api_url": f"https://127.0.0.1:{impostor.port}",
        "login_url": f"https://127.0.0.1:{impostor.port}/connect/login",
    }
    settings = type(kite.settings(tmp_path))(base_dir=tmp_path, **sections)
    client = open_client(settings, token=TOKEN)
    with pytest.raises(OutsideError, match="certificate is not trusted"):
        client.read("user.profile")
    assert impostor.came.wait(30)
    assert b"".join(impostor.heard) == b""
    client.close()


def test_no_feed_is_dialled_at_who_shows_no_trusted_certificate(impostor: Impostor) -> None:
    """The token is in the address that the handshake would send: it is not sent."""
    changes: list[tuple[str, str]] = []

    async def dial() -> None:
        lost = asyncio.Event()

        async def session() -> Session:
            return Session("simkey", TOKEN)

        def noticed(state: str, why: str) -> None:
            changes.append((str(state), why))
            if "SSL" in why:
                lost.set()

        ticker = Ticker(
            f"wss://127.0.0.1:{impostor.port}", np.array([1]), session, lambda _: None,
            noticed=noticed, limits=HASTY,
        )  # fmt: skip
        task = asyncio.create_task(ticker.run())
        await asyncio.wait_for(lost.wait(), 60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(dial())
    assert str(State.OPEN) not in {state for state, _ in changes}
    assert b"".join(impostor.heard) == b""
