"""Heartbeats: what a process says of itself, and what others make of it when it says no more."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alphapanda.errors import OutsideError
from alphapanda.monitor import beats
from alphapanda.monitor.beating import Heartbeat, config_hash
from alphapanda.monitor.beats import Beat
from alphapanda.monitor.health import State
from alphapanda.monitor.local_probes import processes
from tests.support.servers.databases import settings_of


class Ill:
    """A part that is not well."""

    async def health(self) -> None:
        """Say so."""
        raise OutsideError("the server is gone: start it")


class Well:
    """A part that is."""

    async def health(self) -> None:
        """Say nothing."""


def beat(**more: Any) -> Beat:
    """Return a beat of now."""
    known = {
        "role": "trade", "pid": 7, "host": "h", "version": "1", "code": "a", "config": "b",
        "schema": "0004", "started_ns": 1, "ts_ns": time.time_ns(),
    }  # fmt: skip
    return Beat(**{**known, **more})


def test_a_process_beats_while_it_lives_and_leaves_nothing(tmp_path: Path) -> None:
    """The file says who it is, how its parts are and what it uses; an orderly end removes it."""
    parts = {"feed": Ill(), "relay": Well()}
    heart = Heartbeat(
        settings_of(tmp_path, ""), "feed+trade", code="c0de", parts=parts, run_id=lambda: "run-1",
        figures=lambda: {"rows": 5.0},
    )  # fmt: skip

    async def live() -> beats.Found:
        await heart.start()
        found = beats.read(tmp_path)
        await heart.stop()
        return found

    (seen,) = asyncio.run(live()).seen
    told = seen.beat
    assert (told.role, told.pid, told.run_id, told.code) == (
        "feed+trade", os.getpid(), "run-1", "c0de",
    )  # fmt: skip
    assert told.parts == {"feed": "the server is gone: start it", "relay": "ok"}
    assert told.figures == {"rows": 5.0}
    assert told.disks["runs"] > 0
    assert told.rss_bytes is None or told.rss_bytes > 1_000_000
    assert seen.state == "ok"
    assert not (tmp_path / "beats").exists()


@pytest.mark.parametrize(("age_s", "state", "health"), [
    (0.0, "ok", State.OK), (14.0, "ok", State.OK), (16.0, "late", State.DEGRADED),
    (31.0, "gone", State.DOWN),
])  # fmt: skip
def test_who_beats_no_more_is_late_then_gone(
    tmp_path: Path, age_s: float, state: str, health: State
) -> None:
    """A killed process leaves its file, whose age says what has become of it."""
    now = time.time_ns()
    beats.write(tmp_path, beat(ts_ns=now - int(age_s * 1e9)))
    found = beats.read(tmp_path, now)
    assert [seen.state for seen in found.seen] == [state]
    assert processes(found).state == health


@pytest.mark.parametrize("name", ["code", "config", "schema"])
def test_processes_of_different_making_are_told(tmp_path: Path, name: str) -> None:
    """One that runs other code, settings or tables than the others makes the part `down`."""
    beats.write(tmp_path, beat(pid=1))
    beats.write(tmp_path, beat(pid=2, **{name: "other"}))
    reading = processes(beats.read(tmp_path))
    assert reading.state == State.DOWN
    assert f"different {name}" in reading.text


@pytest.mark.parametrize("text", [
    b"", b"{", b"[]", b"null", b'{"role": 5}', b"\xff\xfe", b"[" * 100_000, b'{"role":"a"}' * 9_000,
])  # fmt: skip
def test_a_file_that_is_no_beat_is_named_and_hides_no_other(tmp_path: Path, text: bytes) -> None:
    """The folder may hold anything; what is readable is read."""
    beats.write(tmp_path, beat())
    (tmp_path / "beats" / "odd-1.json").write_bytes(text)
    found = beats.read(tmp_path)
    assert [seen.beat.pid for seen in found.seen] == [7]
    assert [name.partition(":")[0] for name in found.strange] == ["odd-1.json"]
    assert processes(found).state == State.DEGRADED


def test_the_next_process_forgets_those_of_yesterday(tmp_path: Path) -> None:
    """What has not beaten for a day is removed, what has today stays."""
    now = time.time_ns()
    beats.write(tmp_path, beat(pid=1, ts_ns=now - 90_000 * 10**9))
    beats.write(tmp_path, beat(pid=2, ts_ns=now - 60 * 10**9))
    beats.forget_old(tmp_path, now)
    assert [seen.beat.pid for seen in beats.read(tmp_path).seen] == [2]


def test_the_hash_of_the_settings_is_of_what_processes_share(tmp_path: Path) -> None:
    """A port or an address of the API makes no other platform; another database does."""
    plain = settings_of(tmp_path, "")
    assert config_hash(plain) == config_hash(settings_of(tmp_path, "", api={"port": 1}))
    assert config_hash(plain) != config_hash(settings_of(tmp_path, "", paper={"stop_timeout_s": 3}))


def test_a_newer_release_s_beat_is_read(tmp_path: Path) -> None:
    """Fields that this one does not know are passed over."""
    path = beats.write(tmp_path, beat())
    told = {**msgspec.json.decode(path.read_bytes()), "mood": "good"}
    path.write_bytes(msgspec.json.encode(told))
    assert len(beats.read(tmp_path).seen) == 1
