"""The client asks for what the official one asks for, by a way of its own."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import kiteconnect
import pytest

from alphapanda import log
from alphapanda.brokers.zerodha.answers import AuthLostError, KiteError, Outcome
from alphapanda.brokers.zerodha.client import Client
from alphapanda.brokers.zerodha.opening import open_client
from alphapanda.brokers.zerodha.transport import Request, Transport
from tests.support.kite import API_KEY, DAY_NS, TOKEN, Kite, Reply, failure, success

HOUR_NS = 3_600 * 10**9


@pytest.fixture
def client(kite: Kite, tmp_path: Path) -> Client:
    return open_client(kite.settings(tmp_path), token=TOKEN)


CALLS: list[Callable[[Any], Any]] = [
    lambda k: k.profile(),
    lambda k: k.margins(),
    lambda k: k.margins("equity"),
    lambda k: k.orders(),
    lambda k: k.order_history("151220000000000"),
    lambda k: k.trades(),
    lambda k: k.order_trades("151220000000000"),
    lambda k: k.positions(),
    lambda k: k.holdings(),
    lambda k: k.ltp("NSE:M&M", "NSE:NIFTY 50", "NSE:BAJAJ-AUTO"),
    lambda k: k.get_gtts(),
    lambda k: k.get_gtt(123),
    lambda k: k.order_margins([{"exchange": "NSE", "tradingsymbol": "INFY", "quantity": 1}]),
    lambda k: k.basket_order_margins([{"exchange": "NSE"}], consider_positions=True),
    lambda k: k.historical_data(
        408065, datetime(2025, 8, 4, 9, 15), datetime(2025, 8, 4, 15, 30), "minute", oi=True
    ),
    lambda k: k.invalidate_access_token(TOKEN),
]


def test_requests_are_those_of_the_official_client(kite: Kite, client: Client) -> None:
    """Method, path, query, body and Kite's headers are the same, whatever is asked."""
    data: dict[str, Any] = {"candles": []}
    kite.routes["GET /instruments/historical/408065/minute"] = lambda _: success(data)
    theirs = kiteconnect.KiteConnect(API_KEY, TOKEN, root=kite.url)
    for call in CALLS:
        asked = []
        for each in (theirs, client):
            call(each)
            asked.append(kite.calls[-1])
        kept = ("Authorization", "X-Kite-Version", "User-Agent", "Content-Type")
        first, second = (
            (one.method, one.path, one.query, one.body, [one.headers.get(name) for name in kept])
            for one in asked
        )
        assert first == second
    assert len(kite.calls) == 2 * len(CALLS)


def test_the_environment_is_not_listened_to(
    kite: Kite, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither proxies nor a netrc file change where a request goes, or with which credentials."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.devnull)
    client.profile()
    assert kite.calls[-1].headers["Authorization"] == f"token {API_KEY}:{TOKEN}"


def test_a_redirect_is_not_followed(kite: Kite, client: Client) -> None:
    """The token goes to no second address."""
    kite.routes["GET /orders"] = lambda _: Reply(302, headers=(("Location", "/elsewhere"),))
    with pytest.raises(KiteError) as raised:
        client.orders()
    assert raised.value.outcome in (Outcome.UNREADABLE, Outcome.UNAVAILABLE)
    assert [asked.path for asked in kite.calls] == ["/orders"]


def dripping(head: bytes) -> Callable[[Any], None]:
    def write(out: Any) -> None:
        out.write(head)
        for _ in range(200):
            out.write(b"x")
            out.flush()
            time.sleep(0.05)

    return write


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]
)
def test_a_dripping_answer_ends_in_time(kite: Kite, tmp_path: Path, head: bytes) -> None:
    """One deadline covers header and body; the next call works."""
    zerodha = {**kite.sections()["zerodha"], "timeout_s": 0.4}
    client = open_client(kite.settings(tmp_path, zerodha=zerodha), token=TOKEN)
    kite.routes["GET /orders"] = lambda _: Reply(write=dripping(head))
    begun = time.monotonic()
    with pytest.raises(KiteError, match="whole"):
        client.orders()
    assert time.monotonic() - begun < 5
    kite.routes["GET /user/profile"] = lambda _: success({"user_id": "SIM001"})
    assert client.profile() == {"user_id": "SIM001"}


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "cut"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
            "cut",
        ),
        (b"nonsense\r\n\r\n", "cut"),
    ],
)
def test_a_cut_answer_is_none(kite: Kite, client: Client, sent: bytes, reason: str) -> None:
    """A connection that ends early, or is not HTTP, is an answer that never came."""
    kite.routes["GET /orders"] = lambda _: Reply(write=lambda out: out.write(sent))
    with pytest.raises(KiteError, match=reason) as raised:
        client.orders()
    assert raised.value.outcome is Outcome.UNAVAILABLE
    assert len(kite.calls) == 1, "nothing is sent twice"


