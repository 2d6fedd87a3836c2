"""Redis (or Valkey) from the distribution's packages."""

from __future__ import annotations

import shutil
import socket

from tests.support.servers.process import HOST, MissingError, Server

VARIABLE = "ALPHAPANDA_TEST_REDIS"
PACKAGES = ("redis-server",)


def program() -> str | None:
    return shutil.which("redis-server") or shutil.which("valkey-server")


def is_there() -> bool:
    return program() is not None


class Redis(Server):
    """A server without persistence."""

    name = "redis"

    @property
    def url(self) -> str:
        """Return its address with database 0."""
        return f"redis://{HOST}:{self.port}/0"

    def command(self) -> list[str]:
        """Return what starts it."""
        server = program()
        if server is None:
            raise MissingError("Redis is not installed: make provision")
        return [server, "--bind", HOST, "--port", str(self.port), "--save", "",
                "--appendonly", "no", "--dir", str(self.folder)]  # fmt: skip

    def is_ready(self) -> bool:
        """Say if it answers a PING."""
        try:
            return self.asked(b"PING") == b"+PONG\r\n"
        except OSError:
            return False

    def flush(self) -> None:
        """Let it forget all it has."""
        assert self.asked(b"FLUSHALL") == b"+OK\r\n"

    def asked(self, command: bytes) -> bytes:
        """Return a short answer."""
        with socket.create_connection((HOST, self.port), 1) as line:
            line.sendall(command + b"\r\n")
            return line.recv(16)
