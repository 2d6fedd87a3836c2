"""What the fault script says goes wrong goes wrong, on the wire and in the market, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from alphapanda import cli
from alphapanda.errors import UsageError
from alphapanda.kitesim.limits import Limits
from alphapanda.kitesim.logins import Logins, app_of, expiry
from alphapanda.kitesim.orders import Refusal
from alphapanda.kitesim.script import script_of
from tests.kitesim.test_exchange import OPEN_NS
from tests.kitesim.test_shapes import ORDER, Client
from tests.support.kitesim import Server


@pytest.fixture
def client(server: Server) -> Client:
    """Return a client of the simulator."""
    return Client(server)


def place(client: Client, tag: str) -> requests.Response:
    """Place an order that rests."""
    return client.call("POST", "/orders/regular", data={**ORDER, "price": "1450", "tag": tag})


def tags(client: Client) -> list[Any]:
    """Return the tags of the order book."""
    return [row["tag"] for row in client.call("GET", "/orders").json()["data"]]


def test_a_call_may_be_cut_before_or_after_it_is_done(client: Client, server: Server) -> None:
    """Both look the same to a client; only one has placed an order."""
    for do, placed in (("cut-before", False), ("cut-after", True)):
        server.go_wrong(do=do, route="POST /orders/*", tag=do, call=1)
        with pytest.raises(requests.ConnectionError):
            place(client, do)
        assert (do in tags(client)) == placed


def test_answers_are_broken_as_the_script_says(client: Client, server: Server) -> None:
    """HTML, half a body, no JSON, an error with 200, 400 though it is done, 429, a 403 by IP."""
    answers = {}
    for do in ("html", "half-body", "wrong-type", "error-200", "timed-out", "too-many",
               "unlisted-address"):  # fmt: skip
        server.go_wrong(do=do, route="POST /orders/*", tag=do, call=1, status=502)
        if do == "half-body":
            with pytest.raises(requests.RequestException):
                place(client, do)
        else:
            answers[do] = place(client, do)
    assert answers["html"].status_code == 502
    assert "SIMULATOR" in answers["html"].text
    assert answers["wrong-type"].headers["Content-Type"].startswith("text/plain")
    assert (answers["error-200"].status_code, answers["error-200"].json()["status"]) == (
        200,
        "error",
    )
    assert answers["timed-out"].status_code == 400
    assert (answers["too-many"].status_code, answers["unlisted-address"].status_code) == (429, 403)
    book = tags(client)
    for do in answers:
        assert (do in book) == (do in ("wrong-type", "error-200", "timed-out")), do
    assert "half-body" in book


def test_lists_may_be_empty_and_orders_be_seen_late(client: Client, server: Server) -> None:
    """An order that was accepted is not in the book for a while; a list may come empty once."""
    server.go_wrong(do="hide", route="POST /orders/*", tag="late", call=1, seconds=60)
    placed = place(client, "late").json()["data"]["order_id"]
    assert "late" not in tags(client)
    assert client.call("GET", f"/orders/{placed}").json()["data"]
    server.go_wrong(do="empty", route="GET /orders", call=1)
    assert tags(client) == []
    assert tags(client) != []


def test_a_real_looking_user_is_refused(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Simulated users begin with SIM."""
    assert cli.carry_out(["kitesim", "--data", str(recording), "--user", "AB1234"]) == 2
    assert "SIM001" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "word"), [
    ({"fualt": []}, "fault"), ({"fault": [{"do": "cut"}]}, "cut-after"),
    ({"fault": [{"do": "delay", "routes": "x"}]}, "route"),
    ({"fault": [{"do": "delay", "seconds": "1"}]}, "seconds"),
    ({"fault": [{"do": "end-token"}]}, "at ="),
    ({"fault": [{"do": "silent", "at": "noon"}]}, "10:15:00"),
    ({"account": {"money": 1}}, "money"),
])  # fmt: skip
def test_a_script_that_does_not_fit_is_refused(content: Any, word: str) -> None:
    """The message names the table and the key."""
    with pytest.raises(UsageError) as refused:
        script_of(content, "faults.toml", 1)
    assert word in str(refused.value)


def test_chance_is_decided_by_the_seed() -> None:
    """The same seed meets the same faults; another seed others; about as many as were asked for."""
    rule = {"fault": [{"do": "drop-tick", "probability": 0.3}]}

    def met(seed: int) -> list[bool]:
        script = script_of(rule, "faults.toml", seed)
        return [script.of_instrument(("drop-tick",), "NSE:INFY", "", 0) is not None
                for _ in range(200)]  # fmt: skip

    assert met(1) == met(1) != met(2)
    assert 30 < sum(met(1)) < 90


def test_limits_count_in_real_time() -> None:
    """At the limit a call passes, one over is refused; a second later it passes again."""
    limits = Limits()
    assert [limits.take("other", 1.0) is None for _ in range(11)] == [True] * 10 + [False]
    assert limits.take("other", 2.5) is None
    assert [limits.take("quote", at) is None for at in (0.0, 0.5, 1.5)] == [True, False, True]


def test_a_token_dies_at_six_and_a_request_token_is_used_once() -> None:
    """Tokens made before 06:00 IST die that day, later ones the next; a checksum must be right."""
    hour = 3600 * 10**9
    six = OPEN_NS + 20 * hour + hour // 2
    assert expiry(OPEN_NS) == six
    assert expiry(six - 1) == six
    logins = Logins(app_of(1, "SIM001"), 1)
    token = logins.begin(0.0)
    key = logins.app.api_key
    wrong = logins.exchange(key, token, "0" * 64, now=OPEN_NS, real_s=1.0)
    again = logins.exchange(key, token, "0" * 64, now=OPEN_NS, real_s=1.0)
    assert isinstance(wrong, Refusal)
    assert isinstance(again, Refusal)
    assert "checksum" in wrong.message
    assert "expired" in again.message
