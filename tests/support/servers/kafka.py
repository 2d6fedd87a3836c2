"""Apache Kafka, one KRaft node or three, from Maven Central's files on the machine's Java."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import urllib.request
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from tests.support.servers.process import HOST, MissingError, Server, free_port

VARIABLE = "ALPHAPANDA_TEST_KAFKA"
PACKAGES = ("default-jre-headless",)
CENTRAL = "https://repo1.maven.org/maven2"
FILES = Path(__file__).with_name("kafka.sha256")
"""What Kafka 4.3.0 and slf4j-simple 1.7.36 need, each with its hash. Made by Maven's
dependency:copy-dependencies of org.apache.kafka:kafka_2.13, in the layout of a repository."""
NODES = 3
"""Of a cluster: with a majority of them up it goes on."""

PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
num.network.threads=2
num.io.threads=2
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
log.cleaner.dedupe.buffer.size=4194304
"""
"""Heartbeat and session: after a kill it listens again in 3 s, not in 13."""
META = """\
version=1
cluster.id={cluster}
node.id={node}
directory.id={directory}
"""
"""What marks a formatted folder as a node's."""
ARCHIVE = "classes.jsa"
FEATURES = "bootstrap.checkpoint"
"""What a formatted folder has besides: the same for each node of each cluster."""


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


def ready() -> Path:
    """Return the folder of what `provision` has Java do once, not at each start."""
    java = Path(shutil.which("java") or "java").resolve()
    stamp = f"{java} {java.stat().st_mtime_ns if java.exists() else 0} {PROPERTIES}"
    return cache() / f"ready-{hashlib.sha256(stamp.encode()).hexdigest()[:12]}"


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


def make_ready() -> None:
    """Format a folder that others are copied from, and keep Kafka's classes as Java loads them."""
    here = ready()
    if here.exists() or not is_there():
        return
    server = First()
    try:
        server.start()
        server.stop()
        if not server.archive.exists():  # it was killed before: starts are only slower
            return
        part = here.with_suffix(f".{os.getpid()}.part")
        part.mkdir()
        for path in (server.archive, server.folder / "data" / FEATURES):
            shutil.copy(path, part)
        part.rename(here)
    finally:
        server.remove()


class Kafka(Server):
    """A broker that is a controller too; topics are made by clients, never by accident."""

    name = "kafka"
    start_timeout_s = 300
    stop_timeout_s = 30
    most_memory = "-Xmx384m"

    def __init__(self) -> None:
        self.controller = free_port()
        super().__init__()

    @property
    def url(self) -> str:
        """Return HOST:PORT."""
        return f"{HOST}:{self.port}"

    def prepare(self) -> None:
        """Be a cluster of one."""
        if not is_there():
            raise MissingError("Java or Kafka's files are not there: make provision")
        self.join([self], random_id())

    def join(self, nodes: Sequence[Kafka], cluster: str) -> None:
        """Write the settings of one of a cluster's nodes, and format its storage."""
        self.settings = self.folder / "kafka.properties"
        voters = (f"{number}@{HOST}:{each.controller}" for number, each in enumerate(nodes, 1))
        self.settings.write_text(
            PROPERTIES.format(
                host=HOST, port=self.port, controller=self.controller, folder=self.folder,
                node=nodes.index(self) + 1, voters=",".join(voters), copies=len(nodes),
            )
        )  # fmt: skip
        features = ready() / FEATURES
        if not features.exists():
            self.format(cluster)
            return
        data = self.folder / "data"
        data.mkdir()
        shutil.copy(features, data)
        meta = META.format(cluster=cluster, node=nodes.index(self) + 1, directory=random_id())
        (data / "meta.properties").write_text(meta)

    def format(self, cluster: str) -> None:
        """Let Kafka's own program format the storage."""
        words = ("format", f"--cluster-id={cluster}", "-c", str(self.settings))
        done = subprocess.run(
            self.java("kafka.tools.StorageTool", *words), capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise MissingError(f"Kafka's storage can't be formatted: {done.stdout}{done.stderr}")

    def command(self) -> list[str]:
        """Return what starts it."""
        classes = f"-XX:SharedArchiveFile={ready() / ARCHIVE}"  # not needed: Java does without
        return self.java(classes, "-Xlog:disable", "-Xlog:all=error:stderr", "kafka.Kafka",
                         str(self.settings))  # fmt: skip

    def java(self, *words: str) -> list[str]:
        """Return the command of one of Kafka's programs, with options of Java before it."""
        log = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",)
        path = ":".join(sorted(str(cache() / Path(each).name) for each in wanted()))
        return ["java", self.most_memory, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *log,
                "-cp", path, *words]  # fmt: skip


class First(Kafka):
    """The one that shows Java which classes there are: it keeps them when it ends."""

    stop_timeout_s = 300

    @property
    def archive(self) -> Path:
        """Return the file of its classes."""
        return self.folder / ARCHIVE

    def command(self) -> list[str]:
        """Return what starts it."""
        return self.java(f"-XX:ArchiveClassesAtExit={self.archive}", "kafka.Kafka",
                         str(self.settings))  # fmt: skip


class Node(Kafka):
    """One of several brokers, each with a vote; it answers once a majority runs."""

    most_memory = "-Xmx256m"

    def prepare(self) -> None:
        """Wait to be told of the others."""
        if not is_there():
            raise MissingError("Java or Kafka's files are not there: make provision")


class Cluster:
    """Nodes that keep copies for each other; what two of three have is safe from one's end."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        try:
            for _ in range(NODES):
                self.nodes.append(Node())
            name = random_id()
            with ThreadPoolExecutor(NODES) as pool:
                list(pool.map(lambda node: node.join(self.nodes, name), self.nodes))
        except BaseException:
            self.remove()
            raise

    @property
    def url(self) -> str:
        """Return the addresses of all nodes."""
        return ",".join(each.url for each in self.nodes)

    def start(self) -> Self:
        """Start all and wait until they answer."""
        for each in self.nodes:
            each.launch()
        for each in self.nodes:
            each.wait()
        return self

    def stop(self) -> None:
        """Stop all for certain: without the others the last would wait long for a majority."""
        for each in self.nodes:
            each.kill()

    def remove(self) -> None:
        """End all and remove their folders."""
        for each in self.nodes:
            each.remove()


def random_id() -> str:
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
