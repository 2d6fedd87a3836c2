"""What a page says to run once more is run, and gives the same digest."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import alphapanda
from alphapanda.runs.command_line import again
from tests.support.running import PROGRAM, ROOT, session

PLAIN = str(ROOT / "tests" / "support" / "plain_strategies.py")


def line_of(folder: Path) -> str:
    """Return the line on a run's page."""
    found = re.search(
        r'id="content">(.*?)</script>', (folder / "report.html").read_text(), re.DOTALL
    )
    assert found
    return str(json.loads(found[1])["again"])


def rerun(line: str, cwd: Path) -> Any:
    """Run a line of the page in a folder where none of its files lies."""
    words = shlex.split(line.replace("\\\n", " "))
    assert words[0] == "alphapanda"
    done = subprocess.run(
        [PROGRAM, *words[1:], "--json"], cwd=cwd, text=True, capture_output=True, check=True
    )
    return json.loads(done.stdout)


def test_the_line_runs_anywhere_and_gives_the_digest(tmp_path: Path) -> None:
    """One of two strategies of a file, options of every kind, a folder with a blank."""
    limits = tmp_path / "my limits.toml"
    limits.write_text("[strategy]\nper_second = 3\n")
    options: dict[str, Any] = {
        "limits": str(limits), "costs": "0.02%", "latency": "250ms", "slippage": "2bp",
        "limit_fill": "touch", "volume_share": "50%", "cash": "500000.5", "product": "MIS",
        "instrument": ["NSE:SYNTH0001"], "calendar": "always", "from_": "2025-08-04",
        "exchange": "NSE", "seed": 3,
    }  # fmt: skip
    data = session(2, 2_000)
    names = alphapanda.backtest(f"{PLAIN}:Asker", data).summary["instruments"]
    options["instrument"] = [next(iter(names))]
    made = alphapanda.backtest(
        f"{PLAIN}:Turner", data, params={"window": 30}, out=tmp_path / "run", **options
    )
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    line = line_of(tmp_path / "run")
    assert "None" not in line
    assert rerun(line, elsewhere)["digest"] == made.digest


def test_a_shipped_strategy_is_named(tmp_path: Path) -> None:
    """An example runs by its name, wherever it is installed."""
    made = alphapanda.backtest("quiet_reversal", session(1, 400), out=tmp_path / "run")
    line = line_of(tmp_path / "run")
    assert line.startswith("alphapanda backtest quiet_reversal ")
    assert rerun(line, tmp_path)["digest"] == made.digest


def test_a_class_of_a_notebook_is_called() -> None:
    """A cell's class has no file: the line is a call in Python, with the class by its name."""
    manifest = {
        "strategies": [{
            "name": "mine", "class": "Mine", "file": "/tmp/ipykernel_12/345.py",
            "params": {"fast": 5}, "instruments": [],
        }],
        "options": {"data": ["a.parquet"], "costs": "none", "exchange": None},
        "folder": "/data",
    }  # fmt: skip
    assert again(manifest) == (
        "alphapanda.backtest(Mine, ['/data/a.parquet'], costs='none', params={'fast': 5})"
    )


def test_several_strategies_are_a_run_file(tmp_path: Path) -> None:
    """The run file of the page, kept in any folder, runs."""
    made = alphapanda.backtest(
        [f"{PLAIN}:Turner", f"{PLAIN}:Asker"], session(1, 800), out=tmp_path / "run"
    )
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "run.toml").write_text(line_of(tmp_path / "run"))
    told = rerun("alphapanda backtest run.toml", tmp_path / "else")
    assert told["digest"] == made.digest
