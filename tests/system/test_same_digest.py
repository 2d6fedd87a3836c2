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

import pyarrow.parquet as pq
import pytest

import alphapanda
from tests.support.loops import FAILS, with_cores, written
from tests.support.running import session
from tests.support.shared import shared

ROOT = Path(__file__).resolve().parents[2]
STRATEGY = str(ROOT / "strategies" / "sma_cross.py")
FEW = ("INFY", "SBIN", "TATASTEEL")
DAYS = {"from_": "2016-08-16", "to": "2016-08-17"}
FEW_DAYS = {**DAYS, "instrument": FEW}
DAY = {"from_": "2022-09-21", "to": "2022-09-21"}
CLI = "from alphapanda.cli import main; main()"


def minutes() -> Path:
    return shared("data", "bars", "nse_1min_kite_201608_09.parquet")


def nifty() -> Path:
    return shared("data", "ticks", "nifty50_index_1s_2022_aug_sep.parquet")


def digest(**options: Any) -> str:
    """Return the digest of a compiled run, unless the options say otherwise."""
    return str(alphapanda.backtest(STRATEGY, minutes(), **{"tier": "quick", **options}).digest)


def test_batches_do_not_show() -> None:
    """Row by row, by the thousand or whole; and the same again."""
    whole = digest(**FEW_DAYS)
    assert digest(**FEW_DAYS) == whole
    assert digest(batch=1, **FEW_DAYS) == whole
    assert digest(batch=1_000, **FEW_DAYS) == whole


def test_batches_do_not_show_over_days() -> None:
    """Sessions of 56 symbols that begin and end inside a batch or between two."""
    days = {"from_": "2016-08-16", "to": "2016-08-22"}
    assert len({digest(**days), digest(batch=1_000, **days), digest(batch=21_000, **days)}) == 1


def test_plain_python_over_a_day_of_ticks(tmp_path: Path) -> None:
    """The loop compiled as one piece and the same source interpreted: the same bytes."""
    plain, piece = (
        alphapanda.backtest(written(tmp_path), nifty(), **DAY, **{name: value})
        for name, value in (("jit", False), ("tier", "full"))
    )
    assert plain.summary["fills"] > 50
    assert (plain.digest, piece.summary["tier"]) == (piece.digest, "full")


@pytest.mark.parametrize("strategy", ["sma_cross", "momentum"])
def test_plain_python_over_days_of_56_symbols(strategy: str) -> None:
    """Bars, indicators with their own bars, timers and a universe give the same bytes."""
    file = str(ROOT / "strategies" / f"{strategy}.py")
    plain = alphapanda.backtest(file, minutes(), jit=False, **DAYS)
    assert plain.summary["fills"] > 0
    assert plain.digest == alphapanda.backtest(file, minutes(), tier="quick", **DAYS).digest


def test_plain_python_over_a_quote_recording(tmp_path: Path) -> None:
    """Limit orders, cancels and partial fills give the same bytes.

    Without open interest, so that it is the core of other ticks.
    """
    data = shared("data", "ticks", "kite_full_NIFTY25DECFUT_20251229.parquet")
    rows = pq.read_table(data).drop_columns(["oi"])
    pq.write_table(rows, tmp_path / "future.parquet")
    file = str(ROOT / "strategies" / "market_maker.py")
    options: dict[str, Any] = {"exchange": "NFO", "limits": "wide", "cash": 100_000_000}
    plain, quick = (
        alphapanda.backtest(file, tmp_path / "future.parquet", **options, **{name: value})
        for name, value in (("jit", False), ("tier", "quick"))
    )
    assert plain.summary["fills"] > 0
    assert (plain.digest, quick.summary["tier"]) == (quick.digest, "quick")


def test_a_plain_strategy_within_a_compiled_core() -> None:
    """Hooks in Python have the same bytes whether the rest of each row is compiled or not."""
    file = str(ROOT / "strategies" / "quiet_reversal.py")
    plain, quick = (
        alphapanda.backtest(file, nifty(), **DAY, **{name: value})
        for name, value in (("jit", False), ("tier", "quick"))
    )
    assert plain.summary["fills"] > 0
    assert (plain.digest, quick.summary["tier"]) == (quick.digest, "quick")


