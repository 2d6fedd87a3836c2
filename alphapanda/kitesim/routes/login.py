"""Login page, sessions, and the person's profile."""

from __future__ import annotations

import asyncio
import html
import re
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from alphapanda.kitesim.answers import stamp
from alphapanda.kitesim.call import Answer, Call, Page, Redirect, Route
from alphapanda.kitesim.orders import Refusal

TOTP = re.compile(r"\d{6}")
EXCHANGES = ("NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "MF")
PRODUCTS = ("CNC", "NRML", "MIS", "BO", "CO")
FORM = """<!doctype html><html lang="en"><meta charset="utf-8"><title>SIMULATOR login</title>
<h1>SIMULATOR</h1><p>This is kitesim, not Zerodha: no real account, no real money.
Never type a real password here.</p>{message}
<form method="post" action="{action}"><label>User id <input name="user_id" value="{user}"></label>
<label>Any six digits <input name="totp" inputmode="numeric" pattern="[0-9]{{6}}"></label>
<button>Log in</button></form></html>"""


def show_form(call: Call) -> Answer:
    """Return the login page."""
    return refused_page(call) or page(call, "")


async def take_form(call: Call) -> Answer:
    """Log the person in, and send the browser to the app with a request token."""
    refused = refused_page(call)
    if refused is not None:
        return refused
    app = call.sim.app
    if call.params.get("user_id") != app.user_id:
        return page(call, f"The simulator knows one user: {app.user_id}.")
    if not TOTP.fullmatch(call.params.get("totp", "")):
        return page(call, "The code must have six digits.")
    token = call.sim.logins.begin(time.monotonic())
    query = {
        "action": "login", "type": "login", "status": "success", "request_token": token,
    }  # fmt: skip
    query |= dict(parse_qsl(call.params.get("redirect_params", "")))
    parts = urlsplit(await asyncio.to_thread(call.sim.redirect))
    return Redirect(
        urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), *query.items()])))
    )


def refused_page(call: Call) -> Answer:
    """Return the refusal of an address without the app's key; None: it has it."""
    key = call.params.get("api_key")
    if not key:
        return Refusal("Missing api_key")
    if key != call.sim.app.api_key:
        return Refusal("SIMULATOR: unknown `api_key`. Never send a real key to it.")
    return None if call.params.get("v") == "3" else Refusal("Invalid `v`: it must be 3.")


def page(call: Call, message: str) -> Page:
    """Return the form with a message."""
    names = ("v", "api_key", "redirect_params")
    query = urlencode({n: call.params[n] for n in names if n in call.params})
    shown = f"<p><b>{html.escape(message)}</b></p>" if message else ""
    return Page(
        FORM.format(
            message=shown,
            action=html.escape(f"/connect/login?{query}"),
            user=html.escape(call.sim.app.user_id),
        )
    )


def open_session(call: Call) -> Answer:
    """Return a session for a request token."""
    refusal = call.missing("api_key", "request_token", "checksum")
    if refusal is not None:
        return refusal
    sim, p = call.sim, call.params
    token = sim.logins.exchange(p["api_key"], p["request_token"], p["checksum"], now=call.now,
                                real_s=time.monotonic())  # fmt: skip
    if isinstance(token, Refusal):
        return token
    return {
        **profile_of(call), "api_key": sim.app.api_key, "access_token": token,
        "public_token": "simulator", "enctoken": "simulator", "refresh_token": "", "silo": "",
        "login_time": stamp(call.now),
    }  # fmt: skip


def end_session(call: Call) -> Answer:
    """End the life of a token."""
    token = call.params.get("access_token") or call.params.get("refresh_token")
    if not token:
        return Refusal("Missing or empty field `access_token`")
    if call.params.get("api_key") != call.sim.app.api_key:
        return Refusal("Invalid `api_key`.", "TokenException", 403)
    call.sim.logins.end(token)
    return True


def refresh_session(call: Call) -> Answer:
    """Refuse a refresh token: people's apps have none."""
    return Refusal("Invalid `refresh_token`.", "TokenException", 403)


def profile_of(call: Call) -> dict[str, Any]:
    """Return the person's profile."""
    return {
        "user_id": call.sim.app.user_id, "user_type": "individual", "email": "simulator@localhost",
        "user_name": "SIMULATOR", "user_shortname": "SIMULATOR", "broker": "ZERODHA",
        "exchanges": list(EXCHANGES), "products": list(PRODUCTS),
        "order_types": ["MARKET", "LIMIT", "SL", "SL-M"], "avatar_url": None,
        "meta": {"demat_consent": "physical"},
    }  # fmt: skip


def full_profile(call: Call) -> Answer:
    """Return the profile with what only one client reads."""
    return {
        **profile_of(call), "twofa_type": "totp", "phone": "*0000", "pan": "*000S",
        "bank_accounts": [], "dp_ids": [], "tags": [], "password_timestamp": stamp(call.now),
        "twofa_timestamp": stamp(call.now),
        "meta": {"poa": "physical", "silo": "", "account_blocks": [], "demat_consent": "physical"},
    }  # fmt: skip


ROUTES = (
    Route("GET", "/connect/login", "login", show_form),
    Route("POST", "/connect/login", "login", take_form),
    Route("POST", "/session/token", "login", open_session),
    Route("DELETE", "/session/token", "login", end_session),
    Route("POST", "/session/refresh_token", "login", refresh_session),
    Route("GET", "/user/profile", "other", profile_of),
    Route("GET", "/user/profile/full", "other", full_profile),
)
