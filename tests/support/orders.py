"""Requests as the core makes them, and a gateway over a running simulator."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.brokers.zerodha.addresses import addresses_of
from alphapanda.brokers.zerodha.orders.gateway import Gateway
from alphapanda.brokers.zerodha.orders.opening import Trading, open_gateway
from alphapanda.brokers.zerodha.orders.state import Alert
from alphapanda.config.settings import Settings
from alphapanda.model.instruments import Exchange, Instrument, Product, Segment
from alphapanda.model.money import SCALE
from alphapanda.model.rows import Kind, Tif
from tests.support.kite import MASTER_KEY
from tests.support.kitesim import OUTSIDE, Server

INFY = Instrument("NSE:INFY", Exchange.NSE, Segment.EQUITY, 500, 1, 408065)
TCS = Instrument("NSE:TCS", Exchange.NSE, Segment.EQUITY, 1_000, 1, 2953217)
NIFTY_FUT = Instrument(
    "NFO:NIFTY26JANFUT", Exchange.NFO, Segment.FUTURES, 1_000, 65, 15_150_594, 1_800
)
ROWS = (INFY, TCS, NIFTY_FUT)
RUN, DEPLOYMENT = "20251229-093000-live", "A1"
WAIT_S = 60.0


def rs(rupees: float) -> int:
    """Return rupees, scaled."""
    return round(rupees * SCALE)


def new(order: int, qty: int = 5, price: float = 1_600, **more: Any) -> OrderRequest:
    """Return a request for a new limit order on the first row."""
    facts = {
        "strategy": 0, "row": 0, "kind": Kind.LIMIT, "trigger": 0, "tif": Tif.DAY,
        "product": Product.CNC, **more,
    }  # fmt: skip
    return OrderRequest(order, int(RequestVerb.NEW), qty=qty, price=rs(price), **facts)


def market(order: int, qty: int = 5, **more: Any) -> OrderRequest:
    """Return a request for a new market order with the broker's own protection."""
    return new(order, qty, 0, **{"kind": Kind.MARKET, "protection": -1, **more})


def cancel(order: int, **more: Any) -> OrderRequest:
    """Return a request to cancel an order."""
    return new(order, **more)._replace(verb=int(RequestVerb.CANCEL))


def change(order: int, qty: int, price: float, **more: Any) -> OrderRequest:
    """Return a request to change an order."""
    return new(order, qty, price, **more)._replace(verb=int(RequestVerb.MODIFY))


def adopt(order: int, broker_id: str, qty: int, price: float, **more: Any) -> OrderRequest:
    """Return a request that follows an order of the account as one of ours."""
    made = new(order, qty, price, **more)
    return made._replace(verb=int(RequestVerb.ADOPT), adopts=broker_id, protection=-1)


def settings_of(server: Server, folder: Path) -> Settings:
    """Return settings that lead to a simulator."""
    facts = server.facts
    return Settings(
        base_dir=folder, security={"key": MASTER_KEY},  # type: ignore[arg-type]
        zerodha={  # type: ignore[arg-type]
            "enabled": True, "user_id": facts["user_id"], "api_key": facts["api_key"],
            "api_secret": facts["api_secret"], "api_url": facts["rest"], "feed_url": facts["ws"],
            "login_url": facts["login"], "timeout_s": 10,
        },
    )  # fmt: skip


def access_token(server: Server) -> str:
    """Log in to a simulator."""
    key, secret = server.facts["api_key"], server.facts["api_secret"]
    token = server.request_token()
    checksum = hashlib.sha256(f"{key}{token}{secret}".encode()).hexdigest()
    form = {"api_key": key, "request_token": token, "checksum": checksum}
    answer = OUTSIDE.post(f"{server.facts['rest']}/session/token", data=form, timeout=60)
    return str(answer.json()["data"]["access_token"])


class Trader:
    """A gateway, what it said and what it alerted."""

    def __init__(self, gateway: Gateway, alerts: list[Alert]) -> None:
        self.gateway, self.alerts = gateway, alerts
        self.said: list[Report] = []
        self.history: list[OrderRequest | Report] = []
        """What a journal would have."""

    def send(self, *requests: OrderRequest) -> None:
        """Hand over requests."""
        self.history += requests
        self.gateway.submit(requests)

    def until(self, enough: Callable[[Sequence[Report]], object]) -> list[Report]:
        """Take reports until there are enough; return all."""
        until = time.monotonic() + WAIT_S
        while not enough(self.said):
            assert time.monotonic() < until, f"only {self.said}, {self.alerts}"
            self.take(0.5)
        return self.said

    def take(self, wait_s: float) -> None:
        """Take the reports that come."""
        came = self.gateway.take(wait_s)
        self.said += came
        self.history += came

    def of(self, order: int, kind: ReportKind) -> list[Report]:
        """Return the reports of a kind about an order."""
        return [one for one in self.said if (one.order, one.kind) == (order, kind)]

    def until_said(self, order: int, kind: ReportKind) -> Report:
        """Take reports until an order has had one of a kind."""
        self.until(lambda _: self.of(order, kind))
        return self.of(order, kind)[-1]


@contextmanager
def trading(
    server: Server, folder: Path, token: str, *, run: str = RUN, deployment: str = DEPLOYMENT,
    history: Iterable[OrderRequest | Report] = (),
    positions: Mapping[tuple[int, int], int] | None = None,
) -> Iterator[Trader]:  # fmt: skip
    """Give a gateway that runs."""
    settings = settings_of(server, folder)
    alerts: list[Alert] = []
    gateway = open_gateway(
        settings, addresses_of(settings), token, alarm=alerts.append,
        trading=Trading(
            run, deployment, ROWS, folder, folder, history=history, positions=positions or {}
        ),
    )  # fmt: skip
    gateway.start()
    try:
        yield Trader(gateway, alerts)
    finally:
        gateway.stop()
