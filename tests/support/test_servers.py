"""The throw-away servers are real, come back after a kill, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.support.servers import VARIABLES, absent, own, shared_by_all
from tests.support.servers.kafka import Kafka, fetch_one
from tests.support.servers.postgres import Postgres
from tests.support.servers.process import MissingError, Server, listens, wait_until
from tests.support.servers.proxy import Proxy
from tests.support.servers.redis import Redis

ROOT = Path(__file__).resolve().parents[2]
KINDS = [Postgres, Redis, Kafka]
HOLDER = """
import sys, time
from tests.support.servers.{module} import {name}
server = {name}().start()
print(server.port, server.process.pid, server.folder, flush=True)
time.sleep(600)
"""


def ask(port: int, line: bytes, *, limit_s: float = 20) -> bytes:
    with socket.create_connection(("127.0.0.1", port), limit_s) as connection:
        connection.sendall(line)
        return connection.recv(100)


def read_out(line: socket.socket) -> None:
    while line.recv(100):
        pass


@contextmanager
def killed_later(kind: type[Server]) -> Iterator[Server]:
    """Give a server that the test kills and starts; see that it came back, and is gone at last."""
    with own(kind) as server:
        port, folder = server.port, server.folder
        yield server
        assert server.port == port
        assert listens(port)
    assert not listens(port)
    assert not folder.exists()


def killed(server: Server) -> None:
    """Kill it and start it again."""
    server.kill()
    assert not listens(server.port)
    server.start()


@pytest.mark.parametrize("kind", [Postgres, Redis])
def test_a_server_is_killed_started_again_and_gone_at_the_end(kind: type[Server]) -> None:
    """After a kill it comes back on the same port; at the end neither it nor its folder is left."""
    with killed_later(kind) as server:
        killed(server)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_server_dies_with_the_process_that_started_it(kind: type[Server]) -> None:
    """Tests that are killed leave no server running."""
    if not sys.modules[kind.__module__].is_there():
        absent(kind, MissingError(f"{kind.name} is not there"))
    script = HOLDER.format(module=kind.name, name=kind.__name__)
    holder = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder.stdout:
        port, pid, folder = holder.stdout.readline().split()
    assert listens(int(port))
    holder.kill()
    holder.wait()
    gone = wait_until(lambda: not listens(int(port)), 15)
    subprocess.run(["rm", "-rf", folder], check=True)
    if not gone:
        os.kill(int(pid), signal.SIGKILL)
    assert gone


def test_redis_answers(redis_url: str) -> None:
    """The address of the fixture is a Redis."""
    port = int(redis_url.rpartition(":")[2].partition("/")[0])
    assert ask(port, b"INCR test:servers\r\n").startswith(b":")


def test_kafka_keeps_what_it_acknowledged_over_a_kill() -> None:
    """A real client: a topic, idempotent messages, kill, start, and each is read once in order.

    It comes back on the same port, and at the end neither it nor its folder is left.
    """
    sent = [f"event {number}".encode() for number in range(500)]

    async def send(address: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        await admin.create_topics([NewTopic("test.events", 1, 1)])
        await admin.close()
        producer = AIOKafkaProducer(
            bootstrap_servers=address, acks="all", enable_idempotence=True, compression_type="lz4"
        )
        await producer.start()
        await asyncio.gather(*[await producer.send("test.events", value) for value in sent])
        await producer.stop()

    async def read(address: str) -> list[bytes]:
        consumer = AIOKafkaConsumer(
            "test.events", bootstrap_servers=address, auto_offset_reset="earliest"
        )
        await consumer.start()
        found = [(await asyncio.wait_for(consumer.getone(), 20)).value for _ in sent]
        await consumer.stop()
        return found

    with killed_later(Kafka) as server:
        asyncio.run(send(server.url))
        killed(server)
        assert asyncio.run(read(server.url)) == sent


def test_a_file_whose_hash_differs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is run that is not byte for byte what was agreed."""
    (tmp_path / "a.jar").write_bytes(b"changed")
    monkeypatch.setattr("tests.support.servers.kafka.CENTRAL", tmp_path.as_uri())
    with pytest.raises(MissingError, match="its hash differs"):
        fetch_one(tmp_path / "cache", "a.jar", "0" * 64)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(("ci", "outcome"), [("true", "failed"), ("", "skipped")])
def test_a_missing_server_skips_and_fails_in_ci(
    ci: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a server a test says what is missing and what to set; CI does not let it pass."""

    class Absent(Redis):
        def command(self) -> list[str]:
            """Fail as on a machine without the package."""
            raise MissingError("Redis is not installed: make provision")

    monkeypatch.setenv("CI", ci)
    monkeypatch.setitem(VARIABLES, Absent, "ALPHAPANDA_TEST_REDIS")
    expected: Any = pytest.fail.Exception if outcome == "failed" else pytest.skip.Exception
    with pytest.raises(expected, match="make provision"):
        own(Absent).__enter__()


def test_an_address_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a server runs already, none is started."""
    monkeypatch.setenv("ALPHAPANDA_TEST_KAFKA", "bus:9092")
    with shared_by_all(Kafka) as address:
        assert address == "bus:9092"


def test_a_frozen_server_answers_nobody() -> None:
    """PostgreSQL's processes are groups of their own: all of them freeze, and go on."""

    async def asked(server: Postgres) -> int:
        line = await asyncpg.connect(server.url)
        server.pause()
        question = asyncio.ensure_future(line.fetchval("SELECT 7"))
        assert not (await asyncio.wait([question], timeout=1))[0]
        server.resume()
        answer = await asyncio.wait_for(question, 20)
        await line.close()
        return int(answer)

    with own(Postgres) as server:
        assert asyncio.run(asked(server)) == 7


def test_a_proxy_passes_holds_delays_and_cuts(redis_url: str) -> None:
    """What a blackhole took arrives later; a delay is kept; a cut breaks what is open."""
    with Proxy(redis_url) as way:
        port = int(way.url.rpartition(":")[2].partition("/")[0])
        with socket.create_connection(("127.0.0.1", port), 5) as line:
            line.settimeout(0.3)
            line.sendall(b"PING\r\n")
            assert line.recv(100) == b"+PONG\r\n"
            way.blackhole()
            line.sendall(b"PING\r\n")
            with pytest.raises(TimeoutError):
                line.recv(100)
            with pytest.raises(TimeoutError):
                ask(port, b"PING\r\n", limit_s=0.3)
            line.settimeout(20)
            way.heal()
            assert line.recv(100) == b"+PONG\r\n"
            way.delay(0.3, piece=4)
            began = time.monotonic()
            assert ask(port, b"PING\r\n") == b"+PON"
            assert time.monotonic() - began >= 0.3
            way.heal()
            way.after(1, way.cut)
            line.sendall(b"PING\r\n")
            with pytest.raises(ConnectionResetError):
                read_out(line)
        assert ask(port, b"PING\r\n") == b"+PONG\r\n"
