"""`run --deployment` and `seed --deployment`: what can't be is refused before anything starts."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from alphapanda.runtime.deploying import stopped_with
from tests.store.test_migrations import environment
from tests.support.running import ROOT, command, left, session, with_strategies
from tests.support.servers import databases

EXAMPLE = (ROOT / "deployments" / "example.toml").read_text()
ON_PAPER = EXAMPLE.replace('broker = "zerodha"', 'broker = "paper"').replace(
    'name = "quicker"', 'name = "quicker"\nlimits = { qty = 5 }'
)


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a base folder with three deployments, and a user at a simulator that nobody runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(tmp_path))
    monkeypatch.setenv("ALPHAPANDA_LOGS__CONSOLE", "off")
    (tmp_path / "deployments").mkdir()
    replayed = ON_PAPER.replace('"kite:"', json.dumps(f"replay:{session(2, 300)}"))
    replayed = replayed.replace("[zerodha]", 'speed = "max"\n[zerodha]')
    for old, new in (("NSE:INFY", "NSE:PANDA"), ("NSE:TCS", "NSE:BAMBOO")):
        replayed = replayed.replace(old, new)
    for name, text in (("both", EXAMPLE), ("paper", ON_PAPER), ("replayed", replayed)):
        (tmp_path / "deployments" / f"{name}.toml").write_text(text)
    return tmp_path


@pytest.mark.parametrize(("words", "said"), [
    (("--deployment", "bth"), "Did you mean both?"),
    (("ema_cross", "--deployment", "both"), "ema_cross: a deployment's file says"),
    (("--deployment", "both", "--cash", "5"), "--cash: a deployment's file says"),
    (("--deployment", "both", "--role", "trade"), "--role: a deployment's file says"),
    (("--deployment", "both", "--broker", "zerodah"), "write paper or zerodha"),
    (("--deployment", "paper", "--broker", "zerodha"), "no strategy of paper is active there"),
    (("--deployment", "paper"), "has no session at Zerodha"),
    (("--deployment", "replayed", "--dry-run"), "goes with its run at zerodha"),
    (("--deployment", "both", "--broker", "paper"), "no run of both at zerodha has begun"),
    (("--deployment", "both", "--dry-run", "--read-only"), "write one of --dry-run"),
    (("--deployment", "both", "--account", "AB1234"), "ZERODHA__ENABLED"),
    (("ema_cross", "--broker", "zerodha"), "--deployment NAME; real orders without one"),
])  # fmt: skip
def test_what_can_not_be_starts_nothing(
    words: tuple[str, ...], said: str, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each refusal says what to write; no folder of a run is left."""
    told = command("run", *words, capsys=capsys)
    assert (told.status, told.out) == (2, ""), told
    assert said in told.err
    assert not [name for name in left(base) if name.startswith("runs/")]


def test_one_broker_is_one_process(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A deployment on paper alone runs here; its manifest has names, limits and the broker."""
    told = command("run", "--deployment", "replayed", "--no-jit", "--json", capsys=capsys)
    assert told.status == 0, told.err
    (folder,) = (base / "runs").iterdir()
    assert folder.name.endswith("-replayed-paper")
    manifest = json.loads((folder / "manifest.json").read_text())
    first, second = manifest["strategies"]
    assert (first["name"], second["name"]) == ("ema_cross", "quicker")
    assert (first["limits"], second["limits"]) == ({"value": 20_000, "position": 5}, {"qty": 5})
    assert (first["product"], first["broker"], first["params"]["fast"]) == ("MIS", "paper", 60)
    assert command("verify", str(folder), capsys=capsys).status == 0


def test_the_database_has_what_the_file_says(
    base: Path, templates: databases.Templates, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Seeded once, kept after; a file that has changed is written again; what it lost is gone."""
    with templates.migrated(base, "") as settings:
        for name, value in environment(settings).items():
            monkeypatch.setenv(name, value)
        with_strategies(base)
        words = ("seed", "--deployment", "both", "--json")
        once = json.loads(command(*words, capsys=capsys).out)
        assert once["added"] == [
            "ema_cross at zerodha", "quicker at paper", "vwap_reversion at paper",
        ]  # fmt: skip
        assert json.loads(command(*words, capsys=capsys).out)["kept"] == once["added"]
        file = base / "deployments" / "both.toml"
        text = EXAMPLE.replace("fast = 60", "fast = 61").replace("cash = 200_000", "cash = 1_000")
        file.write_text(text.replace('"vwap_reversion"', '"sma_cross"'))
        told = command("run", "--deployment", "both", capsys=capsys)
        for note in (
            "'fast': 60, 'slow': 300, 'quantity': 1} in the database; the database holds",
            "quicker at paper: cash is 1000.00 in the file, 200000.00 in the database; the file",
            "sma_cross at paper is not in the database yet",
            "vwap_reversion at paper is in the database, and not in the file: it does not trade",
        ):
            assert note in told.err
        again = json.loads(command(*words, capsys=capsys).out)
        assert again["changed"] == ["ema_cross at zerodha", "quicker at paper"]
        assert again["removed"] == ["vwap_reversion at paper"]
        assert again["differences"] == []
        refused = command("seed", "--deployment", "both", "--activate", "x", capsys=capsys)
        assert refused.status == 2


def test_a_process_ends_with_whoever_started_it() -> None:
    """When its standard input ends it is stopped as by Ctrl-C."""
    reads, writes = os.pipe()

    def live() -> None:
        with stopped_with(reads):
            os.close(writes)
            time.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        live()
    os.close(reads)
