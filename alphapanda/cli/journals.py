"""The runs that keep a journal, as commands list and show them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alphapanda import config
from alphapanda.errors import AlphaPandaError, OutsideError, UsageError
from alphapanda.events.events import RunStatus
from alphapanda.journal.journal import FILE, DamageError, Journal


def open_journals() -> Iterator[tuple[Path, Journal | AlphaPandaError]]:
    """Yield the runs that keep a journal, the newest last, or what is wrong with theirs."""
    folder = config.load().runs_dir
    for file in sorted(folder.glob(f"*/{FILE}"), key=lambda file: file.stat().st_mtime):
        try:
            yield file.parent, Journal.open(file)
        except (DamageError, UsageError) as error:
            yield file.parent, error
        except OSError as error:
            yield file.parent, OutsideError(f"{file}: {error.strerror}")


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
