"""An append-only file of records, each checked by itself and chained to the one before.

A record is a header of 40 bytes and its payload, little-endian: magic `APJ1`, kind, flags, 2 bytes
of zero, number (from 0), length, CRC-32 of all the rest, and the chain: BLAKE2b-128 of the chain
before, the header's fields and the payload. The CRC tells a whole record anywhere in the file; the
chain tells that none is missing, repeated or from elsewhere.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from alphapanda import faults, log
from alphapanda.errors import OutsideError, UsageError

LOG = log.get(__name__)
MAGIC = b"APJ1"
FIELDS = struct.Struct("<4sBBHQI")
SEAL = struct.Struct("<I16s")
HEADER = FIELDS.size + SEAL.size
ROOT = bytes(16)
"""The chain before the first record."""

COMPRESSED = 1
SMALL = 4_096
"""Payloads of fewer bytes are kept as they are."""
LARGEST = 1 << 30
UNPACKED = 1 << 28
"""The largest payload; a small record could unpack to a thousand times its size."""

LOCK_TRIES = 20
LOCK_NAP_S = 0.01
"""How long a writer tries for the lock: who looks if a writer lives holds it for a moment."""


class DamageError(OutsideError):
    """Records that were whole once are not, and more follow: nothing may build on the rest."""


class LockError(UsageError):
    """Another process writes to the journal: two were started for one run."""


class Record(NamedTuple):
    """A whole record; `end` is where the next one begins."""

    kind: int
    number: int
    payload: bytes
    offset: int
    end: int
    chain: bytes


class Torn(NamedTuple):
    """What lies behind the last whole record: bytes of one that was never finished."""

    offset: int
    size: int


def framed(kind: int, number: int, payload: bytes, before: bytes) -> tuple[bytes, bytes]:
    """Return a record's bytes, and its chain."""
    flags = 0
    assert len(payload) <= UNPACKED, "a record that could not be read again"
    if len(payload) >= SMALL:
        payload, flags = zlib.compress(payload, 1), COMPRESSED
    fields = FIELDS.pack(MAGIC, kind, flags, 0, number, len(payload))
    chain = blake2b(before + fields + payload, digest_size=16).digest()
    crc = zlib.crc32(payload, zlib.crc32(chain, zlib.crc32(fields)))
    return fields + SEAL.pack(crc, chain) + payload, chain


