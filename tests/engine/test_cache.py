"""The cache of compiled loops: shared, damaged, cut off, or not to be written."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest

from alphapanda.engine import series
from alphapanda.engine.compiler import cache
from tests.support.loops import with_cores
from tests.support.oracles import CASES, day_opens, made_up
from tests.support.running import PROGRAM, ROOT, left, process, session

KEY = "0123456789"
WORDS = (
    "backtest", str(ROOT / "strategies" / "ema_cross.py"), "--json", "--data", session(),
    "--tier", "quick",
)  # fmt: skip


def publish(folder: Path) -> None:
    """Publish a loop as a compiler would."""
    with cache.folder(folder, KEY, "text") as made:
        (made / "__pycache__").mkdir()
        (made / "__pycache__" / "code").write_bytes(b"machine code")


def stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return when each file in a folder was last written, and which it is."""
    found = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    return {path: (facts.st_mtime_ns, facts.st_ino) for path, facts in found.items()}


def test_published_whole(tmp_path: Path) -> None:
    """A loop is published with its sums, and nothing else is left; the next one uses it."""
    publish(tmp_path / "cache")
    names = [KEY, f"{KEY}/SHA256SUMS", f"{KEY}/__pycache__", f"{KEY}/__pycache__/code"]
    assert left(tmp_path / "cache") == [*names, f"{KEY}/loop.py"]
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], check=True,
                   cwd=tmp_path / "cache" / KEY)  # fmt: skip
    with cache.folder(tmp_path / "cache", KEY, "text") as found:
        assert found == tmp_path / "cache" / KEY


def test_failure_publishes_nothing(tmp_path: Path) -> None:
    """A loop that does not compile leaves no trace."""
    with pytest.raises(ZeroDivisionError), cache.folder(tmp_path, KEY, "text"):
        _ = 1 // 0
    assert left(tmp_path) == []


@pytest.mark.parametrize("name", ["loop.py", "__pycache__/code", "SHA256SUMS"])
def test_damaged_one_is_made_anew(name: str, tmp_path: Path) -> None:
    """A file cut off, as by a full disk or a lost power, is not used."""
    publish(tmp_path)
    file = tmp_path / KEY / name
    file.write_bytes(file.read_bytes()[:2])
    with cache.folder(tmp_path, KEY, "text") as made:
        assert made.name.endswith(".partial")
        assert left(made) == ["loop.py"]
    assert cache.intact(tmp_path / KEY)


def test_what_was_used_longest_ago_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loops keep to their room; one of the last hour stays, and so does what is no loop."""
    monkeypatch.setattr(cache, "ROOM", 10_000)

    def use(key: str, days: int) -> None:
        with cache.folder(tmp_path, key, "x" * 4_000):
            pass
        ago = time.time() - days * 86_400
        os.utime(tmp_path / key, (ago, ago))

    for days, key in enumerate("abcd"):
        use(key, days)
    (tmp_path / "mine").mkdir()
    (tmp_path / ".of_a_killed_one.partial").mkdir()
    (tmp_path / ".of_a_killed_one.lock").touch()
    for abandoned in tmp_path.glob(".of_a_killed_one.*"):
        os.utime(abandoned, (0, 0))
    (tmp_path / ".of_another.partial").mkdir()
    use("c", 0)  # it was taken away, and is made anew
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        ".of_another.partial", "a", "c", "mine",
    ]  # fmt: skip
    monkeypatch.setattr(cache, "ROOM", 0)
    use("e", 0)
    assert {each.name for each in tmp_path.glob("[a-z]")} == {"a", "c", "e"}


def test_two_at_once_make_it_once(tmp_path: Path) -> None:
    """Who wants a loop that another makes waits, and uses that one; no lock is left."""
    found: list[Path] = []

    def want() -> None:
        with cache.folder(tmp_path, KEY, "text") as made:
            found.append(made)

    waiting = Thread(target=want, daemon=True)
    with cache.folder(tmp_path, KEY, "text"):
        waiting.start()
        waiting.join(timeout=5 * cache.NAP_S)
        assert found == []
    waiting.join()
    assert found == [tmp_path / KEY]
    assert left(tmp_path) == [KEY, f"{KEY}/SHA256SUMS", f"{KEY}/loop.py"]


def test_after_a_failure_the_next_one_makes_it(tmp_path: Path) -> None:
    """Who waited for a loop that did not compile compiles it itself."""
    waiting = Thread(target=publish, args=(tmp_path,), daemon=True)

    def fail() -> None:
        waiting.start()
        waiting.join(timeout=5 * cache.NAP_S)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), cache.folder(tmp_path, KEY, "text"):
        fail()
    waiting.join()
    assert cache.intact(tmp_path / KEY)
    assert [path for path in left(tmp_path) if path.startswith(".")] == []


HOLDER = """
import sys, time
from pathlib import Path
from alphapanda.engine.compiler import cache
with cache.folder(Path(sys.argv[1]), sys.argv[2], "text"):
    print("has it", flush=True)
    time.sleep(600)
