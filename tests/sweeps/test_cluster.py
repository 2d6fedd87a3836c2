"""A sweep on Ray's own test cluster of two nodes: the local file, whoever is killed on the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

import alphapanda
from alphapanda.errors import OutsideError, UsageError
from alphapanda.research.sweep_store import partial_of
from alphapanda.sweeps.address import address_of
from tests.support.running import PROGRAM
from tests.sweeps.markets import GRID, SMA_CROSS, WAYS, bars

pytestmark = [
    pytest.mark.core,
    pytest.mark.filterwarnings("ignore"),  # Ray's own, of sockets and files that it leaves open
]
MANY = {"fast": range(2, 62), "slow": range(60, 160)}


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the workers keep compiled loops: not where this process does."""
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def cluster(caches: Path) -> Iterator[Any]:
    """Return a cluster of two nodes with a CPU each, and nothing compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALPHAPANDA_CACHE_DIR", str(caches))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # else 15, which gets nothing on a busy machine
        made = begun()
    yield made
    with suppress(Exception):  # a head that was killed can't be asked to end
        made.shutdown()


def begun() -> Any:
    """Begin a cluster; on a busy machine a node may miss the 30 s that Ray gives it."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415 (1 s)

    made = Cluster()
    for arguments in ({"include_dashboard": False}, {}):
        for left in (2, 1, 0):
            try:
                made.add_node(num_cpus=1, **arguments)
            except Exception:
                if not left:
                    raise
            else:
                break
    return made


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a sweep of many combinations by threads."""
    folder = tmp_path_factory.mktemp("local") / "local"
    alphapanda.sweep(SMA_CROSS, bars(), grid=MANY, metric="pnl", out=folder, **WAYS)
    return folder


def swept(cluster: Any, strategy: str = SMA_CROSS, **more: Any) -> Any:
    """Run a sweep on the cluster."""
    options = {"grid": MANY, "metric": "pnl", "cluster": f"ray://{cluster.address}", **WAYS, **more}
    return alphapanda.sweep(strategy, bars(), **options)


def workers() -> list[int]:
    """Return the processes of the workers on this machine."""
    named = ((p.pid, p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))
    return [pid for pid, words in named if words and words[0].startswith("ray::Remote")]


def once(done: int, action: Callable[[], None]) -> Callable[[int, int], None]:
    """Return a progress that does something when so many combinations are done."""
    left = [action]

    def progress(so_far: int, _: int) -> None:
        if so_far >= done and left:
            left.pop()()

    return progress


def same(one: Path, other: Path) -> bool:
    """Say if two sweeps left the same results, byte for byte."""
    return Path(one, "results.parquet").read_bytes() == Path(other, "results.parquet").read_bytes()


def test_a_killed_worker_loses_nothing(
    cluster: Any, local: Path, caches: Path, tmp_path: Path
) -> None:
    """With a worker killed on the way: the local file, and no worker compiled anything."""
    killed: list[int] = []

    def kill() -> None:
        killed.extend(workers()[:1])
        os.kill(killed[0], signal.SIGKILL)

    result = swept(cluster, out=tmp_path / "out", progress=once(200, kill))
    assert killed
    assert same(tmp_path / "out", local)
    facts = result.summary["cluster"]
    assert (facts["lost"], facts["compiled"]) == (1, 0)
    assert result.summary["chance"]["trials"] == result.table.num_rows == 5_997
    assert "1 workers died; what they had was run by others" in result.summary["notes"]
    assert len(list(caches.glob("*/SHA256SUMS"))) == 2, "a core and the strategy's own lines"


def test_walk_forward_and_search_are_those_of_threads(cluster: Any) -> None:
    """Each window's own search makes the same trials there, and gives the same test days."""
    ways: dict[str, Any] = {"search": "optuna", "trials": 10, "walk_forward": "3d/2d"}
    there = swept(cluster, grid=GRID, where="fast + slow > 9", workers=1, **ways)
    here = alphapanda.sweep(
        SMA_CROSS, bars(), grid=GRID, metric="pnl", where="fast + slow > 9", **ways, **WAYS
    )
    assert there.table.equals(here.table)
    assert there.summary["out_of_sample"] == here.summary["out_of_sample"]
    assert there.summary["windows_table"] == here.summary["windows_table"]
    assert there.summary["cluster"]["compiled"] == 0