class Reader:
    """Reads the records of a file in order, as far as they are whole; more may be added later."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.number = 0
        self.chain = ROOT

    def records(self) -> Iterator[Record]:
        """Yield the records from where the last call ended.

        Raises: DamageError where a bad record has a whole one behind it.
        """
        size = self.path.stat().st_size
        if size <= self.offset:
            return
        with (
            self.path.open("rb") as file,
            mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as view,
        ):
            while (record := self._next(view)) is not None:
                yield record
            following = later(view, self.offset)
            if following >= 0:
                raise DamageError(
                    f"{self.path}: record {self.number} at byte {self.offset:,} is damaged, and a "
                    f"whole record follows at byte {following:,}; restore the file from a backup"
                )

    def torn(self) -> Torn | None:
        """Return what is left behind the last whole record, once `records` has come to it."""
        left = self.path.stat().st_size - self.offset
        return Torn(self.offset, left) if left else None

    def read(self, offset: int, end: int) -> bytes:
        """Return the payload of a record that was yielded before."""
        with self.path.open("rb") as file:
            file.seek(offset)
            text = file.read(end - offset)
        if find_end(text, 0) != end - offset:
            raise DamageError(f"{self.path}: the record at byte {offset:,} has changed")
        return self._unpacked(text[:HEADER], text[HEADER:], offset)

    def _unpacked(self, header: bytes, payload: bytes, offset: int) -> bytes:
        try:
            return unpacked(header, payload)
        except DamageError as error:
            raise DamageError(f"{self.path}: at byte {offset:,} {error}") from None

    def _next(self, view: mmap.mmap) -> Record | None:
        end = find_end(view, self.offset)
        if end < 0:
            return None
        header, payload = view[self.offset : self.offset + HEADER], view[self.offset + HEADER : end]
        _, kind, _, _, number, _ = FIELDS.unpack_from(header)
        _, chain = SEAL.unpack_from(header, FIELDS.size)
        expected = blake2b(self.chain + header[: FIELDS.size] + payload, digest_size=16).digest()
        if number != self.number or chain != expected:
            raise DamageError(
                f"{self.path}: at byte {self.offset:,} stands record {number}, which does not "
                f"follow what is before it (expected {self.number}); restore the file from a backup"
            )
        record = Record(kind, number, self._unpacked(header, payload, self.offset), self.offset,
                        end, chain)  # fmt: skip
        self.offset, self.number, self.chain = end, number + 1, chain
        return record


def find_end(view: mmap.mmap | bytes, offset: int) -> int:
    """Return where the record at an offset ends, -1 if no whole record stands there."""
    if len(view) - offset < HEADER or view[offset : offset + 4] != MAGIC:
        return -1
    fields = view[offset : offset + FIELDS.size]
    length = FIELDS.unpack(fields)[5]
    end = offset + HEADER + length
    if length > LARGEST or end > len(view):
        return -1
    crc, chain = SEAL.unpack(view[offset + FIELDS.size : offset + HEADER])
    payload = view[offset + HEADER : end]
    return end if zlib.crc32(payload, zlib.crc32(chain, zlib.crc32(fields))) == crc else -1


def later(view: mmap.mmap, offset: int) -> int:
    """Return where the next whole record behind an offset begins, -1 if there is none."""
    at = view.find(MAGIC, offset + 1)
    while at >= 0:
        if find_end(view, at) >= 0:
            return at
        at = view.find(MAGIC, at + 1)
    return -1


def torn_first(path: Path) -> bool:
    """Say if a file without one whole record can be a journal whose first record is torn."""
    with path.open("rb") as file:
        return MAGIC.startswith(file.read(len(MAGIC)))


def unpacked(header: bytes, payload: bytes) -> bytes:
    """Return a payload as it was given."""
    if not FIELDS.unpack_from(header)[2] & COMPRESSED:
        return payload
    reader = zlib.decompressobj()
    try:
        text = reader.decompress(payload, UNPACKED)
    except zlib.error as error:
        raise DamageError(f"a record is whole, but can't be unpacked ({error})") from None
    if not reader.eof:
        raise DamageError(f"a record is whole, but unpacks to more than {UNPACKED:,} bytes")
    return text


class Writer:
    """Adds records to a file that nobody else writes; after a failed write or sync it is closed."""

    def __init__(self, path: Path, *, reader: Reader | None = None) -> None:
        """Begin the file, or go on behind what a reader found whole; a torn end is cut and told.

        Raises:
            LockError: if another process writes it, or has written since the reader read.
        """
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
        with ExitStack() as undone:
            undone.callback(self.close)
            self._go_on(reader or Reader(path))
            undone.pop_all()

    def _go_on(self, found: Reader) -> None:
        if not locked(self._file):
            raise LockError(f"{self.path}: another process is writing this run")
        if next(found.records(), None) is not None:
            raise LockError(f"{self.path}: another process has written this run meanwhile")
        self.size, self.number, self.chain = found.offset, found.number, found.chain
        torn = os.fstat(self._file).st_size - self.size
        if torn:
            anew = "torn end cut off: no record before it, the journal begins anew"
            said = "torn end cut off" if self.number else anew
            LOG.warning(said, file=str(self.path), bytes=torn)
        os.ftruncate(self._file, self.size)
        os.lseek(self._file, self.size, os.SEEK_SET)
        sync_folder(self.path.parent)

    def append(self, kind: int, payload: bytes) -> None:
        """Add a record and wait until the disk has it.

        Raises: OutsideError if the disk does not take it; the file then ends as it was before, and
        no more can be added.
        """
        text, chain = framed(kind, self.number, payload, self.chain)
        try:
            if faults.due("record torn"):
                write_all(self._file, text[: len(text) // 2])
                faults.die()
            write_all(self._file, text)
            faults.at("record written")
            os.fdatasync(self._file)
            faults.at("record synced")
        except OSError as error:
            self._give_up()
            what = "is full" if error.errno == errno.ENOSPC else f"failed ({error.strerror})"
            raise OutsideError(
                f"{self.path}: the disk {what}; nothing was sent that is not in the journal. "
                "Free space or mend the disk, and start the run again: it goes on where it stopped"
            ) from error
        self.size += len(text)
        self.number += 1
        self.chain = chain

    # A page whose write-back failed may look clean afterwards: a second fsync would say yes to
    # bytes that are not there. So the file is cut back and closed.
    def _give_up(self) -> None:
        with suppress(OSError):
            os.ftruncate(self._file, self.size)
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def locked(file: int) -> bool:
    """Lock a file for the one who writes it; say if nobody else has, but for a moment."""
    for left in reversed(range(LOCK_TRIES)):
        if flocked(file, fcntl.LOCK_EX):
            return True
        if left:
            time.sleep(LOCK_NAP_S)
    return False


def flocked(file: int, how: int) -> bool:
    """Lock a file, if it can be had at once."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_written(path: Path) -> bool:
    """Say if a process lives that writes a file; none is disturbed."""
    file = os.open(path, os.O_RDONLY)
    try:
        return not flocked(file, fcntl.LOCK_SH)
    finally:
        os.close(file)


def write_all(file: int, text: bytes) -> None:
    """Write all bytes: a full disk may take the first of them and fail at the rest."""
    left = memoryview(text)
    while left:
        left = left[os.write(file, left) :]


def sync_folder(folder: Path) -> None:
    """Wait until the disk knows the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
