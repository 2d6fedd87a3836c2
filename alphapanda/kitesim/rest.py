"""The REST server: Kite's envelope, logins, limits and errors around the routes."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
from collections.abc import Mapping
from inspect import isawaitable
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from alphapanda.kitesim import breaking
from alphapanda.kitesim.call import Answer, Call, Csv, Page, Raw, Redirect, Route, read_json
from alphapanda.kitesim.logins import INVALID
from alphapanda.kitesim.orders import Refusal
from alphapanda.kitesim.routes import (
    control,
    costs,
    gtt,
    login,
    market,
    orders,
    others,
    portfolio,
)
from alphapanda.kitesim.script import AFTER, BEFORE
from alphapanda.kitesim.simulator import Simulator

ROUTES = tuple(
    chain(
        login.ROUTES,
        market.ROUTES,
        orders.ROUTES,
        portfolio.ROUTES,
        gtt.ROUTES,
        costs.ROUTES,
        others.ROUTES,
        control.ROUTES,
    )
)
NOT_FOUND = Refusal("Route not found", "GeneralException", 404)
NOT_ALLOWED = Refusal("Method not allowed", "GeneralException", 405)
HEADERS = {"X-Simulator": "kitesim"}


def application(sim: Simulator) -> web.Application:
    """Return the server of a simulator."""

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        if not is_loopback(request.remote):
            return refused(Refusal("SIMULATOR: loopback only.", "PermissionException", 403))
        try:
            response: web.StreamResponse = await handler(request)
        except breaking.CutError:
            return web.Response()  # nobody is there to read it
        except web.HTTPNotFound:
            return refused(NOT_FOUND)
        except web.HTTPMethodNotAllowed:
            return refused(NOT_ALLOWED)
        return response

    app = web.Application(middlewares=[guard])
    for route in ROUTES:
        app.router.add_route(route.method, route.path, answering(sim, route))
    return app


def answering(sim: Simulator, route: Route) -> Any:
    """Return aiohttp's handler of a route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        key, token = credentials(request)
        params, keys, body = await parameters(request)
        if route.kind != "sim" and (wait_s := sim.wait_s()):
            await asyncio.sleep(wait_s)
        now, moves = sim.now(), request.path.startswith("/orders") and request.method != "GET"
        if moves:
            sim.receive(request.method, request.path, params)
        if route.kind not in ("login", "sim"):
            refusal = sim.logins.refusal(key, token, now) if key or token else INVALID
            refusal = refusal or sim.limits.take(route.kind, time.monotonic())
            if refusal is not None:
                if moves:
                    sim.ledger.write("turned away", sim.market.ts, text=refusal.message)
                return refused(refusal)
        call = Call(sim, request.match_info, params, keys, body, now, token)
        if route.kind == "sim":
            found = route.answer(call)
            return response_of(await found if isawaitable(found) else found)
        return response_of(await with_faults(request, call, route))

    return handle


async def with_faults(request: web.Request, call: Call, route: Route) -> Answer:
    """Return a route's answer, or what the script makes of it."""
    sim, what = call.sim, f"{request.method} {request.path}"
    tag = call.params.get("tag", "")
    early = sim.script.of_call(BEFORE, what, tag, call.now)
    late = sim.script.of_call(AFTER, what, tag, call.now)
    for fault in (early, late):
        if fault is not None:
            sim.ledger.write("fault", sim.market.ts, do=fault.do, fault=fault.number)
    instead = await breaking.before(request, early, sim.seed)
    if instead is not None:
        return instead
    found = route.answer(call)
    answer = await found if isawaitable(found) else found
    if late is not None and isinstance(answer, dict) and "order_id" in answer:
        if late.do == "hide":
            sim.hide(answer["order_id"], late.lasts(sim.seed))
        elif late.do == "fill-after-cancel":
            sim.fill_late(answer["order_id"], late.lasts(sim.seed))
    return await breaking.after(request, late, answer, sim.seed)


async def parameters(request: web.Request) -> tuple[Mapping[str, str], tuple[str, ...], Any]:
    """Return a request's parameters, all values of `i`, and its JSON body."""
    pairs = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
    body = None
    if request.can_read_body:
        text = (await request.read()).decode("utf-8", "replace")
        if request.content_type == "application/json":
            body = read_json(text)
        else:
            pairs += parse_qsl(text, keep_blank_values=True)
    return dict(pairs), tuple(value for name, value in pairs if name == "i"), body


def credentials(request: web.Request) -> tuple[str, str]:
    """Return the key and the access token of a request; empty where it has none."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    key, _, token = value.strip().partition(":")
    return (key, token) if scheme.lower() == "token" else ("", "")


def response_of(answer: Answer) -> web.StreamResponse:
    """Return the response that carries an answer."""
    if isinstance(answer, web.StreamResponse):
        return answer
    if isinstance(answer, Refusal):
        return refused(answer)
    if isinstance(answer, (Csv, Page, Redirect, Raw)):
        return unwrapped(answer)
    return web.json_response({"status": "success", "data": answer}, headers=HEADERS)


def unwrapped(answer: Csv | Page | Redirect | Raw) -> web.Response:
    """Return the response of an answer that Kite's envelope does not go around."""
    if isinstance(answer, Csv):
        response = web.Response(text=answer.text, content_type="text/csv", headers=HEADERS)
        response.enable_compression(web.ContentCoding.gzip)
        return response
    if isinstance(answer, Page):
        return web.Response(text=answer.html, content_type="text/html", headers=HEADERS)
    if isinstance(answer, Redirect):
        return web.Response(status=302, headers={**HEADERS, "Location": answer.url})
    content = answer.content
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return web.Response(body=body, content_type="application/json", headers=HEADERS)


def refused(refusal: Refusal) -> web.Response:
    """Return the response to a call that is refused."""
    content = {"status": "error", "message": refusal.message, "error_type": refusal.error_type,
               "data": None}  # fmt: skip
    return web.json_response(content, status=refusal.code, headers=HEADERS)


def is_loopback(remote: str | None) -> bool:
    """Say if a request comes from this machine."""
    return remote is not None and ipaddress.ip_address(remote).is_loopback
