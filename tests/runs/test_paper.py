"""Paper trading: what a backtest gives, and the same whatever stops it on its way."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from alphapanda.events.events import RunStatus
from alphapanda.faults import POINTS, VARIABLE
from alphapanda.journal.journal import FILE, STOPPED, Journal
from alphapanda.runs.verify import verify
from tests.runs.alike import alike, envelopes
from tests.support.harness import cache_dir
from tests.support.running import Told, called, left, process, session, started
from tests.support.servers.process import wait_until

pytestmark = pytest.mark.core

ROWS = 2_000
"""Of each of two shares: four batches, and a checkpoint behind the second and the fourth."""
RANDOM_KILLS = int(os.environ.get("ALPHAPANDA_TEST_KILLS", "3"))
"""`make soak` asks for 200."""


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make checkpoints often enough that there are some."""
    monkeypatch.setenv("ALPHAPANDA_PAPER__CHECKPOINT_ROWS", "1500")


def words(out: str, *more: str, speed: str = "max") -> list[str]:
    """Return the command that trades a made-up session on paper."""
    feed = f"replay:{session(2, ROWS)}"
    return ["paper", "ema_cross", "--feed", feed, "--speed", speed, "--limits", "wide",
            "--param", "fast=10", "--param", "slow=30", "--out", out, "--json", *more]  # fmt: skip


def backtest(folder: Path) -> dict[str, Any]:
    """Backtest the same session with a journal; return its summary."""
    told = process(
        "backtest", "ema_cross", "--data", session(2, ROWS), "--limits", "wide", "--param",
        "fast=10", "--param", "slow=30", "--journal", "--json", "--out", "run", cwd=folder,
    )  # fmt: skip
    assert told.status == 0, told.err
    return dict(json.loads(told.out))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[Any]]:
    """Return summary and envelopes of the backtest that every paper run must equal."""
    folder = tmp_path_factory.mktemp("whole")
    summary = backtest(folder)
    assert summary["fills"] > 50
    return summary, alike(envelopes(folder / "run"))


def same(run: Path, told: Told, whole: tuple[dict[str, Any], list[Any]]) -> None:
    """Check that a run ended as if nothing had happened: digest, envelopes, files, replay."""
    assert told.status == 0, told.err
    summary = json.loads(told.out)
    for name in ("digest", "pnl", "fills", "orders", "events", "charges", "stats", "ticks"):
        assert summary[name] == whole[0][name], name
    assert alike(envelopes(run)) == whole[1]
    assert verify(run, cache_dir()).identical
    files = left(run)
    assert {"summary.json", "fills.parquet", "report.html", FILE} <= set(files)
    assert [name for name in left(run.parent) if ".partial" in name] == []


def test_paper_is_the_backtest(tmp_path: Path, whole: tuple[dict[str, Any], list[Any]]) -> None:
    """On the same rows paper gives the digest, the envelopes and the tables of a backtest."""
    told = process(*words("run"), cwd=tmp_path)
    same(tmp_path / "run", told, whole)
    assert told.err == ""
    assert Journal.open(tmp_path / "run").contents.status == RunStatus.ENDED
    run_id = Journal.open(tmp_path / "run").contents.manifest["run_id"]
    logged, [measured] = (
        [json.loads(line) for line in (tmp_path / "logs" / f"{name}.jsonl").read_text().split("\n")
         if line]
        for name in ("trading", "performance")
    )  # fmt: skip
    assert [line["event"] for line in logged] == ["run begins", "run ended"]
    assert {line["run_id"] for line in logged} == {run_id}
    assert logged[1]["digest"] == whole[0]["digest"]
    assert measured["rows"] == whole[0]["ticks"]


def test_a_run_file_is_taken(tmp_path: Path, whole: tuple[dict[str, Any], list[Any]]) -> None:
    """A run file says strategy, parameters and rules; its data give way to the feed."""
    (tmp_path / "mine.toml").write_text(
        'strategy = "ema_cross"\ndata = "elsewhere"\nlimits = "wide"\nout = "not here"\n'
        "[params]\nfast = 10\nslow = 30\n"
    )
    feed = f"replay:{session(2, ROWS)}"
    told = process("paper", "mine.toml", "--feed", feed, "--speed", "max", "--out", "run",
                   "--json", cwd=tmp_path)  # fmt: skip
    same(tmp_path / "run", told, whole)


KILLS = [
    ("record torn", 2), ("record written", 1), ("record synced", 2), ("record synced", 6),
    ("journal begun", 1), ("batch kept", 4), ("checkpoint kept", 1), ("checkpoint kept", 2),
    ("feed ended", 1), ("tables written", 1), ("folder filled", 1), ("end kept", 1),
]  # fmt: skip
"""Each point, at its n-th passing: the first record is the manifest, the second the first batch,
the sixth lies behind a checkpoint. What a kill leaves of a record that is written is the same
before and after it was synced; torn ones, the first too, are cut off by a test of their own.
"""


