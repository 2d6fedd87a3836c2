"""Dead letters: messages of the bus that could not be used, and the way back for one of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from alphapanda.api import people
from alphapanda.api.answers import ApiError, answer, not_found, unavailable
from alphapanda.api.foreign import require_runs_it
from alphapanda.api.lists import Limit, Word, size
from alphapanda.api.lists import listed as list_of
from alphapanda.api.scopes import V1
from alphapanda.api.services import Services, services_of
from alphapanda.api.who import who_of
from alphapanda.bus import dead_letters, topic_reader
from alphapanda.bus.dead_letters import Letter
from alphapanda.bus.letters import about, gathered, printable, strip_ending
from alphapanda.bus.topics import wanted
from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.topics import BROKERS, DLQ

ROUTER = APIRouter(prefix=f"{V1}/monitoring/letters", tags=["monitoring"])
ANSWER_S = 2.5
Number = Annotated[str, Path(pattern=r"^[a-z0-9._-]{1,100}~[0-9]{1,6}~[0-9]{1,18}$",
                             description="`id` of the list: TOPIC~PARTITION~OFFSET.")]  # fmt: skip


@ROUTER.get("", summary="List dead letters")
async def listed(request: Request, topic: Word = "", limit: Limit = "50") -> Response:
    """Return the newest letters of a topic or of all, without what is in them."""
    services, count = services_of(request), size(limit)
    require_runs_it(services.settings, who_of(request.scope))
    if topic:
        known(topic)
    if not services.settings.bus.enabled:
        return list_of([])
    async with asking_bus(services):
        found = await gathered(services.settings, topic or None, count)
    return list_of([show_letter(each) for each in found[::-1]])


@ROUTER.post("/{letter}/return", summary="Send a dead letter to its topic again")
async def back(request: Request, letter: Number) -> Response:
    """Send a message to where it came from; one that would only come back is refused."""
    services, who = services_of(request), who_of(request.scope)
    require_runs_it(services.settings, who)
    topic, partition, offset = letter.split("~")
    known(topic)
    if not services.settings.bus.enabled:
        raise not_found()
    settings = services.settings
    async with asking_bus(services):
        try:
            raw = await topic_reader.at(settings, topic + DLQ, int(partition), int(offset))
        except UsageError:
            raise not_found() from None
        found = dead_letters.letter(raw)
        why = dead_letters.unfit(settings, found)
        if why or found.topic not in wanted(BROKERS):
            raise ApiError(409, f"it would only come back: {printable(why or 'no such topic')}")
        async with services.writing() as session:
            await people.noted(
                session,
                settings,
                who.owner,
                who.name,
                "letter returned",
                letter,
                {"of": printable(found.topic), "offset": found.origin_offset},
            )
            await session.commit()
        await topic_reader.send_again(settings, dead_letters.returned([found]))
    return answer(show_letter(found))


def known(topic: str) -> None:
    """Refuse a topic that is none of ours.

    Raises:
        ApiError: it is not there.
    """
    if strip_ending(topic) not in wanted(BROKERS):
        raise not_found()


@asynccontextmanager
async def asking_bus(services: Services) -> AsyncIterator[None]:
    """Ask the bus inside, for a short while.

    Raises:
        ApiError: if it does not answer.
    """
    try:
        async with asyncio.timeout(ANSWER_S):
            yield
    except (OutsideError, TimeoutError):
        servers = services.settings.bus.servers
        raise unavailable(f"the bus at {servers} does not answer") from None


def show_letter(letter: Letter) -> dict[str, Any]:
    """Return what is known of a letter; what others wrote steers nothing."""
    facts = about(letter)
    for name in ("topic", "group", "reason", "sha256"):
        facts[name] = printable(str(facts[name]))
    return {"id": f"{strip_ending(letter.topic)}~{letter.partition}~{letter.offset}", **facts}
