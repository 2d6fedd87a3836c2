"""The journal's file: nothing whole is lost, nothing damaged passes, one process writes."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alphapanda.errors import OutsideError
from alphapanda.journal.records import (
    HEADER,
    SMALL,
    DamageError,
    LockError,
    Reader,
    Writer,
    framed,
    is_written,
)

PAYLOADS = [bytes([n]) * (n * 7 + 1) for n in range(12)] + [b"long " * SMALL, b"", b"last"]
SLEEP = "alphapanda.journal.records.time.sleep"
FILES = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(path: Path, payloads: list[bytes]) -> Path:
    """Write a file of records."""
    path.unlink(missing_ok=True)
    writer = Writer(path)
    for payload in payloads:
        writer.append(2, payload)
    writer.close()
    return path


def read(path: Path) -> tuple[list[bytes], int]:
    """Return the payloads of a file, and how many bytes are torn behind them."""
    reader = Reader(path)
    payloads = [record.payload for record in reader.records()]
    torn = reader.torn()
    return payloads, 0 if torn is None else torn.size


def bounds(payloads: list[bytes]) -> list[int]:
    """Return where each record ends."""
    ends, chain, at = [], bytes(16), 0
    for number, payload in enumerate(payloads):
        text, chain = framed(2, number, payload, chain)
        at += len(text)
        ends.append(at)
    return ends


@FILES
@given(payloads=st.lists(st.binary(max_size=3 * SMALL), max_size=8))
def test_what_is_written_is_read(payloads: list[bytes], tmp_path: Path) -> None:
    """Payloads of any bytes and length come back in order, and nothing is torn."""
    assert read(write(tmp_path / "file", payloads)) == (payloads, 0)


def test_a_cut_anywhere_leaves_what_was_whole(tmp_path: Path) -> None:
    """Cut at any byte of the last three records, the file gives the records before the cut."""
    path = write(tmp_path / "file", PAYLOADS)
    text, ends = path.read_bytes(), bounds(PAYLOADS)
    for size in range(ends[-4], len(text)):
        path.write_bytes(text[:size])
        whole = sum(end <= size for end in ends)
        before = ends[whole - 1]
        assert read(path) == (PAYLOADS[:whole], size - before)


@pytest.mark.parametrize("tail", [bytes(100), b"\xff" * 39, os.urandom(5_000), b"APJ1" * 50])
def test_noise_behind_the_end_is_told_and_cut(tail: bytes, tmp_path: Path) -> None:
    """What stands behind the last record and is none is told by its size; a writer cuts it off."""
    path = write(tmp_path / "file", PAYLOADS)
    path.write_bytes(path.read_bytes() + tail)
    reader = Reader(path)
    assert [record.payload for record in reader.records()] == PAYLOADS
    assert reader.torn() == (reader.offset, len(tail))
    writer = Writer(path, reader=reader)
    writer.append(2, b"after")
    writer.close()
    assert read(path) == ([*PAYLOADS, b"after"], 0)


def test_any_bit_of_the_last_record_costs_that_record_alone(tmp_path: Path) -> None:
    """With any one bit of the last record flipped, the others are read and the rest is told."""
    path = write(tmp_path / "file", PAYLOADS)
    text, start = path.read_bytes(), bounds(PAYLOADS)[-2]
    for bit in range(8 * start, 8 * len(text)):
        path.write_bytes(flipped(text, bit))
        assert read(path) == (PAYLOADS[:-1], len(text) - start)


def test_damage_before_the_end_is_never_passed_over(tmp_path: Path) -> None:
    """A bit flipped in any earlier record stops the reader, which names the place."""
    path = write(tmp_path / "file", PAYLOADS)
    text, ends = path.read_bytes(), bounds(PAYLOADS)
    chance = random.Random(7)
    for bit in chance.sample(range(8 * ends[-2]), 1_000):
        path.write_bytes(flipped(text, bit))
        start = max((end for end in ends if end <= bit // 8), default=0)
        with pytest.raises(DamageError, match=f"at byte {start:,}"):
            read(path)


def flipped(text: bytes, bit: int) -> bytes:
    """Return bytes with one bit turned."""
    changed = bytearray(text)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("order", [[1, 0], [0, 0, 1], [1], [0, 2], [0, 2, 1]])
def test_records_out_of_their_order_are_damage(order: list[int], tmp_path: Path) -> None:
    """Whole records that were swapped, repeated or left out do not pass for a journal."""
    path = write(tmp_path / "file", [b"zero", b"one", b"two"])
    text, ends = path.read_bytes(), [0, *bounds([b"zero", b"one", b"two"])]
    path.write_bytes(b"".join(text[ends[n] : ends[n + 1]] for n in order))
    with pytest.raises(DamageError, match="does not follow"):
        read(path)


def test_a_record_of_another_file_is_damage(tmp_path: Path) -> None:
    """A record with the right number, taken from another journal, breaks the chain."""
    one = write(tmp_path / "one", [b"a", b"b"]).read_bytes()
    other = write(tmp_path / "other", [b"x", b"b"]).read_bytes()
    (tmp_path / "one").write_bytes(one[: HEADER + 1] + other[HEADER + 1 :])
    with pytest.raises(DamageError, match="does not follow"):
        read(tmp_path / "one")


def test_a_reader_follows_a_writer(tmp_path: Path) -> None:
    """Records appear to a reader as they are added, and half a record is waited for."""
    path = tmp_path / "file"
    writer, reader = Writer(path), Reader(path)
    assert list(reader.records()) == []
    writer.append(2, b"one")
    assert [r.payload for r in reader.records()] == [b"one"]
    text, _ = framed(2, 1, b"two", writer.chain)
    with path.open("ab") as file:
        file.write(text[:20])
        file.flush()
        assert list(reader.records()) == []
        file.write(text[20:])
    assert [r.payload for r in reader.records()] == [b"two"]


def test_one_process_writes(tmp_path: Path) -> None:
    """A second writer is refused while the first lives, and welcome afterwards."""
    path = tmp_path / "file"
    writer = Writer(path)
    writer.append(2, b"one")
    code = (
        "import sys; from pathlib import Path; from alphapanda.journal.records import *\n"
        "path = Path(sys.argv[1]); reader = Reader(path); list(reader.records())\n"
        "Writer(path, reader=reader).append(2, b'two')"
    )
    second = [sys.executable, "-c", code, str(path)]
    refused = subprocess.run(second, capture_output=True, text=True, check=False)
    assert LockError.__name__ in refused.stderr
    writer.close()
    subprocess.run(second, check=True)
    assert read(path) == ([b"one", b"two"], 0)


def test_whoever_looks_if_one_writes_keeps_no_writer_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at the lock says if a writer lives, and one that begins waits for a look to end."""
    path = write(tmp_path / "file", [b"one"])
    assert not is_written(path)
    looks = os.open(path, os.O_RDONLY)
    fcntl.flock(looks, fcntl.LOCK_SH)
    assert not is_written(path)
    monkeypatch.setattr(SLEEP, lambda _: fcntl.flock(looks, fcntl.LOCK_UN))
    reader = Reader(path)
    list(reader.records())
    writer = Writer(path, reader=reader)
    assert is_written(path)
    waited: list[float] = []
    monkeypatch.setattr(SLEEP, waited.append)
    with pytest.raises(LockError, match="another process is writing"):
        Writer(path)
    assert 0 < sum(waited) < 0.5
    writer.close()
    os.close(looks)
    assert not is_written(path)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """A record that finds no room is cut back, and the writer takes no more."""
    path = write(tmp_path / "file", [b"one"])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    reader = Reader(path)
    list(reader.records())
    writer = Writer(path, reader=reader)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 60, before[1]))
    try:
        with pytest.raises(OutsideError, match="start the run again"):
            writer.append(2, os.urandom(1_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    with pytest.raises(OutsideError):
        writer.append(2, b"two")
    assert read(path) == ([b"one"], 0)


def test_a_failed_sync_is_never_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an error of fdatasync nothing more is written: a second one might say yes wrongly."""
    path = write(tmp_path / "file", [b"one"])
    reader = Reader(path)
    list(reader.records())
    writer, calls = Writer(path, reader=reader), []

    def fails(file: int) -> None:
        calls.append(file)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fails)
    for _ in range(3):
        with pytest.raises(OutsideError, match="disk failed"):
            writer.append(2, b"two")
    assert len(calls) == 1
    assert read(path) == ([b"one"], 0)


def test_every_record_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record is on the disk when `append` returns: what was written last was synced after it."""
    calls: list[str] = []
    real_write, real_sync = os.write, os.fdatasync

    def note_write(file: int, text: bytes) -> int:
        calls.append("write")
        return real_write(file, text)

    def note_sync(file: int) -> None:
        calls.append("sync")
        real_sync(file)

    monkeypatch.setattr(os, "write", note_write)
    monkeypatch.setattr(os, "fdatasync", note_sync)
    write(tmp_path / "file", [b"one", b"two"])
    assert calls == ["write", "sync"] * 2
