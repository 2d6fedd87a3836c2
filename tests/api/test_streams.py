"""Streams: of state the latest, of events all, of others nothing; tickets once, ends in time."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from alphapanda.api import clients
from alphapanda.api.clients import Client, Watched
from alphapanda.api.hub import Hub
from alphapanda.api.people import who
from alphapanda.api.table_feed import Told
from alphapanda.api.who import Login
from alphapanda.projection.live import Change
from alphapanda.store.database import Database
from alphapanda.store.people import Alert, User
from alphapanda.store.trading import Fill, Run
from tests.api.conftest import MINE, OTHERS
from tests.store.rows import good
from tests.support.api import WIDE, Browser, Events, Serving, serving, settings_of
from tests.support.servers import databases

V1 = "/api/v1"
STREAM = f"{V1}/stream"


@pytest.fixture(scope="module")
def page(api: Serving) -> Browser:
    """Return a page of a user of this module's own: five streams are a user's at most."""
    api.add_user("streaming", "trader", MINE)
    return api.log_in("streaming")


@pytest.fixture(autouse=True)
def _nobody_left(api: Serving) -> Iterator[None]:
    """Wait until the streams of a test have been noticed to be gone."""
    yield
    until = time.monotonic() + 30
    while api.server.services.hub.clients and time.monotonic() < until:
        time.sleep(0.02)
    assert not api.server.services.hub.clients


def opened(page: Browser, query: str, **headers: str) -> Events:
    return Events(page.api, f"{STREAM}?{query}", {"Cookie": page.cookie, **headers})


def filled(api: Serving, run: str, owner: str, seq: int) -> None:
    """Let a run have one fill more."""
    api.save(good(Fill, run_id=run, owner_id=owner, account_id=owner, seq=seq,
                  event_id=uuid.uuid4(), trade_id=f"{run}-{seq}"))  # fmt: skip

    async def move() -> None:
        async with api.database.session(writes=True) as session:
            await session.execute(update(Run).where(Run.run_id == run).values(seq=seq))
            await session.commit()

    api.do(move())


def next_fill(events: Events, seq: int) -> tuple[Any, str]:
    """Return the fill of a number; commands of other tests may come before it."""
    while True:
        told, identity = events.until("activity")
        if told["type"] == "fill" and told["seq"] >= seq:
            return told, identity


def test_a_page_sees_its_runs_and_only_those(api: Serving, page: Browser) -> None:
    """First the whole board of one's own runs, none of another's, then what changes."""
    with opened(page, "topics=board,activity") as events:
        assert events.status == 200
        assert events.headers["content-type"] == "text/event-stream"
        hello, _ = events.until("hello")
        assert hello["topics"] == ["activity", "board"]
        first, identity = events.until("board")
        assert (first["reset"], identity) == (True, "")
        shown = {(run, part) for run, part, *_ in first["changes"]}
        assert (f"run-{MINE}", "positions") in shown
        assert not [run for run, _ in shown if OTHERS in run]
        filled(api, f"run-{OTHERS}", OTHERS, 101)
        filled(api, f"run-{MINE}", MINE, 101)
        told, identity = next_fill(events, 101)
        assert (told["type"], told["run"], told["seq"]) == ("fill", f"run-{MINE}", 101)
        assert told["price"] == "1500.00"
        assert identity.partition(":")[0] == hello["epoch"]


def test_nothing_of_activity_is_lost_while_away(api: Serving, page: Browser) -> None:
    """Behind the last id come all that were missed, in order; an unknown id means: read anew."""
    with opened(page, "topics=activity") as events:
        filled(api, f"run-{MINE}", MINE, 201)
        _, last = next_fill(events, 201)
        filled(api, f"run-{MINE}", MINE, 202)
        next_fill(events, 202)
    filled(api, f"run-{MINE}", MINE, 203)
    with opened(page, "topics=activity", **{"Last-Event-ID": last}) as events:
        hello, _ = events.until("hello")
        assert hello["reset"] is False
        assert [next_fill(events, 0)[0]["seq"] for _ in range(2)] == [202, 203]
    for odd in ("other:1", "x", ":", f"{hello['epoch']}:99999999", f"{hello['epoch']}:x"):
        with opened(page, "topics=activity", **{"Last-Event-ID": odd}) as events:
            assert events.until("hello")[0]["reset"] is True


def test_an_alert_comes_once_with_an_id(api: Serving, page: Browser, admin: Browser) -> None:
    """It comes when it opens, and again when somebody says that he knows."""
    alert = uuid.uuid4()
    with opened(page, "topics=alerts") as events:
        events.until("hello")
        api.save(good(Alert, id=alert, owner_id=MINE, account_id=MINE, subject="a feed"))
        told, identity = events.until("alerts")
        assert (told["id"], told["state"], bool(identity)) == (str(alert), "open", True)
        path = f"{V1}/alerts/{alert}/acknowledge"
        assert admin.post(path, {"note": "on it"}).status == 200
        assert events.until("alerts")[0]["state"] == "acknowledged"
    assert admin.post(path).status == 409


@pytest.mark.parametrize(("query", "status"), [
    ("topics=ticks", 422), ("topics=logs", 422), ("topics=logs.secret", 422),
    ("topics=logs.audit", 403), (f"topics=board&run=run-{OTHERS}", 404),
    ("topics=board&run=never", 404), ("", 422),
    ("topics=board&names=" + ",".join(f"N{n}" for n in range(201)), 422),
    ("topics=board&token=abc", 400),
])  # fmt: skip
def test_what_may_not_be_watched_is_refused(query: str, status: int, page: Browser) -> None:
    """S22, S23: another's run is not there, a topic takes its scope, no token is in an address."""
    assert page.get(f"{STREAM}?{query}").status == status


