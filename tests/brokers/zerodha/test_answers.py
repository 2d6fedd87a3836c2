"""Every answer has a meaning: for reads, and more strictly for orders."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.brokers.zerodha.answers import Answer, Fate, Outcome, error_of, fate, judge

JSON = "application/json; charset=utf-8"
IP = (
    "IP (2402:3a80:1::7) is not allowed to place orders for this app. Update allowed IPs on the "
    "Kite developer console. Learn more - https://support.zerodha.com/static-ip"
)
NO_IP = "No IPs configured for this app. Add allowed IPs on the Kite developer console."
FUNDS = "Insufficient funds. Required margin is 95417.84 but available margin is 74251.80."
ERRORS = [
    (403, "TokenException", "Incorrect `api_key` or `access_token`.", "auth_lost", "halted"),
    (401, "TokenException", "over", "auth_lost", "halted"),
    (401, "", "", "auth_lost", "halted"),
    (200, "TokenException", "over", "auth_lost", "halted"),
    (403, "PermissionException", "Insufficient permission for that call", "forbidden", "refused"),
    (403, "UserException", "account", "forbidden", "refused"),
    (403, "PermissionException", IP, "ip_refused", "halted"),
    (400, "InputException", IP, "ip_refused", "halted"),
    (500, "GeneralException", NO_IP, "ip_refused", "halted"),
    (429, "NetworkException", "Too many requests", "rate_limited", "refused"),
    (429, "", "", "rate_limited", "refused"),
    (503, "NetworkException", "Too many requests", "rate_limited", "refused"),
    (400, "InputException", "Invalid quantity", "refused", "refused"),
    (400, "MarginException", FUNDS, "refused", "refused"),
    (400, "GeneralException", FUNDS, "refused", "refused"),
    (400, "HoldingException", "no holdings", "refused", "refused"),
    (428, "", "10 quantity needs authorisation at depository.", "refused", "refused"),
    (400, "OrderException", "something new", "refused", "unknown"),
    (400, "GeneralException", "Couldn't find that `order_id`.", "refused", "unknown"),
    (400, "InputException", "Order cannot be cancelled as it is being processed. Try later.",
     "refused", "unknown"),
    (400, "InputException", "Order request timed out. Please check.", "unavailable", "unknown"),
    (500, "OrderException", "failed", "unavailable", "unknown"),
    (502, "DataException", "OMS", "unavailable", "unknown"),
    (503, "NetworkException", "down", "unavailable", "unknown"),
    (504, "", "gateway timeout", "unavailable", "unknown"),
    (404, "", "", "unreadable", "unknown"),
    (302, "", "", "unavailable", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind", "text", "outcome", "became"), ERRORS)
def test_errors_mean_what_the_table_says(
    status: int, kind: str, text: str, outcome: str, became: str
) -> None:
    """Status, type and text decide together, a text that is proven before all."""
    body = {"status": "error", "message": text, **({"error_type": kind} if kind else {})}
    answer = judge(status, JSON, json.dumps(body).encode())
    assert (answer.outcome, fate(answer)) == (Outcome(outcome), Fate(became))
    assert (answer.error_type, answer.status) == (kind, status)
    assert "alphapanda" in str(error_of("x", answer)) or ";" in str(error_of("x", answer))


ODD = [
    (200, JSON, b"not json", "unreadable"),
    (200, JSON, b"[1, 2]", "unreadable"),
    (200, JSON, b'{"status": "success"}', "unreadable"),
    (200, JSON, b"null", "unreadable"),
    (200, JSON, b"", "unreadable"),
    (204, "", b"", "unreadable"),
    (200, "text/html", b"<html>captive portal</html>", "unreadable"),
    (502, "text/html", b"<html>bad gateway</html>", "unavailable"),
    (500, JSON, b'{"data": {"order_id": "1"}}', "unavailable"),
    (429, "text/html", b"slow down", "rate_limited"),
    (200, JSON, b"[" * 100_000, "unreadable"),
]


@pytest.mark.parametrize(("status", "kind", "body", "outcome"), ODD)
def test_odd_answers_are_outcomes(status: int, kind: str, body: bytes, outcome: str) -> None:
    """What is no answer of Kite's is judged too, and no order's fate is known from it."""
    answer = judge(status, kind, body)
    assert answer.outcome == outcome
    assert fate(answer) is (Fate.REFUSED if outcome == "rate_limited" else Fate.UNKNOWN)


def test_success_has_its_data() -> None:
    """Only a whole envelope is success; an order is accepted by its id alone."""
    done = judge(200, JSON, b'{"status": "success", "data": {"order_id": "151220000000000"}}')
    assert (done.outcome, fate(done)) == (Outcome.DONE, Fate.ACCEPTED)
    bare = judge(200, JSON, b'{"status": "success", "data": null}')
    assert (bare.outcome, bare.data, fate(bare)) == (Outcome.DONE, None, Fate.UNKNOWN)
    assert judge(200, "text/csv", b"a,b").data == b"a,b"


@settings(deadline=None)
@given(
    st.integers(100, 599),
    st.sampled_from([JSON, "text/csv", "text/html", "", "JSON"]),
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=30),
            lambda part: (
                st.lists(part, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["status", "data", "error_type", "message"]), part, max_size=4
                )
            ),
            max_leaves=8,
        ).map(lambda made: json.dumps(made).encode()),
    ),
)
def test_nothing_that_comes_raises(status: int, kind: str, body: bytes) -> None:
    """Whatever comes has an outcome, a fate and, unless it is done, a message."""
    answer = judge(status, kind, body)
    assert fate(answer) in Fate
    if answer.outcome is not Outcome.DONE:
        assert "\n" not in str(error_of("orders", answer))
        assert len(answer.text) <= 310


def test_a_message_is_bounded() -> None:
    """Two megabytes of text, or one that moves a cursor, become one short line."""
    body = json.dumps({"status": "error", "message": "a\x1b[2J\n" * 300_000, "error_type": "X"})
    answer = judge(400, JSON, body.encode())
    assert len(answer.text) < 310
    assert answer.text.isprintable()
    assert isinstance(answer, Answer)
