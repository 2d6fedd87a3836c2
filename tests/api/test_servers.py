"""The API over real servers: PostgreSQL, Redis and a bus, and each of them frozen."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from alphapanda.api.services import ANSWER_S
from alphapanda.bus import topics
from alphapanda.bus.dead_letters import buried
from alphapanda.bus.topic_reader import send_again
from alphapanda.config import sections
from alphapanda.config.settings import Settings
from alphapanda.monitor.observing import Monitor
from alphapanda.monitor.rules import View, judge
from alphapanda.projection.projector import Projector
from alphapanda.runs.commands import KILL
from alphapanda.store.trading import Strategy
from tests.api.conftest import MINE, OTHERS, rows_of
from tests.api.test_hostile import BODIES, TEXTS
from tests.projection.made_up import trades
from tests.store.rows import good
from tests.support.api import KEY, V1, WIDE, Answer, Browser, Events, Serving, serving
from tests.support.events import FILLS, fill, message, tick
from tests.support.servers import databases
from tests.support.servers.proxy import Proxy

HIDDEN = "a%00b"


@pytest.fixture(scope="module")
def given(
    tmp_path_factory: pytest.TempPathFactory, templates: databases.Templates, postgres_url: str
) -> Iterator[Settings]:
    """Return settings with a database of PostgreSQL."""
    with templates.migrated(tmp_path_factory.mktemp("real"), postgres_url) as settings:
        yield settings


@pytest.fixture(scope="module")
def ways(given: Settings, redis_url: str) -> Iterator[dict[str, Proxy]]:
    """Return the ways to the servers, by which each can be frozen."""
    database = given.database.url.get_secret_value()
    with Proxy(database) as first, Proxy(redis_url) as second:
        yield {"database": first, "redis": second}


@pytest.fixture(scope="module")
def real(given: Settings, ways: dict[str, Proxy], kafka_address: str) -> Iterator[Serving]:
    """Return an API on three servers, with users of two owners, and a run of each."""
    prefix = f"test-{uuid.uuid4().hex[:10]}"
    settings = given.model_copy(update={
        "api": sections.Api(port=0, **WIDE), "security": sections.Security(key=KEY),
        "database": given.database.model_copy(update={"url": SecretStr(ways["database"].url)}),
        "redis": sections.Redis(url=ways["redis"].url, prefix=prefix),
        "bus": sections.Bus(servers=kafka_address),
    })  # fmt: skip
    asyncio.run(topics.bootstrap(settings, ["paper", "replay"]))
    with serving(settings) as made:
        for owner in (MINE, OTHERS):
            made.add_user(f"admin-{owner}", "admin", owner)
            made.save(*rows_of(owner))
        yield made


@pytest.fixture(scope="module")
def page(real: Serving) -> Browser:
    """Return a page of the first owner's admin."""
    return real.log_in(f"admin-{MINE}")


def test_every_list_is_read_from_postgresql(real: Serving, page: Browser) -> None:
    """Each list has one's own rows, as SQLite gives them; alerts of all are the installation's."""
    for path in ("runs", "portfolios", "orders", "signals", "fills", "alerts", "risk"):
        got = asked(page, "GET", f"{V1}/{path}")
        assert (got.status, path) == (200, path), got
        assert f"run-{MINE}" in got.body.decode(), path
        assert f"run-{OTHERS}" not in got.body.decode() or path == "alerts", path
    curve = asked(page, "GET", f"{V1}/portfolios/run-{MINE}/pnl").json
    assert curve["points"] == 1
    assert asked(page, "GET", f"{V1}/audit/verify").json == {"first_bad": None}
    assert asked(page, "GET", f"{V1}/portfolios/run-{MINE}/charges").status == 200


def test_what_postgresql_cannot_store_is_refused_not_failed(real: Serving, page: Browser) -> None:
    """S12, S18, S19: a NUL is no text there; it ends as a refusal, never as a mistake of ours."""
    page.step_up()
    real.save(good(Strategy, name="edited", owner_id=MINE, account_id="default"))
    for name in (HIDDEN, *("%2e%2e", "%27%20OR%201=1--", "%F0%9F%98%80", "%ED%A0%80")):
        for path in ("runs", "commands", "strategies", "services"):
            got = asked(page, "GET", f"{V1}/{path}/{name}")
            assert got.status == 404, (path, name)
        assert asked(page, "GET", f"{V1}/orders?instrument={name}").status in (200, 422)
    for name, body in BODIES.items():
        real.forget_limits()
        headers = {"Content-Type": "application/json"}
        got = real.ask("POST", f"{V1}/auth/login", raw=body, headers=headers)
        assert got.status == 422, name
    for text in (*TEXTS, "\0", "a\0b"):
        for body in ({"instruments": [text]}, {"parameters": {"fast": text}}):
            got = asked(page, "PUT", f"{V1}/strategies/edited", body)
            assert got.status == 422, (text, body)
        made = {"name": text, "password": "correct horse", "role": "viewer"}
        assert asked(page, "POST", f"{V1}/users", made).status == 422
    good_one = {"parameters": {"fast": 30}}
    assert asked(page, "PUT", f"{V1}/strategies/edited", good_one).status == 200


def test_a_refused_command_leaves_its_key_free(page: Browser) -> None:
    """The key's row is taken back where nothing was done."""
    key = {"Idempotency-Key": "real-servers-1"}
    got = asked(page, "POST", f"{V1}/commands", {"verb": "pause"}, **key)
    assert got.status == 409, "nothing trades here"
    assert asked(page, "GET", f"{V1}/commands").json["items"] == []


