"""A day's session: taken by a page or a token, kept sealed, over when its time is."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import select

from alphapanda.brokers.zerodha import callback, sessions
from alphapanda.brokers.zerodha.addresses import addresses_of
from alphapanda.brokers.zerodha.answers import AuthLostError
from alphapanda.brokers.zerodha.clocks import session_end, time_text
from alphapanda.brokers.zerodha.login import log_in, log_out
from alphapanda.brokers.zerodha.opening import open_client
from alphapanda.brokers.zerodha.standing import stand
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.model.calendar import INDIA
from alphapanda.store.audit import first_bad
from alphapanda.store.people import AuditEntry, BrokerSession
from tests.support.kite import (
    API_KEY,
    API_SECRET,
    DAY_NS,
    MASTER_KEY,
    TOKEN,
    USER,
    Asked,
    Kite,
    Reply,
    failure,
    success,
)
from tests.support.running import command
from tests.support.servers import databases

REQUEST_TOKEN = "req-0123456789abcdef"
HOUR_NS = 3_600 * 10**9
SIX = DAY_NS + 21 * HOUR_NS - HOUR_NS // 4
"""The next 06:00 in India after the server's 09:15."""


@pytest.fixture
def base(tmp_path: Path, templates: databases.Templates) -> Iterator[Path]:
    """Give a base folder with a database that has all tables."""
    with templates.migrated(tmp_path, "") as settings:
        yield settings.base_dir


@pytest.fixture
def settings(base: Path, kite: Kite) -> Settings:
    kite.routes["POST /session/token"] = session_route(kite)
    kite.routes["GET /user/profile"] = lambda _: success(
        {"user_id": USER, "user_name": "SIMULATOR", "exchanges": ["NSE"], "products": ["CNC"]}
    )
    return settings_of(kite, base)


def settings_of(kite: Kite, base: Path, **zerodha: Any) -> Settings:
    section = {**kite.sections()["zerodha"], "callback_url": f"http://127.0.0.1:{free()}/back"}
    return kite.settings(base, zerodha={**section, **zerodha})


def free() -> int:
    """Return a port that nobody listens on."""
    with callback.ThreadingHTTPServer(("127.0.0.1", 0), callback.Page) as server:
        return int(server.server_address[1])


def session_route(kite: Kite, **change: Any) -> Any:
    """Return Kite's side of the exchange: a token serves once, the checksum must fit."""
    used: set[str] = set()

    def answer(asked: Asked) -> Reply:
        form = {name: value for name, (value,) in parse_qs(asked.body.decode()).items()}
        text = form["api_key"] + form["request_token"] + API_SECRET
        good = form["checksum"] == hashlib.sha256(text.encode()).hexdigest()
        if not good or form["request_token"] in used:
            return failure(403, "TokenException", "Token is invalid or has expired.")
        used.add(form["request_token"])
        assert "Authorization" not in asked.headers
        return success({
            "user_id": USER, "user_name": "SIMULATOR", "api_key": API_KEY, "access_token": TOKEN,
            "public_token": "", "refresh_token": "", "login_time": "2025-08-25 09:15:00", **change,
        })  # fmt: skip

    return answer


def rows(settings: Settings, table: Any) -> list[Any]:
    async def read(database: Any) -> list[Any]:
        async with database.session() as session:
            return list(await session.scalars(select(table)))

    with sessions.database_of(settings) as (runner, database):
        return runner.run(read(database))


def browser(address: str, **change: str) -> tuple[int, str]:
    """Do what a browser does once a person has logged in; return status and page."""
    query = parse_qs(urlsplit(address).query)
    assert (query["v"], query["api_key"]) == (["3"], [API_KEY])
    (back,) = query["redirect_params"]
    given = {"request_token": REQUEST_TOKEN, "status": "success", "action": "login"}
    given |= {name: value for name, (value,) in parse_qs(back).items()}
    return visit(f"{CALLBACKS[-1]}?{urlencode({**given, **change})}")


