"""Commands to runs: signed, put into their inboxes, and followed until they are applied."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from alphapanda import log
from alphapanda.api import people
from alphapanda.api.answers import ApiError, not_found, unavailable
from alphapanda.api.local_runs import LocalRun, LocalRuns, trades
from alphapanda.api.stops import Stops
from alphapanda.api.who import Who
from alphapanda.config.settings import Settings
from alphapanda.errors import ODD, AlphaPandaError, OutsideError
from alphapanda.model.commands import Verb
from alphapanda.runs.commands import (
    KILL,
    Command,
    load_key,
    new_id,
    outcome_of,
    send,
    write_durably,
)
from alphapanda.store.access import CommandRequest
from alphapanda.store.database import Database, answering
from alphapanda.store.words import CommandState

LOG = log.get(__name__)
UNREADABLE = (*ODD, SQLAlchemyError)
"""What an odd file, or a table that is not as it was, raises."""
WAIT_S = 1.0
"""How long an answer waits for the run to have applied what is asked."""
LOOK_S = 0.005
WRITE_S = 1.0
FOLLOW_S, SETTLE_S = 2.0, 2.0
APPLIED, ASKED = 200, 202
OF_ALL = (Verb.KILL, Verb.REARM)
"""What the file KILL is for: it stops, too, what begins later."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for."""

    verb: Verb
    scope: str = "account"
    name: str = ""
    run: str | None = None
    order: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Given:
    """A command for a run, and why it could not be put into the run's inbox; empty: it was."""

    run: LocalRun
    command: Command
    failure: str = ""


