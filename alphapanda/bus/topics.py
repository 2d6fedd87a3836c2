"""Makes the topics, and refuses those that are there with other settings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

from alphapanda import log
from alphapanda.bus.client import connection, kafka, opened
from alphapanda.bus.publisher import OVERHEAD, largest
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError, did_you_mean
from alphapanda.events.topics import BROKERS, DLQ, topics

LOG = log.get(__name__)
HOUR_MS = 3_600_000
EXISTS = 36
FIXED = {"cleanup.policy": "delete"}
UNSAFE = {"write.caching": "true"}
"""Redpanda would acknowledge what is not on the disk yet."""


class Made(NamedTuple):
    """What became of the topics."""

    created: list[str]
    kept: list[str]


class Facts(NamedTuple):
    """A topic as it is."""

    partitions: int
    replication: int
    configs: dict[str, str]


REHEARSED = "rehearsal."
"""What the topics of rehearsals begin with: whoever reads the others never sees them."""


def rehearsed(broker: str) -> list[str]:
    """Return the topics that a rehearsed run at a broker is published on."""
    return [f"{REHEARSED}{name}" for name in dict.fromkeys(topics(broker))
            if name.startswith(f"{broker}.")]  # fmt: skip


def wanted(brokers: Iterable[str]) -> list[str]:
    """Return the topics of some brokers' deployments, each with that of its dead letters."""
    names = dict.fromkeys(name for broker in brokers for name in topics(broker))
    return [each for name in names for each in (name, name + DLQ)]


async def bootstrap(settings: Settings, brokers: Iterable[str]) -> Made:
    """Make the topics that are not there; nothing is made if one that is contradicts.

    Raises:
        UsageError: if a topic differs from the settings; the message names both values. Or if
            the settings are of a topic that is none.
        OutsideError: if the server does not answer, or refuses.
    """
    known = wanted(BROKERS)
    for name in settings.bus.topics:
        if name not in known:
            raise UsageError(
                f'setting bus.topics."{name}": no such topic.{did_you_mean(name, known)}'
            )
    return await made_of(settings, wanted(brokers))


async def made_of(settings: Settings, names: list[str]) -> Made:
    """Make those of some topics that are not there; nothing is made if one that is contradicts.

    Raises:
        UsageError: if a topic differs from the settings; the message names both values.
        OutsideError: if the server does not answer, or refuses.
    """
    client = kafka().admin.AIOKafkaAdminClient(**connection(settings))
    async with opened(client, settings) as admin:
        there = await described(admin, names)
        refuse(settings, there)
        missing = [name for name in names if name not in there]
        made = await create(admin, settings, missing) if missing else []
        if missing:  # among them may be what another process has just made, in its own way
            refuse(settings, await visible(admin, names, settings.bus.request_timeout_s))
    LOG.info("topics are there", created=len(made), kept=len(names) - len(made))
    return Made(made, [name for name in names if name not in made])


async def health(settings: Settings, brokers: Iterable[str]) -> None:
    """Ask the server for its topics.

    Raises:
        OutsideError: if it does not answer, or has not the topics of some brokers' deployments.
    """
    client = kafka().admin.AIOKafkaAdminClient(**connection(settings))
    async with opened(client, settings) as admin:
        there = set(await admin.list_topics())
    missing = [name for name in wanted(brokers) if name not in there]
    if missing:
        raise OutsideError(
            f"the server at {settings.bus.servers} has no topic {missing[0]}: alphapanda bootstrap"
        )


def refuse(settings: Settings, there: dict[str, Facts]) -> None:
    """Refuse topics that differ from the settings.

    Raises:
        UsageError: if one does; the message names both values.
    """
    differences = [each for name in there for each in compared(settings, name, there[name])]
    if differences:
        raise UsageError("\nalphapanda: ".join(differences))