def visit(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


CALLBACKS: list[str] = []


def test_a_browser_logs_in(settings: Settings, kite: Kite) -> None:
    """The page's answer is taken once, and only with the state; the session ends at 06:00."""
    CALLBACKS.append(settings.zerodha.callback_url)
    pages: list[tuple[int, str]] = []

    def person(address: str) -> None:
        pages.append(browser(address, state="another"))
        pages.append(visit(f"{CALLBACKS[-1]}/../favicon.ico"))
        pages.append(browser(address))

    threads: list[threading.Thread] = []

    def show(address: str) -> None:
        threads.append(threading.Thread(target=person, args=(address,)))
        threads[0].start()

    done = log_in(settings, show)
    threads[0].join()
    assert [status for status, _ in pages] == [400, 404, 200]
    assert not any(REQUEST_TOKEN in text or TOKEN in text for _, text in pages)
    assert (done.user_id, done.expires_ns, done.simulator) == (USER, SIX, True)
    (row,) = rows(settings, BrokerSession)
    assert (row.active, row.user_name, row.account_id, row.expires_ns) == (True, USER, USER, SIX)
    assert TOKEN not in row.sealed_token
    assert len([asked for asked in kite.calls if asked.path == "/session/token"]) == 1


def test_a_second_answer_is_refused() -> None:
    """A callback that was taken is taken no more, whatever it knows."""
    place = callback.place_of("http://127.0.0.1:1/")
    server = callback.Callback(place._replace(netloc="127.0.0.1:0"), "state-of-this-login")
    try:
        good = f"state=state-of-this-login&status=success&request_token={REQUEST_TOKEN}"
        assert server.take(good)[0] == 200
        assert server.take(good)[0] == 409
        assert server.take("")[0] == 400
        assert server.take(f"{good}&state=state-of-this-login")[0] == 400, "two states are none"
        assert server.returned.get_nowait() == callback.Returned(REQUEST_TOKEN, "")
    finally:
        server.server_close()


def test_nobody_comes_back(settings: Settings, kite: Kite, base: Path) -> None:
    """The wait for a person has an end, and says what else there is to type."""
    hasty = settings_of(kite, base, login_timeout_s=0.3)
    with pytest.raises(OutsideError, match="--request-token T"):
        log_in(hasty, lambda _: None)
    assert kite.calls == []


def test_commands_log_in_and_out(
    settings: Settings, kite: Kite, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """With a token of a browser elsewhere: in, asked for, and out; each says so in words."""
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    before = command("login", "status", "--json", capsys=capsys)
    assert (before.status, json.loads(before.out)["state"]) == (1, "none")
    done = command("login", "zerodha", "--request-token", REQUEST_TOKEN, capsys=capsys)
    assert (done.status, done.err) == (0, "")
    assert done.out == f"SIMULATOR: logged in as {USER} (SIMULATOR) until {time_text(SIX)}\n"
    found = command("login", "status", capsys=capsys)
    assert (found.status, "active" in found.out, "SIMULATOR" in found.out) == (0, True, True)
    again = command("login", "zerodha", "--request-token", REQUEST_TOKEN, capsys=capsys)
    assert again.status == 3
    assert "serves once" in again.line
    assert "alphapanda login zerodha" in again.line
    assert [row.active for row in rows(settings, BrokerSession)] == [True]
    kite.routes["DELETE /session/token"] = lambda _: success(True)
    out = command("logout", "zerodha", capsys=capsys)
    assert (out.status, out.out) == (0, f"{USER} is logged out\n")
    assert kite.calls[-1].query == [("api_key", API_KEY), ("access_token", TOKEN)]
    assert command("logout", "zerodha", capsys=capsys).out == "nobody was logged in\n"
    assert [row.active for row in rows(settings, BrokerSession)] == [False]
    entries = rows(settings, AuditEntry)
    assert [entry.action for entry in entries] == ["broker login", "broker logout"]


def environment(settings: Settings) -> dict[str, str]:
    """Return the settings as variables."""
    section = settings.zerodha
    texts = {
        "USER_ID": USER, "API_KEY": API_KEY, "API_SECRET": API_SECRET, "ENABLED": "true",
        "API_URL": section.api_url, "FEED_URL": section.feed_url, "LOGIN_URL": section.login_url,
        "CALLBACK_URL": section.callback_url,
    }  # fmt: skip
    return {
        "ALPHAPANDA_BASE_DIR": str(settings.base_dir), "ALPHAPANDA_SECURITY__KEY": MASTER_KEY,
        "ALPHAPANDA_LOGS__CONSOLE": "off",
        **{f"ALPHAPANDA_ZERODHA__{name}": text for name, text in texts.items()},
    }  # fmt: skip


def test_a_new_login_takes_the_place_of_the_old(settings: Settings, kite: Kite) -> None:
    """One session is active; the trail of who logged in is whole."""
    kite.routes["POST /session/token"] = session_route(kite)
    log_in(settings, print, request_token=REQUEST_TOKEN)
    log_in(settings, print, request_token=f"{REQUEST_TOKEN}2")
    assert sorted(row.active for row in rows(settings, BrokerSession)) == [False, True]

    async def bad(database: Any) -> int | None:
        async with database.session() as session:
            return await first_bad(session)

    with sessions.database_of(settings) as (runner, database):
        assert runner.run(bad(database)) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [({"user_id": "AB1234"}, "AB1234 has logged in"), ({"access_token": ""}, "no session"),
     ({"user_id": None}, "no session")],
)  # fmt: skip
def test_a_session_of_somebody_else_is_not_kept(
    settings: Settings, kite: Kite, change: dict[str, Any], message: str
) -> None:
    """Another user's session, or none, leaves nothing behind."""
    kite.routes["POST /session/token"] = session_route(kite, **change)
    with pytest.raises((UsageError, OutsideError), match=message):
        log_in(settings, print, request_token=REQUEST_TOKEN)
    assert rows(settings, BrokerSession) == []


def test_without_a_session_it_says_what_to_type(settings: Settings, kite: Kite) -> None:
    """No session, one of yesterday, and one that Kite ended: status 3, and the command."""
    with (
        pytest.raises(OutsideError, match="alphapanda login zerodha"),
        sessions.logged_in(settings),
    ):
        pytest.fail("there is no session")
    log_in(settings, print, request_token=REQUEST_TOKEN)
    with sessions.logged_in(settings) as client:
        assert client.profile()["user_id"] == USER
    kite.now_ns = SIX
    with pytest.raises(OutsideError, match="06:00:00 IST; log in"), sessions.logged_in(settings):
        pytest.fail("its time is over")
    assert stand(settings).state == "over"
    kite.now_ns = DAY_NS
    kite.routes["GET /user/profile"] = lambda _: failure(403, "TokenException", "ended")
    with pytest.raises(AuthLostError) as raised, sessions.logged_in(settings) as client:
        client.profile()
    assert raised.value.exit_status == 3
    assert [row.active for row in rows(settings, BrokerSession)] == [False]
    assert stand(settings).state == "none"


def test_a_session_opens_for_its_account_and_key_alone(
    settings: Settings, kite: Kite, base: Path
) -> None:
    """Another master key, and another user, are told apart, and neither opens it."""
    log_in(settings, print, request_token=REQUEST_TOKEN)
    other = kite.settings(
        base, zerodha=settings.zerodha, security={"key": MASTER_KEY.replace("Q", "g")}
    )
    with pytest.raises(OutsideError, match="ALPHAPANDA_SECURITY__OLD_KEYS"):
        log_out(other)
    renamed = settings_of(kite, base, user_id="SIM002")
    with pytest.raises(OutsideError, match="nobody has logged in"), sessions.logged_in(renamed):
        pytest.fail("that is SIM001's")


REAL = {
    "api_url": "https://api.kite.trade", "feed_url": "wss://ws.kite.trade",
    "login_url": "https://kite.zerodha.com/connect/login",
}  # fmt: skip
SIM = {
    "api_url": "http://127.0.0.1:8000", "feed_url": "ws://127.0.0.1:8001",
    "login_url": "http://127.0.0.1:8000/connect/login",
}  # fmt: skip
WHO = {"user_id": "AB1234", "api_key": "k1a2b3c4d5e6f7g8", "api_secret": "s" * 32}
TOY = {"user_id": "SIM001", "api_key": "simkey", "api_secret": "simsecret"}
WRONG = [
    ({**REAL, **WHO, "api_url": SIM["api_url"]}, "set all three or none"),
    ({**SIM, **WHO}, "a real key goes to Zerodha only"),
    ({**SIM, **TOY, "user_id": "AB1234"}, "a real key goes to Zerodha only"),
    ({**REAL, **TOY}, "is a simulator's"),
    ({**REAL, **WHO, "api_url": "https://api.kite.trade.example.com"}, "API_URL"),
    ({**REAL, **WHO, "api_url": "http://api.kite.trade"}, "API_URL"),
    ({**REAL, **WHO, "api_url": "https://me@api.kite.trade"}, "API_URL"),
    ({**SIM, **TOY, "api_url": "http://10.0.0.1:80"}, "API_URL"),
    ({**SIM, **TOY, "api_url": "http://127.0.0.1:80/prefix"}, "without a path"),
    ({**SIM, **TOY, "feed_url": "http://127.0.0.1:80"}, "FEED_URL"),
    ({**SIM, **TOY, "feed_url": "ws://127.0.0.1:99999"}, "no address"),
    ({**REAL, **WHO, "api_key": ""}, "API_KEY"),
    ({**REAL, **WHO, "api_key": " padded "}, "blanks"),
    ({**REAL, **WHO, "enabled": False}, "switched off"),
]


@pytest.mark.parametrize(("section", "message"), WRONG)
def test_addresses_and_keys_belong_together(section: dict[str, Any], message: str) -> None:
    """A real key goes to Zerodha, a simulator's to this machine; nothing goes anywhere else."""
    with pytest.raises(UsageError, match=re.escape(message)):
        addresses_of(Settings(zerodha={"enabled": True, **section}))


def test_addresses_that_fit() -> None:
    """Zerodha's own and a simulator's; an account trades by its own login only."""
    assert not addresses_of(Settings(zerodha={"enabled": True, **REAL, **WHO})).simulator
    assert addresses_of(Settings(zerodha={"enabled": True, **SIM, **TOY})).simulator
    with pytest.raises(UsageError, match="its own login"):
        addresses_of(Settings(account_id="XY9876", zerodha={"enabled": True, **REAL, **WHO}))


@pytest.mark.parametrize(
    ("now", "end"),
    [("2025-08-25 09:15:00", "2025-08-26 06:00:00"), ("2025-08-25 05:59:59", "2025-08-25 06:00:00"),
     ("2025-08-25 06:00:00", "2025-08-26 06:00:00"),
     ("2025-12-31 23:59:00", "2026-01-01 06:00:00")],
)  # fmt: skip
def test_sessions_end_at_six(now: str, end: str) -> None:
    """The next 06:00 in India, wherever the machine is."""
    begun = int(datetime.fromisoformat(now).replace(tzinfo=INDIA).timestamp()) * 10**9
    assert time_text(session_end(begun)) == f"{end} IST"


def test_the_checksum_is_kites(tmp_path: Path, kite: Kite) -> None:
    """The published example of key, request token and secret."""
    kite.routes["POST /session/token"] = lambda _: success({"login_time": None})
    client = open_client(kite.settings(tmp_path))
    client.api_key = "KEY"
    client.generate_session("RT", "SECRET")
    form = parse_qs(kite.calls[-1].body.decode())
    assert form["checksum"] == ["6441f107c59e812ee41d039f282f93a37c321b32c293b767031b9bea05393791"]
