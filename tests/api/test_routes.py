"""Every route has its rule, and nobody gets past it: without login, by role, by owner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute

from alphapanda.api.app import create_app
from alphapanda.api.scopes import OF_KEYS, PUBLIC, RULES, SCOPES, Rule
from alphapanda.api.services import NoMonitor
from alphapanda.store.trading import Order
from alphapanda.store.words import UserRole
from tests.api.conftest import MINE, OTHERS
from tests.store.rows import good
from tests.support.api import V1, Browser, Serving, settings_of

OPTIONAL = {("GET", "/openapi.json"), ("GET", "/docs")}
"""Routes that a setting brings."""
LETTERS = f"{V1}/monitoring/letters"
OF_ALL = {
    ("GET", "/metrics"), ("GET", LETTERS), ("POST", f"{LETTERS}/{{letter}}/return"),
    ("POST", f"{V1}/alerts/test"),
}  # fmt: skip
"""Routes that show, or concern, the runs of all owners: only the installation's may."""
FILLED = {"run": f"run-{MINE}", "order": "1", "name": "mine", "topic": "health",
          "letter": "paper.orders.filled~0~1", "service": "api-1"}  # fmt: skip
SENT = {"DELETE", "PATCH", "POST", "PUT"}


def routes(found: Any) -> Iterator[Any]:
    for route in found:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes(inner.routes)
        elif isinstance(route, (APIRoute, APIWebSocketRoute)):
            yield route


def served(app: Any) -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for route in routes(app.routes)
        for method in (getattr(route, "methods", None) or {"WS"})
    }


def path_of(template: str) -> str:
    unknown = "00000000-0000-0000-0000-000000000000"
    return re.sub(r"{(\w+)(:path)?}", lambda m: FILLED.get(m[1], unknown), template)


def test_every_route_has_a_rule_and_every_rule_a_route(tmp_path: Any) -> None:
    """A route that the table does not know fails here before it is ever served."""
    app = create_app(settings_of(tmp_path), monitor=NoMonitor())
    assert served(app) ^ set(RULES) <= OPTIONAL


def test_only_logging_in_health_and_the_page_are_public() -> None:
    """The list is short, and written here a second time."""
    public = {path for (_, path), rule in RULES.items() if rule.scope == PUBLIC}
    logins = {f"{V1}/auth/{word}" for word in ("login", "token", "refresh")}
    health = {"/health", "/health/live", "/health/ready"}
    assert public == logins | health | {"/{name:path}"}


PRIVATE = [(m, p) for (m, p), rule in RULES.items() if rule.scope != PUBLIC and m != "WS"]


def test_no_route_answers_without_a_login(api: Serving) -> None:
    """S1: each says 401 and how to log in, whatever the method."""
    for method, path in PRIVATE:
        got = api.ask(method, path_of(path), {} if method in SENT else None)
        assert (got.status, path) == (401, path)
        assert got.headers["www-authenticate"].startswith("Bearer")
        assert set(got.json["error"]) == {"code", "message", "request_id"}


def allowed(rule: Rule, role: UserRole) -> bool:
    return rule.scope == "any" or rule.scope in SCOPES[role]


@pytest.mark.parametrize("role", UserRole)
def test_each_role_may_what_the_table_says(
    role: UserRole, browsers: dict[str, Browser]
) -> None:  # fmt: skip
    """S10, S11: every route by every role: 403 where the scope is missing, and only there."""
    browser = browsers[f"{role}-{OTHERS}"]
    for (method, path), rule in RULES.items():
        special = path.endswith(("/logout", "/logout-everywhere")) or "/stream" in path
        if rule.scope == PUBLIC or method == "WS" or special or (method, path) in OPTIONAL:
            continue
        body = {} if method in SENT else None
        got = browser.send(method, path_of(path), body, **{"Idempotency-Key": f"role-{role}"})
        if not allowed(rule, role) or rule.stepped or (method, path) in OF_ALL:
            assert (got.status, path, role) == (403, path, role)
        else:
            assert got.status in (200, 202, 404, 409, 415, 422), (path, role, got)


OF_A_RUN = [
    (method, path) for method, path in PRIVATE
    if "{run}" in path or path.endswith("{alert}/resolve")
]  # fmt: skip


def test_what_is_anothers_is_not_there(browsers: dict[str, Browser]) -> None:
    """S11: another owner's run looks like one that never was, to his admin too."""
    other = browsers[f"admin-{OTHERS}"]
    for method, path in OF_A_RUN:
        foreign = other.send(method, path_of(path), {} if method in SENT else None)
        never = other.send(method, path_of(path).replace(f"run-{MINE}", "run-never"),
                           {} if method in SENT else None)  # fmt: skip
        assert foreign.status == never.status == 404, path
        assert foreign.json["error"]["message"] == never.json["error"]["message"]


LISTS = ("runs", "portfolios", "orders", "signals", "fills", "strategies", "commands", "risk",
         "alerts", "monitoring/pipeline", "audit", "users", "logs")  # fmt: skip


@pytest.mark.parametrize("owner", [MINE, OTHERS])
def test_no_list_shows_anothers_rows(owner: str, browsers: dict[str, Browser]) -> None:
    """Each owner's admin sees his own rows, and no word of the other's."""
    foreign = OTHERS if owner == MINE else MINE
    for path in LISTS:
        got = browsers[f"admin-{owner}"].get(f"{V1}/{path}")
        assert got.status == 200, (path, got)
        text = got.body.decode()
        assert f"run-{foreign}" not in text, path
        assert f"-{foreign}" not in text, path
        if path in ("runs", "orders", "fills", "alerts", "portfolios", "signals"):
            assert f"run-{owner}" in text, path


def test_keys_can_be_given_less_than_their_user_has() -> None:
    """No key is ever an admin's."""
    assert "admin" not in OF_KEYS
    assert SCOPES[UserRole.VIEWER] < SCOPES[UserRole.TRADER] < SCOPES[UserRole.ADMIN]


def test_money_is_text_and_what_is_missing_null(admin: Browser) -> None:
    """A position without a tick has no unrealised P&L, not one of 0."""
    row = admin.get(f"{V1}/portfolios/run-{MINE}/positions").json["items"][0]
    assert (row["cost"], row["last_fill"]) == ("-15000.00", "1500.00")
    assert row["tick_last"] is row["tick_age_ms"] is row["unrealised"] is None
    folio = admin.get(f"{V1}/portfolios").json["items"][0]
    assert folio["gross"] is folio["net"] is None
    assert folio["pnl"] == "0.0002"


def test_a_list_goes_on_behind_its_cursor(api: Serving, admin: Browser) -> None:
    """Page by page each row comes once, newest first; a cursor of nobody's is refused."""
    api.save(*[
        good(Order, owner_id=MINE, account_id=MINE, run_id="paged", order_id=n,
             client_order_id=f"paged-{n}", ts=1_000 + n // 2)
        for n in range(7)
    ])  # fmt: skip
    seen, cursor = [], ""
    while True:
        got = admin.get(f"{V1}/orders?run=paged&limit=3&cursor={cursor}").json
        seen += [row["order"] for row in got["items"]]
        if got["next"] is None:
            break
        cursor = got["next"]
    assert seen == [6, 5, 4, 3, 2, 1, 0]
    for bad in ("xyz", "W10=", "WzFd", "W251bGxd"):
        assert admin.get(f"{V1}/orders?cursor={bad}").status == 422