async def visible(admin: Any, names: list[str], timeout_s: float) -> dict[str, Facts]:
    """Wait until topics that have been made can be used."""
    async with asyncio.timeout(timeout_s):
        while True:
            there = await described(admin, names)
            if all(name in there and there[name].partitions for name in names):
                return there
            await asyncio.sleep(0.05)


async def described(admin: Any, names: list[str]) -> dict[str, Facts]:
    """Return those of some topics that there are."""
    known = set(await admin.list_topics())
    names = [name for name in names if name in known]
    if not names:
        return {}
    configs = await configs_of(admin, names)
    found = {}
    for told in await admin.describe_topics(names):
        parts = told["partitions"]
        copies = min((len(part["replicas"]) for part in parts), default=0)
        found[told["topic"]] = Facts(len(parts), copies, configs.get(told["topic"], {}))
    return {name: found[name] for name in names}


async def configs_of(admin: Any, names: list[str]) -> dict[str, dict[str, str]]:
    """Return the settings that topics have on the server."""
    kind = kafka().admin.config_resource
    asked = [kind.ConfigResource(kind.ConfigResourceType.TOPIC, name) for name in names]
    return {
        told[3]: {entry[0]: str(entry[1]) for entry in told[4]}
        for answer in await admin.describe_configs(asked)
        for told in answer.resources
    }


def configs_wanted(settings: Settings, name: str) -> dict[str, str]:
    """Return the settings that a topic must have on the server."""
    topic = settings.bus.topic(name)
    given = {
        "retention.ms": str(topic.retention_h * HOUR_MS),
        "max.message.bytes": str(largest(settings) + OVERHEAD),
        **FIXED,
    }
    if topic.replication > 2:  # one copy may fail, and an acknowledged message has two
        given["min.insync.replicas"] = str(topic.replication - 1)
    return given


def compared(settings: Settings, name: str, facts: Facts) -> list[str]:
    """Say how a topic differs from the settings."""
    topic = settings.bus.topic(name)
    section = section_of(settings, name)
    found = [
        f"topic {name} has {there} {what}, setting {section}.{what} is {here}"
        for what, there, here in (
            ("partitions", facts.partitions, topic.partitions),
            ("replication", facts.replication, topic.replication),
        )
        if there != here
    ]
    setting = {"retention.ms": f"{section}.retention_h", "max.message.bytes": "bus.message_bytes"}
    for key, here in configs_wanted(settings, name).items():
        there = facts.configs.get(key, here)
        if there != here:
            found.append(
                f"topic {name} has {key}={there}, by setting {setting.get(key, section)} it is "
                f"{here}"
            )
    for key, unsafe in UNSAFE.items():
        if facts.configs.get(key) == unsafe:
            found.append(f"topic {name} has {key}={unsafe}: what is acknowledged may be lost")
    return found


def section_of(settings: Settings, name: str) -> str:
    """Return which section of the settings says how a topic is made."""
    if name in settings.bus.topics:
        return f'bus.topics."{name}"'
    if name.endswith(DLQ):
        return "bus.dlq"
    return "bus.ticks" if name == "market.ticks" else "bus.default"


async def create(admin: Any, settings: Settings, names: list[str]) -> list[str]:
    """Make topics and return those that were: another process may do it at the same time.

    Raises:
        OutsideError: if the server refuses one.
    """
    new = kafka().admin.NewTopic
    asked = [
        new(name, settings.bus.topic(name).partitions, settings.bus.topic(name).replication,
            topic_configs=configs_wanted(settings, name))
        for name in names
    ]  # fmt: skip
    answer = await admin.create_topics(asked)
    for name, code, *message in answer.topic_errors:
        if code not in (0, EXISTS):
            why = next(iter(message), None) or kafka().errors.for_code(code).__name__
            raise OutsideError(
                f"topic {name} can't be made: {why}. Its settings are {section_of(settings, name)}"
            )
    return [name for name, code, *_ in answer.topic_errors if code == 0]
