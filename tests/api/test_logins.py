"""Logging in: sessions, keys and tokens; what is revoked is void, and nothing odd is believed."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from typing import Any

import jwt
import pytest
from sqlalchemy import select

from alphapanda.api.tokens import Tokens, derived
from alphapanda.api.who import Login, Who
from alphapanda.store.people import AuditEntry, User
from tests.api.conftest import MINE
from tests.support.api import PASSWORD, V1, Browser, Serving

ME = f"{V1}/auth/me"


def bearer(api: Serving, token: str) -> int:
    return api.ask("GET", ME, headers={"Authorization": f"Bearer {token}"}).status


def begun(api: Serving, name: str = f"trader-{MINE}") -> dict[str, Any]:
    api.forget_limits()
    got = api.ask("POST", f"{V1}/auth/token", {"name": name, "password": PASSWORD})
    assert got.status == 200
    return dict(got.json)


def audited(api: Serving, action: str) -> list[Any]:
    async def read() -> list[Any]:
        async with api.database.session() as session:
            found = select(AuditEntry).where(AuditEntry.action == action)
            return list(await session.scalars(found.order_by(AuditEntry.seq)))

    return list(api.do(read()))


def test_a_session_is_a_strict_cookie_and_ends_at_logout(api: Serving) -> None:
    """S6, S26: no script reads it, no other site sends it, and at logout it is void at once."""
    api.forget_limits()
    given = api.ask("POST", f"{V1}/auth/login", {"name": f"viewer-{MINE}", "password": PASSWORD})
    cookie = given.headers["set-cookie"]
    assert cookie.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    page = Browser(api, cookie.partition(";")[0], given.json["csrf"])
    assert page.get(ME).json["user"]["role"] == "viewer"
    assert page.get(ME).json["csrf"] == page.csrf
    assert page.post(f"{V1}/auth/logout").status == 204
    assert page.get(ME).status == 401


@pytest.mark.parametrize(("change", "status"), [
    ({"X-CSRF-Token": "wrong"}, 403),
    ({"X-CSRF-Token": ""}, 403),
    ({"Origin": ""}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "https://127.0.0.1.evil.example"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-origin"}, 200),
    ({"Authorization": "Bearer x"}, 400),
    ({"X-API-Key": "ap_x_y"}, 400),
])  # fmt: skip
def test_a_cookie_writes_only_from_our_own_page(
    change: dict[str, str], status: int, admin: Browser
) -> None:
    """S25, S26: exact origin, a token beside the cookie, and no second credential."""
    headers = {k: v for k, v in {**admin.headers(), **change}.items() if v}
    got = admin.api.ask("POST", f"{V1}/auth/tickets", {}, headers)
    assert got.status == status, got
    if status == 403 and "Origin" in change:
        assert "access-control-allow-origin" not in got.headers


def test_a_wrong_login_says_nothing_and_is_counted_before_hashing(api: Serving) -> None:
    """S13: one text for known and unknown, the sixth attempt of an account waits, also rightly."""
    texts = set()
    for name in (f"viewer-{MINE}", "nobody"):
        api.forget_limits()
        for _ in range(5):
            got = api.ask("POST", f"{V1}/auth/login", {"name": name, "password": "x" * 12})
            assert got.status == 401
            texts.add(got.message)
        late = api.ask("POST", f"{V1}/auth/login", {"name": name, "password": PASSWORD},
                       {"X-Forwarded-For": "9.9.9.9"})  # fmt: skip
        assert late.status == 429
        assert int(late.headers["retry-after"]) >= 1
    assert len(texts) == 1
    auth = api.server.services.auth
    api.forget_limits()
    for _ in range(20):
        auth.by_address.require("127.0.0.1")
    spoofed = {"X-Forwarded-For": "8.8.8.8"}
    body = {"name": "someone", "password": PASSWORD}
    assert api.ask("POST", f"{V1}/auth/token", body, spoofed).status == 429
    api.forget_limits()


def forged(api: Serving, **changes: Any) -> str:
    """Return a token of our own key with claims that may be wrong."""
    key = derived(api.settings, "access tokens")
    header = changes.pop("header", {"alg": "HS256", "typ": "JWT"})
    now = int(time.time())
    claims = {
        "iss": "alphapanda", "aud": "alphapanda-api", "sub": str(uuid.uuid4()),
        "fam": str(uuid.uuid4()), "jti": "x", "iat": now, "exp": now + 600, "typ": "access",
    }  # fmt: skip
    for name, value in changes.pop("claims", {}).items():
        if value is None:
            del claims[name]
        else:
            claims[name] = value
    signing = changes.pop("key", key)
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
             for part in (header, claims)]  # fmt: skip
    if changes.pop("unsigned", False):
        return ".".join([*parts, ""])
    sig = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    mac = sig.sign(".".join(parts).encode(), signing)
    return ".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=").decode()])


def now(more: int) -> int:
    return int(time.time()) + more


ODD: dict[str, Any] = {
    "none": {"header": {"alg": "none"}, "unsigned": True},
    "None": {"header": {"alg": "None"}, "unsigned": True},
    "nOnE": {"header": {"alg": "nOnE"}, "unsigned": True},
    "no signature": {"unsigned": True},
    "another key": {"key": b"0" * 32},
    "alg of another kind": {"header": {"alg": "RS256"}},
    "jwk": {"header": {"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}}, "key": b"0" * 32},
    "jku": {"header": {"alg": "HS256", "jku": "http://127.0.0.1:1/"}, "key": b"0" * 32},
    "kid a path": {"header": {"alg": "HS256", "kid": "../../dev/null"}, "key": b""},
    "kid with SQL": {"header": {"alg": "HS256", "kid": "' OR 1=1--"}, "key": b"0" * 32},
    "unknown crit": {"header": {"alg": "HS256", "crit": ["x"], "x": 1}},
    "issuer": {"claims": {"iss": "alpha"}},
    "issuer list": {"claims": {"iss": ["alphapanda"]}},
    "audience": {"claims": {"aud": "other"}},
    "audiences": {"claims": {"aud": ["alphapanda-api", "other"]}},
    "refresh type": {"claims": {"typ": "refresh"}},
    "extra claim": {"claims": {"is_admin": True}},
    "no exp": {"claims": {"exp": None}},
    "no sub": {"claims": {"sub": None}},
    "no jti": {"claims": {"jti": None}},
    "expired": {"claims": {"iat": now(-900), "exp": now(-31)}},
    "not yet": {"claims": {"nbf": now(31)}},
    "exp huge": {"claims": {"exp": 1e30}},
    "exp text": {"claims": {"exp": "x"}},
    "exp negative": {"claims": {"exp": -1}},
    "exp nan": {"claims": {"exp": float("nan")}},
    "exp true": {"claims": {"exp": True}},
    "exp far": {"claims": {"exp": now(5_000)}},
    "sub no id": {"claims": {"sub": "1"}},
    "sub a number": {"claims": {"sub": 1}},
    "nobody's": {},
}  # fmt: skip
TEXTS = ["", ".", "..", "a.b.c", "x" * 1_100, "eyJ" + "e" * 2_000, "\xff\xfe", "ap_", "ap_x",
         "ap_000000000000_" + "x" * 43, "ap_" + "0" * 300]  # fmt: skip


def test_no_forged_token_is_believed(api: Serving) -> None:
    """S2-S5, S8: each is a 401, and none a mistake of ours; a good one is let in."""
    good = begun(api)
    assert bearer(api, good["access"]) == 200
    wrong = {name: forged(api, **dict(odd)) for name, odd in ODD.items()}
    tokens = Tokens(api.settings)
    assert [name for name, text in wrong.items() if name != "nobody's" and tokens.read(text)] == []
    assert bearer(api, wrong["nobody's"]) == 401
    assert bearer(api, wrong["none"]) == 401
    assert [text for text in TEXTS if tokens.read(text)] == []
    for text in TEXTS:
        assert bearer(api, text) == 401, text
    assert bearer(api, good["refresh"]) == 401
    assert bearer(api, good["access"][:-2] + "AA") == 401


def test_a_refresh_token_is_good_once(api: Serving) -> None:
    """S7: used twice it ends its whole family, the newest access token too; that is audited."""
    first = begun(api)
    second = api.ask("POST", f"{V1}/auth/refresh", {"refresh": first["refresh"]}).json
    assert bearer(api, second["access"]) == 200
    api.forget_limits()
    assert api.ask("POST", f"{V1}/auth/refresh", {"refresh": first["refresh"]}).status == 401
    assert bearer(api, second["access"]) == 401
    assert api.ask("POST", f"{V1}/auth/refresh", {"refresh": second["refresh"]}).status == 401
    assert audited(api, "refresh token used twice")


def test_what_is_taken_from_a_user_is_gone(api: Serving, admin: Browser) -> None:
    """S6: role, password, everything: what was handed out before is void at the next request."""
    user = api.add_user("fleeting", "trader", MINE)
    page, other, tokens = api.log_in("fleeting"), api.log_in("fleeting"), begun(api, "fleeting")
    admin.step_up()
    assert admin.send("PATCH", f"{V1}/users/{user}", {"role": "viewer"}).status == 200
    assert page.post(f"{V1}/strategies/mine/pause", {}).status == 403
    page.step_up()
    assert page.post(f"{V1}/auth/password", {"password": "another horse battery"}).status == 204
    assert (page.get(ME).status, other.get(ME).status) == (200, 401)
    assert bearer(api, tokens["access"]) == 401
    assert page.post(f"{V1}/auth/logout-everywhere").status == 204
    assert page.get(ME).status == 401
    assert admin.send("DELETE", f"{V1}/users/{user}").status == 204
    api.forget_limits()
    again = {"name": "fleeting", "password": "another horse battery"}
    assert api.ask("POST", f"{V1}/auth/login", again).status == 401


def test_a_login_is_ended_by_itself(api: Serving) -> None:
    """One sees his own logins and ends any of them, a program's with all its tokens; no other's."""
    api.add_user("many", "trader", MINE)
    api.add_user("nosy", "admin", MINE)
    page, phone, tokens = api.log_in("many"), api.log_in("many"), begun(api, "many")
    rotated = api.ask("POST", f"{V1}/auth/refresh", {"refresh": tokens["refresh"]}).json
    nosy = api.log_in("nosy")
    path = f"{V1}/auth/sessions"
    listed = page.get(path).json["items"]
    assert sorted((each["kind"], each["this"]) for each in listed) == [
        ("refresh", False), ("session", False), ("session", True)
    ]  # fmt: skip
    assert not {"hash", "family"} & set(listed[0])
    assert len(nosy.get(path).json["items"]) == 1
    for each in listed:
        assert nosy.send("DELETE", f"{path}/{each['id']}").status == 404
    for each in listed:
        if not each["this"]:
            assert page.send("DELETE", f"{path}/{each['id']}").status == 204
            assert page.send("DELETE", f"{path}/{each['id']}").status == 404
    assert (page.get(ME).status, phone.get(ME).status) == (200, 401)
    assert bearer(api, rotated["access"]) == 401
    again = api.ask("POST", f"{V1}/auth/refresh", {"refresh": rotated["refresh"]})
    assert again.status == 401
    assert [each["this"] for each in page.get(path).json["items"]] == [True]
    assert audited(api, "session ended")


def test_the_last_admin_stays(api: Serving) -> None:
    """An owner cannot lock himself out."""
    user = api.add_user("lonely", "admin", "lonely")
    page = api.log_in("lonely")
    assert page.send("DELETE", f"{V1}/users/{user}").status == 403, "without the password again"
    page.step_up()
    assert page.send("DELETE", f"{V1}/users/{user}").status == 409
    assert page.send("PATCH", f"{V1}/users/{user}", {"role": "viewer"}).status == 409
    assert page.get(ME).status == 200


def test_a_key_is_shown_once_and_may_only_what_it_was_given(api: Serving) -> None:
    """S9, S10: one character more, less or other is nobody's; no key makes keys or is an admin."""
    api.add_user("keyed", "trader", MINE)
    page = api.log_in("keyed")
    body = {"name": "bot", "scopes": ["orders:read"]}
    assert page.post(f"{V1}/keys", body).status == 403
    page.step_up()
    assert page.post(f"{V1}/keys", {**body, "scopes": ["admin"]}).status == 403
    made = page.post(f"{V1}/keys", body).json
    key = made["key"]
    assert key not in page.get(f"{V1}/keys").body.decode()

    def tried(text: str, path: str = f"{V1}/orders", method: str = "GET") -> int:
        one = api.ask(method, path, {} if method == "POST" else None, {"X-API-Key": text})
        return one.status

    assert tried(key) == 200
    assert bearer(api, key) == 200
    assert tried(key, f"{V1}/portfolios") == 403
    assert tried(key, f"{V1}/keys", "POST") == 403
    assert tried(key, f"{V1}/users") == 403
    assert tried(key, f"{V1}/commands", "POST") == 403
    assert audited(api, "refused")[-1].actor == "keyed"
    last = "A" if key[-1] != "A" else "B"
    for wrong in (key[:-1] + last, key[:-1], key + "A", key[:15] + "_" + "x" * 43, key.upper()):
        assert tried(wrong) == 401
    for query in (f"?api_key={key}", f"?x={key}", "?token=1", "?ACCESS_TOKEN=1"):
        assert api.ask("GET", f"{V1}/orders{query}").status == 400
    assert page.send("DELETE", f"{V1}/keys/{made['id']}").status == 204
    assert tried(key) == 401


