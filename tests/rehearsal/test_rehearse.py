"""A rehearsal, as a user has it: one command, no account, and two books that are one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alphapanda.journal.journal import Journal
from alphapanda.rehearsal.rehearse import LEDGER
from tests.support.running import ROOT, command, process, session

FAULTS = """
[exchange]
answer_s = [0.005, 0.02]

[[fault]]
do = "cut-after"        # the second order is placed, and nobody is told
route = "POST /orders/*"
call = 2

[[fault]]
do = "half-body"
route = "POST /orders/*"
call = 4

[[fault]]
do = "double-update"

[[fault]]
do = "shuffle"
route = "GET /orders"
"""


def rehearse(folder: Path, *words: str) -> dict[str, Any]:
    """Rehearse a made-up day in plain Python; return the object of `--json`."""
    told = process(
        "rehearse", str(ROOT / "strategies" / "ema_cross.py"), "--data", session(1, 2_000, days=2),
        "--param", "fast=100", "--param", "slow=300", "--limits", "wide", "--speed", "600x",
        "--no-jit", "--out", str(folder / "run"), "--json", *words, cwd=folder,
    )  # fmt: skip
    assert told.status == 0, told.err + told.out
    return dict(json.loads(told.out))


def test_a_day_with_answers_that_do_not_come(tmp_path: Path) -> None:
    """Orders whose answers were cut are found by their tags: sent once, no trade lost or twice."""
    script = tmp_path / "faults.toml"
    script.write_text(FAULTS)
    told = rehearse(tmp_path, "--faults", str(script))
    assert told["orders_sent"] >= 4
    assert told["trades"] >= 4
    assert (told["duplicates"], told["lost"]) == (0, 0)
    assert told["unknown"] == told["unknown_resolved"] >= 2
    assert told["position_equal"]
    assert told["cash_equal"]
    assert told["day_closed"]
    assert (told["day"], told["days_left_out"]) == ("2025-08-04", 1)
    assert told["rows"] > 0
    assert told["notes"], "what a person has to know of the run is not only in its folder"
    assert told["verify"] == "identical"
    assert told["faults"]["cut-after"] == told["faults"]["half-body"] == 1
    run = tmp_path / "run"
    assert (run / LEDGER).is_file()
    closing = json.loads((run / "closing.json").read_text())
    assert closing["agrees"], closing
    manifest = Journal.open(run).contents.manifest
    assert (manifest["account_id"], manifest["broker"]) == ("SIM001", "zerodha")
    check_fills_beside_paper(run, told)


def check_fills_beside_paper(run: Path, told: dict[str, Any]) -> None:
    """Each order that left is set beside paper, and every one that traded is filled in `live`."""
    done = process("report", str(run), "--json", cwd=run.parent)
    assert done.status == 0, done.err
    errors = json.loads(done.out)["runs"][0]["fill_errors"]
    away = sum(errors["not_at_exchange"].values())
    assert errors["orders"] - errors["not_at_exchange"].get("NOT_SENT", 0) == told["orders_sent"]
    known = ("filled_in_both", "only_live", "only_paper", "in_neither")
    assert sum(errors[key] for key in known) + away == errors["orders"]
    assert errors["filled_in_both"] + errors["only_live"] == told["trades"]
    assert errors["filled_in_both"] >= 4


def two_days(path: Path) -> Path:
    """Write two short days of a share, a tick each five seconds, a rupee dearer on the second."""
    rows = [
        {
            "time": datetime(2025, 8, 4 + day, 4, 0, 5 * n % 60, tzinfo=UTC)
            + timedelta(minutes=n // 12), "symbol": "NSE:PANDA",
            "last_price": round(500 + day + (n % 7) * 0.05, 2), "volume_traded": 1_000 + 100 * n,
            "bid_price_1": round(499.95 + day + (n % 7) * 0.05, 2), "bid_qty_1": 1_000,
            "ask_price_1": round(500.05 + day + (n % 7) * 0.05, 2), "ask_qty_1": 1_000,
        }
        for day in range(2) for n in range(100)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_two_days_with_a_position_over_night(tmp_path: Path) -> None:
    """Bought on Monday, kept behind a stop, sold on Tuesday as T1: both books are one each day."""
    strategy = f"{ROOT / 'tests' / 'support' / 'plain_strategies.py'}:Holder"
    told = process(
        "rehearse", strategy, "--data", str(two_days(tmp_path / "days.parquet")), "--days", "2",
        "--param", "hold=140", "--limits", "wide", "--speed", "100x", "--no-jit",
        "--out", str(tmp_path / "run"), "--json", cwd=tmp_path,
    )  # fmt: skip
    assert told.status == 0, told.err + told.out
    found = json.loads(told.out)
    assert (found["days"], found["days_left_out"], found["fills"]) == (2, 0, 2)
    assert (found["orders_sent"], found["trades"]) == (4, 2)  # entry, its stop twice, the sale
    assert (found["duplicates"], found["lost"], found["unknown"]) == (0, 0, 0)
    assert found["position_equal"]
    assert found["cash_equal"]
    assert found["day_closed"]
    assert found["verify"] == "identical"
    closings = sorted(path.name for path in (tmp_path / "run").glob("closing*.json"))
    assert closings == ["closing-2025-08-04.json", "closing.json"]


def test_a_folder_that_is_there_is_refused(tmp_path: Path) -> None:
    """Nothing begins over what is there."""
    (tmp_path / "run").mkdir()
    told = process(
        "rehearse", "ema_cross", "--data", session(1, 300), "--out", "run", cwd=tmp_path
    )  # fmt: skip
    assert told.status == 2
    assert "choose another" in told.err


def test_the_bus_is_asked_for_before_anything_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--bus` without a server is refused at once, and leaves nothing."""
    monkeypatch.chdir(tmp_path)
    told = command("rehearse", "ema_cross", "--data", session(1, 300), "--bus", "--out", "run",
                   capsys=capsys)  # fmt: skip
    assert (told.status, "ALPHAPANDA_BUS__SERVERS" in told.err) == (2, True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("words", "said"), [
    (("--cash", "ten"), "--cash ten"), (("--days", "0"), "--days 0"),
    (("--speed", "fast"), "--speed fast"),
    (("--faults", "nosuch"), "--faults nosuch"), (("--data", "nosuch.parquet"), "does not exist"),
])  # fmt: skip
def test_what_can_not_be_leaves_nothing(
    words: tuple[str, str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong option is named before anything begins: no folder is made."""
    told = command(
        "rehearse", "ema_cross", "--data", session(1, 300), "--out", str(tmp_path / "run"), *words,
        capsys=capsys,
    )  # fmt: skip
    assert told.status == 2
    assert said in told.line
    assert list(tmp_path.iterdir()) == []