def test_the_page_sees_what_another_process_puts_into_redis(real: Serving, page: Browser) -> None:
    """A projector's board reaches the stream and the positions: with prices of the run's feed."""
    run = f"run-{uuid.uuid4().hex[:8]}"
    head = {"Cookie": page.cookie}

    async def project() -> None:
        projector = Projector(real.settings)
        await projector.start()
        try:
            await projector.apply(trades(run, 3))
            projector.market(run, [tick("f", 9, last="1234.00")], 0)
            projector.market("another", [tick("f", 10, last="7.00")], 0)
        finally:
            await projector.stop()

    with Events(real, f"{V1}/stream?topics=board&names=NSE:INFY", head) as events:
        events.until("hello")
        asyncio.run(project())
        seen: dict[tuple[str, str], Any] = {}
        until = time.monotonic() + 60
        while (run, "ticks") not in seen or (run, "positions") not in seen:
            assert time.monotonic() < until
            told, _ = events.until("board", limit_s=60)
            seen |= {(of, part): value for of, part, _, value in told["changes"]}
    assert seen[run, "ticks"]["last"] == "1234.00"
    assert ("another", "ticks") not in seen
    rows = asked(page, "GET", f"{V1}/portfolios/{run}/positions").json["items"]
    lasts = {row["instrument"]: row["tick_last"] for row in rows}
    assert lasts.pop("NSE:INFY") == "1234.00"
    assert set(lasts.values()) <= {None}


def test_what_waits_on_the_bus_is_told(real: Serving) -> None:
    """By partition, with where each begins and ends; the group of the projector is named."""
    monitor = Monitor(real.settings)
    assert monitor.lag()["state"] == "unknown"
    asyncio.run(monitor._lag.look())
    told = monitor.lag()
    assert (told["enabled"], told["group"]) == (True, "alphapanda.project")
    assert set(told["items"][0]) == {
        "topic", "partition", "begin", "end", "committed", "waiting"
    }  # fmt: skip
    assert {row["topic"] for row in told["items"]} >= {"market.ticks", "paper.orders.filled"}


def test_a_dead_letter_is_listed_and_sent_back(real: Serving, page: Browser) -> None:
    """Without its contents, only to who runs the installation; what would come back is refused."""
    sent, settings = message(fill(f"of-{uuid.uuid4().hex[:6]}", 1)), real.settings
    lag = Monitor(settings)._lag
    asyncio.run(lag.look())
    assert lag.letters.found == {}, "what lay there before is no news"
    good_one = Told(FILLS, sent.value, sent.key)
    asyncio.run(send_again(settings, [
        buried(settings, good_one, reason="<b>why\x1b[31m", group="g"),
        buried(settings, Told(FILLS, b"{}", b"k"), reason="bad", group="g"),
    ]))  # fmt: skip
    asyncio.run(lag.look())
    (told,) = judge(View(letters=lag.letters.found))
    assert (told.kind, told.facts["messages"], told.passing) == ("dead_letters", 2, True)
    assert FILLS in told.text
    path = f"{V1}/monitoring/letters"
    letters = asked(page, "GET", f"{path}?topic={FILLS}&limit=2").json["items"]
    assert {each["reason"] for each in letters} == {"<b>why\\x1b[31m", "bad"}
    assert "value" not in letters[0]
    answers = {
        each["reason"]: asked(page, "POST", f"{path}/{each['id']}/return").status
        for each in letters
    }
    assert answers == {"<b>why\\x1b[31m": 200, "bad": 409}
    never = f"{FILLS}~0~{10**9}", f"{FILLS}~99~0", "no.such.topic~0~0", "_schemas~0~0"
    for name in never:
        assert asked(page, "POST", f"{path}/{name}/return").status == 404, name
    assert asked(page, "GET", f"{path}?topic=__consumer_offsets").status == 404
    other = real.log_in(f"admin-{OTHERS}")
    assert asked(other, "GET", path).status == 403
    assert asked(other, "POST", f"{path}/{letters[0]['id']}/return").status == 403
    actions = [row["action"] for row in asked(page, "GET", f"{V1}/audit").json["items"]]
    assert "letter returned" in actions


class Told:
    """A message as a reader gives it."""

    def __init__(self, topic: str, value: bytes, key: bytes) -> None:
        self.topic, self.value, self.key = topic, value, key
        self.partition, self.offset, self.timestamp = 0, 7, 1


def test_a_frozen_server_holds_up_nothing(
    real: Serving, page: Browser, ways: dict[str, Proxy]
) -> None:
    """Without Redis all is answered; without a database reads are refused, and a kill goes on."""
    kill_file = real.settings.base_dir / KILL
    assert asked(page, "GET", f"{V1}/orders").status == 200
    ways["redis"].blackhole()
    try:
        assert asked(page, "GET", f"{V1}/orders").status == 200
    finally:
        ways["redis"].heal()
    ways["database"].blackhole()
    try:
        key = {"Idempotency-Key": f"frozen-{uuid.uuid4().hex}"}
        began = time.monotonic()
        assert page.post(f"{V1}/commands", {"verb": "kill"}, **key).status == 200
        assert page.get(f"{V1}/orders").status == 503
        assert time.monotonic() - began < 2 * ANSWER_S + 5, "and what a busy machine takes"
        assert kill_file.exists()
        assert real.ask("GET", "/health").status == 200
        until = time.monotonic() + 30
        while real.ask("GET", "/health/ready").status != 503:
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        kill_file.unlink(missing_ok=True)
        ways["database"].heal()
    assert asked(page, "GET", f"{V1}/orders").status == 200


def asked(page: Browser, method: str, path: str, body: Any = None, **more: str) -> Answer:
    """Return an answer; a database of a busy machine may need a while for it."""
    until = time.monotonic() + 90
    while (got := page.send(method, path, body, **more)).status == 503:
        assert time.monotonic() < until
        time.sleep(0.2)
    return got
