"""A wrong word on the command line: one line on stderr that names it, exit 2, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from alphapanda.errors import OutsideError
from alphapanda.research.rundir import RunDirectory
from tests.support.running import Told, command, left, session, with_strategies

Caps = pytest.CaptureFixture[str]

CASES = {
    ("ema_cros",): "no strategy 'ema_cros'",
    ("nowhere.py",): "nowhere.py: no such strategy file",
    ("nowhere.toml",): "nowhere.toml: no such file",
    ("ema_cross", "--dat", "x"): "--data",
    ("ema_cross", "--param", "fats=3"): "no parameter 'fats'. Did you mean fast?",
    ("ema_cross", "--param", "fast=0"): "fast = 0 should be greater than or equal to 1",
    ("ema_cross", "--param", "fast=-4"): "fast = -4 should be",
    ("ema_cross", "--param", "fast=x"): "fast = x should be a valid integer",
    ("ema_cross", "--param", "fast=2.5"): "fast = 2.5 should be a valid integer",
    ("ema_cross", "--param", "quantity=99999999999999999999"): "quantity = 99999999999999999999",
    ("ema_cross", "--param", "fast"): "--param fast: write NAME=VALUE",
    ("ema_cross", "--param", "fast=200"): "fast = 200 must be below slow = 100",
    ("quiet_reversal", "--param", "depth=nan"): "depth = nan should be a finite number",
    ("ema_cross", "--kind", "tik"): "--kind tik: write tick, bar or quote. Did you mean tick?",
    ("ema_cross", "--interval", "7x"): "--interval 7x: write 30s, 1m",
    ("ema_cross", "--calendar", "nsee"): "--calendar nsee: write nse or always",
    ("ema_cross", "--costs", "zerodhaa"): "Did you mean zerodha?",
    ("ema_cross", "--limits", "wid"): "wid",
    ("ema_cross", "--instrument", "PANDAA"): "PANDAA",
    ("ema_cross", "--from", "2025-13-01"): "--from 2025-13-01: write a date",
    ("ema_cross", "--from", "2025-08-09"): "2025-08-04",
    ("ema_cross", "--from", "2025-08-05", "--to", "2025-08-01"): "lies after --to 2025-08-01",
    ("ema_cross", "--seed", "x"): "--seed x: write a whole number",
    ("ema_cross", "--seed", "-1"): "--seed -1: write a whole number",
    ("ema_cross", "--batch", "0"): "--batch 0: must be at least 1",
    ("ema_cross", "--latency", "5"): "--latency 5: write a time",
    ("ema_cross", "--latency", "-5ms"): "--latency -5ms: write a time",
    ("ema_cross", "--slippage", "-3bp"): "--slippage -3bp: write 2bp or 0.02%",
    ("ema_cross", "--slippage", "nan"): "--slippage nan: write 2bp",
    ("ema_cross", "--volume-share", "101%"): "--volume-share 101%: write a share",
    ("ema_cross", "--limit-fill", "tuch"): "write through, touch or queue. Did you mean touch",
    ("ema_cross", "--product", "CNX"): "Did you mean CNC",
    ("ema_cross", "--cash", "nan"): "--cash nan: write rupees",
    ("ema_cross", "--cash", "0"): "--cash must be above 0",
    ("ema_cross", "--qty-scale", "0"): "--qty-scale 0",
    ("ema_cross", "--exchange", "FOO"): "unknown exchange 'FOO'",
    ("ema_cross", "--map", "foo"): "--map foo: write NAME=VALUE",
    ("ema_cross", "--map", "foo=bar"): "foo is no canonical column",
    ("ema_cross", "--instruments", "none.csv"): "none.csv",
    ("spread", "--instrument", "PANDA"): "spread binds 2 instruments (near, far)",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with the strategies and nothing else."""
    monkeypatch.chdir(with_strategies(tmp_path))
    return tmp_path


def refused(words: tuple[str, ...], here: Path, capsys: Caps) -> Told:
    """Run a command that the user got wrong, and see that it leaves nothing."""
    before = left(here)
    told = command(*words, capsys=capsys)
    assert told.status == 2
    assert left(here) == before
    return told


@pytest.mark.parametrize(("words", "said"), CASES.items(), ids=[" ".join(w) for w in CASES])
def test_wrong_option_is_named(words: tuple[str, ...], said: str, here: Path, capsys: Caps) -> None:
    """The message says which option, parameter or name is wrong, and what would be right."""
    told = refused(("backtest", *words, "--data", session()), here, capsys)
    assert said in told.line


@pytest.mark.parametrize(("words", "said"), [
    (("backtest", "ema_cross"), "--data"),
    (("backtes", "ema_cross"), "Did you mean 'backtest'?"),
    (("backtest", "ema_cross", "--data", "no.parquet"), "no.parquet"),
    (("backtest",), "STRATEGY"),
])  # fmt: skip
def test_missing_word_is_named(words: tuple[str, ...], said: str, here: Path, capsys: Caps) -> None:
    """So does one about a word that is missing."""
    assert said in refused(words, here, capsys).line


LIMITS = {
    "[strategy]\nquantty = 5": "quantty",
    "[stratgy]\nqty = 5": "stratgy",
    "[strategy]\nqty = 'many'": "qty",
    "[strategy\n": "limits.toml",
}


@pytest.mark.parametrize(("text", "said"), LIMITS.items())
def test_wrong_limits_file_is_named(text: str, said: str, here: Path, capsys: Caps) -> None:
    """A key that no limit has is refused, not ignored."""
    (here / "limits.toml").write_text(text)
    words = ("backtest", "ema_cross", "--data", session(), "--limits", "limits.toml")
    assert said in refused(words, here, capsys).line


def test_outs_that_cannot_be(here: Path, capsys: Caps) -> None:
    """--out must be new or empty; what lies there stays."""
    (here / "full").mkdir()
    (here / "full" / "letter").write_text("dear")
    (here / "file").write_text("dear")
    words = ("backtest", "ema_cross", "--data", session(), "--out")
    assert "full: is a folder with something in it" in refused((*words, "full"), here, capsys).line
    assert "file: is a file" in refused((*words, "file"), here, capsys).line
    assert (here / "file").read_text() == "dear"


def test_out_that_nobody_can_write(here: Path, capsys: Caps) -> None:
    """A place where nothing can be made is an outside failure; so is one under a file."""
    (here / "file").write_text("dear")
    before = left(here)
    for out in ("file/run", "/proc/none/run"):
        told = command("backtest", "ema_cross", "--data", session(), "--out", out, capsys=capsys)
        assert told.status == 3
        assert "can't write the run to" in told.line
    assert left(here) == before
    waits = RunDirectory(here / "file" / "run", joins=True)
    with pytest.raises(OutsideError, match="start the run again: it goes on"), waits:
        pass
