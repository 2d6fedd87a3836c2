"""Bad days by many seeds: whatever goes wrong, both books are one."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.ducks import query
from tests.support.running import ROOT, process, session

SEEDS = int(os.environ.get("ALPHAPANDA_TEST_REHEARSALS", "0"))
"""Of each strategy; `make soak` asks for 20. Each takes a minute and a half."""
PLAIN = ROOT / "tests" / "support" / "plain_strategies.py"
STRATEGIES = {
    f"{ROOT / 'strategies' / 'ema_cross.py'}": ("fast=20", "slow=60"), f"{PLAIN}:Turner": (),
    f"{PLAIN}:Asker": (), f"{PLAIN}:Holder": (),
}  # fmt: skip
TOLD = ("orders_sent", "trades", "duplicates", "lost", "unknown", "unknown_resolved")

pytestmark = pytest.mark.skipif(not SEEDS, reason="make soak rehearses 20 bad days a strategy")


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the first hour of a made-up day of two shares."""
    path = tmp_path_factory.mktemp("hour") / "hour.parquet"
    rows = f"read_parquet('{session(2, 10_000)}')"
    query(f"copy (select * from {rows} where ts < (select min(ts) + interval 1 hour from {rows}))"
          f" to '{path}' (format parquet)")  # fmt: skip
    return path


@pytest.mark.parametrize("name", STRATEGIES)
def test_bad_days_leave_both_books_one(
    name: str, hour: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent twice, no trade is lost, every doubt is resolved, and the run replays."""
    total: Counter[str] = Counter()
    params = [word for each in STRATEGIES[name] for word in ("--param", each)]
    for seed in range(1, SEEDS + 1):
        told = process(
            "rehearse", name, "--data", str(hour), *params,
            "--limits", "wide", "--speed", "60x", "--faults", "rough", "--seed", str(seed),
            "--no-jit", "--out", str(tmp_path / f"run{seed}"), "--json", cwd=tmp_path,
        )  # fmt: skip
        assert told.status == 0, (seed, told.err, told.out)
        found = json.loads(told.out)
        assert (found["duplicates"], found["lost"]) == (0, 0), seed
        assert found["unknown"] == found["unknown_resolved"], seed
        assert found["verify"] == "identical", seed
        total.update({key: found[key] for key in TOLD})
    assert total["orders_sent"], "nothing was rehearsed"
    with capsys.disabled():
        sys.stdout.write(f"{name}, {SEEDS} bad days: {dict(total)}\n")
