"""One run, many ways to run it, one digest."""

from __future__ import annotations

import asyncio
import json
import linecache
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import alphapanda
from tests.support.shared import shared

ROOT = Path(__file__).resolve().parents[2]
STRATEGY = str(ROOT / "strategies" / "ema_cross.py")
DAY = {"from_": "2022-09-21", "to": "2022-09-21"}
CLI = "from alphapanda.cli import main; main()"


def nifty() -> Path:
    return shared("data", "ticks", "nifty50_index_1s_2022_aug_sep.parquet")


def digest(**options: Any) -> str:
    return str(alphapanda.backtest(STRATEGY, nifty(), **options).digest)


def test_batches_do_not_show() -> None:
    """Row by row, by the thousand or whole; and the same again."""
    whole = digest(**DAY)
    assert digest(**DAY) == whole
    assert digest(batch=1, **DAY) == whole
    assert digest(batch=1_000, **DAY) == whole


def test_batches_do_not_show_over_days() -> None:
    """Sessions that begin and end inside a batch or between two."""
    assert digest(batch=1_000) == digest()
    assert digest(batch=23_376) == digest()


def test_plain_python_over_a_full_day() -> None:
    """The compiled loop and the same source interpreted: the same bytes."""
    day = {"from_": "2022-09-29", "to": "2022-09-29"}
    assert digest(jit=False, **day) == digest(**day)


@pytest.mark.parametrize("strategy", ["sma_cross", "momentum"])
def test_plain_python_over_a_day_of_56_symbols(strategy: str) -> None:
    """Bars, indicators with their own bars, timers and a universe give the same bytes."""
    data = shared("data", "bars", "nse_1min_kite_201608_09.parquet")
    file = str(ROOT / "strategies" / f"{strategy}.py")
    days = {"from_": "2016-08-16", "to": "2016-08-18"}
    plain = alphapanda.backtest(file, data, jit=False, **days)
    assert plain.summary["fills"] > 0
    assert plain.digest == alphapanda.backtest(file, data, **days).digest


def test_plain_python_over_a_quote_recording() -> None:
    """Limit orders, cancels and partial fills give the same bytes."""
    data = shared("data", "ticks", "kite_full_NIFTY25DECFUT_20251229.parquet")
    file = str(ROOT / "strategies" / "market_maker.py")
    options: dict[str, Any] = {"exchange": "NFO", "limits": "wide", "cash": 100_000_000}
    plain = alphapanda.backtest(file, data, jit=False, **options)
    assert plain.digest == alphapanda.backtest(file, data, **options).digest


def test_a_plain_strategy_within_a_compiled_core() -> None:
    """Hooks in Python have the same bytes whether the rest of each row is compiled or not."""
    file = str(ROOT / "strategies" / "quiet_reversal.py")
    plain = alphapanda.backtest(file, nifty(), jit=False, **DAY)
    assert plain.summary["fills"] > 0
    assert plain.digest == alphapanda.backtest(file, nifty(), tier="quick", **DAY).digest


@pytest.mark.parametrize(
    ("seed", "zone"), [("0", "UTC"), ("1", "Asia/Kolkata"), ("4242", "America/New_York")]
)
def test_another_process_with_its_own_hashes_and_zone(seed: str, zone: str, tmp_path: Path) -> None:
    """Neither hash seeds nor the zone of the machine nor the folder reach the digest."""
    own = {"PYTHONHASHSEED": seed, "TZ": zone, "ALPHAPANDA_BASE_DIR": str(ROOT)}
    arguments = [
        "backtest", "ema_cross", "--data", str(nifty()), "--from", DAY["from_"], "--to", DAY["to"],
        "--json", "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", CLI, *arguments], env={**os.environ, **own}, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["digest"] == digest(**DAY)
    assert summary["from"] == DAY["from_"]
    written = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert written["digest"] == summary["digest"]


def test_a_class_of_a_notebook_cell() -> None:
    """A cell's class, its source known to linecache alone, is the same strategy as the file's."""
    source = Path(STRATEGY).read_text()
    name = "<ipython-input-7-0123456789ab>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    cell: dict[str, Any] = {"__name__": "__main__"}
    try:
        exec(compile(source, name, "exec"), cell)
        result = alphapanda.backtest(cell["EmaCross"], nifty(), jit=False, **DAY)
    finally:
        del linecache.cache[name]
    assert result.digest == digest(**DAY)


def test_a_class_of_an_ipython_cell(tmp_path: Path) -> None:
    """IPython runs the cell, and a backtest in the next one, inside its own process."""
    pytest.importorskip("IPython", reason="IPython is not installed")
    cells = [Path(STRATEGY).read_text(), (
        "import alphapanda\n"
        f"result = alphapanda.backtest(EmaCross, {str(nifty())!r}, **{DAY!r})\n"
        "print('digest', result.digest)\n"
    )]  # fmt: skip
    script = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        f"for cell in {cells!r}:\n"
        "    shell.run_cell(cell, store_history=True).raise_error()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "IPYTHONDIR": str(tmp_path)}, cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"digest {digest(**DAY)}" in done.stdout


def test_inside_a_running_loop() -> None:
    """A notebook has an asyncio loop already; a backtest does not mind."""

    async def cell() -> str:
        await asyncio.sleep(0)
        return digest(**DAY)

    assert asyncio.run(cell()) == digest(**DAY)


def test_loops_compiled_apart_do_not_mix(tmp_path: Path) -> None:
    """Two shapes of one strategy, compiled by two processes, then loaded from the cache by a third.

    Their kernels have the same names: unless the symbols differ, the loop loaded last calls those
    of the first, with other columns and flags, and its fills are wrong.
    """
    ibm = shared("data", "ticks", "us_ibm_trade_ticks_20131007_08.parquet")
    first = f"alphapanda.backtest({STRATEGY!r}, {str(nifty())!r}, **{DAY!r})"
    second = (
        f"alphapanda.backtest({STRATEGY!r}, {str(ibm)!r}, repair=True, calendar='always', "
        "limits='wide')"
    )
    apart = [python(run, folder=tmp_path) for run in (first, second)]
    wanted = [finished(process) for process in apart]
    for runs in ((first, second), (second, first)):
        found = finished(python(*runs, folder=tmp_path))
        assert sorted(found) == sorted(wanted[0] + wanted[1])


def python(*runs: str, folder: Path) -> subprocess.Popen[str]:
    """Start a process that prints the digests of some backtests, with a cache of its own."""
    script = "import alphapanda\n" + "".join(f"print({run}.digest)\n" for run in runs)
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "ALPHAPANDA_CACHE_DIR": str(folder / "cache")},
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> list[str]:
    """Return the digests that a process printed."""
    printed, _ = process.communicate()
    assert process.returncode == 0
    return printed.split()


def test_run_directory_and_result_say_the_same(tmp_path: Path) -> None:
    """Writing a run changes nothing, and what is written is what is returned."""
    pq = pytest.importorskip("pyarrow.parquet")
    result = alphapanda.backtest(STRATEGY, nifty(), out=tmp_path / "run", **DAY)
    assert result.digest == digest(**DAY)
    assert pq.read_table(tmp_path / "run" / "fills.parquet").equals(result.table("fills"))
    assert pq.read_table(tmp_path / "run" / "equity.parquet").equals(result.table("equity"))
