"""A server whose certificate nobody signed is told nothing: no key, no token, no request."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from alphapanda.brokers.zerodha.answers import Outcome
from alphapanda.brokers.zerodha.dialling import Limits
from alphapanda.brokers.zerodha.ticker import Session, Ticker
from alphapanda.brokers.zerodha.transport import Request, Transport

SECRET = "SECRETTOKEN"
DAY = timedelta(days=1)


def write_certificate(folder: Path) -> Path:
    """Write a certificate for this machine that is signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(now - DAY).not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "own.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ) + made.public_bytes(serialization.Encoding.PEM)
    )  # fmt: skip
    return path


class Listener:
    """A TLS server that keeps what it is told."""

    def __init__(self, certificate: Path) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.dialled, self.refused = 0, 0
        self.heard = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self.socket.accept()
                self.dialled += 1
                line.settimeout(10)
                try:
                    with self.context.wrap_socket(line, server_side=True) as wrapped:
                        self.heard += wrapped.recv(4096)
                except OSError:
                    self.refused += 1

    def close(self) -> None:
        """Listen no more."""
        with suppress(OSError):  # a test has closed it already
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(30)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    """Give a server with a certificate of its own making."""
    made = Listener(write_certificate(tmp_path))
    yield made
    made.close()


def test_no_request_is_sent_to_it(listener: Listener) -> None:
    """REST: the call fails as one that was not sent."""
    transport = Transport(family="ipv4", loopback_only=True)
    answer = transport.send(
        Request("GET", f"https://localhost:{listener.port}/user/profile", {"token": SECRET}),
        timeout_s=20,
    )
    transport.close()
    listener.close()
    assert answer.outcome is not Outcome.DONE
    assert (listener.dialled, listener.refused, listener.heard) == (1, 1, b"")


def test_no_token_is_sent_to_it(listener: Listener) -> None:
    """The ticker: the address with the token in it is never asked for."""
    lost = asyncio.Event()

    async def session() -> Session:
        return Session("simkey", SECRET)

    def notice(_: str, why: str) -> None:
        if "SSL" in why or "Certificate" in why:
            lost.set()

    async def dial() -> Ticker:
        made = Ticker(
            f"wss://localhost:{listener.port}", [1], session, lambda _: None, noticed=notice,
            limits=Limits(first_wait_s=60),
        )  # fmt: skip
        task = asyncio.create_task(made.run())
        await asyncio.wait_for(lost.wait(), 60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return made

    made = asyncio.run(dial())
    listener.close()
    assert (listener.dialled, listener.refused, listener.heard) == (1, 1, b"")
    assert made.seen.frames == 0