@pytest.mark.parametrize(("seed", "zone"), [("1", "Asia/Kolkata"), ("4242", "America/New_York")])
def test_another_process_with_its_own_hashes_and_zone(seed: str, zone: str, tmp_path: Path) -> None:
    """Neither hash seeds nor the zone of the machine nor the folder reach the digest."""
    own = {"PYTHONHASHSEED": seed, "TZ": zone, "ALPHAPANDA_BASE_DIR": str(ROOT)}
    arguments = [
        "backtest", "sma_cross", "--data", str(minutes()), "--from", DAYS["from_"], "--to",
        DAYS["to"], "--tier", "quick", "--json", "--out", str(tmp_path / "run"),
        *(word for name in FEW for word in ("--instrument", name)),
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", CLI, *arguments], env={**os.environ, **own}, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["digest"] == digest(**FEW_DAYS)
    assert summary["from"] == DAYS["from_"]
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
        result = alphapanda.backtest(cell["SmaCross"], minutes(), jit=False, **FEW_DAYS)
    finally:
        del linecache.cache[name]
    assert result.digest == digest(**FEW_DAYS)


def test_a_class_of_an_ipython_cell(tmp_path: Path) -> None:
    """IPython runs the cell, and a backtest in the next one, inside its own process."""
    pytest.importorskip("IPython", reason="IPython is not installed")
    cells = [Path(STRATEGY).read_text(), (
        "import alphapanda\n"
        f"result = alphapanda.backtest(SmaCross, {str(minutes())!r}, **{FEW_DAYS!r})\n"
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
    assert f"digest {digest(**FEW_DAYS)}" in done.stdout


def test_inside_a_running_loop() -> None:
    """A notebook has an asyncio loop already; a backtest does not mind."""

    async def cell() -> str:
        await asyncio.sleep(0)
        return digest(**FEW_DAYS)

    assert asyncio.run(cell()) == digest(**FEW_DAYS)


def test_loops_compiled_apart_do_not_mix(tmp_path: Path) -> None:
    """Two strategies, compiled by two processes, then loaded from the cache by a third.

    Their functions have the same names: unless the symbols differ, the loop loaded last calls those
    of the first, and its fills are wrong.
    """
    cached = with_cores(tmp_path / "cache")
    runs = []
    for name, text in {"one": FAILS, "other": FAILS.replace("% 2 *", "% 3 *")}.items():
        (tmp_path / name).mkdir()
        file = written(tmp_path / name, text=text)
        runs.append(f"alphapanda.backtest({file!r}, {session()!r}, tier='quick')")
    apart = [python(run, cached=cached) for run in runs]
    wanted = [finished(process)[0] for process in apart]
    assert wanted[0] != wanted[1]
    loops = set(cached.iterdir())
    for order in (runs, runs[::-1]):
        assert sorted(finished(python(*order, cached=cached))) == sorted(wanted)
    assert set(cached.iterdir()) == loops, "the third loads what the others compiled"


def python(*runs: str, cached: Path) -> subprocess.Popen[str]:
    """Start a process that prints the digests of some backtests, with a cache of its own."""
    script = "import alphapanda\n" + "".join(f"print({run}.digest)\n" for run in runs)
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "ALPHAPANDA_CACHE_DIR": str(cached)},
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> list[str]:
    """Return the digests that a process printed."""
    printed, _ = process.communicate()
    assert process.returncode == 0
    return printed.split()


def test_run_directory_and_result_say_the_same(tmp_path: Path) -> None:
    """Writing a run changes nothing, and what is written is what is returned."""
    result = alphapanda.backtest(STRATEGY, minutes(), out=tmp_path / "run", **FEW_DAYS)
    assert result.digest == digest(**FEW_DAYS)
    assert pq.read_table(tmp_path / "run" / "fills.parquet").equals(result.table("fills"))
    assert pq.read_table(tmp_path / "run" / "equity.parquet").equals(result.table("equity"))
