"""The cache of compiled loops: shared, damaged, cut off, or not to be written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from alphapanda.engine.compiler import cache
from tests.support.running import PROGRAM, ROOT, left, session

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
    found = {path: path.stat() for path in folder.rglob("*")}
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


def test_two_at_once(tmp_path: Path) -> None:
    """Two that make the same loop at once both finish; one is kept, whole."""
    with ExitStack() as slower:
        first = slower.enter_context(cache.folder(tmp_path, KEY, "text"))
        with cache.folder(tmp_path, KEY, "text") as second:
            assert first != second
        assert cache.intact(tmp_path / KEY)
    assert cache.intact(tmp_path / KEY)
    assert [path for path in left(tmp_path) if "partial" in path] == []


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


def test_command_line_survives_it_all(tmp_path: Path) -> None:
    """Two starts at once on a new cache, a third, damage, none that can be written: same result.

    The third compiles nothing: it leaves each file as it was.
    """
    cached = tmp_path / "cache"
    env = {**os.environ, "ALPHAPANDA_CACHE_DIR": str(cached)}
    runs = [
        subprocess.Popen([PROGRAM, *WORDS], cwd=tmp_path, env=env, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]  # fmt: skip
    told = [run.communicate(timeout=200) for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    digests = {json.loads(out)["digest"] for out, _ in told}
    assert len(digests) == 1
    assert [err for _, err in told] == ["", ""]
    assert len(list(cached.iterdir())) == 2  # the core, and what the strategy declares
    before = stamps(cached)
    third = subprocess.run([PROGRAM, *WORDS], cwd=tmp_path, env=env, text=True, check=True,
                           capture_output=True)  # fmt: skip
    assert (json.loads(third.stdout)["digest"] in digests, third.stderr) == (True, "")
    assert stamps(cached) == before
    smallest = min(cached.rglob("*.nbc"), key=lambda file: file.stat().st_size)  # not the core
    smallest.write_bytes(smallest.read_bytes()[:-100])
    nowhere = {**env, "ALPHAPANDA_CACHE_DIR": "", "XDG_CACHE_HOME": "", "HOME": "/dev/null"}
    done = subprocess.run([PROGRAM, *WORDS], cwd=tmp_path, env=nowhere, text=True, check=True,
                          capture_output=True)  # fmt: skip
    assert json.loads(done.stdout)["digest"] in digests
    assert done.stderr.startswith("alphapanda: note: /dev/null/.cache/alphapanda can't be written")
    assert done.stderr.count("\n") == 1
    again = subprocess.run([PROGRAM, *WORDS], cwd=tmp_path, env=env, text=True, check=True,
                           capture_output=True)  # fmt: skip
    assert (json.loads(again.stdout)["digest"] in digests, again.stderr) == (True, "")
    shutil.rmtree(cached)
