"""Where a relay is, in a small file that is replaced as a whole and survives a power cut."""

from __future__ import annotations

import os
from pathlib import Path

from alphapanda import faults, log
from alphapanda.errors import OutsideError

LOG = log.get(__name__)
START = -1


class FileCursor:
    """The last sequence that was acknowledged; -1 before any."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> int:
        """Return it. One that can't be read starts over: readers drop what they know by its id."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return START
        except OSError as error:
            raise OutsideError(f"{self.path}: {error.strerror}") from error
        if text.endswith(b"\n") and text.strip().isdigit():
            return int(text)
        LOG.warning("cursor is damaged: everything is sent again", file=str(self.path))
        return START

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
                os.write(written, b"%d\n" % seq)
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