def test_an_address_is_read_once() -> None:
    """Names, IPv4 and IPv6 in brackets; `ray` alone has none."""
    assert address_of("ray") is None
    assert address_of("ray://node-1.lan:6379") == ("node-1.lan:6379", "node-1.lan", 6379)
    assert address_of("ray://[::1]:6379") == ("[::1]:6379", "::1", 6379)


def test_a_hook_that_fails_names_the_users_file(cluster: Any, tmp_path: Path) -> None:
    """What a strategy in plain Python raises on a worker is told as it is here."""
    file = tmp_path / "fragile.py"
    (tmp_path / "share.py").write_text("def share(whole, parts):\n    return whole // parts\n")
    file.write_text(
        "from share import share\n\nfrom alphapanda import param, strategy, target\n\n\n"
        '@strategy(compiled=False)\nclass Fragile:\n    """Fails."""\n    size = param(1)\n\n'
        "    def on_bar(self, ctx):\n        target(ctx, share(6, self.size))\n"
    )
    with pytest.raises(UsageError) as told:
        swept(cluster, str(file), grid={"size": [2, 0]}, workers=1)
    assert f"{file}:" in str(told.value) or "share.py:2" in str(told.value)
    assert "with size=0" in str(told.value)
    assert "ZeroDivisionError" in str(told.value)


def test_a_killed_head_loses_nothing(cluster: Any, local: Path, tmp_path: Path) -> None:
    """What was done is kept; the sweep says how it goes on, and does with other workers.

    In a process of its own: Ray ends one that asks a dead head, whatever runs in it.
    """
    out = tmp_path / "out"
    command = [
        PROGRAM, "sweep", SMA_CROSS, "--data", bars(), "--grid", "fast=2:62", "--grid",
        "slow=60:160", "--metric", "pnl", "--limits", "wide", "--costs", "0.03%", "--out", out,
        "--cluster", f"ray://{cluster.address}", "--json",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not list(partial_of(out).glob("part-*")):
            time.sleep(0.05)
        cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 3, said
    assert f"to go on, write --out {out}" in said
    last = alphapanda.sweep(SMA_CROSS, bars(), grid=MANY, metric="pnl", out=out, workers=3, **WAYS)
    assert 0 < last.summary["resumed"] < last.summary["combos"]
    assert same(out, local)


def test_a_cluster_begun_here_gives_the_same_and_ends(tmp_path: Path) -> None:
    """`--cluster ray` begins one for the sweep, in this process, and leaves none behind."""
    import ray  # noqa: PLC0415 (1 s)

    ways: dict[str, Any] = {"grid": GRID, "metric": "pnl", "workers": 1, **WAYS}
    alphapanda.sweep(SMA_CROSS, bars(), out=tmp_path / "here", **ways)
    there = alphapanda.sweep(SMA_CROSS, bars(), cluster="ray", out=tmp_path / "there", **ways)
    assert same(tmp_path / "there", tmp_path / "here")
    facts = there.summary["cluster"]
    assert (facts["nodes"], facts["workers"], facts["compiled"]) == (1, 1, 0)
    assert not ray.is_initialized()


MISTAKES = {
    "cloud": "write local",
    "ray://": "write local",
    "ray:10.0.0.1:6379": "write local",
    "ray://head": "write local",
    "ray://head:70000": "write local",
    "ray://head:0": "write local",
    "ray://head:10001": "10001 is the port of Ray's client",
}


@pytest.mark.parametrize("place", MISTAKES)
def test_what_names_no_cluster_is_refused(place: str) -> None:
    """A place that is none is told with those that are."""
    with pytest.raises(UsageError) as told:
        alphapanda.sweep(SMA_CROSS, bars(), grid=GRID, metric="pnl", cluster=place, **WAYS)
    assert MISTAKES[place] in str(told.value)


def test_nobody_there_is_told_at_once() -> None:
    """An address where nobody listens is refused before Ray waits for it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"ray://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OutsideError, match="nobody listens there"):
            alphapanda.sweep(SMA_CROSS, bars(), grid=GRID, metric="pnl", cluster=place, **WAYS)
