"""No secret reaches a sink: not by name, not by form, not by value, not in an exception."""

from __future__ import annotations

import json
import logging
import string
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alphapanda import log
from alphapanda.log import redact
from tests.log.reading import lines, logging_to

SECRETS = st.text(
    string.ascii_letters + string.digits + string.punctuation + " éß\n\t", min_size=8, max_size=40
).filter(lambda text: len(set(text)) > 5 and text.strip() == text)


@pytest.mark.parametrize("name", [
    "access_token", "request_token", "enctoken", "token", "api_key", "API-Key", "apiSecret",
    "password", "db_password_old", "Authorization", "Set-Cookie", "totp", "private_key", "checksum",
    "ALPHAPANDA_SECURITY__KEY",
])  # fmt: skip
def test_what_stands_under_a_secret_name_is_hidden(name: str) -> None:
    """The name is enough, however it is spelled and whatever stands there."""
    for value in ("abc", 123456, b"abc", ["abc"], {"a": "abc"}):
        assert redact.clean({name: value}) == {name: "***"}


@pytest.mark.parametrize(
    "name", ["instrument_token", "instrument_tokens", "exchange_token", "key", "tokens_total"]
)
def test_words_of_the_market_are_not_hidden(name: str) -> None:
    """Kite's numbers of instruments and a topic's keys are no secrets."""
    assert redact.clean({name: 738561}) == {name: 738561}
    assert redact.scrub(f"{name}=738561") == f"{name}=738561"


@pytest.mark.parametrize(("text", "shown"), [
    ("GET wss://ws.kite.trade/?api_key=k1&access_token=t1&x=1",
     "GET wss://ws.kite.trade/?api_key=***&access_token=***&x=1"),
    ("postgresql://panda:pw@db/x", "postgresql://***@db/x"),
    ("redis://:p@w@cache:6379", "redis://***@cache:6379"),
    ("Authorization: token k1:t1", "Authorization: ***"),
    ("headers={'Authorization': 'Bearer t1', 'X': 'y'}",
     "headers={'Authorization': ***, 'X': 'y'}"),
    ('{"data": {"access_token": "t1", "user": "AB1234"}}',
     '{"data": {"access_token": ***, "user": "AB1234"}}'),
    ('body="{\\"password\\": \\"pw one\\"}"', 'body="{\\"password\\": ***}"'),
    ("jwt eyJhbGciOiJI.eyJzdWIiOiIx.c2ln ok", "jwt *** ok"),
    ("order 12 at 09:15:00, price=100.05", "order 12 at 09:15:00, price=100.05"),
])  # fmt: skip
def test_forms_of_secrets_in_a_text_are_hidden(text: str, shown: str) -> None:
    """Queries, addresses, headers, JSON and web tokens lose their secrets and nothing else."""
    assert redact.scrub(text) == shown


def place(secret: str, where: int) -> None:
    """Log a secret in one of the places where one may turn up by mistake."""
    logger = log.get("alphapanda.zerodha")
    hidden: list[Any] = [
        {"text": f"sent {secret} twice {secret}"}, {"many": [1, {"deep": (secret,)}]},
        {"bytes": secret.encode()}, {secret: 1}, {"address": f"https://x/y?q={quote(secret)}"},
        {"body": json.dumps({"value": secret})}, {"shown": repr(secret)},
        {"object": ValueError(secret)}, {"path": Path(secret.replace("\0", ""))},
    ]  # fmt: skip
    if where < len(hidden):
        logger.error("an event", **hidden[where])
    elif where == len(hidden):
        logger.error(secret.join(("before", "after")))
    elif where == len(hidden) + 1:
        logging.getLogger("library").error("answer %s", secret)
    else:
        try:
            {}[secret]
        except KeyError as error:
            error.add_note(f"while at {secret}")
            logger.exception("failed")


PLACES = 12


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=SECRETS)
def test_a_known_secret_is_in_no_sink(
    secret: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever a secret of the settings looks like and wherever it turns up, no sink shows it."""
    for console in ("plain", "json"):
        with logging_to(tmp_path, bus={"password": secret}, logs={"console": console}):
            for where in range(PLACES):
                place(secret, where)
    sinks = [capfd.readouterr().err]
    sinks += [file.read_text() for file in (tmp_path / "logs").glob("*.jsonl")]
    assert len(lines(tmp_path, "error")) == 2 * PLACES
    for sink in sinks:
        for form in (secret, quote(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]):
            assert form not in sink
    for file in (tmp_path / "logs").glob("*.jsonl"):
        file.unlink()


def test_the_password_of_an_address_is_known_by_itself(tmp_path: Path) -> None:
    """A driver that tells the password without the address tells nothing."""
    with logging_to(tmp_path, database={"url": "postgresql://panda:sword%2Ffish@db/x"}):
        log.get("alphapanda.store").info("refused sword/fish and sword%2Ffish")
    assert lines(tmp_path, "application")[0]["event"] == "refused *** and ***"


def test_what_we_do_not_know_is_shown_by_its_type(tmp_path: Path) -> None:
    """An object's own text may hold anything, or fail; only the type is shown."""

    class Session:
        def __repr__(self) -> str:
            raise AssertionError

    with logging_to(tmp_path):
        log.get("alphapanda.store").info("made", session=Session())
    assert lines(tmp_path, "application")[0]["session"] == "<Session>"


EVIL = {
    "letters": "a", "pairs": "a=", "quoted pairs": '"a":', "web tokens": "eyJ-",
    "whole web tokens": "eyJaaaaa.", "addresses": "://a@", "owners": "a@", "words": "a ",
    "spaces": " ", "dots": "-.", "signs": "a : ", "quotes": '\\"',
}  # fmt: skip
"""Pieces of texts for which a pattern that begins anew at each letter takes minutes."""


@pytest.mark.parametrize("piece", EVIL.values(), ids=list(EVIL))
def test_a_text_of_any_length_is_bounded(piece: str) -> None:
    """A million letters of a stranger are a line like others: its beginning, and how long it was.

    All of them are scrubbed as soon, should somebody ask for that.
    """
    long = piece * (1_000_000 // len(piece))
    assert len(redact.scrub(long)) <= redact.LONGEST + 40
    assert redact.scrub(long).endswith(f"({len(long):,} characters)")
    redact.scrubbed(long[:200_000])
    assert len(json.dumps(redact.clean({"a": [long], "b": {long: long}}))) < 200_000


def test_a_list_of_any_length_is_bounded() -> None:
    """Its first members stand in the line, and how many there are."""
    assert redact.clean(list(range(100_000)))[-1] == "... (100,000 members)"
    assert len(redact.clean(list(range(100_000)))) == redact.MEMBERS + 1
    assert len(redact.clean(dict.fromkeys(range(100_000)))) == redact.MEMBERS + 1


@pytest.mark.parametrize("before", range(redact.LONGEST - 24, redact.LONGEST + 4, 3))
def test_no_secret_shows_at_the_cut(before: int) -> None:
    """Wherever a text is cut, no half of a secret stands there, however much was hidden before."""
    secret = "hunter2-Tr0ub4dor&3"
    redact.know(secret)
    try:
        for filler in ("x", "token=abcdefghij "):
            text = (filler * before)[:before] + secret + " tail" * 10_000
            found = redact.scrub(text)
            assert not any(secret[:n] in found for n in range(8, len(secret)))
            text = (filler * before)[:before] + f" password={'q' * 3_000} " + " tail" * 10_000
            assert "qqqq" not in redact.scrub(text)
    finally:
        redact.forget()
