"""The catalogue: whole or not at all, nothing twice, and read by the replay as it lies there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alphapanda.data import holdings
from alphapanda.data.importers.importing import Account, import_files
from alphapanda.data.importers.source import Wanted
from alphapanda.data.synth.sessions import synthesize
from alphapanda.errors import UsageError
from tests.data.replaying import run
from tests.support.ducks import query

ROOT = Path(__file__).resolve().parents[2]
FIRST = date(2025, 8, 28)


def brought(root: Path, *paths: Path, replacing: bool = False, **said: Any) -> Account:
    return import_files(root, list(paths), Wanted(**said), replacing=replacing)


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Minute bars of three shares over four days and two months."""
    path = tmp_path_factory.mktemp("synth") / "bars.parquet"
    return synthesize(
        path, day=FIRST, days=4, instruments=3, ticks_per_instrument=3_000, kind="bar"
    )


@pytest.fixture(scope="module")
def ticks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ticks of three shares over two days."""
    path = tmp_path_factory.mktemp("synth") / "ticks.parquet"
    return synthesize(path, day=FIRST, days=2, instruments=3, ticks_per_instrument=800)


def hashes(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.parquet")}


def test_the_same_file_twice_changes_nothing(tmp_path: Path, bars: Path, ticks: Path) -> None:
    """A second import says that nothing is new, and leaves every byte as it is."""
    for source in (bars, ticks):
        root = tmp_path / source.stem
        first = brought(root, source)
        before = hashes(root)
        again = brought(root, source)
        assert (first.new, first.already, first.dropped) == (first.read, 0, {})
        assert (again.new, again.already, again.parts) == (0, again.read, [])
        assert hashes(root) == before


def test_parts_and_whole_give_the_same_bytes(tmp_path: Path, ticks: Path) -> None:
    """Overlapping pieces in any order make the catalogue that the whole file makes."""
    table = pq.read_table(ticks)
    for at, (start, stop) in enumerate(((2_500, 4_800), (0, 3_000), (1_000, 4_000))):
        pq.write_table(table.slice(start, stop - start), tmp_path / f"piece{at}.parquet")
        brought(tmp_path / "pieces", tmp_path / f"piece{at}.parquet")
    brought(tmp_path / "whole", ticks)
    rows = [pq.read_table(min((tmp_path / n).rglob("rows.parquet"))) for n in ("pieces", "whole")]
    assert rows[0].equals(rows[1])
    assert len(hashes(tmp_path / "pieces")) == 2


def test_the_replay_reads_a_catalogue_as_its_source(
    tmp_path: Path, bars: Path, ticks: Path
) -> None:
    """All rows, some days, some instruments: the same columns as from the file itself."""
    brought(tmp_path, bars, ticks)
    for source, extra in ((bars, {"kind": "bar"}), (ticks, {"kind": "tick"})):
        for chosen in (
            {}, {"first": date(2025, 8, 29)}, {"last": FIRST, "instruments": ["BAMBOO", "PANDA"]},
        ):  # fmt: skip
            replay, found = run(tmp_path, **extra, **chosen)
            other, wanted = run(source, **chosen)
            assert replay.days == other.days
            assert replay.names == other.names
            assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_days_outside_are_not_opened(tmp_path: Path, bars: Path) -> None:
    """A damaged file of another month does not disturb a run on this one."""
    brought(tmp_path, bars)
    damaged = tmp_path / "kind=bar" / "interval=1m" / "date=2025-09" / "rows.parquet"
    damaged.write_bytes(b"nothing")
    replay, _ = run(tmp_path, last=date(2025, 8, 31))
    assert replay.days == (FIRST, date(2025, 8, 29))
    with pytest.raises(UsageError, match="not a whole Parquet file"):
        run(tmp_path)


def test_duckdb_prunes_by_the_folders(tmp_path: Path, bars: Path, ticks: Path) -> None:
    """Plain hive partitioning: a query on kind and date reads only what it names."""
    brought(tmp_path, bars, ticks)
    options = "hive_partitioning = true, union_by_name = true, filename = true"
    scanned = f"read_parquet('{tmp_path}/kind=*/**/*.parquet', {options})"
    where = "WHERE kind = 'tick' AND date = '2025-08-28'"
    files = query(f"SELECT DISTINCT filename FROM {scanned} {where}")
    assert [Path(name).parent.name for (name,) in files] == ["date=2025-08-28"]
    plan = str(query(f"EXPLAIN ANALYZE SELECT count(*) FROM {scanned} {where}"))
    assert "1/4" in plan, plan


def test_several_kinds_are_chosen_among(tmp_path: Path, bars: Path, ticks: Path) -> None:
    """A catalogue of ticks and bars says what there is to choose from."""
    brought(tmp_path, bars, ticks)
    with pytest.raises(UsageError, match="--kind and --interval: there is bar 1m, tick"):
        run(tmp_path)
    with pytest.raises(UsageError, match="has no bar 5m: there is bar 1m, tick"):
        run(tmp_path, kind="bar", interval="5m")
    with pytest.raises(UsageError, match="there is 2025-08 to 2025-09"):
        run(tmp_path, kind="bar", first=date(2030, 1, 1))


def test_what_differs_is_kept_or_replaced(tmp_path: Path, bars: Path) -> None:
    """A bar of other prices is dropped and told, unless --replace lets it in."""
    brought(tmp_path / "c", bars)
    table = pq.read_table(bars)
    high = table["high"].to_numpy().copy()
    high[10] += 5
    at = table.schema.get_field_index("high")
    pq.write_table(table.set_column(at, "high", pa.array(high)), tmp_path / "other.parquet")
    kept = brought(tmp_path / "c", tmp_path / "other.parquet")
    assert kept.dropped == {
        "differs from what is there": (1, f"{tmp_path / 'other.parquet'}, row 11")
    }
    assert kept.new == 0
    replaced = brought(tmp_path / "c", tmp_path / "other.parquet", replacing=True)
    assert replaced.dropped == {}
    _, found = run(tmp_path / "c")
    _, wanted = run(tmp_path / "other.parquet")
    assert np.array_equal(found.high, wanted.high)


def test_a_failed_import_leaves_nothing(tmp_path: Path, bars: Path) -> None:
    """A second file that cannot be read keeps the first out too."""
    brought(tmp_path / "c", bars)
    before = hashes(tmp_path / "c")
    (tmp_path / "good.csv").write_text("date,symbol,open,high,low,close\n2025-01-01,X,1,1,1,1\n")
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"bad\.csv has neither"):
        brought(tmp_path / "c", tmp_path / "good.csv", tmp_path / "bad.csv")
    assert hashes(tmp_path / "c") == before
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [".lock", "kind=bar"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, to kill many imports quickly")
def test_killed_at_any_file_operation(tmp_path: Path, bars: Path) -> None:
    """Wherever an import is killed, a reader sees all or nothing, and the next one ends it."""
    table = pq.read_table(bars)
    days = np.unique(table["date"].to_numpy().astype("datetime64[D]"))
    early = table["date"].to_numpy() < days[1]
    pq.write_table(table.filter(pa.array(early)), tmp_path / "early.parquet")
    brought(tmp_path / "template", tmp_path / "early.parquet")
    (tmp_path / "tries").mkdir()
    script = Path(__file__).with_name("killing.py")
    arguments = [str(tmp_path / "template"), str(bars), str(tmp_path / "tries")]
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False,
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    states = list(dict.fromkeys(line["seen"] for line in lines))
    assert len(lines) > 10
    assert len(states) == 2, "something between before and after was seen"
    assert {line["then"] for line in lines} == {states[1]}
    assert all(line["rubbish"] == [] for line in lines)
    assert [line["seen"] for line in lines] == sorted(
        (line["seen"] for line in lines), key=states.index
    )


def test_holdings_add_up(tmp_path: Path, bars: Path, ticks: Path) -> None:
    """The list has every row once, and the sizes are those on the disk."""
    account = brought(tmp_path, bars, ticks)
    held = holdings.held(tmp_path)
    assert sum(each.rows for each in held) == account.new
    size = sum(path.stat().st_size for path in tmp_path.rglob("rows.parquet"))
    assert abs(sum(each.size for each in held) - size) <= len(held)
    assert {(each.name, each.kind, each.interval, each.days) for each in held} == {
        (f"NSE:{name}", kind, interval, days)
        for name in ("PANDA", "BAMBOO", "LANGUR")
        for kind, interval, days in (("bar", "1m", 4), ("tick", "", 2))
    }