def test_every_point_is_tried() -> None:
    """The points of the test below are those there are."""
    assert {point for point, _ in KILLS} == {*POINTS}


@pytest.mark.parametrize(("point", "count"), KILLS)
def test_killed_at_any_point_it_goes_on(
    point: str, count: int, tmp_path: Path, whole: tuple[dict[str, Any], list[Any]]
) -> None:
    """Killed at the n-th passing of each named point, a run ends as if it had not been."""
    killed = process(*words("run"), cwd=tmp_path, **{VARIABLE: f"{point}:{count}"})
    assert killed.status == -signal.SIGKILL
    if point == "folder filled":  # the summary is there, the journal's end is not
        assert verify(tmp_path / "run", cache_dir()).identical
    ended = point == "end kept" and Journal.open(tmp_path / "run").contents.ended
    again = process(*words("run"), cwd=tmp_path)
    if ended:
        assert again.status == 2
        assert "has ended" in again.line
        assert verify(tmp_path / "run", cache_dir()).identical
        return
    same(tmp_path / "run", again, whole)
    status = Journal.open(tmp_path / "run").contents.status
    unborn = point.startswith("record") and count == 1  # of a torn manifest nothing is left
    assert status == RunStatus.RECOVERED or (unborn and status == RunStatus.ENDED)


def test_killed_again_and_again_it_goes_on(
    tmp_path: Path, whole: tuple[dict[str, Any], list[Any]]
) -> None:
    """Killed at random times, a few in each run, it loses nothing and repeats nothing."""
    chance = random.Random(int(time.time()))
    for number in range(RANDOM_KILLS):
        name = f"run{number}"
        lives = chance.randint(1, 3)
        for _ in range(lives):
            late = suppress(subprocess.TimeoutExpired)
            with started(*words(name), cwd=tmp_path) as running, late:
                running.wait(chance.uniform(0.1, 1.0))
        told = process(*words(name), cwd=tmp_path)
        if "has ended" in told.err:
            assert verify(tmp_path / name, cache_dir()).identical
            assert alike(envelopes(tmp_path / name)) == whole[1]
        else:
            same(tmp_path / name, told, whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_order_it_goes_on(
    number: signal.Signals, tmp_path: Path, whole: tuple[dict[str, Any], list[Any]]
) -> None:
    """A signal stops it within 10 s, status 130; started again it ends as if nothing had been."""
    with started(*words("run", speed="300x"), cwd=tmp_path) as running:
        until = time.monotonic() + 60
        while not (tmp_path / "run" / FILE).exists() or len(envelopes_of(tmp_path / "run")) < 20:
            assert running.poll() is None, running.said()
            assert time.monotonic() < until
            time.sleep(0.05)
        asked = time.monotonic()
        running.send_signal(number)
        out, err = running.communicate(20)
        assert time.monotonic() - asked < 10
    assert (running.returncode, out) == (130, "")
    assert re.search(r"goes on with --out run", " ".join(err.split()))
    contents = Journal.open(tmp_path / "run").contents
    assert 0 < sum(place.rows for place in contents.batches) < 2 * ROWS
    assert contents.status == RunStatus.RUNNING
    same(tmp_path / "run", process(*words("run"), cwd=tmp_path), whole)
    assert Journal.open(tmp_path / "run").contents.status == RunStatus.ENDED


def test_killed_after_it_was_stopped_it_was_killed(
    tmp_path: Path, whole: tuple[dict[str, Any], list[Any]]
) -> None:
    """A run that was stopped in order, went on and was killed is crashed-recovered in the end."""
    process(*words("run"), cwd=tmp_path, **{VARIABLE: "checkpoint kept:1"})
    writer = Journal.open(tmp_path / "run").writer()
    writer.status(RunStatus.RUNNING, ts=1, note=STOPPED)
    writer.close()
    killed = process(*words("run"), cwd=tmp_path, **{VARIABLE: "batch kept:1"})
    assert killed.status == -signal.SIGKILL
    assert not Journal.open(tmp_path / "run").stopped
    same(tmp_path / "run", process(*words("run"), cwd=tmp_path), whole)
    assert Journal.open(tmp_path / "run").contents.status == RunStatus.RECOVERED


def envelopes_of(run: Path) -> list[bytes]:
    """Return the envelopes that are there so far."""
    try:
        return envelopes(run)
    except Exception:  # noqa: BLE001 (it is only beginning)
        return []


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    """While one process writes a run, a second one for the same folder is the user's mistake."""
    file = tmp_path / "run" / FILE
    with started(*words("run", speed="1x"), cwd=tmp_path):
        assert wait_until(lambda: file.exists() and file.stat().st_size > 0, 60)
        second = process(*words("run"), cwd=tmp_path)
    assert second.status == 2
    assert "another process is writing this run" in second.line


def test_another_run_does_not_go_on_in_its_place(tmp_path: Path) -> None:
    """With other parameters, or in a folder with something else, it refuses and changes nothing."""
    process(*words("run"), cwd=tmp_path, **{VARIABLE: "batch kept:3"})
    before = (tmp_path / "run" / FILE).read_bytes()
    other = process(*words("run", "--param", "quantity=2"), cwd=tmp_path)
    assert other.status == 2
    assert "begun otherwise" in other.line
    assert (tmp_path / "run" / FILE).read_bytes() == before
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "file").touch()
    assert process(*words("else"), cwd=tmp_path).status == 2
    assert left(tmp_path / "else") == ["file"]


