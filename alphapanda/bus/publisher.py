"""Sends messages in order and waits for all acknowledgements; a producer that failed is replaced.

aiokafka's idempotent producer keeps one batch of a partition in flight, so order holds through its
own retries. It never heals after a lost sequence, and waits for ever without a server: any error,
and our own time limit, end it. The next one begins after it is gone, so that no message of the old
one follows a message of the new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from alphapanda import log
from alphapanda.bus.client import (
    close_client,
    connection,
    failures,
    kafka,
    open_client,
    unreachable,
)
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.net.tasks import CANCEL_S, noticed, waits

LOG = log.get(__name__)
BATCH_BYTES = 256 * 1024
OVERHEAD = 1024
"""Of a message, beside key, value and headers."""


class Record(NamedTuple):
    """A message to be sent."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def size(self) -> int:
        """Return how many bytes it takes, at most."""
        extra = sum(len(name) + len(value) + 16 for name, value in self.headers)
        return len(self.key) + len(self.value) + extra + OVERHEAD


class TooLargeError(UsageError):
    """A message is larger than the servers are told to take."""


@dataclass
class Sent:
    """What a publisher has done."""

    messages: int = 0
    bytes: int = 0
    errors: int = 0
    retries: int = 0
    producers: int = 0


class Publisher:
    """A producer with acks=all that is replaced when it fails; `start` before use, `stop` after."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sent = Sent()
        self._producer: Any = None

    async def start(self) -> None:
        """Connect.

        Raises:
            OutsideError: if the server does not answer.
        """
        producer = kafka().AIOKafkaProducer(**producing(self.settings))
        await open_client(producer, self.settings)
        self._producer = producer
        self.sent.producers += 1

    async def stop(self) -> None:
        """Flush and close. What `publish` has returned from is acknowledged already."""
        await self._discard()

    async def health(self) -> None:
        """Ask the server for an answer.

        Raises:
            OutsideError: if there is none.
        """
        admin = kafka().admin.AIOKafkaAdminClient(**connection(self.settings))
        await open_client(admin, self.settings)
        await close_client(admin, self.settings)

    async def publish(self, records: Sequence[Record]) -> None:
        """Send messages, those of a key in order, and wait until all are acknowledged.

        Raises:
            OutsideError: if one was not, in time. Nothing is known of any then: send all again.
            TooLargeError: if one is too large ever to be sent; then none has been.
        """
        for record in records:
            if record.size > largest(self.settings):
                raise TooLargeError(
                    f"a message of {len(record.value)} bytes for {record.topic}: more than "
                    f"bus.message_bytes, {self.settings.bus.message_bytes}"
                )
        if self._producer is None:
            await self.start()
        lost = failures()
        try:
            async with asyncio.timeout(self.settings.bus.send_timeout_s):
                failed = await self._send(records)
        except lost as error:
            failed = error
        if failed is not None:
            self.sent.errors += 1
            LOG.warning("producer failed and is replaced", error=failed)
            await self._discard()
            raise unreachable(self.settings, failed) from failed
        self.sent.messages += len(records)
        self.sent.bytes += sum(len(record.value) for record in records)

    async def insist(self, records: Sequence[Record]) -> None:
        """Send messages as often as it takes until all are acknowledged; without a server, wait.

        Raises:
            TooLargeError: if one is too large ever to be sent.
        """
        for wait in waits(self.settings.bus.backoff_s, most_s=2):
            try:
                await self.publish(records)
            except OutsideError as error:
                self.sent.retries += 1
                LOG.warning("not sent, tried again", wait_s=wait, error=error)
                await asyncio.sleep(wait)
            else:
                return

    async def _send(self, records: Sequence[Record]) -> BaseException | None:
        futures: list[asyncio.Future[Any]] = []
        whole = False
        try:
            for topic, key, value, headers in records:
                futures.append(await self._producer.send(topic, value, key, headers=list(headers)))
            whole = True
        finally:
            if not whole:  # they end when the producer does, and none may end unseen
                for future in futures:
                    future.add_done_callback(noticed)
        ended = await asyncio.gather(*futures, return_exceptions=True)
        return next((each for each in ended if isinstance(each, BaseException)), None)

    async def _discard(self) -> None:
        """End the producer for certain, with whatever it still holds."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        # Its own stop() waits for batches that never expire. The first cancel lets its requests
        # end, the second does not.
        producer._closed = True
        sender = producer._sender.sender_task
        while not sender.done():
            sender.cancel()
            await asyncio.wait([sender], timeout=CANCEL_S)
        noticed(sender)
        await close_client(producer.client, self.settings)
        # A request that waits to hear which servers there are would do so for ever now, and keep
        # its messages in memory.
        producer.client.force_metadata_update()
        producer.client._md_update_fut.cancel()


def largest(settings: Settings) -> int:
    """Return how many bytes a message may take in all."""
    return settings.bus.message_bytes + OVERHEAD


def producing(settings: Settings) -> dict[str, Any]:
    """Return what a producer is made with; nothing is left to defaults that lose messages."""
    compression = settings.bus.compression
    return {
        **connection(settings),
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": None if compression == "none" else compression,
        "max_batch_size": min(BATCH_BYTES, largest(settings)),
        "max_request_size": largest(settings) + OVERHEAD,
    }
