"""The part of every process that beats: what it is, how its parts are, what it uses."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.config.show import show_value
from alphapanda.errors import AlphaPandaError
from alphapanda.monitor import beats
from alphapanda.monitor.beats import PERIOD_S, Beat
from alphapanda.net import tasks

LOG = log.get(__name__)
PART_S = 2.0
"""How long a part may take to say how it is."""
OWN = ("api", "monitor", "alerts", "logs", "cache_dir")
"""Sections that one process may have otherwise than the others: its flags set them."""
TICK_S = 0.25
"""How often the loop is looked at for its lag."""


class Part(Protocol):
    """A part of a process whose health is told."""

    async def health(self) -> None:
        """Raise an OutsideError that says what to do next, if something is wrong."""


class Heartbeat:
    """Beats for a process while it lives: `start`, `stop`.

    `figures` is called on the loop at each beat, `parts` are those whose health is told.
    """

    def __init__(
        self, settings: Settings, role: str, *, code: str, parts: Mapping[str, Part] | None = None,
        run_id: Callable[[], str] = str, figures: Callable[[], Mapping[str, float]] = dict,
    ) -> None:  # fmt: skip
        self._settings, self._role, self._code = settings, role, code
        self._parts = parts or {}
        self._run_id, self._figures = run_id, figures
        self._started_ns = time.time_ns()
        self._config = config_hash(settings)
        self._schema = newest_schema(settings)
        self._usage = Usage()
        self._lag_s = 0.0
        self._trouble = ""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Beat once, and from then on each few seconds."""
        assert not self._tasks, "the heartbeat has been started already"
        beats.forget_old(self._settings.base_dir, time.time_ns())
        await self._beat()
        self._tasks = [asyncio.create_task(self._go_on(), name="heartbeat"),
                       asyncio.create_task(self._watch_loop(), name="lag of the loop")]  # fmt: skip

    async def stop(self) -> None:
        """Stop, and take the beat away: this process ends in order."""
        await tasks.end(self._tasks)
        if self._tasks:
            beats.remove(self._settings.base_dir, self.make({}))
        self._tasks = []

    async def health(self) -> None:
        """Nothing to tell: a process that does not beat is seen by others."""

    def make(self, parts: dict[str, str]) -> Beat:
        """Return the beat of now."""
        return Beat(
            role=self._role, pid=os.getpid(), host=platform.node()[:64],
            version=version("alphapanda"), code=self._code, config=self._config,
            schema=self._schema, started_ns=self._started_ns, ts_ns=time.time_ns(),
            run_id=self._run_id(), parts=parts, loop_lag_s=round(self._lag_s, 6),
            disks=free_bytes(self._settings), figures=dict(self._figures()), **self._usage.read(),
        )  # fmt: skip

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            await self._beat()

    async def _beat(self) -> None:
        made = self.make({name: await ask_part(part) for name, part in self._parts.items()})
        self._lag_s = 0.0
        try:
            await asyncio.to_thread(beats.write, self._settings.base_dir, made)
        except OSError as error:
            if not self._trouble:
                LOG.warning("the heartbeat is not written", error=error)
            self._trouble = str(error)
        else:
            self._trouble = ""

    async def _watch_loop(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK_S)
            self._lag_s = max(self._lag_s, time.monotonic() - before - TICK_S)


async def ask_part(part: Part) -> str:
    """Return how a part is: `ok`, or what it says."""
    try:
        async with asyncio.timeout(PART_S):
            await part.health()
    except TimeoutError:
        return f"no answer in {PART_S:.0f} s"
    except AlphaPandaError as error:
        return str(error)[:500]
    return "ok"


class Usage:
    """What this process uses; None of it is known where psutil is not installed."""

    def __init__(self) -> None:
        self._process: Any = None
        try:
            import psutil  # noqa: PLC0415 (an extra; the beat is worth having without it)
        except ModuleNotFoundError:
            return
        self._process = psutil.Process()
        self._process.cpu_percent(None)

    def read(self) -> dict[str, Any]:
        """Return the figures since the last call."""
        if self._process is None:
            return {}
        with self._process.oneshot():
            return {
                "cpu": round(self._process.cpu_percent(None) / 100, 4),
                "rss_bytes": self._process.memory_info().rss,
                "memory": round(self._process.memory_percent() / 100, 4),
                "fds": self._process.num_fds() if hasattr(self._process, "num_fds") else None,
                "threads": self._process.num_threads(),
            }


def free_bytes(settings: Settings) -> dict[str, int]:
    """Return the bytes that are free where runs and logs lie."""
    places = {"runs": settings.runs_dir, "logs": settings.logs_dir}
    return {name: shutil.disk_usage(existing(place)).free for name, place in places.items()}


def existing(path: Path) -> Path:
    """Return a folder, or the nearest above it that exists."""
    while not path.exists():
        path = path.parent
    return path


def config_hash(settings: Settings) -> str:
    """Return a hash of the settings that processes of one platform share; no secret is in it."""
    shared = {name: value for name, value in show_value(settings).items() if name not in OWN}
    text = json.dumps(shared, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def newest_schema(settings: Settings) -> str:
    """Return the revision of the database that this code needs; empty where there is none."""
    if not settings.has_database:
        return ""
    from alphapanda.store.migrating import newest  # noqa: PLC0415 (Alembic)

    return newest(settings) or ""