def test_a_key_of_a_user_who_was_switched_off_is_void(api: Serving, admin: Browser) -> None:
    """S9: it goes with its user."""
    user = api.add_user("leaving", "viewer", MINE)
    page = api.log_in("leaving")
    page.step_up()
    key = page.post(f"{V1}/keys", {"name": "k", "scopes": ["orders:read"]}).json["key"]
    admin.step_up()
    assert admin.send("PATCH", f"{V1}/users/{user}", {"active": False}).status == 200
    assert api.ask("GET", f"{V1}/orders", headers={"X-API-Key": key}).status == 401


def test_the_audit_trail_has_every_write_and_finds_what_was_changed(
    api: Serving, admin: Browser
) -> None:
    """S35: users, keys and logins are in it; a changed entry is named, and no route edits one."""
    assert {"login", "user changed", "key made", "step-up"} <= {
        row["action"] for row in admin.get(f"{V1}/audit?limit=1000").json["items"]
    }  # fmt: skip
    assert admin.get(f"{V1}/audit/verify").json == {"first_bad": None}
    assert admin.send("DELETE", f"{V1}/audit", {}).status in (404, 405)

    async def changed(actor: str) -> str:
        async with api.database.session(writes=True) as session:
            row = (await session.scalars(select(AuditEntry).where(AuditEntry.seq == 2))).one()
            before, row.actor = row.actor, actor
            await session.commit()
            return str(before)

    was = api.do(changed("somebody else"))
    assert admin.get(f"{V1}/audit/verify").json == {"first_bad": 2}
    api.do(changed(was))


