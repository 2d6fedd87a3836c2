"""What a command prints and where: the result on stdout, the rest on stderr, nothing in between."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.running import PROGRAM, ROOT, command, left, process, session, with_strategies

HEAVY = (
    "numpy", "numba", "duckdb", "pyarrow", "sqlalchemy", "aiokafka", "pandas", "rich",
    "alphapanda.core", "alphapanda.config",
)  # fmt: skip
FIELDS = {
    "ticks", "events", "fills", "orders", "rejected", "pnl", "charges", "equity", "digest",
    "engine_s", "ticks_per_s", "status",
}  # fmt: skip


@pytest.mark.parametrize("words", [["--help"], ["data", "--help"], ["--version"], ["backtes"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    """Asking what commands there are loads none of them, nor the libraries under them."""
    code = (
        "import sys; from alphapanda import cli; cli.carry_out(sys.argv[1:]);"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], text=True, check=True,
                          capture_output=True)  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_backtest_loads_no_pandas(tmp_path: Path) -> None:
    """What no figure needs costs an edit nothing: half of a first answer was its import."""
    code = (
        "import sys; from alphapanda import cli; cli.carry_out(sys.argv[1:]);"
        "print([name for name in ('pandas', 'polars', 'numba') if name in sys.modules])"
    )
    words = ["backtest", "ema_cross", "--no-jit", "--data", session(), "--out", "run"]
    done = subprocess.run([sys.executable, "-c", code, *words], text=True, check=True,
                          capture_output=True, cwd=with_strategies(tmp_path))  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"
    assert (tmp_path / "run" / "report.html").exists()


def test_help_is_complete(tmp_path: Path) -> None:
    """At 80 columns every option has a line of help, and no line is wider or cut."""
    told = process("backtest", "--help", cwd=tmp_path, COLUMNS="80", NO_COLOR="1")
    assert max(map(len, told.out.splitlines())) <= 80
    assert "…" not in told.out
    options = set(re.findall(r"^│ (--[a-z-]+) +\S", told.out, re.MULTILINE))
    assert options >= {"--data", "--param", "--limits", "--out", "--no-jit"}
    assert "current folder" in re.sub(r"[│\s]+", " ", told.out)


def test_version(tmp_path: Path) -> None:
    """--version prints one line."""
    assert re.fullmatch(r"alphapanda \d+\.\d+\.\d+\n", process("--version", cwd=tmp_path).out)


def test_json_is_one_object(tmp_path: Path) -> None:
    """With --json stdout is one object in one line; money is text, stderr is empty."""
    words = ("backtest", "ema_cross", "--no-jit", "--data", session(), "--out", "run", "--json")
    told = process(*words, cwd=with_strategies(tmp_path))
    assert (told.status, told.err, told.out.count("\n")) == (0, "", 1)
    summary = json.loads(told.out)
    assert set(summary) >= FIELDS
    assert summary["ticks"] == 6_000
    assert all(isinstance(summary[name], str) for name in ("pnl", "charges", "equity", "cash"))
    written = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert {**written, "run": summary["run"]} == summary


def test_table_and_colour(tmp_path: Path) -> None:
    """Without a terminal the table has no colour and nothing stands on stderr."""
    words = ("backtest", "ema_cross", "--no-jit", "--data", session())
    told = process(*words, cwd=with_strategies(tmp_path))
    assert told.err == ""
    assert "\x1b" not in told.out
    assert "P&L after charges" in told.out
    runs = [name for name in left(tmp_path) if name.endswith("summary.json")]
    assert len(runs) == 1
    assert re.fullmatch(r"runs/\d{8}-\d{6}-ema_cross/summary.json", runs[0])


def on_terminal(*words: str, cwd: Path, **variables: str) -> tuple[str, str]:
    """Run a command with stderr on a terminal; return stdout and what the terminal was sent."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **variables}
    with subprocess.Popen([PROGRAM, *words], cwd=cwd, env=env, text=True,
                          stdout=subprocess.PIPE, stderr=theirs) as running:  # fmt: skip
        os.close(theirs)
        shown = b""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                shown += os.read(ours, 65_536)
            except OSError:  # the other end is closed
                break
        out, _ = running.communicate(timeout=10)
    os.close(ours)
    return out, shown.decode()


def test_progress_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal stderr shows rows, rate and time left while the run goes on."""
    words = ("backtest", "quiet_reversal", "--no-jit", "--data", session(2, 60_000))
    with_strategies(tmp_path)
    out, shown = on_terminal(*words, cwd=tmp_path)
    assert "P&L after charges" in out
    assert re.search(r"[\d,]+/120,000 rows", shown)
    assert re.search(r"[1-9][\d,]*/s", shown)
    assert re.search(r"\d:\d\d:\d\d", shown)
    assert "\x1b[3" in shown
    _, plain = on_terminal(*words, cwd=tmp_path, NO_COLOR="1")
    assert re.search(r"[\d,]+/120,000 rows", plain)
    assert not re.search(r"\x1b\[[\d;]*3\d", plain)
    _, quiet = on_terminal(*words, "--json", cwd=tmp_path)
    assert quiet == ""


def test_strategies_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """Each strategy with its parameters and bounds, as a table and as one object."""
    monkeypatch.chdir(with_strategies(tmp_path))
    told = command("strategies", "--json", capsys=capsys)
    found = json.loads(told.out)
    assert {path.stem for path in (ROOT / "strategies").glob("*.py")} == set(found)
    assert found["ema_cross"]["params"]["fast"]["ge"] == 1
    assert "window of the fast average, ticks, >= 1" in command("strategies", capsys=capsys).out


def test_broken_strategy_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list shows what loads, and says on stderr what does not."""
    monkeypatch.chdir(with_strategies(tmp_path))
    (tmp_path / "strategies" / "broken.py").write_text("import nowhere\n")
    told = command("strategies", capsys=capsys)
    assert told.status == 2
    assert "ema_cross" in told.out
    assert "broken.py:1: ModuleNotFoundError" in told.err


def test_demo_in_an_empty_folder(tmp_path: Path) -> None:
    """The first command of a new user works where there is nothing, and says what it does."""
    told = process("demo", cwd=tmp_path)
    assert told.status == 0
    assert "generating a session" in told.err
    assert "P&L after charges" in told.out
    assert "runs/demo/session.parquet" in left(tmp_path)
    listed = process("strategies", "--json", cwd=tmp_path)
    assert "ema_cross" in json.loads(listed.out)


def test_own_strategies_stand_before_the_examples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has a folder of strategies has the examples too, and what is their own goes first."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "strategies"
    own.mkdir()
    text = (ROOT / "strategies" / "sma_cross.py").read_text()
    for name in ("mine", "ema_cross"):
        (own / f"{name}.py").write_text(text)
    listed = json.loads(command("strategies", "--json", capsys=capsys).out)
    assert list(listed)[:2] == ["ema_cross", "mine"]
    assert listed["ema_cross"]["file"] == str(own / "ema_cross.py")
    assert listed["momentum"]["file"] == str(ROOT / "strategies" / "momentum.py")
    table = command("strategies", capsys=capsys).out
    assert re.findall(r"^in .*:$", table, re.MULTILINE) == [f"in {own}:", f"in {ROOT}/strategies:"]
    told = command("backtest", "spreat", "--data", session(), capsys=capsys)
    assert told.status == 2
    assert "Did you mean spread?" in told.line
