"""Streams: one of Server-Sent Events, one WebSocket with the same frames, for many topics."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, WebSocket
from fastapi.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from alphapanda.api.answers import ApiError, refuse
from alphapanda.api.clients import MOST_NAMES, REVOKED, Client, Watched
from alphapanda.api.frames import Frame
from alphapanda.api.headers import header
from alphapanda.api.hub import scope_of
from alphapanda.api.limits import SlidingLog
from alphapanda.api.local_runs import LocalRun
from alphapanda.api.log_files import AUDIT
from alphapanda.api.scopes import ADMIN, TOPICS, V1
from alphapanda.api.sending import EventStream, send_all
from alphapanda.api.services import services_of
from alphapanda.api.who import Login, Who, who_of
from alphapanda.log.channels import CHANNELS

ROUTER = APIRouter(prefix=V1, tags=["streams"])
ALIASES = {"health": "health", "pipeline": "pipeline", "activity": "activity",
           "logs": "logs.application"}  # fmt: skip
Topics = Annotated[str, Query(max_length=300, description="With commas: health, pipeline, board, "
                              "activity, alerts, logs.CHANNEL")]  # fmt: skip
RunName = Annotated[str, Query(max_length=64, description="Only this run.")]
Names = Annotated[str, Query(max_length=12_000, description="Instruments whose ticks are shown, "
                             "with commas, at most 200.")]  # fmt: skip
SUBSCRIBE_BYTES = 16_384
WISHES, WISHES_S = 20, 10
"""How often somebody may choose anew what he sees: each time the whole board is sent."""


class Subscription(msgspec.Struct, forbid_unknown_fields=True):
    """What a WebSocket asks to see from now on."""

    subscribe: list[str]
    run: str = ""
    names: list[str] = []


@ROUTER.get("/stream", summary="Watch many topics")
async def stream(
    request: Request, topics: Topics, run: RunName = "", names: Names = ""
) -> Response:  # fmt: skip
    """Stream frames; activity and alerts have ids, and go on behind Last-Event-ID."""
    watched = Watched(listed(topics), run, listed(names))
    return opened(request, watched, header(request.scope, "last-event-id") or "")


@ROUTER.get("/stream/{topic}", summary="Watch one topic")
async def stream_of(request: Request, topic: str, run: RunName = "") -> Response:
    """Stream one topic: health, pipeline, activity or logs."""
    if topic not in ALIASES:
        raise ApiError(404, "there is no such topic")
    watched = Watched(frozenset({ALIASES[topic]}), run)
    return opened(request, watched, header(request.scope, "last-event-id") or "")


def opened(request: Request, watched: Watched, after: str) -> Response:
    """Return the stream of what is watched."""
    hub = services_of(request).hub
    client = client_of(request, watched)
    return EventStream(hub, client, hub.enter(client, after))


@ROUTER.websocket("/ws")
async def ws(
    socket: WebSocket, topics: Topics = "", run: RunName = "", names: Names = ""
) -> None:  # fmt: skip
    """Send the frames of the topics; `{"subscribe": [...]}` chooses others."""
    await talk(socket, Watched(listed(topics), run, listed(names)))


@ROUTER.websocket("/ws/{topic}")
async def ws_of(socket: WebSocket, topic: str, run: RunName = "") -> None:
    """Send the frames of one topic."""
    await talk(socket, Watched(frozenset({ALIASES.get(topic, topic)}), run))


async def talk(socket: WebSocket, watched: Watched) -> None:
    """Let somebody in, send what he watches, and hear what else he wants to."""
    hub = services_of(socket).hub
    try:
        client = client_of(socket, watched)
        first = hub.enter(client)
    except ApiError as error:
        await refuse(socket.scope, socket.receive, socket.send, error)
        return
    offered = socket.scope.get("subprotocols", ())
    await socket.accept("ap.v1" if "ap.v1" in offered else None)
    sender = asyncio.create_task(send_all(socket, hub, client, first))
    hearer = asyncio.create_task(hear(socket, client))
    try:
        await asyncio.wait({sender, hearer}, return_when=asyncio.FIRST_COMPLETED)
        if not sender.done():
            client.end("left")
            await asyncio.wait({sender}, timeout=1.0)
    finally:
        hub.leave(client)
        for task in (sender, hearer):
            task.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await task


async def hear(socket: WebSocket, client: Client) -> None:
    """Take in what somebody asks to see; what is no such wish ends it."""
    hub = services_of(socket).hub
    wishes = SlidingLog(WISHES, WISHES_S)
    while True:
        try:
            text = await socket.receive_text()
        except (WebSocketDisconnect, KeyError, RuntimeError):
            return
        try:
            wish = msgspec.json.decode(text[:SUBSCRIBE_BYTES].encode("utf-8", "surrogatepass"),
                                       type=Subscription)  # fmt: skip
            watched = Watched(frozenset(wish.subscribe), wish.run, frozenset(wish.names))
            wishes.require("")
            require(socket, client.who, watched)
        except ApiError as error:
            client.add(Frame("refused", {"status": error.status, "message": error.message}))
            continue
        except (msgspec.MsgspecError, ValueError, RecursionError):
            client.end(REVOKED)
            return
        client.watched = watched
        client.add(Frame("subscribed", {"topics": sorted(watched.topics)}))
        hub.show_all(client)


def client_of(connection: HTTPConnection, watched: Watched) -> Client:
    """Return one who may watch what he asks for.

    Raises:
        ApiError: if he may not.
    """
    who = who_of(connection.scope)
    require(connection, who, watched)
    login: Any = connection.scope["state"].get("login")
    known = login if isinstance(login, Login) else services_of(connection).auth.login_of(who)
    return Client(who, known, watched)


def require(connection: HTTPConnection, who: Who, watched: Watched) -> None:
    """Refuse what somebody may not watch: topics beyond his scopes, runs of others.

    Raises:
        ApiError: with the reason.
    """
    for topic in watched.topics:
        channel = topic.removeprefix("logs.") if topic.startswith("logs.") else ""
        if (topic not in TOPICS and not channel) or topic == "logs":
            raise ApiError(422, f"no such topic; there is {', '.join(TOPICS)}.CHANNEL")
        if channel and channel not in CHANNELS:
            raise ApiError(422, f"no such channel; there is {', '.join(CHANNELS)}")
        if not who.may(scope_of(topic)) or (channel == AUDIT and not who.may(ADMIN)):
            raise ApiError(403, f"that needs the scope {scope_of(topic)}")
    if len(watched.names) > MOST_NAMES:
        raise ApiError(422, f"at most {MOST_NAMES} names")
    services = services_of(connection)
    here: LocalRun | None = services.control.runs.runs.get(watched.run)
    owner = services.hub.tables.owners.get(watched.run, here.owner if here else None)
    if watched.run and owner != who.owner:
        raise ApiError(404, "there is none such")


def listed(text: str) -> frozenset[str]:
    """Return the words of a list with commas."""
    return frozenset(word.strip() for word in text.split(",") if word.strip())
