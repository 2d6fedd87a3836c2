"""Answers have the keys and types of Kite's own example answers."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from tests.support.kitesim import INFY, OUTSIDE, Server
from tests.support.shared import shared

ORDER = {"exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "BUY", "product": "CNC",
         "order_type": "LIMIT", "quantity": "5", "price": "1600"}  # fmt: skip
LEG = {"exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "SELL", "product": "CNC",
       "order_type": "LIMIT", "quantity": 1, "price": 1450}  # fmt: skip


class Client:
    """Calls a simulator without any client library."""

    def __init__(self, server: Server) -> None:
        self.server = server
        answer = OUTSIDE.post(f"{server.facts['rest']}/session/token", data=self.login())
        self.session = answer.json()
        token = self.session["data"]["access_token"]
        self.headers = {"Authorization": f"token {server.facts['api_key']}:{token}"}

    def login(self) -> dict[str, str]:
        """Return the form of a login."""
        key, secret = self.server.facts["api_key"], self.server.facts["api_secret"]
        token = self.server.request_token()
        checksum = hashlib.sha256(f"{key}{token}{secret}".encode()).hexdigest()
        return {"api_key": key, "request_token": token, "checksum": checksum}

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Make a call."""
        return OUTSIDE.request(
            method, self.server.facts["rest"] + path, headers=self.headers, timeout=60, **more
        )


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    """Return a client with an order that has filled, and one that rests."""
    client = Client(server)
    for price in ("1600", "1450"):
        assert client.call("POST", "/orders/regular", data={**ORDER, "price": price}).ok
    made = client.call("POST", "/gtt/triggers", data=gtt())
    assert made.ok, made.text
    for _ in range(300):
        if client.call("GET", "/trades").json()["data"]:
            break
    return client


def gtt() -> dict[str, str]:
    """Return the form of a trigger."""
    condition = {"exchange": "NSE", "tradingsymbol": "INFY", "trigger_values": [1450.0],
                 "last_price": 1500.0}  # fmt: skip
    return {"type": "single", "condition": json.dumps(condition), "orders": json.dumps([LEG])}


def mock(name: str) -> Any:
    """Return an example answer."""
    return json.loads(shared("kite-mocks", f"{name}.json").read_text())


def differences(real: Any, ours: Any, where: str = "", free: tuple[str, ...] = ()) -> list[str]:
    """Return where an answer lacks a key of the example's, or has another type there."""
    if isinstance(real, Mapping) and isinstance(ours, Mapping):
        found = []
        for key in real:
            if key in free:
                continue
            if key not in ours:
                found.append(f"{where}.{key} is missing")
            else:
                found += differences(real[key], ours[key], f"{where}.{key}", free)
        return found
    if isinstance(real, list) and isinstance(ours, list):
        if not real or not ours:
            return []
        return differences(real[0], ours[0], f"{where}[]", free)
    if kind(real) != kind(ours) and None not in (real, ours):
        return [f"{where} is {ours!r}, not like {real!r}"]
    return []


def kind(value: Any) -> str:
    """Return a value's type as JSON has it."""
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


@pytest.mark.parametrize(("name", "path"), [
    ("profile", "/user/profile"), ("full_profile", "/user/profile/full"),
    ("margins", "/user/margins"), ("margins_equity", "/user/margins/equity"),
    ("orders", "/orders"), ("trades", "/trades"), ("holdings", "/portfolio/holdings"),
    ("holdings_summary", "/portfolio/holdings/summary"),
    ("holdings_compact", "/portfolio/holdings/compact"),
    ("positions", "/portfolio/positions"), ("gtt_get_orders", "/gtt/triggers"),
])  # fmt: skip
def test_an_answer_has_the_example_s_shape(client: Client, name: str, path: str) -> None:
    """What there is to read: every key of the example is there, of its type."""
    real, ours = mock(name), client.call("GET", path).json()
    assert differences(real, ours) == []


def test_answers_by_key_have_the_examples_shapes(client: Client) -> None:
    """Three kinds of quotes under the keys asked for; one without a price is left out."""
    for name, path in (("quote", "/quote"), ("ohlc", "/quote/ohlc"), ("ltp", "/quote/ltp")):
        ours = client.call("GET", path, params={"i": ["NSE:INFY", "NSE:NONE"]}).json()
        assert differences(mock(name), ours) == []
        assert ours["data"].keys() == {"NSE:INFY"}
    bare = client.call("GET", "/quote/ltp", params={"i": str(INFY)}).json()["data"]
    assert bare.keys() == {str(INFY)}


def test_an_order_s_answers_have_the_examples_shapes(client: Client) -> None:
    """Session, placing, changing, cancelling, history, trades: as the examples."""
    assert differences(mock("generate_session"), client.session) == []
    rows = client.call("GET", "/orders").json()["data"]
    filled, resting = rows[0]["order_id"], rows[1]["order_id"]
    placed = client.call("POST", "/orders/regular", data={**ORDER, "price": "1450"}).json()
    assert differences(mock("order_response"), placed) == []
    assert differences(mock("order_info"), client.call("GET", f"/orders/{filled}").json()) == []
    trades = client.call("GET", f"/orders/{filled}/trades").json()
    assert differences(mock("order_trades"), trades) == []
    path = f"/orders/regular/{resting}"
    assert differences(mock("order_modify"), client.call("PUT", path, data={"price": "1449"}).json()
                       ) == []  # fmt: skip
    cancelled = client.call("DELETE", f"/orders/regular/{placed['data']['order_id']}").json()
    assert set(cancelled) >= {"status"}


def test_costs_have_the_examples_shapes(client: Client) -> None:
    """Margins of orders and baskets, and charges."""
    row = {**ORDER, "variety": "regular", "quantity": 5, "price": 1500, "average_price": 1500,
           "order_id": "1"}  # fmt: skip
    for name, path in (("order_margins", "/margins/orders"), ("basket_margins", "/margins/basket"),
                       ("virtual_contract_note", "/charges/orders")):  # fmt: skip
        ours = client.call("POST", path, json=[row]).json()
        assert differences(mock(name), ours) == [], name


def test_the_dump_has_the_example_s_columns_and_is_zipped(client: Client) -> None:
    """CSV with Kite's header; gzip where a client takes it."""
    answer = client.call("GET", "/instruments", stream=True)
    assert answer.headers["Content-Type"].startswith("text/csv")
    header = gzip.decompress(answer.raw.read()).decode().splitlines()[0]
    assert header == shared("kite-mocks", "instruments_all.csv").read_text().splitlines()[0]


def test_errors_have_kite_s_envelope(client: Client) -> None:
    """Status, message and type, whatever is wrong; and a JSON content type."""
    unknown = client.call("GET", "/nothing")
    token = OUTSIDE.get(f"{client.server.facts['rest']}/user/profile", timeout=60)
    real = OUTSIDE.get(
        f"{client.server.facts['rest']}/user/profile", timeout=60,
        headers={"Authorization": "token abcd1234efgh5678:secret"},
    )  # fmt: skip
    bad = client.call("POST", "/orders/regular", data={"exchange": "NSE"})
    for answer, status, word in ((unknown, 404, "General"), (token, 403, "Token"),
                                 (real, 403, "Token"), (bad, 400, "Input")):  # fmt: skip
        assert (answer.status_code, answer.json()["error_type"]) == (status, f"{word}Exception")
        assert answer.json()["status"] == "error"
        assert "json" in answer.headers["Content-Type"]
    assert "SIMULATOR" in real.json()["message"]