def test_a_recording_that_was_moved_goes_on(
    tmp_path: Path, whole: tuple[dict[str, Any], list[Any]]
) -> None:
    """Told where its data lie now it goes on, for they are their bytes; with others it does not."""
    place, then, now = session(2, ROWS), tmp_path / "then.parquet", tmp_path / "now.parquet"
    shutil.copy(place, then)
    before = [word.replace(str(place), str(then)) for word in words("run")]
    assert before != words("run")
    process(*before, cwd=tmp_path, **{VARIABLE: "batch kept:3"})
    then.rename(now)
    other = [word.replace(str(then), str(session(2, ROWS - 1_000))) for word in before]
    assert "the bytes of the data differ" in process(*other, cwd=tmp_path).line
    after = [word.replace(str(then), str(now)) for word in before]
    same(tmp_path / "run", process(*after, cwd=tmp_path), whole)


def test_a_damaged_journal_is_not_built_on(tmp_path: Path) -> None:
    """Damage before the end refuses to start and names the place; nothing is written."""
    process(*words("run"), cwd=tmp_path, **{VARIABLE: "batch kept:3"})
    file = tmp_path / "run" / FILE
    text = bytearray(file.read_bytes())
    text[len(text) // 2] ^= 4
    file.write_bytes(text)
    told = process(*words("run"), cwd=tmp_path)
    assert told.status == 3
    assert "is damaged" in told.line
    assert file.read_bytes() == text


@pytest.mark.parametrize("count", [1, 4])
def test_a_torn_end_is_cut_off_and_said(
    count: int, tmp_path: Path, whole: tuple[dict[str, Any], list[Any]]
) -> None:
    """Killed in the middle of a record, of the first one too, it says what it cuts, and where."""
    process(*words("run"), cwd=tmp_path, **{VARIABLE: f"record torn:{count}"})
    file = tmp_path / "run" / FILE
    journal = Journal(file)
    journal.refresh()
    assert journal.contents.torn is not None
    told = process(*words("run"), cwd=tmp_path)
    same(tmp_path / "run", told, whole)
    assert "torn end cut off" in told.err
    assert ("begins anew" in told.err) == (count == 1)
    assert f"bytes={journal.contents.torn.size} " in told.err
    assert f"file={file} " in told.err


def test_what_may_be_of_value_is_not_begun_over(tmp_path: Path) -> None:
    """A journal cut to nothing beside a run's results, and a file that is none, are refused."""
    assert process(*words("run"), cwd=tmp_path).status == 0
    file = tmp_path / "run" / FILE
    file.write_bytes(file.read_bytes()[:100])
    before = left(tmp_path / "run")
    told = process(*words("run"), cwd=tmp_path)
    assert told.status == 2
    assert "has not one whole record" in told.line
    assert (left(tmp_path / "run"), file.stat().st_size) == (before, 100)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / FILE).write_text("my own words")
    told = process(*words("notes"), cwd=tmp_path)
    assert told.status == 2
    assert "is no journal" in told.line
    assert (tmp_path / "notes" / FILE).read_text() == "my own words"


@pytest.mark.parametrize(("feed", "speed", "said"), [
    ("nowhere:x", "max", "no such feed"), ("replay:", "max", "write replay:PATH"),
    ("replay:nowhere.parquet", "max", "nowhere.parquet"), ("replay:x", "fast", "--speed fast"),
    ("replay:x", "-1", "--speed -1"),
])  # fmt: skip
def test_mistakes_are_told(feed: str, speed: str, said: str, tmp_path: Path) -> None:
    """A feed or a speed that does not exist is one line, status 2, and no folder."""
    told = called("paper", "ema_cross", "--feed", feed, "--speed", speed, "--out", "run",
                  cwd=tmp_path)  # fmt: skip
    assert told.status == 2
    assert said in told.line
    assert left(tmp_path) == []
