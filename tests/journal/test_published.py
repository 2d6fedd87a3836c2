"""What of a manifest goes to tables and topics: no code, bounded, told, and fit for both."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from alphapanda.events.events import RunState, decode, encode
from alphapanda.journal.published import LEFT_OUT, MOST_BYTES, published
from tests.projection.made_up import fresh, word

SMALL: dict[str, Any] = {
    "run_id": "one", "mode": "paper", "folder": "a folder", "strategies": [{"name": "a"}],
    "sources": [{"class": "A", "text": "KEY = 'hunter2'", "modules": [{"text": "TOKEN = 1"}]}],
    "options": {"cash": 1_000_000, "limits": "wide", "fills": None}, "files": {"limits": "[a]"},
}  # fmt: skip


def test_code_and_folder_stay_where_they_are() -> None:
    """What is short goes as it is, an absent value too; nothing is said to be left out."""
    told = published(SMALL)
    assert told == {k: v for k, v in SMALL.items() if k not in ("sources", "folder")}
    assert "hunter2" not in json.dumps(told)


def test_a_run_on_all_of_a_market_fits_into_a_message() -> None:
    """Of five thousand instruments and files the first stay, with the count of the others."""
    many: dict[str, Any] = {
        **SMALL, "data": [{"path": f"rows-{n}" * 9, "rows": n} for n in range(3_000)],
        "instruments": [{"name": f"NSE:S{n}", "lot": 1, "tick": "x" * 90} for n in range(5_000)],
    }  # fmt: skip
    told = published(many)
    assert len(json.dumps(told).encode()) <= MOST_BYTES
    assert told["options"] == SMALL["options"]
    for name in ("data", "instruments"):
        assert len(told[name]) + told[LEFT_OUT][name] == len(many[name])
        assert told[name] == many[name][: len(told[name])]


def test_a_text_that_is_too_long_goes_as_a_whole() -> None:
    """Half a table of limits would be another one."""
    told = published({**SMALL, "files": {"limits": "x" * 30_000, "costs": "short"}})
    assert told["files"] == {"costs": "short"}
    assert told[LEFT_OUT] == {"files.limits": 30_000}


ODD: dict[str, Any] = {
    "z\0": ["\0", "\ud800", {"\udfff\0": 2**70}],
    "n": [float("nan"), float("-inf"), -(2**64), True],
    "k" * 900: {"k" * 900: None}, "": [[], {}, None, 1.5, "\u20b9"], "deep": [[[[["x" * 90_000]]]]],
}  # fmt: skip


def test_whatever_a_journal_holds_bus_and_database_take() -> None:
    """An event with it reads back the same; no zero, half pair or number beyond int64 is in it."""
    told = published(ODD)
    said = word(fresh(), "running", 1)
    data = RunState(status="running", manifest=told)
    found = decode(encode(msgspec.structs.replace(said, data=data))).data.manifest
    assert found == told
    assert "\\u0000" not in json.dumps(found)
    assert found["n"] == ["nan", "-inf", str(-(2**64)), True]
    assert found[LEFT_OUT] == {"deep": 90_000}
    assert published(found) == found