def test_nobody_there_is_said_in_words(tmp_path: Path) -> None:
    """A port that nobody listens on is an outside failure that names no secret."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    transport = Transport(family="ipv4", loopback_only=True)
    answer = transport.send(
        Request("GET", f"http://127.0.0.1:{port}/?access_token={TOKEN}", {}), timeout_s=2
    )
    assert (answer.outcome, answer.text) == (Outcome.UNAVAILABLE, "no connection")


def test_the_family_is_the_chosen_one(kite: Kite) -> None:
    """IPv6 is not used by who asked for IPv4, nor the other way round."""
    url = kite.url.replace("127.0.0.1", "localhost")
    answers = {
        family: Transport(family=family, loopback_only=True).send(
            Request("GET", f"{url}/orders", {}), timeout_s=2
        )
        for family in ("ipv4", "ipv6")
    }
    assert answers["ipv4"].outcome is Outcome.DONE
    assert answers["ipv6"].outcome is Outcome.UNAVAILABLE


def test_a_simulator_elsewhere_is_not_reached() -> None:
    """An address of a simulator leads to this machine or nowhere."""
    transport = Transport(family="ipv4", loopback_only=True)
    answer = transport.send(Request("GET", "http://192.0.2.1:80/", {}), timeout_s=2)
    assert (answer.outcome, answer.text) == (Outcome.UNAVAILABLE, "no connection")


def test_a_lost_session_is_lost_once_for_all(kite: Kite, client: Client) -> None:
    """After the first refusal nothing more is asked of Kite, by any route, until a new login."""
    kite.anything = lambda _: failure(403, "TokenException", "Incorrect `access_token`.")
    for call in (client.orders, client.profile, client.trades, client.orders):
        with pytest.raises(AuthLostError, match="alphapanda login zerodha"):
            call()
    assert len(kite.calls) == 1
    assert client.auth_lost
    kite.anything = lambda _: success([])
    client.use_session("another", DAY_NS + HOUR_NS)
    assert (client.orders(), client.auth_lost) == ([], False)


def test_a_session_ends_at_six_without_asking(kite: Kite, tmp_path: Path) -> None:
    """When its time is over, nobody has to be told by Kite."""
    now = [DAY_NS]
    client = open_client(
        kite.settings(tmp_path), token=TOKEN, expires_ns=DAY_NS + 1, clock=lambda: now[0]
    )
    client.orders()
    now[0] += 1
    with pytest.raises(AuthLostError, match="06:00"):
        client.orders()
    assert len(kite.calls) == 1


def test_orders_can_not_be_sent_by_it(client: Client, kite: Kite) -> None:
    """Whatever would move money is not this client's to send."""
    for name in ("place_order", "modify_order", "cancel_order", "place_gtt", "convert_position"):
        with pytest.raises(AssertionError):
            getattr(client, name)()
    assert kite.calls == []


def test_a_route_has_no_way_out(client: Client, kite: Kite) -> None:
    """An id with a slash or a question mark asks for nothing else."""
    for odd in ("1/../2", "1?x=1", "", "../", "1#"):
        with pytest.raises(AssertionError):
            client.order_history(odd)
    assert kite.calls == []


def test_no_secret_is_in_logs_or_errors(kite: Kite, tmp_path: Path) -> None:
    """Neither the token nor the key's secret is written down, whatever fails, at any level."""
    settings = kite.settings(tmp_path, logs={"level": "debug", "console": "off"})
    log.start(settings)
    try:
        client = open_client(settings, token=TOKEN)
        kite.anything = lambda asked: failure(400, "InputException", f"bad {asked.headers}")
        with pytest.raises(KiteError) as raised:
            client.invalidate_access_token(TOKEN)
        assert TOKEN not in str(raised.value) + repr(raised.value)
    finally:
        log.stop()
    written = "".join(path.read_text() for path in settings.logs_dir.rglob("*") if path.is_file())
    assert "request" in written
    assert TOKEN not in written


def test_calls_from_many_threads_do_not_mix(kite: Kite, client: Client) -> None:
    """One connection serves them in turn; each has its own answer."""
    kite.anything = lambda asked: success({"path": asked.path})
    found: dict[str, Any] = {}

    def ask(order: str) -> None:
        found[order] = client._request("order.info", "GET", url_args={"order_id": order})

    threads = [threading.Thread(target=ask, args=(f"{10**9 + n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {order: {"path": f"/orders/{order}"} for order in found}
    assert len(found) == 8
