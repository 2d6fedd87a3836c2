"""The ledger has what it takes to compare a program's books with the exchange's, to the rupee."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from websockets.sync.client import ClientConnection

from tests.kitesim.test_shapes import ORDER, Client
from tests.kitesim.test_ticker import PATIENCE_S, dial
from tests.support.kitesim import INFY, Server


@pytest.fixture
def client(server: Server) -> Client:
    """Return a client of the simulator."""
    return Client(server)


def of(server: Server, kind: str, tag: str) -> list[dict[str, Any]]:
    """Return the ledger's entries of a kind and a tag."""
    return [e for e in server.sim("ledger")["entries"] if e["kind"] == kind and e.get("tag") == tag]


def test_every_request_is_in_the_ledger(client: Client, server: Server) -> None:
    """With tag, body and arrival; the one too whose connection was cut before it was placed."""
    server.go_wrong(do="cut-before", route="POST /orders/*", tag="ledger1", call=1)
    with pytest.raises(requests.ConnectionError):
        client.call("POST", "/orders/regular", data={**ORDER, "tag": "ledger1"})
    assert client.call("POST", "/orders/regular", data={**ORDER, "tag": "ledger2"}).ok
    for tag, placed in (("ledger1", 0), ("ledger2", 1)):
        (received,) = of(server, "received", tag)
        assert received["body"] == {**ORDER, "tag": tag}
        assert (received["method"], received["path"]) == ("POST", "/orders/regular")
        assert len(of(server, "placed", tag)) == placed
    full = server.sim("ledger", arrivals=1)
    numbers = {entry["number"] for entry in full["entries"] if entry["kind"] == "received"}
    assert numbers == {arrival["entry"] for arrival in full["arrivals"]}
    assert "arrivals" not in server.sim("ledger")


def test_trades_cash_and_charges_add_up(client: Client, server: Server) -> None:
    """Cash moves by the trades; each order's charges are those that Kite's own route says."""
    server.step(3)  # a fresh book, of which nothing is taken
    answer = client.call("POST", "/orders/regular", data={**ORDER, "tag": "ledger3"})
    order = answer.json()["data"]["order_id"]
    for _ in range(100):
        if client.call("GET", f"/orders/{order}/trades").json()["data"]:
            break
    book = server.sim("ledger")
    trades = [entry for entry in book["entries"] if entry["kind"] == "trade"]
    spent = sum(t["qty"] * t["price"] * (1 if t["side"] == "BUY" else -1) for t in trades)
    assert all(trade["product"] == "CNC" for trade in trades)
    assert book["first_cash"] - book["cash"] == spent
    (charged,) = [row for row in book["charges"] if row["order"] == order]
    assert (charged["tag"], charged["qty"]) == ("ledger3", int(ORDER["quantity"]))
    price = charged["value"] / charged["qty"] / 10_000
    note = client.call("POST", "/charges/orders", json=[{
        "order_id": order, "exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "BUY",
        "variety": "regular", "product": "CNC", "order_type": "LIMIT",
        "quantity": charged["qty"], "average_price": price,
    }]).json()["data"][0]["charges"]  # fmt: skip
    assert charged["total"] == round(note["total"] * 10_000)
    assert book["charges_total"] == sum(row["total"] for row in book["charges"])


def filled(client: Client, server: Server) -> str:
    """Place an order that fills at once, on a fresh book."""
    server.step(3)
    answer = client.call("POST", "/orders/regular", data=ORDER).json()
    return str(answer["data"]["order_id"])


def updates(line: ClientConnection, order: str) -> str:
    """Return the status of the first update of an order; heartbeats come each second."""
    for _ in range(2 * PATIENCE_S):
        message = line.recv(PATIENCE_S)
        if isinstance(message, str):
            found = json.loads(message)
            if found["type"] == "order" and found["data"]["order_id"] == order:
                return str(found["data"]["status"])
    raise AssertionError("no update came")


def test_two_programs_on_one_token_hear_the_same(client: Client, server: Server) -> None:
    """Both get ticks and the updates of all orders; one that leaves does not disturb the other."""
    token = client.session["data"]["access_token"]
    facts = server.facts
    address = f"{facts['ws']}/?api_key={facts['api_key']}&access_token={token}"
    with dial(address) as one:
        with dial(address) as other:
            for line in (one, other):
                line.send(json.dumps({"a": "mode", "v": ["full", [INFY]]}))
                frame = line.recv(PATIENCE_S)
                assert isinstance(frame, bytes)
            order = filled(client, server)
            assert updates(one, order) == updates(other, order)
        order = filled(client, server)
        assert updates(one, order)


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/mf/orders", 200), ("GET", "/alerts", 200), ("GET", "/mf/instruments", 200),
    ("POST", "/mf/orders", 400), ("POST", "/alerts", 400), ("GET", "/alerts/1", 404),
    ("POST", "/orders/iceberg", 400), ("POST", "/orders/co", 400), ("POST", "/orders/auction", 400),
    ("POST", "/orders/bo", 400),
])  # fmt: skip
def test_what_is_not_simulated_is_refused_in_kites_form(
    client: Client, method: str, path: str, status: int
) -> None:
    """Lists are empty; what would move something is an error with a type, and says why."""
    answer = client.call(method, path, data=ORDER if method == "POST" else None)
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["status"] == "error"
        assert answer.json()["error_type"] in ("InputException", "GeneralException")
        assert answer.json()["message"]