class Control:
    """Hands commands to runs; works without database, bus and Redis. A long-lived part."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings, self.database = settings, database
        self.runs = LocalRuns(settings)
        self.stops = Stops()
        self._key = b""
        self._tasks: set[asyncio.Task[None]] = set()
        self._follower: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the key that signs, and find the runs."""
        self._key = await asyncio.to_thread(self._load_key)
        await self.runs.start()
        self._follower = asyncio.create_task(self._follow(), name="commands")

    def _load_key(self) -> bytes:
        self.settings.base_dir.mkdir(parents=True, exist_ok=True)
        return load_key(self.settings.base_dir)

    async def stop(self) -> None:
        """Finish what is being written."""
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.wait([self._follower])
            self._follower = None
        await self.runs.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=WRITE_S)

    async def give(self, who: Who, wanted: Wanted) -> tuple[int, dict[str, Any]]:
        """Give a command; return 200 once every run has applied it, 202 while one has not.

        Raises:
            ApiError: if there is no such run of this owner, a run refused it, or it reached none.
        """
        targets = await self.targets(who, wanted)
        everything = wanted.run is None and wanted.scope == "account"
        of_all = everything and who.owner == self.settings.owner_id and wanted.verb in OF_ALL
        if not targets and not of_all:
            raise ApiError(409, "no run of yours is there: nothing was done")
        # What can't be written for one is reported, and holds up none of the others.
        file = await asyncio.to_thread(self._all, who, wanted) if of_all else None
        given = await asyncio.to_thread(self._send, who, wanted, targets)
        reached = [each for each in given if not each.failure]
        self.aside(self._keep(who, reached))
        outcomes = await asyncio.gather(*map(self._outcome, given))
        lost = [each.failure for each in given if each.failure]
        lost += [file["why"]] if file is not None and file["why"] else []
        if lost and not reached and (file is None or file["why"]):
            raise unavailable(f"the command reached nobody: {lost[0]}")
        refused = [str(each["refused"]) for each in outcomes if each["refused"]]
        if refused and len(refused) == len(outcomes):
            raise ApiError(409, f"the run refused it: {refused[0]}")
        done = not lost and all(each["state"] == "applied" for each in outcomes)
        told = {"verb": str(wanted.verb), "commands": outcomes, "kill_file": file}
        return (APPLIED if done else ASKED), told

    async def targets(self, who: Who, wanted: Wanted) -> list[LocalRun]:
        """Return the runs that a command goes to: the named one, or all of this owner.

        Raises:
            ApiError: if there is none such.
        """
        if wanted.run is not None and wanted.run not in self.runs.runs:
            await self.runs.look()
        mine = [run for run in self.runs.runs.values() if run.owner == who.owner]
        if wanted.run is not None:
            found = [run for run in mine if run.run_id == wanted.run]
            if not found:
                raise not_found()
            if found[0].ended:
                raise ApiError(409, "the run has ended: there is nothing to command")
            if not has(found[0], wanted):
                why = f"the run has no such {wanted.scope}"
                raise ApiError(422, why, fields=[("name", why)])
            return found
        found = [run for run in mine if not run.ended and has(run, wanted)]
        if not found and wanted.scope != "account":
            raise not_found()
        return found

    def _all(self, who: Who, wanted: Wanted) -> dict[str, Any]:
        path = self.settings.base_dir / KILL
        try:
            if wanted.verb is Verb.KILL:
                facts = {"by": f"api:{who.name}", "reason": wanted.reason, "ns": time.time_ns()}
                write_durably(path, facts)
            else:
                path.unlink(missing_ok=True)
        except (OSError, AlphaPandaError) as error:
            LOG.warning("the file that stops every run can't be changed", error=error)
            why = "the file KILL can't be changed: runs that begin later are as before"
            return {"state": "failed", "why": why}
        return {"state": "applied", "why": None}

    def _send(self, who: Who, wanted: Wanted, targets: Sequence[LocalRun]) -> list[Given]:
        given = []
        for run in targets:
            now = time.time_ns()
            command = Command(
                new_id(now), run.run_id, wanted.verb, wanted.scope, wanted.name, wanted.order,
                f"api:{who.name}", wanted.reason, now,
            )  # fmt: skip
            failure = ""
            try:
                send(run.folder, self._key, command)
            except (OSError, AlphaPandaError) as error:
                LOG.warning("a command was not given", run_id=run.run_id, error=error)
                failure = "the run's inbox can't be written: the log says why"
            given.append(Given(run, command, failure))
        return given

    async def _outcome(self, given: Given) -> dict[str, Any]:
        run, command = given.run, given.command
        until = time.monotonic() + (WAIT_S if trades(run) and not given.failure else 0.0)
        while (found := outcome_of(run.folder, command.id)) is None:
            if time.monotonic() >= until:
                break
            await asyncio.sleep(LOOK_S)
        facts = found or {}
        state = "asked" if found is None else "refused" if "refused" in facts else "applied"
        state = "failed" if given.failure else state
        return {
            "id": command.id, "run": run.run_id, "standing": run.standing, "state": state,
            "refused": facts.get("refused"), "failed": given.failure or None,
            "applied_ns": facts.get("applied_ns"),
            **{name: facts.get(name) for name in ("positions", "with_stop", "working")},
        }  # fmt: skip

    # --- what is kept of them -----------------------------------------------------------------

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the answer, which does not wait for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, who: Who, reached: Sequence[Given]) -> None:
        given = [each.command for each in reached]
        rows = [
            CommandRequest(
                id=each.id, owner_id=run.owner, account_id=run.account, run_id=each.run_id,
                verb=str(each.verb), scope=each.scope, name=each.name, order_id=each.order,
                by=each.by[:64], reason=each.reason, requested_ns=each.requested_ns,
                state=str(CommandState.ASKED), state_ns=each.requested_ns, facts={},
            )
            for run, each in ((one.run, one.command) for one in reached)
        ]  # fmt: skip
        try:
            with answering(self.settings):
                async with asyncio.timeout(WRITE_S), self.database.session(writes=True) as session:
                    session.add_all(rows)
                    for each in given:
                        await people.noted(
                            session, self.settings, who.owner, who.name, f"command {each.verb}",
                            each.run_id, {"id": each.id, "scope": each.scope, "name": each.name,
                                          "order": each.order, "reason": each.reason},
                        )  # fmt: skip
                    await session.commit()
        except OutsideError as error:
            for each in given:
                log.get("audit").error(
                    f"command {each.verb}", actor=who.name, target=each.run_id, command=each.id,
                    unwritten=error,
                )  # fmt: skip

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_S)
            try:
                await self.settle()
            except OutsideError as error:
                LOG.debug("commands are not followed now", error=error)
            except UNREADABLE as error:  # whatever an odd file holds: the next are followed
                LOG.warning("commands are not followed now", error=error)

    async def settle(self) -> None:
        """Write down what became of the commands that were only asked for.

        Raises:
            OutsideError: if the database does not answer in time.
        """
        with answering(self.settings):
            async with asyncio.timeout(SETTLE_S):
                await self._settle()

    async def _settle(self) -> None:
        mine = list(self.runs.runs)
        async with self.database.session() as session:
            waiting = list(await session.scalars(
                select(CommandRequest)
                .where(CommandRequest.state == CommandState.ASKED, CommandRequest.run_id.in_(mine))
                .order_by(CommandRequest.requested_ns).limit(100)
            ))  # fmt: skip
        for row in waiting:
            found = outcome_of(self.runs.runs[row.run_id].folder, row.id)
            if found is None:
                continue
            state = CommandState.REFUSED if "refused" in found else CommandState.APPLIED
            names = ("positions", "with_stop", "working", "refused", "note")
            facts = {name: found[name] for name in names if name in found}
            at = int(found.get("applied_ns", time.time_ns()))
            async with self.database.session(writes=True) as session:
                await session.execute(
                    update(CommandRequest).where(CommandRequest.id == row.id)
                    .values(state=str(state), state_ns=at, facts=facts)
                )  # fmt: skip
                await session.commit()


def has(run: LocalRun, wanted: Wanted) -> bool:
    """Say if a run has what a command is about."""
    if wanted.scope == "strategy":
        return wanted.name in run.strategies
    if wanted.scope == "instrument":
        return wanted.name in run.instruments
    return True