"""


def test_a_killed_one_holds_nobody_up(tmp_path: Path) -> None:
    """The lock goes with its process: the next one makes the loop, alone."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path), KEY],
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "has it\n"
        lock = tmp_path / f".{KEY}.lock"
        assert lock.exists()
        holder.kill()
    publish(tmp_path)
    assert cache.intact(tmp_path / KEY)
    assert not lock.exists()


def test_two_that_do_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If who makes it is stopped for long, another makes it too; one is kept, whole."""
    monkeypatch.setattr(cache, "PATIENCE_S", 0.1)
    with ExitStack() as slower:
        first = slower.enter_context(cache.folder(tmp_path, KEY, "text"))
        with cache.folder(tmp_path, KEY, "text") as second:
            assert first != second
        assert cache.intact(tmp_path / KEY)
    assert left(tmp_path) == [KEY, f"{KEY}/SHA256SUMS", f"{KEY}/loop.py"]


def test_a_disk_that_cannot_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is done without: nobody waits, and no lock is left."""

    def refuse(*_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    publish(tmp_path)
    names = [KEY, f"{KEY}/SHA256SUMS", f"{KEY}/__pycache__", f"{KEY}/__pycache__/code"]
    assert left(tmp_path) == [*names, f"{KEY}/loop.py"]


def test_read_only_one_is_used(tmp_path: Path) -> None:
    """A cache that can't be written serves what is in it, without a word."""
    publish(tmp_path)
    tmp_path.chmod(0o555)
    with cache.folder(tmp_path, KEY, "text") as found:
        assert found == tmp_path / KEY
    tmp_path.chmod(0o755)


def test_unwritable_one_is_told() -> None:
    """Where nothing can be written a temporary folder serves, and a warning says so."""
    nowhere = cache.folder(Path("/dev/null/cache"), KEY, "text")
    with pytest.warns(UserWarning, match="/dev/null/cache can't be written"), nowhere as made:
        assert (made / "loop.py").read_text() == "text"
    assert not made.exists()


def test_compiled_where_nothing_is_kept() -> None:
    """What was compiled in a temporary folder runs when that is gone, as it does in Python."""
    case = next(case for case in CASES if case.name == "rsi")
    data = {name: column[:200] for name, column in made_up()[1].items()}
    given = case.name, case.first(), case.inputs(data), day_opens(data)
    with pytest.warns(UserWarning, match="/dev/null/here can't be written"):
        found = series.run(*given, cache_dir=Path("/dev/null/here"))
    plain = series.run(*given, cache_dir=None)
    assert {name: values.tobytes() for name, values in found.items()} == {
        name: values.tobytes() for name, values in plain.items()
    }


UNTYPED = """
from alphapanda import state, strategy

@strategy
class Untyped:
    level = state(0.0)

    def on_tick(self, ctx):
        self.level = ctx.last + (1, 2)
"""


def test_command_line_says_once_that_nothing_is_kept(tmp_path: Path) -> None:
    """Where no cache can be written a note says so, once, beside whatever comes of the run."""
    (tmp_path / "untyped.py").write_text(UNTYPED)
    nowhere = {"ALPHAPANDA_CACHE_DIR": "", "XDG_CACHE_HOME": "", "HOME": "/dev/null"}
    words = "backtest", "untyped.py", "--data", session(), "--tier", "quick"
    done = process(*words, cwd=tmp_path, **nowhere)
    note, refusal = done.err.splitlines()
    assert note.startswith("alphapanda: note: /dev/null/.cache/alphapanda can't be written")
    assert "untyped.py:9: Untyped can't be compiled" in refusal
    assert done.status == 2


def test_command_line_shares_loops(tmp_path: Path) -> None:
    """Two starts at once on a new strategy, a third, a damaged loop: the same result.

    What the strategy declares is made once; the third compiles nothing: each file stays as it was.
    """
    cached = with_cores(tmp_path / "cache")
    cores = len(list(cached.iterdir()))
    env = {**os.environ, "ALPHAPANDA_CACHE_DIR": str(cached)}

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen([PROGRAM, *WORDS], cwd=tmp_path, env=env, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    def digests(*runs: subprocess.Popen[str]) -> set[str]:
        printed = [run.communicate(timeout=600) for run in runs]
        ends = [(run.returncode, err) for run, (_, err) in zip(runs, printed, strict=True)]
        assert ends == [(0, "")] * len(runs)
        return {json.loads(out)["digest"] for out, _ in printed}

    first = digests(start(), start())
    assert len(first) == 1
    assert len(list(cached.iterdir())) == cores + 1
    before = stamps(cached)
    assert digests(start()) == first
    assert stamps(cached) == before
    smallest = min(cached.rglob("*.nbc"), key=lambda file: file.stat().st_size)  # not a core
    smallest.write_bytes(smallest.read_bytes()[:-100])
    assert digests(start()) == first
    assert all(cache.intact(loop) for loop in cached.iterdir())