def test_no_secret_of_a_login_is_stored(api: Serving) -> None:
    """S31: the database has hashes only."""
    page, tokens = api.log_in(f"trader-{MINE}"), begun(api)

    async def flushed() -> None:
        async with api.database.session() as session:
            await session.scalars(select(User))

    api.do(flushed())
    base = api.settings.base_dir
    stored = b"".join(file.read_bytes() for file in base.glob("alphapanda.db*"))
    for secret in (page.cookie.partition("=")[2], page.csrf, tokens["access"], tokens["refresh"]):
        assert secret.encode() not in stored
    assert PASSWORD.encode() not in stored


def test_all_who_show_a_login_at_once_are_one_question(api: Serving, admin: Browser) -> None:
    """Fifty pages that come back together ask the database once; what is revoked then is void."""
    auth = api.server.services.auth
    asked: list[int] = []

    async def run() -> None:
        (known, *_) = auth._known.values()
        free, came = asyncio.Event(), asyncio.Event()

        async def look(_: object) -> Who | None:
            asked.append(1)
            came.set()
            await free.wait()
            return known.who

        login = Login("fifty pages", look)
        pages = [asyncio.create_task(auth.again(login)) for _ in range(50)]
        await came.wait()
        auth.forget(known.who.user)
        came.clear()
        late = asyncio.create_task(auth.again(login))
        await came.wait()
        free.set()
        assert await asyncio.gather(*pages, late) == [known.who] * 51
        await auth.again(login)
        assert len(asked) == 2, "the late one's answer is remembered, the pages' is not"
        auth.forget(known.who.user)

    assert admin.get(ME).status == 200
    api.do(run())
