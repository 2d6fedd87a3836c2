"""Apache Kafka, one KRaft node, from Maven Central's files on the machine's Java."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import urllib.request
import uuid
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.servers.process import HOST, MissingError, Server, free_port

VARIABLE = "ALPHAPANDA_TEST_KAFKA"
PACKAGES = ("default-jre-headless",)
CENTRAL = "https://repo1.maven.org/maven2"
FILES = Path(__file__).with_name("kafka.sha256")
"""What Kafka 4.3.0 and slf4j-simple 1.7.36 need, each with its hash. Made by Maven's
dependency:copy-dependencies of org.apache.kafka:kafka_2.13, in the layout of a repository."""
MOST_MEMORY = "-Xmx384m"

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
num.network.threads=2
num.io.threads=2
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
"""
"""The last two: after a kill it listens again in 3 s, not in 13."""


def cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return home / "alphapanda" / "kafka-4.3.0"


def wanted() -> dict[str, str]:
    """Return the hash of each file by its path in a Maven repository."""
    lines = (line.split() for line in FILES.read_text().splitlines())
    return {path: digest for digest, path in lines}


def is_there() -> bool:
    here = cache()
    return shutil.which("java") is not None and all(
        (here / Path(path).name).exists() for path in wanted()
    )


def fetch() -> None:
    """Download what is not in the cache; a file counts once its hash is right."""
    here = cache()
    here.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda item: fetch_one(here, *item), wanted().items()))


def fetch_one(here: Path, path: str, digest: str) -> None:
    target = here / Path(path).name
    if target.exists():
        return
    try:
        with urllib.request.urlopen(f"{CENTRAL}/{path}", timeout=60) as answer:
            content = answer.read()
    except OSError as error:
        raise MissingError(f"{CENTRAL}/{path}: {error}") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise MissingError(f"{CENTRAL}/{path} is not what it was: its hash differs")
    part = target.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(content)
    part.rename(target)


class Kafka(Server):
    """One broker that is its own controller; topics are made by clients, never by accident."""

    name = "kafka"
    start_timeout_s = 90
    stop_timeout_s = 30

    @property
    def url(self) -> str:
        """Return HOST:PORT."""
        return f"{HOST}:{self.port}"

    def prepare(self) -> None:
        """Write the settings and format the storage."""
        if not is_there():
            raise MissingError("Java or Kafka's files are not there: make provision")
        self.settings = self.folder / "kafka.properties"
        self.settings.write_text(
            PROPERTIES.format(host=HOST, port=self.port, controller=free_port(), folder=self.folder)
        )
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        done = subprocess.run(
            self.java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c",
                      str(self.settings)),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise MissingError(f"Kafka's storage can't be formatted: {done.stdout}{done.stderr}")

    def command(self) -> list[str]:
        """Return what starts it."""
        return self.java("kafka.Kafka", str(self.settings))

    def java(self, program: str, *words: str) -> list[str]:
        """Return the command of one of Kafka's programs."""
        log = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",)
        return ["java", MOST_MEMORY, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *log, "-cp",
                f"{cache()}/*", program, *words]  # fmt: skip
