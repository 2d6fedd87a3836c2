"""Requests that may be sent again: the same key with the same body is done once."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from alphapanda import log
from alphapanda.api.answers import ApiError, answer, unavailable
from alphapanda.api.headers import header
from alphapanda.api.people import HOUR
from alphapanda.api.who import Who
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.store.access import Repeat
from alphapanda.store.database import Database, answering

LOG = log.get(__name__)
KEY = re.compile(r"[\x21-\x7e]{8,64}")
KEPT_NS = 24 * HOUR
WRITE_S = 1.0
MOST = 10_000

Done = tuple[int, dict[str, Any]]


class Repeats:
    """What was done under which key: of this process in memory, of all in the database.

    Without a database only what may not wait for one is done, known to this process alone.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings, self.database = settings, database
        self._here: dict[tuple[str, str], tuple[str, asyncio.Future[Done]]] = {}

    async def once(
        self, scope: Any, who: Who, body: bytes, do: Callable[[], Awaitable[Done]], *,
        urgent: bool, down: bool,
    ) -> Response:  # fmt: skip
        """Do something, unless that was done under this key: then give the same answer.

        `urgent` is done without a database too, if `down` or it does not answer.

        Raises:
            ApiError: without a key, or if the key was used for another body.
        """
        key = header(scope, "idempotency-key")
        if key is None or not KEY.fullmatch(key):
            raise ApiError(400, "send Idempotency-Key: 8 to 64 visible characters, new each time")
        place, body_hash = (who.owner, key_of(who, key)), digest(scope, body)
        known = self._here.get(place)
        if known is not None:
            if known[0] != body_hash:
                raise ApiError(409, "the key was used for another request")
            return as_response(await asyncio.shield(known[1]))
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._here[place] = body_hash, future
        if len(self._here) > MOST:
            del self._here[next(iter(self._here))]
        done, refusal = None, again()
        try:
            done = await self._new(place, body_hash, do, urgent=urgent, down=down)
        except ApiError as error:
            refusal = error
            raise
        finally:
            if done is None:
                self._here.pop(place, None)
                future.set_exception(refusal)
                future.exception()  # nobody else may be waiting for it
            else:
                future.set_result(done)
        return as_response(done)

    async def _new(
        self, place: tuple[str, str], body_hash: str, do: Callable[[], Awaitable[Done]], *,
        urgent: bool, down: bool,
    ) -> Done:  # fmt: skip
        if urgent:  # stopping waits for nothing: what is asked twice is a stop all the same
            return await do()
        if down:
            raise unavailable()
        try:
            before = await self._begun(place, body_hash)
        except OutsideError:
            raise unavailable() from None
        if before is not None:
            return before
        try:
            done = await do()
        except ApiError:
            await self._tried(self._forgotten(place))
            raise
        await self._tried(self._kept(place, done))
        return done

    # What was done is done, and told as such: this process knows it under its key all the same.
    async def _tried(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except OutsideError as error:
            LOG.warning("what was answered under a key is not kept", error=error)

    async def _begun(self, place: tuple[str, str], body_hash: str) -> Done | None:
        owner, key = place
        with answering(self.settings):
            async with asyncio.timeout(WRITE_S), self.database.session(writes=True) as session:
                row = (await session.scalars(
                    select(Repeat).where(Repeat.owner_id == owner, Repeat.key == key)
                )).one_or_none()  # fmt: skip
                now = time.time_ns()
                if row is not None and row.created_ns > now - KEPT_NS:
                    return before(row, body_hash)
                await session.execute(delete(Repeat).where(Repeat.created_ns <= now - KEPT_NS))
                session.add(Repeat(
                    owner_id=owner, key=key, body_hash=body_hash, status=None, answer=None,
                    created_ns=now,
                ))  # fmt: skip
                try:
                    await session.commit()
                except IntegrityError:  # another process was quicker
                    raise again() from None
        return None

    async def _kept(self, place: tuple[str, str], done: Done) -> None:
        text = msgspec.json.encode(done[1]).decode()
        with answering(self.settings):
            async with asyncio.timeout(WRITE_S), self.database.session(writes=True) as session:
                await session.execute(
                    update(Repeat).where(Repeat.owner_id == place[0], Repeat.key == place[1])
                    .values(status=done[0], answer=text)
                )  # fmt: skip
                await session.commit()

    async def _forgotten(self, place: tuple[str, str]) -> None:
        with answering(self.settings):
            async with asyncio.timeout(WRITE_S), self.database.session(writes=True) as session:
                await session.execute(
                    delete(Repeat).where(Repeat.owner_id == place[0], Repeat.key == place[1])
                )
                await session.commit()


def before(row: Repeat, body_hash: str) -> Done:
    """Return what was answered before.

    Raises:
        ApiError: if that was for another request, or is not known yet.
    """
    if row.body_hash != body_hash:
        raise ApiError(409, "the key was used for another request")
    if row.status is None or row.answer is None:
        raise again()
    return row.status, msgspec.json.decode(row.answer)


def again() -> ApiError:
    """Return the refusal of a request whose first sending is still being answered, or was lost."""
    return ApiError(409, "a request with this key has no answer yet: look at /commands")


def as_response(done: Done) -> Response:
    """Return what was done as an answer."""
    return answer(done[1], done[0])


def key_of(who: Who, key: str) -> str:
    """Return under what a user's key is kept; another user's is another."""
    return hashlib.sha256(f"{who.user} {key}".encode()).hexdigest()


def digest(scope: Any, body: bytes) -> str:
    """Return the hash of what is asked: where, and with which body."""
    return hashlib.sha256(f"{scope['method']} {scope['path']}\n".encode() + body).hexdigest()
