"""Lines of the log's channels: backwards from the end of a file, and new ones as they come."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

from alphapanda.api.who import Who
from alphapanda.config.settings import Settings
from alphapanda.log.channels import CHANNELS

BLOCK = 65_536
MOST_BYTES = 8 * 1_048_576
"""So far back at most one request looks."""
LINE = 4_096
PER_LOOK = 50
AUDIT = "audit"
LEFT_OUT = "skipped"
"""In place of lines there was no room for: how many."""


class LogFiles:
    """The files of the channels; they hold no secrets, their writer sees to that."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.logs_dir
        self._places: dict[str, tuple[int, int]] = {}

    def path(self, channel: str) -> Path:
        """Return the file of a channel, which is one of the known ones."""
        assert channel in CHANNELS
        return self.folder / f"{channel}.jsonl"

    def last(self, channel: str, *, limit: int, wanted: Any) -> tuple[list[Any], bool]:
        """Return the newest lines that are wanted, newest first, and whether all were looked at."""
        found: list[Any] = []
        try:
            for line in backwards(self.path(channel)):
                if line is None:
                    return found, False
                told = parsed(line)
                if wanted(told):
                    found.append(told)
                    if len(found) >= limit:
                        return found, False
        except FileNotFoundError:
            pass
        return found, True

    def new(self, channels: Collection[str]) -> dict[str, list[Any]]:
        """Return the lines that channels have gained since the last look at them."""
        found: dict[str, list[Any]] = {}
        for channel in [name for name in self._places if name not in channels]:
            del self._places[channel]
        for channel in channels:
            lines = self._since(channel)
            if lines:
                found[channel] = lines
        return found

    def _since(self, channel: str) -> list[Any]:
        try:
            with self.path(channel).open("rb") as file:
                inode, end = file_id(file), file.seek(0, 2)
                known, at = self._places.get(channel, (inode, end))
                at = at if known == inode and at <= end else 0
                file.seek(max(at, end - BLOCK * 4))
                text = file.read(BLOCK * 4)
        except FileNotFoundError:
            return []
        whole, line_end, _ = text.rpartition(b"\n")
        start = max(at, end - BLOCK * 4)
        self._places[channel] = inode, start + len(whole) + len(line_end)
        lines = [line for line in whole.split(b"\n") if line]
        shown = [parsed(line) for line in lines[-PER_LOOK:]]
        left = len(lines) - len(shown)
        return ([{LEFT_OUT: left}] if left else []) + shown


def may_see(
    who: Who, line: Any, *, installation: str, owner_of: Callable[[str], str | None]
) -> bool:  # fmt: skip
    """Say if a line may be shown: a run's to the run's owner, any other to the installation's."""
    if isinstance(line, dict) and set(line) == {LEFT_OUT}:
        return True
    run = line.get("run_id") if isinstance(line, dict) else None
    if not run:
        return who.owner == installation
    return owner_of(str(run)) == who.owner


def file_id(file: Any) -> int:
    """Return what tells a file from the one that took its place."""
    return os.fstat(file.fileno()).st_ino


def parsed(line: bytes) -> Any:
    """Return a line of a log; one that is cut or is none as its text."""
    if len(line) <= LINE:
        try:
            return msgspec.json.decode(line)
        except msgspec.DecodeError:
            pass
    return {"event": line[:LINE].decode("utf-8", "replace"), "cut": True}


def backwards(path: Path) -> Iterator[bytes | None]:
    """Yield the whole lines of a file from its end; None where it is left off."""
    with path.open("rb") as file:
        at, rest = file.seek(0, 2), b""
        least = max(at - MOST_BYTES, 0)
        while at > least:
            size = min(BLOCK, at - least)
            at -= size
            file.seek(at)
            block = file.read(size) + rest
            first, *lines = block.split(b"\n")
            for line in reversed(lines):
                if line:
                    yield line
            rest = first
        if at == 0:
            if rest:
                yield rest
        else:
            yield None
