"""Where a relay is, in a small file that is replaced as a whole and survives a power cut."""

from __future__ import annotations

from pathlib import Path

from alphapanda import faults, files, log
from alphapanda.errors import OutsideError

LOG = log.get(__name__)
START = -1
MODE = 0o640


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
        try:
            with files.replacing(self.path) as partial:
                partial.touch(MODE)
                partial.write_bytes(b"%d\n" % seq)
                faults.at("cursor written")
            faults.at("cursor kept")
        except OSError as error:
            raise OutsideError(f"{self.path}: {error.strerror}") from error
        return seq
