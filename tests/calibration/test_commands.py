"""`report` and `calibrate` on a live run's journal, and `--fills` on runs made after."""

from __future__ import annotations

import io
import json
import re
import shutil
import tomllib
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from alphapanda.calibration.calibrate import Session
from alphapanda.calibration.profile import notes_of, profile_text
from alphapanda.calibration.sent import read_live, simulator_of
from alphapanda.cli.calibrate import page
from alphapanda.errors import UsageError
from alphapanda.journal.journal import Journal
from alphapanda.runs import options
from alphapanda.runs.command_line import again
from tests.calibration.planted import Market, Truth
from tests.calibration.trading import PARAMS, STRATEGY, recording, trade
from tests.support.running import Told, called, facts

TRUTH = Truth(latency_ms=60, slippage_bp=Fraction(4))
MARKET = Market(3, 480, wide=2)
WORDS = [word for param in PARAMS for word in ("--param", param)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a recording, a live run on it, and the profile fitted to that run."""
    folder = tmp_path_factory.mktemp("calibrated")
    data = recording(MARKET, folder / "ticks.parquet")
    trade(folder / "runs" / "live", MARKET, TRUTH, data=data, refused=5)
    done = call(folder, "calibrate", "live", "--no-jit", "--json", "--out", "fills.toml")
    (folder / "calibrated.json").write_text(json.dumps(facts(done)))
    return folder


def call(base: Path, *words: str) -> Told:
    """Run a command in the folder."""
    return called(*words, cwd=base, ALPHAPANDA_BASE_DIR=str(base))


def fitted(base: Path) -> dict[str, Any]:
    """Return what `calibrate --json` printed."""
    return dict(json.loads((base / "calibrated.json").read_text()))


def test_the_planted_values_come_out(base: Path) -> None:
    """Latency within 10 ms, slippage within half a basis point; the share, untold, stays."""
    found = fitted(base)
    assert abs(float(found["latency"].removesuffix("ms")) - 60) <= 10
    assert abs(float(found["slippage"].removesuffix("%")) - 0.04) <= 0.005
    assert found["volume_share"] == "100%"
    assert "0 limit orders" in found["kept"]["volume_share"]
    assert found["orders"] == found["orders_filled"] + 1 > 20
    errors = found["error"]
    assert errors["in_sample"]["score_bp"] < 0.1 * errors["of_defaults"]["score_bp"]
    assert errors["out_of_sample"]["score_bp"] < 0.2 * errors["of_defaults"]["score_bp"]
    assert "one session" in errors["out_of_sample"]["how"]


def test_the_profile_says_where_it_comes_from(base: Path) -> None:
    """The file is TOML with values, runs, orders and both errors; no other is written over it."""
    kept = tomllib.loads((base / "fills.toml").read_text())
    found = fitted(base)
    assert {name: kept[name] for name in ("latency", "slippage", "volume_share")} == {
        name: found[name] for name in ("latency", "slippage", "volume_share")
    }
    assert kept["fitted"]["sessions"] == found["sessions"]
    assert kept["error"]["out_of_sample"]["how"] == found["error"]["out_of_sample"]["how"]
    again_ = call(base, "calibrate", "live", "--no-jit", "--out", "fills.toml")
    assert (again_.status, "choose another" in again_.err) == (2, True)


@pytest.mark.parametrize(("document", "speed"), [
    ({"account_id": "AB1234"}, ""), ({"account_id": "AB1234", "simulator": {"speed": 60.0}}, "60x"),
    ({"account_id": "SIM001", "simulator": {"speed": 0.0}}, "in steps"),
    ({"account_id": "SIM001"}, "at a speed that it does not say"),
])  # fmt: skip
def test_a_run_at_a_simulator_is_named(document: dict[str, Any], speed: str, base: Path) -> None:
    """Its manifest tells; object, page and profile say that its latency is no broker's."""
    assert simulator_of(document) == speed
    run = replace(read_live(base / "runs" / "live"), simulator=speed)
    notes = list(notes_of([Session(run, date(2025, 8, 4), 30, 30)]))
    told = {**fitted(base), "notes": notes}
    for text in (profile_text(told), shown(page(told))):
        assert (f"made at the simulated exchange: live ({speed})" in text) == bool(speed)
    assert tomllib.loads(profile_text(told))["latency"] == told["latency"]


def shown(what: Any) -> str:
    """Return what a terminal shows of something, on one line."""
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(what)
    return " ".join(console.export_text().split())


def test_a_live_report_sets_paper_beside(base: Path) -> None:
    """JSON, page and table tell the errors by type and hour; the refused order is left out."""
    told = facts(call(base, "report", "live", "--json"))
    errors = told["runs"][0]["fill_errors"]
    assert errors["filled_in_both"] == errors["orders"] - 1 == errors["by_type"]["MARKET"]["orders"]
    assert errors["not_at_exchange"] == {"REJECTED": 1}
    assert set(errors["by_time"]) == {"09:00"}
    # 4 bp of Rs 1,500 are Rs 0.60, of which paper, by default, knows nothing.
    assert float(errors["all"]["bias_rupees"]) == pytest.approx(0.6, abs=0.25)
    assert float(errors["all"]["rupees_p50"]) <= float(errors["all"]["rupees_p95"])
    page = (base / "runs" / "live" / "report.html").read_text()
    shown = json.loads(re.search(r'id="content">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    assert shown["fill_errors"]["rows"][0][:2] == ["all", str(errors["filled_in_both"])]
    assert shown["columns"]["error"][0] == errors["filled_in_both"]
    table = call(base, "report", "live")
    assert "live fills beside paper fills" in table.out


def test_runs_take_the_profile(base: Path) -> None:
    """A paper run has its values, the manifest its hash; it verifies; a backtest equals it."""
    words = (STRATEGY, *WORDS, "--limits", "wide", "--no-jit", "--fills", "fills.toml", "--json")
    live = call(
        base, "paper", *words, "--feed", "replay:ticks.parquet", "--speed", "max", "--out", "runs/p"
    )
    assert live.status == 0, live.err
    done = facts(call(base, "backtest", *words, "--data", "ticks.parquet", "--out", "runs/b"))
    assert json.loads(live.out)["fills"] == done["fills"] > 20
    manifest = Journal.open(base / "runs" / "p").contents.manifest
    assert manifest["fills"]["path"] == "fills.toml"
    assert len(manifest["fills"]["sha256"]) == 64
    assert manifest["fills"] == json.loads((base / "runs/b/manifest.json").read_text())["fills"]
    assert abs(manifest["options"]["latency"] - 60_000_000) <= 10_000_000
    shutil.move(base / "fills.toml", base / "gone.toml")
    try:
        assert facts(call(base, "verify", "runs/p", "--json"))["identical"]
    finally:
        shutil.move(base / "gone.toml", base / "fills.toml")
    command = again(json.loads((base / "runs/b/manifest.json").read_text()))
    assert f"--fills {base}/fills.toml" in command
    assert "--latency" not in command
    assert "fill_errors" not in facts(call(base, "report", "runs/b", "--json"))["runs"][0]
    with pytest.raises(UsageError, match="sent nothing to a broker"):
        read_live(base / "runs" / "p")


@pytest.mark.parametrize(
    "beside", [("latency", "1ms"), ("slippage", "1bp"), ("volume_share", "5%")]
)
def test_an_option_beside_a_profile_is_refused(base: Path, beside: tuple[str, str]) -> None:
    """Two words for one setting are an error that names both, on any command."""
    profile = str(base / "fills.toml")
    with pytest.raises(UsageError, match=f"--{beside[0].replace('_', '-')} beside --fills"):
        options.make({"strategy": "x", "data": "y", "fills": profile, beside[0]: beside[1]})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("latency = '5ms'\nslippage = '1bp'\n", "does not say volume_share"),
        ("latency = '5ms'\nslippage = '1bp'\nvolume_share = '200%'\n", "--volume-share 200%"),
        ("latency = '5ms'\nslippage = '1bp'\nvolume_share = '20%'\nlatensy = 1\n", "'latensy'"),
        ("latency = ", "Invalid value"), (None, "no such file"),
    ],
)  # fmt: skip
def test_a_profile_that_is_none_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    """What is wrong in a profile is said, with its name."""
    path = tmp_path / "p.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(str(path))) as caught:
        options.make({"strategy": "x", "data": "y", "fills": str(path)})
    assert said in str(caught.value)


def test_a_name_that_no_profile_has(tmp_path: Path) -> None:
    """A profile is NAME.toml."""
    with pytest.raises(UsageError, match=r"NAME\.toml"):
        options.make({"strategy": "x", "data": "y", "fills": str(tmp_path / "p.txt")})
