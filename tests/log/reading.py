"""Starts the log in a folder and reads back what lies in its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.log import redact


@contextmanager
def logging_to(folder: Path, **sections: Any) -> Iterator[None]:
    log.start(Settings(base_dir=folder, **sections))
    try:
        yield
    finally:
        log.stop()
        redact.forget()


def lines(folder: Path, channel: str) -> list[dict[str, Any]]:
    file = folder / "logs" / f"{channel}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
