"""Where a relay is, in a small file that is replaced as a whole and survives a power cut.

It says whose place it is and what stands there. One that is damaged, another run's, or of another
state of the journal (a backup) is no place: everything is sent again, and readers drop what they
know by its id.
"""

from __future__ import annotations

import json
import os
import zlib
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from alphapanda import faults, log
from alphapanda.errors import OutsideError

if TYPE_CHECKING:
    from alphapanda.events.outbox import Outbox

LOG = log.get(__name__)
START = -1
MOST_BYTES = 4_096


class FileCursor:
    """The last sequence that was acknowledged; -1 before any.

    With a run's id only that run's place counts, with its outbox only if that holds what was sent.
    """

    def __init__(self, path: Path, *, run_id: str = "", outbox: Outbox | None = None) -> None:
        self.path, self.run_id, self.outbox = path, run_id, outbox
        self.damage = ""
        """Why the file was no place, the last time that it was none."""

    def load(self) -> int:
        """Return it; -1 if the file is no place of this run.

        Raises:
            OutsideError: if the disk refuses.
        """
        try:
            with self.path.open("rb") as file:
                text = file.read(MOST_BYTES)
        except FileNotFoundError:
            return START
        except OSError as error:
            raise OutsideError(f"{self.path}: {error.strerror}") from error
        seq, why = self._read(text)
        if why:
            self.damage = why
            LOG.warning("cursor is no place: everything is sent again", file=str(self.path),
                        reason=why)  # fmt: skip
        return seq

    def store(self, seq: int) -> int:
        """Write it, durably, unless a later one is there; return the later.

        A relay that was taken for dead may wake and store beside its successor.

        Raises:
            OutsideError: if the disk refuses.
        """
        there = self.load()
        if there >= seq:
            return there
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            written = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
            try:
                os.write(written, self._text(seq))
                os.fsync(written)
            finally:
                os.close(written)
            faults.at("cursor written")
            part.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            faults.at("cursor kept")
        except OSError as error:
            raise OutsideError(f"{self.path}: {error.strerror}") from error
        return seq

    def forget(self) -> None:
        """Begin again: remove the file."""
        self.path.unlink(missing_ok=True)

    def _text(self, seq: int) -> bytes:
        facts = json.dumps({"run_id": self.run_id, "seq": seq, "sent": self._sent(seq)}).encode()
        return b"%s %08x\n" % (facts, zlib.crc32(facts))

    def _read(self, text: bytes) -> tuple[int, str]:
        facts, _, crc = text.removesuffix(b"\n").rpartition(b" ")
        if not text.endswith(b"\n") or crc != b"%08x" % zlib.crc32(facts):
            return START, "it is damaged, or of an earlier version"
        told = json.loads(facts)
        run_id, seq = str(told["run_id"]), int(told["seq"])
        if self.run_id not in ("", run_id):
            return START, f"it is of the run {run_id}"
        if self.outbox is not None:
            sent = self._sent(seq)
            if sent is None:
                return START, f"the journal does not reach to its place {seq}"
            if sent != told["sent"]:
                return START, f"at its place {seq} the journal holds another event"
        return seq, ""

    def _sent(self, seq: int) -> str | None:
        """Return a hash of what the outbox holds at a place, None if there is nothing."""
        found = [] if self.outbox is None else self.outbox.read(seq - 1, 1)
        if not found or found[0][0] != seq:
            return None
        return blake2b(found[0][1], digest_size=16).hexdigest()