def test_the_sixth_stream_waits(api: Serving, page: Browser) -> None:
    """S24: five a user; who closes one may open another."""
    with ExitStack() as stack:
        five = [stack.enter_context(opened(page, "topics=activity")) for _ in range(5)]
        assert [each.status for each in five] == [200] * 5
        late = page.get(f"{STREAM}?topics=activity")
        assert (late.status, "retry-after" in late.headers) == (429, True)


def socket_of(api: Serving, query: str = "topics=activity", **more: Any) -> Any:
    return connect(f"ws://127.0.0.1:{api.port}{V1}/ws?{query}", open_timeout=20, **more)


def end_of(made: Any) -> int:
    """Return the code with which a WebSocket is closed."""
    with pytest.raises(ConnectionClosed) as told:
        list(iter(lambda: made.recv(20), None))
    return told.value.rcvd.code if told.value.rcvd is not None else 0


def refused(api: Serving, query: str = "topics=activity", **more: Any) -> int:
    with pytest.raises(InvalidStatus) as told, socket_of(api, query, **more):
        pass
    return int(told.value.response.status_code)


def test_a_websocket_takes_a_ticket_once(api: Serving, page: Browser) -> None:
    """S22, S24: no cookie from elsewhere, no token in the address, no ticket twice."""
    ticket = page.post(f"{V1}/auth/tickets").json["ticket"]
    words: list[Any] = ["ap.v1", f"ticket.{ticket}"]
    with socket_of(api, subprotocols=words) as made:
        assert made.subprotocol == "ap.v1"
        assert json.loads(made.recv(20))["event"] == "hello"
        filled(api, f"run-{MINE}", MINE, 301)
        told = json.loads(made.recv(20))
        while told["event"] != "activity" or told["data"]["type"] != "fill":
            told = json.loads(made.recv(20))
        assert told["data"]["seq"] == 301
        made.send(json.dumps({"subscribe": ["health"]}))
        heard = [json.loads(made.recv(20))["event"] for _ in range(2)]
        assert set(heard) <= {"subscribed", "health", "board", "beat"}
        made.send(json.dumps({"subscribe": ["board"], "run": f"run-{OTHERS}"}))
        while told["event"] != "refused":
            told = json.loads(made.recv(20))
        assert told["data"]["status"] == 404
        for _ in range(25):
            made.send(json.dumps({"subscribe": ["activity"]}))
        while told["event"] != "refused" or told["data"]["status"] != 429:
            told = json.loads(made.recv(20))
        made.send("{")
        assert end_of(made) == 1008
    assert refused(api, subprotocols=words) == 401
    assert refused(api) == 401
    assert refused(api, "topics=activity&token=x") == 400
    cookie = {"Cookie": page.cookie}
    assert refused(api, additional_headers=cookie) == 403
    assert refused(api, additional_headers=cookie, origin="http://evil.example") == 403
    with socket_of(api, additional_headers=cookie, origin=api.origin) as made:
        assert json.loads(made.recv(20))["event"] == "hello"


def test_who_may_watch_no_more_is_let_go(api: Serving) -> None:
    """S23: a user who was switched off, or lost the scope, is told so, and the stream ends."""
    user = api.add_user("watching", "trader", MINE)
    page = api.log_in("watching")
    hub = api.server.services.hub

    async def changed(**values: Any) -> None:
        async with api.database.session(writes=True) as session:
            await session.execute(update(User).where(User.id == user).values(**values))
            await session.commit()
        api.server.services.auth.forget(user)
        for client in list(hub.clients):
            await hub.see(client)

    with opened(page, "topics=activity") as events:
        events.until("hello")
        api.do(changed(role="viewer"))
        api.do(changed(active=False))
        assert events.until("bye")[0]["reason"] == "expired"


# --- the hub, without a server -----------------------------------------------------------------


def client_of(owner: str, *topics: str, **more: Any) -> Client:
    user = User(id=uuid.uuid4(), owner_id=owner, name=owner, role="trader", active=True)

    async def look(_: Any) -> None:
        return None

    made = who(user, "session", uuid.uuid4())
    return Client(made, Login("x", look), Watched(frozenset(topics), **more))


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """Return a hub that knows two runs of two owners, and has not been started."""
    settings = settings_of(tmp_path)
    made = Hub(settings, Database(settings))
    made.tables.owners.update(mine="a", theirs="b")
    return made


