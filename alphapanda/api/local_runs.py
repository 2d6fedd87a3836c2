"""The runs of this machine that can be commanded: found by their journals, without a database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.errors import ODD
from alphapanda.journal.journal import FILE, DamageError, Journal, Standing
from alphapanda.runs.commands import registered_folders

LOG = log.get(__name__)
LOOK_S = 1.0


@dataclass(frozen=True)
class LocalRun:
    """A run that keeps a journal here."""

    run_id: str
    owner: str
    account: str
    folder: Path
    ended: bool
    standing: str
    manifest: dict[str, Any]

    @property
    def strategies(self) -> list[str]:
        """Names of its strategies."""
        return [str(each["name"]) for each in self.manifest["strategies"]]

    @property
    def instruments(self) -> list[str]:
        """Names of its instruments."""
        return [str(each["name"]) for each in self.manifest["instruments"]]


class LocalRuns:
    """Looks at the journals again and again, so that a command need not; a long-lived part."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.runs: dict[str, LocalRun] = {}
        self._journals: dict[Path, Journal] = {}
        self._damaged: dict[Path, int] = {}
        """By folder, when a journal that can't be read was written: one that grows is read anew."""
        self._ended: dict[Path, LocalRun] = {}
        self._task: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()

    async def start(self) -> None:
        """Look once, and begin to look on."""
        await self.look()
        self._task = asyncio.create_task(self._keep_looking(), name="local runs")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def owner_of(self, run: str) -> str | None:
        """Return whose a run of this machine is; None for one that is not here."""
        here = self.runs.get(run)
        return here.owner if here else None

    async def look(self) -> None:
        """Take in what the folders hold now."""
        async with self._looking:
            self.runs = await asyncio.to_thread(self._found)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except ODD as error:  # whatever an odd file holds: the next look finds the rest
                LOG.warning("the runs of this machine can't be looked at", error=error)

    def _found(self) -> dict[str, LocalRun]:
        inside = sorted(path.parent for path in self.settings.runs_dir.glob(f"*/{FILE}"))
        try:
            outside = registered_folders(self.settings.base_dir)
        except ODD as error:  # runs in their usual place are commanded nevertheless
            LOG.warning("runs of other folders can't be found", error=error)
            outside = []
        found = {}
        for folder in dict.fromkeys([*inside, *outside]):
            run = self._ended.get(folder) or self._run(folder)
            if run is not None:
                found[run.run_id] = run
        return found

    def _run(self, folder: Path) -> LocalRun | None:
        written = written_ns(folder / FILE)
        if not written or self._damaged.get(folder) == written:
            return None
        journal = self._journals.setdefault(folder, Journal(folder / FILE))
        try:
            standing = journal.standing()
        except DamageError as error:
            self._damaged[folder] = written
            del self._journals[folder]
            LOG.warning("a journal can't be read: its run is not commanded", error=error)
            return None
        except ODD as error:  # another time, maybe
            LOG.debug("a journal can't be read now", error=error)
            return None
        manifest = journal.contents.manifest
        if not manifest:
            return None
        ended = journal.contents.ended
        run = LocalRun(
            str(manifest["run_id"]), str(manifest.get("owner_id", self.settings.owner_id)),
            str(manifest.get("account_id", self.settings.account_id)), folder, ended, standing,
            manifest,
        )  # fmt: skip
        if ended:
            self._ended[folder] = run
            del self._journals[folder]
        return run


def written_ns(file: Path) -> int:
    """Return when a file was written; 0 if there is none."""
    try:
        return file.stat().st_mtime_ns if file.is_file() else 0
    except OSError:
        return 0


def trades(run: LocalRun) -> bool:
    """Say if a process is there that takes commands now."""
    return run.standing == Standing.RUNNING
