"""Asks, before a route runs, for what the table of rules says that it needs."""

from __future__ import annotations

import time

from fastapi.requests import HTTPConnection

from alphapanda.api.answers import ApiError, unavailable
from alphapanda.api.limits import SlidingLog
from alphapanda.api.scopes import ANY, PUBLIC, RULES, Rule
from alphapanda.api.services import services_of
from alphapanda.api.who import SESSION, Who, who_of


def rule_of(method: str, path: str) -> Rule:
    """Return what a route asks for; one without a line in the table does not exist."""
    return RULES["GET" if method == "HEAD" else method, path]


async def permitted(connection: HTTPConnection) -> None:
    """Let a request through to its route.

    Raises:
        ApiError: if who asks may not; that is noted in the audit trail.
    """
    scope = connection.scope
    path = getattr(scope.get("route"), "path", "")
    rule = rule_of(scope.get("method", "WS"), path)
    if rule.scope == PUBLIC:
        return
    who = who_of(scope)
    why = refused(rule, who)
    if why:
        services = services_of(connection)
        target = f"{scope.get('method', 'WS')} {path}"
        await services.auth.note(who.owner, who.name, "refused", target, {"why": why})
        raise ApiError(403, why)
    if who.stale and scope.get("method", "WS") not in ("GET", "HEAD", "WS"):
        if rule.bucket != "none":  # a kill goes on; what else may is the route's to say
            raise unavailable()
    if rule.bucket == "orders":
        services_of(connection).commands_log.require(str(who.user))


def refused(rule: Rule, who: Who) -> str:
    """Return why somebody may not, or an empty string."""
    if rule.browser and who.kind != SESSION:
        return "only a person who is logged in, no key or token"
    if rule.scope != ANY and not who.may(rule.scope):
        return f"that needs the scope {rule.scope}"
    if rule.stepped and who.stepped_until_ns <= time.time_ns():
        return "give the password again first: /auth/step-up"
    return ""


def orders_log(calls: int) -> SlidingLog:
    """Return what counts commands, kills apart."""
    return SlidingLog(calls, 60)
