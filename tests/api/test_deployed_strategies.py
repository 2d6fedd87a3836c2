"""Strategies that a deployment binds: the file says what they are, the API whether they trade."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alphapanda.api.local_runs import LocalRun
from alphapanda.store.trading import Strategy
from tests.store.rows import GOOD
from tests.support.api import V1, Browser, Serving

PATH = f"{V1}/strategies/bound"
OF_LIVE = f"{PATH}?deployment=both&broker=zerodha"


@pytest.fixture(scope="module", autouse=True)
def rows(api: Serving) -> None:
    """Set up a strategy of one name: of no deployment, and of one at each broker."""
    own = {"owner_id": "default", "account_id": "default", "name": "bound"}
    for more in ({}, {"deployment": "both"}, {"deployment": "both", "broker": "zerodha"}):
        api.save(Strategy(**{**GOOD[Strategy], **own, **more}))


def one(admin: Browser, deployment: str, broker: str) -> dict[str, Any]:
    """Return one of the three as the API shows it."""
    (found,) = [
        each for each in admin.get(PATH).json["items"]
        if (each["deployment"], each["broker"]) == (deployment, broker)
    ]  # fmt: skip
    return dict(found)


def test_only_the_one_that_is_named_changes(admin: Browser) -> None:
    """Parameters and `active` of a deployment's strategy at one broker; the others stay."""
    others = one(admin, "", "paper"), one(admin, "both", "paper")
    got = admin.send("PUT", OF_LIVE, {"active": False, "parameters": {"fast": 7}})
    assert (got.status, got.json["active"], got.json["parameters"]) == (200, False, {"fast": 7})
    assert one(admin, "both", "zerodha")["parameters"] == {"fast": 7}
    assert others == (one(admin, "", "paper"), one(admin, "both", "paper"))


@pytest.mark.parametrize("body", [{"cash": "5.00"}, {"instruments": []}])
def test_the_rest_is_the_files(body: dict[str, Any], admin: Browser) -> None:
    """Instruments and cash are refused, with the file that says them; nothing has changed."""
    before = one(admin, "both", "zerodha")
    got = admin.send("PUT", OF_LIVE, {**body, "active": not before["active"]})
    assert got.status == 422
    assert "deployments/both.toml" in got.body.decode()
    assert one(admin, "both", "zerodha") == before


@pytest.mark.parametrize("query", ["deployment=none", "deployment=both&broker=replay"])
def test_what_is_not_bound_is_not_found(query: str, admin: Browser) -> None:
    """No such deployment, or none of its strategies at that broker."""
    assert admin.send("PUT", f"{PATH}?{query}", {"active": True}).status == 404


def test_while_it_runs_only_active_changes(
    api: Serving, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parameters wait until nothing of the deployment runs, at whichever broker."""
    manifest = {
        "deployment": "both", "broker": "paper", "strategies": [{"name": "other"}],
        "instruments": [],
    }  # fmt: skip
    run = LocalRun("r", "default", "default", Path(), ended=False, standing="running",
                   manifest=manifest)  # fmt: skip
    known = api.server.services.control.runs
    monkeypatch.setattr(type(known), "look", look)
    monkeypatch.setattr(known, "runs", {"r": run})
    got = admin.send("PUT", OF_LIVE, {"parameters": {"fast": 9}})
    assert (got.status, got.message) == (409, "a run of both is trading: stop it first")
    assert admin.send("PUT", OF_LIVE, {"active": True}).json["active"] is True
    assert admin.send("PUT", PATH, {"parameters": {"fast": 9}}).status == 200  # of no deployment


async def look(_runs: object) -> None:
    """Find nothing new."""
