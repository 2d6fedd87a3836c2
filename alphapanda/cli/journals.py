"""The runs that keep a journal, as commands list and show them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from alphapanda import __version__
from alphapanda.errors import AlphaPandaError, OutsideError, UsageError
from alphapanda.events.events import RunStatus
from alphapanda.files import write_text
from alphapanda.journal.journal import FILE, DamageError, Journal

ENDED = ".ended.json"
"""In the folder of runs: what a list says of runs that have ended, by folder, size and time."""


def open_journals(runs_dir: Path) -> Iterator[tuple[Path, Journal | AlphaPandaError]]:
    """Yield the runs that keep a journal, the newest last, or what is wrong with theirs."""
    for file in journal_files(runs_dir):
        yield file.parent, opened(file)


def journal_files(runs_dir: Path) -> list[Path]:
    """Return the journals of runs, the newest last."""
    return sorted(runs_dir.glob(f"*/{FILE}"), key=lambda file: file.stat().st_mtime)


def opened(file: Path) -> Journal | AlphaPandaError:
    """Return a journal, read through, or what is wrong with it."""
    try:
        return Journal.open(file)
    except (DamageError, UsageError) as error:
        return error
    except OSError as error:
        return OutsideError(f"{file}: {error.strerror}")


def facts_of_all(runs_dir: Path) -> Iterator[dict[str, Any]]:
    """Yield what a list says of each run, the newest last.

    A journal is read through once after its run's end: its size and time then say that nothing has
    touched it. Whether every byte of it is still what it was, `verify` finds out.
    """
    place = runs_dir / ENDED
    known, now = ended(place), {}
    for file in journal_files(runs_dir):
        status = file.stat()
        mark = [__version__, status.st_size, status.st_mtime_ns]
        before = known.get(file.parent.name)
        facts = before["facts"] if before and before["mark"] == mark else None
        if facts is None:
            journal = opened(file)
            facts = facts_of(file.parent, journal)
            if not isinstance(journal, Journal) or not journal.contents.ended:
                yield facts
                continue
        now[file.parent.name] = {"mark": mark, "facts": facts}
        yield facts
    if now != known:
        with suppress(OSError):  # then the next list reads them again
            write_text(place, json.dumps(now))


def ended(place: Path) -> dict[str, Any]:
    """Return what is known of runs that have ended; nothing, where that can't be read."""
    try:
        known = json.loads(place.read_text(encoding="utf-8"))
        return {name: {key: each[key] for key in ("mark", "facts")} for name, each in known.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):  # then it is made anew
        return {}


def facts_of(folder: Path, journal: Journal | AlphaPandaError) -> dict[str, Any]:
    """Return what a list of runs says of one."""
    size = (folder / FILE).stat().st_size
    if not isinstance(journal, Journal):
        return {"run": folder.name, "status": str(RunStatus.QUARANTINED), "bytes": size,
                "trouble": str(journal)}  # fmt: skip
    contents, manifest = journal.contents, journal.contents.manifest
    return {
        "run": folder.name,
        "status": journal.standing(),
        "mode": manifest["mode"],
        "broker": manifest["broker"],
        "strategies": [facts["name"] for facts in manifest["strategies"]],
        "made": manifest["made"],
        "rows": sum(place.rows for place in contents.batches),
        "missed": sum(place.missed for place in contents.batches),
        "envelopes": journal.seq,
        "checkpoints": len(contents.checkpoints),
        "bytes": size,
        "torn": 0 if contents.torn is None else contents.torn.size,
        "digest": contents.digest,
    }