def test_of_10000_frames_none_is_anothers(hub: Hub) -> None:
    """S23: two who watch everything see their own, all of it, and nothing of each other's."""

    async def run() -> None:
        a, b = (client_of(owner, "board", "activity") for owner in "ab")
        hub.enter(a)
        hub.enter(b)
        for number in range(10_000):
            run, owner = (("mine", "a"), ("theirs", "b"), ("nobody's", ""))[number % 3]
            hub.take([Change("paper", run, "positions", f"s/{number % 50}", {"n": number})])
            if number % 10 == 0:
                hub.tell(Told("activity", owner, run, {"run": run}))
                assert {frame.data["run"] for frame in a.events} <= {"mine"}
                for client in (a, b):
                    client.events.clear()
        assert {place[0] for place in a.state} == {"mine"}
        assert {place[0] for place in b.state} == {"theirs"}
        hub.take([Change("paper", "", "system", "command/theirs", {"by": "x"})])
        hub.take([Change("shared", run, "ticks", "NSE:INFY", {"last": "1.00"})
                  for run in ("", "theirs")])  # fmt: skip
        assert not [place for place in a.state if not place[0]]

    asyncio.run(run())


def test_state_is_the_latest_and_ticks_are_those_looked_at(hub: Hub) -> None:
    """A name that changed 1,000 times is sent once; of ticks only one's own, of names asked for."""

    async def run() -> None:
        client = client_of("a", "board", names=frozenset({"NSE:INFY"}))
        hub.enter(client)
        for number in range(1_000):
            hub.take([Change("paper", "mine", "pnl", "s", {"n": number}),
                      Change("shared", "", "ticks", f"NSE:{number % 5}", {"n": number}),
                      Change("shared", "mine", "ticks", f"NSE:{number % 5}", {"n": number}),
                      Change("shared", "mine", "ticks", "NSE:INFY", {"n": -number}),
                      Change("shared", "theirs", "ticks", "NSE:INFY", {"n": number}),
                      Change("shared", "", "ticks", "NSE:INFY", {"n": number})])  # fmt: skip
        frames = client.taken()
        assert [frame.event for frame in frames] == ["board"]
        assert frames[0].data == {"reset": True, "changes": [
            ["mine", "pnl", "s", {"n": 999}], ["mine", "ticks", "NSE:INFY", {"n": -999}],
            ["", "ticks", "NSE:INFY", {"n": 999}],
        ]}  # fmt: skip
        assert frames[0].id == ""
        assert client.taken() == []

    asyncio.run(run())


def test_who_does_not_take_his_events_is_let_go(hub: Hub) -> None:
    """Nothing of activity is left out in silence: he goes, with the reason."""

    async def run() -> None:
        client = client_of("a", "activity", "logs.api")
        hub.enter(client)
        for number in range(clients.MOST_EVENTS + 1):
            client.add_line("api", {"n": number})
        assert client.skipped == {"api": clients.MOST_EVENTS // 2 + 1}
        for number in range(clients.MOST_EVENTS + 1):
            hub.tell(Told("activity", "a", "mine", {"n": number}))
        last = [frame async for frames in client.frames() for frame in frames][-1]
        assert (last.event, last.data["reason"]) == ("bye", "slow")

    asyncio.run(run())


# --- the end of a server -----------------------------------------------------------------------


def test_a_stop_says_goodbye_and_a_mute_reader_holds_up_nobody(
    tmp_path: Path, template: databases.Templates
) -> None:
    """Who reads nothing is let go; at a stop all the others hear `bye`, and it is quick."""
    shutil.copy(template.folder / databases.FILE, tmp_path / databases.FILE)
    limits = {**WIDE, "streams_per_user": 100}
    with serving(settings_of(tmp_path, api=limits)) as own, ExitStack() as stack:
        own.add_user("one", "admin", MINE)
        page, hub = own.log_in("one"), own.server.services.hub
        mute = stack.enter_context(socket.socket())
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        mute.connect(("127.0.0.1", own.port))
        mute.sendall(f"GET {STREAM}?topics=board HTTP/1.1\r\nHost: 127.0.0.1:{own.port}\r\n"
                     f"Cookie: {page.cookie}\r\n\r\n".encode())  # fmt: skip

        async def flood() -> None:
            until = time.monotonic() + 40
            hub.tables.owners["wide"] = MINE
            while not hub.cut["slow"]:
                assert time.monotonic() < until
                hub.take(Change("paper", "wide", "orders", str(n), {"text": "x" * 200})
                         for n in range(900))  # fmt: skip
                await asyncio.sleep(0.2)

        own.do(flood())
        watching = [stack.enter_context(opened(page, "topics=activity")) for _ in range(15)]
        sockets = [
            stack.enter_context(socket_of(
                own, additional_headers={"Cookie": page.cookie}, origin=own.origin
            )) for _ in range(5)
        ]  # fmt: skip
        for each in watching:
            each.until("hello")
        began = time.monotonic()
        own.do(own.server.stop())
        took = time.monotonic() - began
        assert {each.until("bye")[0]["reason"] for each in watching} == {"restart"}
        for one in sockets:
            assert end_of(one) == 1012
        assert took < 10, "on a quiet machine 0.3 s"
