"""What no honest client sends: answered with a refusal, quickly, and harmless to others."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack

import pytest

from alphapanda.api import server
from alphapanda.api.lists import encoded
from alphapanda.store.trading import Strategy
from tests.store.rows import good
from tests.support.api import V1, Browser, Serving

LOGIN = f"{V1}/auth/login"
COMMAND = f"{V1}/commands"

BODIES: dict[str, bytes] = {
    "no JSON": b"hello",
    "nothing": b"",
    "half": b'{"name": "a", "pass',
    "no object": b"[1, 2]",
    "null": b"null",
    "NaN": b'{"name": NaN, "password": "x"}',
    "Infinity": b'{"name": -Infinity, "password": "x"}',
    "a number": b'{"name": 1e308, "password": "x"}',
    "large number": b'{"name": 1' + b"0" * 5_000 + b', "password": "x"}',
    "true": b'{"name": true, "password": "x"}',
    "lone surrogate": b'{"name": "\\ud800", "password": "x"}',
    "bad UTF-8": b'{"name": "\xff\xfe", "password": "x"}',
    "another encoding": '{"name": "a", "password": "x"}'.encode("utf-16"),
    "deep": b'{"name": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "wide": b"{" + b",".join(b'"k%d": 1' % n for n in range(5_000)) + b"}",
    "unknown field": b'{"name": "a", "password": "x", "is_admin": true}',
    "missing field": b'{"name": "a"}',
    "NUL": b'{"name": "a\\u0000b", "password": "x"}',
    "two lines": b'{"name": "a\\r\\nlogin", "password": "x"}',
    "a name too long": json.dumps({"name": "a" * 10_000, "password": "x"}).encode(),
}


@pytest.mark.parametrize("name", BODIES)
def test_an_odd_body_is_refused_and_not_repeated(name: str, api: Serving) -> None:
    """S12, S15, S17: 422 in the one shape, short, without a word of what was sent."""
    api.forget_limits()
    got = api.ask("POST", LOGIN, raw=BODIES[name], headers={"Content-Type": "application/json"})
    assert got.status == 422, got
    assert len(got.body) < 4_000
    assert len(got.json["error"].get("fields", [])) <= 20
    assert b"aaaa" not in got.body


@pytest.mark.parametrize(("headers", "status"), [
    ({"Content-Type": "text/plain"}, 415),
    ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
    ({}, 415),
    ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
    ({"Content-Type": "application/json", "X-Large": "x" * 15_000, "X-More": "y" * 3_000}, 431),
    ({"Content-Type": "application/json", "Host": "evil.example"}, 400),
    ({"Content-Type": "application/json", "Origin": "http://evil.example"}, 403),
])  # fmt: skip
def test_an_odd_header_is_refused(headers: dict[str, str], status: int, api: Serving) -> None:
    """S15, S16, S25: compression, forms, foreign origins and names are not spoken to."""
    got = api.ask("POST", LOGIN, raw=b"{}", headers=headers)
    # What passes the server's own bound is ended by it before we see it.
    assert got.status in ((status, 400) if status == 431 else (status,)), got


def test_a_preflight_of_another_site_gets_nothing(api: Serving) -> None:
    """S25: no origin but those of the list is told that it may."""
    for origin in ("null", "https://evil.example", f"{api.origin}.evil.example"):
        got = api.ask("OPTIONS", COMMAND, headers={
            "Origin": origin, "Access-Control-Request-Method": "DELETE",
        })  # fmt: skip
        assert got.status == 403
        assert "access-control-allow-origin" not in got.headers


FRAMED: dict[str, tuple[bytes, bytes]] = {
    "length and chunks": (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b" 400 "),
    "two lengths": (b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", b" 400 "),
    "a length that is none": (b"Content-Length: -1\r\n\r\n", b" 400 "),
    "too large": (b"Content-Length: 70000\r\n\r\n", b" 413 "),
    "too large in chunks": (
        b"Transfer-Encoding: chunked\r\n\r\n" + b"11000\r\n" + b"x" * 0x11000 + b"\r\n0\r\n\r\n",
        b" 413 "),
    "two credentials of a kind": (
        b"Content-Length: 0\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
        b" 400 "),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMED)
def test_odd_framing_is_refused(name: str, api: Serving) -> None:
    """S15: what two readers could read in two ways, and what is too large, goes no further."""
    framed, status = FRAMED[name]
    head = f"POST {V1}/auth/me HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nConnection: close\r\n"
    got = api.raw(head.encode() + b"Content-Type: application/json\r\n" + framed)
    assert status in got.partition(b"\r\n")[0], got[:200]


def test_a_body_that_does_not_come_is_not_waited_for(api: Serving) -> None:
    """S15: after 5 s it is given up, while others are answered."""
    head = (
        f"POST {LOGIN} HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nContent-Length: 100\r\n"
        "Content-Type: application/json\r\nConnection: close\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", api.port), timeout=20) as slow:
        slow.sendall(head.encode())
        assert api.ask("GET", "/health").status == 200
        assert b" 408 " in slow.recv(65_536)


def test_a_head_that_does_not_come_is_not_waited_for(
    api: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opens a connection and asks nothing, or no more, is cut; who is answered is not."""
    monkeypatch.setattr(server, "HEAD_S", 0.5)
    half = f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\n".encode()
    texts = (b"", half, half + b"\r\n" + half)
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", api.port), timeout=20))
            for _ in texts
        ]
        for made, text in zip(slow, texts, strict=True):
            made.sendall(text)
        got = [b"".join(iter(lambda made=made: cut(made), b"")) for made in slow]
    assert [each.startswith(b"HTTP/1.1 200") for each in got] == [False, False, True]


