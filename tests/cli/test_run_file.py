"""Run files: backtests/NAME.toml says what the command line would, and that is laid over it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.running import ROOT, command, left, session, with_strategies

Caps = pytest.CaptureFixture[str]

GOOD = """
strategy = "ema_cross"
data = "{data}"
costs = "none"
no-jit = true
[params]
fast = 5
slow = 30
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with the strategies and a good run file."""
    monkeypatch.chdir(with_strategies(tmp_path))
    (tmp_path / "good.toml").write_text(GOOD.format(data=session()))
    return tmp_path


def test_params_are_laid_over_one_by_one(here: Path, capsys: Caps) -> None:
    """--param changes one parameter of the file and leaves the others; so do other options."""
    words = ("backtest", "good.toml", "--param", "fast=7", "--cash", "5000", "--json")
    told = command(*words, capsys=capsys)
    summary = json.loads(told.out)
    assert summary["strategies"]["ema_cross"]["params"] == {"fast": 7, "slow": 30, "quantity": 1}
    assert (summary["cash"], summary["charges"]) == ("5000.00", "0.00")


WRONG = {
    "strategy = 'ema_cross'\ndatta = 'x'": "there is no option 'datta'. Did you mean data?",
    "strategy = 'ema_cross'\n": "no data are named",
    "data = 'x'": "no strategy is named",
    "strategy = [": "wrong.toml: ",
    "strategy = 'ema_cross'\ndata = 5": "--data 5: write one text or several",
    "strategy = 'ema_cross'\ndata = 'x'\nrepair = 'yes'": "--repair yes: write true or false",
    "strategy = 'ema_cross'\ndata = 'x'\nseed = 1.5": "--seed 1.5: write a whole number",
    "data = 'x'\n[[strategies]]\nstrategy = 'ema_cross'\nparms = {}": "Did you mean params?",
    "data = 'x'\n[[strategies]]\nparams = {}": "strategy = NAME",
    "data = 'x'\nstrategy = 5": "a strategy is a class, a name or a file, not 5",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items())
def test_wrong_file_is_refused(text: str, said: str, here: Path, capsys: Caps) -> None:
    """Unknown keys and values of the wrong kind are named, and nothing is run."""
    (here / "wrong.toml").write_text(text)
    before = left(here)
    told = command("backtest", "wrong.toml", capsys=capsys)
    assert told.status == 2
    assert said in told.line
    assert left(here) == before


def test_parameters_of_two_strategies_are_their_own(here: Path, capsys: Caps) -> None:
    """--param can't say which of two strategies it means."""
    told = command("backtest", str(ROOT / "backtests" / "two_averages.toml"), "--param", "fast=2",
                   capsys=capsys)  # fmt: skip
    assert told.status == 2
    assert "parameters belong to each strategy" in told.line


@pytest.mark.parametrize("file", sorted((ROOT / "backtests").glob("*.toml")), ids=lambda f: f.stem)
def test_example_runs(file: Path, here: Path, capsys: Caps) -> None:
    """The examples run on the demo's session, each strategy with a result of its own."""
    data = session(5, 2_000)
    told = command("backtest", str(file), "--data", data, "--no-jit", "--json", capsys=capsys)
    assert told.status == 0, told.err
    summary = json.loads(told.out)
    assert summary["fills"] > 0
    names = list(summary["strategies"])
    assert names == (["ema_cross"] if file.stem == "ema_cross" else ["ema_cross", "sma_cross"])
