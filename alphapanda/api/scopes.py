"""What each role may do, and what each route asks for: one table, which a test walks."""

from __future__ import annotations

from typing import NamedTuple

from alphapanda.store.words import UserRole

READS = frozenset({
    "portfolio:read", "orders:read", "strategies:read", "monitor:read", "alerts:read", "logs:read",
})  # fmt: skip
TRADES = frozenset({"orders:write", "trade:control", "alerts:write", "strategies:write"})
ADMIN = "admin"
SCOPES: dict[UserRole, frozenset[str]] = {
    UserRole.VIEWER: READS,
    UserRole.TRADER: READS | TRADES,
    UserRole.ADMIN: READS | TRADES | {ADMIN},
}
OF_KEYS = READS | TRADES
"""What an API key may be given, of what its user has."""
PUBLIC, ANY = "", "any"


class Rule(NamedTuple):
    """What a route asks for."""

    scope: str
    """`PUBLIC`: nothing; `ANY`: to be somebody."""
    browser: bool = False
    """Only a person's session, never a program's key or token."""
    stepped: bool = False
    """The password was asked for again in the last minutes."""
    bucket: str = "calls"
    """Which limit it counts in; `none`: the route counts itself."""


V1 = "/api/v1"
LOOK, PORTFOLIO, ORDERS = Rule("monitor:read"), Rule("portfolio:read"), Rule("orders:read")
ASK = Rule("trade:control", bucket="none")
OPEN = Rule(PUBLIC)
SELF, OWN = Rule(ANY), Rule(ANY, browser=True)
MANAGE, MANAGED = Rule(ADMIN, browser=True), Rule(ADMIN, browser=True, stepped=True)

RULES: dict[tuple[str, str], Rule] = {
    ("GET", "/health"): OPEN,
    ("GET", "/health/live"): OPEN,
    ("GET", "/health/ready"): OPEN,
    ("GET", "/{name:path}"): OPEN,
    ("GET", "/metrics"): LOOK,
    ("GET", "/docs"): SELF,
    ("GET", "/openapi.json"): SELF,
    ("POST", f"{V1}/auth/login"): OPEN,
    ("POST", f"{V1}/auth/token"): OPEN,
    ("POST", f"{V1}/auth/refresh"): OPEN,
    ("POST", f"{V1}/auth/logout"): OWN,
    ("POST", f"{V1}/auth/logout-everywhere"): OWN,
    ("GET", f"{V1}/auth/me"): SELF,
    ("GET", f"{V1}/auth/sessions"): OWN,
    ("DELETE", f"{V1}/auth/sessions/{{login}}"): OWN,
    ("POST", f"{V1}/auth/step-up"): OWN,
    ("POST", f"{V1}/auth/password"): Rule(ANY, browser=True, stepped=True),
    ("POST", f"{V1}/auth/tickets"): SELF,
    ("GET", f"{V1}/users"): MANAGE,
    ("POST", f"{V1}/users"): MANAGED,
    ("PATCH", f"{V1}/users/{{user}}"): MANAGED,
    ("DELETE", f"{V1}/users/{{user}}"): MANAGED,
    ("GET", f"{V1}/keys"): OWN,
    ("POST", f"{V1}/keys"): Rule(ANY, browser=True, stepped=True),
    ("DELETE", f"{V1}/keys/{{key}}"): OWN,
    ("GET", f"{V1}/runs"): PORTFOLIO,
    ("GET", f"{V1}/runs/{{run}}"): PORTFOLIO,
    ("GET", f"{V1}/portfolios"): PORTFOLIO,
    ("GET", f"{V1}/portfolios/{{run}}/positions"): PORTFOLIO,
    ("GET", f"{V1}/portfolios/{{run}}/pnl"): PORTFOLIO,
    ("GET", f"{V1}/portfolios/{{run}}/charges"): PORTFOLIO,
    ("GET", f"{V1}/portfolios/{{run}}/report"): PORTFOLIO,
    ("GET", f"{V1}/orders"): ORDERS,
    ("GET", f"{V1}/orders/{{run}}/{{order}}"): ORDERS,
    ("POST", f"{V1}/orders/{{run}}/{{order}}/cancel"): Rule("orders:write", bucket="orders"),
    ("GET", f"{V1}/signals"): ORDERS,
    ("GET", f"{V1}/fills"): ORDERS,
    ("GET", f"{V1}/strategies"): Rule("strategies:read"),
    ("GET", f"{V1}/strategies/{{name}}"): Rule("strategies:read"),
    ("PUT", f"{V1}/strategies/{{name}}"): Rule("strategies:write"),
    ("POST", f"{V1}/strategies/{{name}}/pause"): Rule("trade:control", bucket="orders"),
    ("POST", f"{V1}/strategies/{{name}}/resume"): Rule("trade:control", bucket="orders"),
    ("GET", f"{V1}/commands"): LOOK,
    ("GET", f"{V1}/commands/{{command}}"): LOOK,
    ("POST", f"{V1}/commands"): ASK,
    ("GET", f"{V1}/risk"): PORTFOLIO,
    ("GET", f"{V1}/monitoring/health"): LOOK,
    ("GET", f"{V1}/monitoring/pipeline"): LOOK,
    ("GET", f"{V1}/monitoring/latency"): LOOK,
    ("GET", f"{V1}/monitoring/lag"): LOOK,
    ("GET", f"{V1}/monitoring/letters"): LOOK,
    ("POST", f"{V1}/monitoring/letters/{{letter}}/return"): Rule(ADMIN),
    ("GET", f"{V1}/alerts"): Rule("alerts:read"),
    ("POST", f"{V1}/alerts/{{alert}}/acknowledge"): Rule("alerts:write"),
    ("POST", f"{V1}/alerts/{{alert}}/resolve"): Rule("alerts:write"),
    ("GET", f"{V1}/logs"): Rule("logs:read"),
    ("GET", f"{V1}/logs/channels"): Rule("logs:read"),
    ("POST", f"{V1}/alerts/test"): Rule(ADMIN),
    ("GET", f"{V1}/services"): LOOK,
    ("GET", f"{V1}/services/{{service}}"): LOOK,
    ("GET", f"{V1}/system"): LOOK,
    ("GET", f"{V1}/audit"): Rule(ADMIN),
    ("GET", f"{V1}/audit/verify"): Rule(ADMIN),
    ("GET", f"{V1}/stream"): SELF,
    ("GET", f"{V1}/stream/{{topic}}"): SELF,
    ("WS", f"{V1}/ws"): SELF,
    ("WS", f"{V1}/ws/{{topic}}"): SELF,
}
TOPICS = {
    "board": "portfolio:read", "activity": "orders:read", "alerts": "alerts:read",
    "health": "monitor:read", "pipeline": "monitor:read", "logs": "logs:read",
}  # fmt: skip
"""What may be streamed, and the scope that it takes; `logs.CHANNEL` is a topic of `logs`."""