def cut(made: socket.socket) -> bytes:
    try:
        return made.recv(65_536)
    except ConnectionResetError:
        return b""


TEXTS = ["../..", "' OR 1=1--", "%00", "a\u202eb", "a\u200bb", "NSE:INF\u0423", "x" * 10_000,
         "line\r\nbreak", "\x1b[31mred", "{{7*7}}", "<img src=x onerror=alert(1)>"]  # fmt: skip


def test_a_name_that_is_none_reaches_nothing(api: Serving, admin: Browser) -> None:
    """S18, S19: an instrument is one of today's list; what steers or hides is no text at all."""
    api.save(good(Strategy, name="edited", owner_id="default", account_id="default"))
    for text in TEXTS:
        got = admin.send("PUT", f"{V1}/strategies/edited", {"instruments": [text]})
        assert got.status == 422, text
        key = {"Idempotency-Key": "hostile-0001"}
        body = {"verb": "pause", "scope": "strategy", "name": text}
        assert admin.post(COMMAND, body, **key).status in (404, 422), text
    for wrong in ("1", "1.5", "-1.00", "1e5", "+1.00", " 1.00", "\u0661.00", "NaN", 5, 1.5, True):
        got = admin.send("PUT", f"{V1}/strategies/edited", {"cash": wrong})
        assert got.status == 422, wrong
    for wrong in ({"fast": "x"}, {"fast": 1.5}, {"fast": True}, {"slower": 1}, {"fast": None},
                  {"fast": 1 << 63}, {"fast": "\0"}):  # fmt: skip
        got = admin.send("PUT", f"{V1}/strategies/edited", {"parameters": wrong})
        assert got.status == 422, wrong
    kept = admin.get(f"{V1}/strategies/edited").json["items"][0]
    assert (kept["cash"], kept["parameters"]) == ("1000000.00", {"fast": 20})
    changed = admin.send("PUT", f"{V1}/strategies/edited", {
        "parameters": {"fast": 21}, "cash": "250000.00",
    })  # fmt: skip
    assert (changed.json["cash"], changed.json["parameters"]) == ("250000.00", {"fast": 21})


@pytest.mark.parametrize("query", [
    "limit=+5", "limit=%205", "limit=5.0", "limit=1_0", "limit=0", "limit=1001", "limit=-1",
    "since=x", "since=1e9", "cursor=%00", f"cursor={encoded([1, 'a' + chr(0), 1])}",
    f"cursor={encoded([1 << 63, 'a', 1])}", "limit=5&limit=6", "run=" + "x" * 100,
    "run=%00", "run=a%0d%0ab", "run=%F0%9F%98%80",
])  # fmt: skip
def test_an_odd_query_is_refused(query: str, admin: Browser) -> None:
    """Digits are digits; what is asked for twice is one or a refusal, never a mistake of ours."""
    got = admin.get(f"{V1}/orders?{query}")
    assert got.status == (200 if query == "limit=5&limit=6" else 422), got


def test_paths_lead_nowhere(api: Serving, admin: Browser) -> None:
    """Files are served by their exact names from memory: no path climbs, no range is cut."""
    for name in ("%00", "a%00b", "a%0d%0aSet-Cookie:%20x", "%1b[31m", "%c2%85", "x" * 3_000):
        for path in (f"/runs/{name}", f"/commands/{name}", f"/strategies/{name}",
                     f"/orders/{name}/1", f"/portfolios/{name}/report"):  # fmt: skip
            got = admin.get(V1 + path)
            assert (got.status, got.message) == (404, "there is none such"), path
            assert "x" not in got.headers.get("set-cookie", "")
    for path in ("/../pyproject.toml", "/..%2f..%2fetc/passwd", "/static/..%5c", "/%00", "/app.py",
                 "/hashes.json", "//etc/passwd", "/.env"):  # fmt: skip
        assert api.ask("GET", path).status in (400, 404), path
    page = api.ask("GET", "/", headers={"Range": "bytes=0-1,5-9,0-0"})
    assert page.status == 200
    assert "require-trusted-types-for 'script'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    again = api.ask("GET", "/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert admin.get(f"{V1}/nothing/here").status == 404
    assert api.ask("POST", "/", {}).status == 405
    for name in ("x-content-type-options", "referrer-policy", "x-frame-options", "x-request-id"):
        assert name in page.headers
        assert name in api.ask("GET", f"{V1}/runs").headers
