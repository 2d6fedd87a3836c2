"""Kite's routes and parameters by the official client, every request by our own transport."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urljoin

from kiteconnect import KiteConnect

from alphapanda import log
from alphapanda.brokers.zerodha.addresses import Addresses
from alphapanda.brokers.zerodha.answers import Answer, Outcome, error_of
from alphapanda.brokers.zerodha.clocks import Clock
from alphapanda.brokers.zerodha.rates import Turns, kind_of
from alphapanda.brokers.zerodha.transport import Request, Transport
from alphapanda.config.settings import Settings

LOG = log.get("zerodha.client")
SLOWER_S = 2.0
"""What a refusal for the rate makes all requests wait."""
PART = re.compile(r"[A-Za-z0-9_ &.:()+-]{1,64}")
"""What may stand in a route: neither a way out of it nor a second one."""
SESSION = ("api.token", "api.token.renew")
"""Routes that make a session, and need none."""


class Client(KiteConnect):  # type: ignore[misc]
    """Kite Connect's client; use `open_client`. Calls may come from any thread."""

    def __init__(
        self, settings: Settings, addresses: Addresses, *, clock: Clock, token: str = "",
        expires_ns: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            settings.zerodha.api_key.get_secret_value(),
            token or None,
            root=addresses.api,
            timeout=settings.zerodha.timeout_s,
        )
        self.reqsession: Any = None  # the client's own, which obeys the environment
        self.addresses = addresses
        self.clock = clock
        self._default_login_uri = addresses.login
        self._settings = settings
        self._transport = Transport(
            family=settings.zerodha.address_family, loopback_only=addresses.simulator
        )
        self._turns = Turns()
        self._expires_ns = expires_ns
        self._lost: Answer | None = None
        self._guard = threading.Lock()

    def use_session(self, token: str, expires_ns: int) -> None:
        """Go on with another session, as after a login."""
        with self._guard:
            self.set_access_token(token)
            self._expires_ns, self._lost = expires_ns, None

    @property
    def auth_lost(self) -> bool:
        """Whether the session is over: Kite said so, or it is 06:00."""
        return self._lost is not None or self._is_expired()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def place_order(self, *_: Any, **__: Any) -> Any:
        """Refuse: orders go by the gateway alone, which writes them down before they leave."""
        raise AssertionError("orders are sent by the order gateway alone")

    place_autoslice_order = modify_order = cancel_order = exit_order = place_order
    convert_position = place_gtt = modify_gtt = delete_gtt = place_order
    place_mf_order = cancel_mf_order = place_mf_sip = modify_mf_sip = cancel_mf_sip = place_order

    def download(self, exchange: str | None = None) -> bytes:
        """Return Kite's list of instruments as it is, CSV.

        Raises:
            KiteError: if there is none.
        """
        route = "market.instruments" if exchange else "market.instruments.all"
        found = self._request(
            route, "GET", url_args={"exchange": exchange} if exchange else None,
            timeout_s=self._settings.zerodha.download_timeout_s,
        )  # fmt: skip
        if not isinstance(found, bytes):
            raise error_of(route, Answer(Outcome.UNREADABLE, 200, "", "no file of instruments"))
        return found

    def read(self, route: str) -> Any:
        """Return what a route of the official client answers, as it came: times are text.

        Raises:
            KiteError: if it does not answer.
        """
        return self._request(route, "GET")

    def _request(
        self, route: str, method: str, url_args: Mapping[str, Any] | None = None,
        params: Any = None, is_json: bool = False, query_params: Any = None,
        timeout_s: float | None = None,
    ) -> Any:  # fmt: skip
        path = self._path(route, url_args)
        self._require_session(route)
        request = Request(
            method, urljoin(self.root, path), self._headers(route),
            query=params if method in ("GET", "DELETE") else query_params,
            form=None if is_json or method in ("GET", "DELETE") else params,
            json=params if is_json and method not in ("GET", "DELETE") else None,
        )  # fmt: skip
        self._turns.take(kind_of(method, path))
        begun = time.monotonic()
        limit_s = self._settings.zerodha.timeout_s if timeout_s is None else timeout_s
        answer = self._transport.send(request, timeout_s=limit_s)
        took_ms = round(1000 * (time.monotonic() - begun))
        LOG.debug(
            "request", route=route, outcome=answer.outcome, status=answer.status, took_ms=took_ms
        )
        if answer.outcome is Outcome.DONE:
            return answer.data
        self._note(route, answer)
        raise error_of(route, answer)

    def _path(self, route: str, url_args: Mapping[str, Any] | None) -> str:
        parts = {name: str(value) for name, value in (url_args or {}).items()}
        for name, value in parts.items():
            assert PART.fullmatch(value), f"{name} of a route is {value!r}"
        template: str = self._routes[route]
        return template.format(**{name: quote(value, safe="") for name, value in parts.items()})

    def _headers(self, route: str) -> dict[str, str]:
        headers = {"X-Kite-Version": self.kite_header_version, "User-Agent": self._user_agent()}
        if self.api_key and self.access_token and route not in SESSION:
            headers["Authorization"] = f"token {self.api_key}:{self.access_token}"
        return headers

    def _is_expired(self) -> bool:
        return self._expires_ns is not None and self.clock() >= self._expires_ns

    # A session that is over is over for every caller: Kite is not asked again before a login.
    def _require_session(self, route: str) -> None:
        if route in SESSION:
            return
        with self._guard:
            if self._lost is None and self._is_expired():
                self._lost = Answer(Outcome.AUTH_LOST, 0, "", "the session ended at 06:00")
                LOG.error("session lost", why="every session ends at 06:00")
            if self._lost is not None:
                raise error_of(route, self._lost)

    def _note(self, route: str, answer: Answer) -> None:
        if answer.outcome is Outcome.RATE_LIMITED:
            self._turns.slow_down(SLOWER_S)
        if answer.outcome is Outcome.AUTH_LOST and route not in SESSION:
            with self._guard:
                first, self._lost = self._lost is None, answer
            if first:
                LOG.error("session lost", why=answer.text, status=answer.status)
        elif answer.outcome is Outcome.IP_REFUSED:
            LOG.error(
                "address refused", why=answer.text,
                family=self._settings.zerodha.address_family,
            )  # fmt: skip
