"""A login: a person's request token exchanged, once, for the day's session."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from alphapanda import log
from alphapanda.brokers.zerodha import sessions
from alphapanda.brokers.zerodha.addresses import Addresses, addresses_of, is_simulated
from alphapanda.brokers.zerodha.answers import AuthLostError, KiteError, bounded
from alphapanda.brokers.zerodha.callback import is_token, wait_for, waiting
from alphapanda.brokers.zerodha.clocks import clock_of
from alphapanda.brokers.zerodha.opening import open_client
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.log import redact
from alphapanda.store import sealing

LOG = log.get("zerodha.login")
ODD = (KeyError, TypeError, ValueError, AttributeError)
"""What the client raises at an answer without what must be in it."""
KITE_VERSION = "3"


class LoggedIn(NamedTuple):
    """A login that was accepted."""

    user_id: str
    name: str
    """The person's, as Kite has it."""
    expires_ns: int
    simulator: bool


def page_url(settings: Settings, addresses: Addresses, state: str) -> str:
    """Return the address of the login page; the state comes back with the browser."""
    query = {
        "v": KITE_VERSION, "api_key": settings.zerodha.api_key.get_secret_value(),
        "redirect_params": urlencode({"state": state}),
    }  # fmt: skip
    return f"{addresses.login}?{urlencode(query, quote_via=quote)}"


def log_in(
    settings: Settings, show: Callable[[str], None], *, request_token: str | None = None
) -> LoggedIn:
    """Log in, by a browser or by a token that a person has from one, and keep the session.

    `show` is given the address of the page.

    Raises:
        UsageError: if the settings do not fit, or the session is another user's.
        OutsideError: if there is no database, nobody logs in, or Kite refuses.
    """
    addresses = addresses_of(settings)
    sealing.key_of(settings.security.key)
    if request_token is not None and not is_token(request_token):
        raise UsageError(
            "--request-token: write what stands behind request_token= in the address that the "
            "browser was sent to, up to the next &"
        )
    with sessions.database_of(settings) as (runner, database):
        token = request_token or browsed(settings, addresses, show)
        redact.know(token)
        found = exchanged(settings, token)
        user_id, access = checked(settings, addresses, found)
        now_ns = clock_of(settings, addresses)()
        ends = runner.run(sessions.save(
            database, addresses, user_id=user_id, token=access, now_ns=now_ns
        ))  # fmt: skip
    LOG.info("logged in", user=user_id, simulator=addresses.simulator)
    return LoggedIn(user_id, bounded(found.get("user_name")), ends, addresses.simulator)


def browsed(settings: Settings, addresses: Addresses, show: Callable[[str], None]) -> str:
    """Return the request token of a person who logs in by a browser."""
    state = secrets.token_urlsafe(24)
    redact.know(state)
    with waiting(settings.zerodha.callback_url, state) as server:
        show(page_url(settings, addresses, state))
        return wait_for(server, settings.zerodha.login_timeout_s)


def exchanged(settings: Settings, request_token: str) -> dict[str, Any]:
    """Return what Kite gives for a request token; it is asked once.

    Raises:
        OutsideError: if it gives nothing.
    """
    client = open_client(settings)
    try:
        found = client.generate_session(
            request_token, settings.zerodha.api_secret.get_secret_value()
        )
        return dict(found)
    except AuthLostError as error:
        raise OutsideError(
            f"Kite refuses the login ({error.answer.text}): a request token serves once, for some "
            "minutes; log in again, alphapanda login zerodha"
        ) from None
    except KiteError as error:
        raise OutsideError(
            f"Kite refuses the login ({error.answer.text or error.outcome}): see api_key and "
            "api_secret, then log in again, alphapanda login zerodha"
        ) from None
    except ODD:
        raise OutsideError(
            "Kite's answer to the login lacks what must be in it: log in again"
        ) from None
    finally:
        client.close()


def checked(
    settings: Settings, addresses: Addresses, found: dict[str, Any]
) -> tuple[str, str]:  # fmt: skip
    """Return user and token of a new session, once it is the account's.

    Raises:
        UsageError: if it is somebody else's; nothing is kept.
        OutsideError: if the answer has no session.
    """
    user_id, access = found.get("user_id"), found.get("access_token")
    if not isinstance(access, str) or not access or not isinstance(user_id, str):
        raise OutsideError("Kite's answer to the login has no session in it: log in again")
    redact.know(access)
    for name in ("refresh_token", "public_token", "enctoken"):
        if isinstance(found.get(name), str) and found[name]:
            redact.know(found[name])
    if user_id != settings.zerodha.user_id:
        raise UsageError(
            f"{bounded(user_id)} has logged in, zerodha.user_id is {settings.zerodha.user_id}: "
            "nothing was kept; log in as that user, or set ALPHAPANDA_ZERODHA__USER_ID"
        )
    if addresses.simulator and not is_simulated(user_id):
        raise UsageError(f"a simulator has logged in {bounded(user_id)}: nothing was kept")
    return user_id, access


def log_out(settings: Settings) -> str | None:
    """End the session at Kite, and here; return whose it was, None without one.

    Raises:
        OutsideError: if Kite can't be asked; then the session stays.
    """
    addresses = addresses_of(settings)
    with sessions.database_of(settings) as (runner, database):
        login = runner.run(sessions.newest(database, addresses))
        if login is None:
            return None
        if clock_of(settings, addresses)() < login.expires_ns:
            token = sessions.token_of(settings, addresses, login)
            client = open_client(settings, token=token, expires_ns=login.expires_ns)
            try:
                client.invalidate_access_token(token)
            except AuthLostError:
                LOG.info("the session was over already")
            finally:
                client.close()
        runner.run(sessions.end(database, addresses, login, why="logged out"))
    return login.user_id
