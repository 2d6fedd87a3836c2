"""The inbox of a running core: what waits, what was applied, what was refused.

A file is removed only when its command is in the journal, on the disk; what it did is left in
`RUN/inbox/applied/`. Killed in between, the process finds the file again, and the command's id in
the journal, and does not apply it twice.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from alphapanda import log
from alphapanda.model.commands import Choice, Verb
from alphapanda.runs.commands import (
    APPLIED,
    FOLDER,
    KEY,
    REFUSED,
    Command,
    Decision,
    Refusal,
    Signed,
    sign,
    write_durably,
)

LOG = log.get(__name__)
MOST_BYTES = 16_384
"""A command is a few hundred bytes; what is larger is no command."""


Decide = Callable[[Choice, str], str]
"""Does what an operator has decided about an order, by the broker's number of it; returns why it
can't be done."""


class CommandInbox(Protocol):
    """Where a running core finds its commands."""

    decide: Decide | None

    def due(self) -> Sequence[Command]:
        """Return the commands that wait, oldest first; each until it is settled."""
        ...

    def settle(self, command: Command, outcome: Mapping[str, Any]) -> None:
        """Note what a command did; call it once the command is in the journal, on the disk."""
        ...

    def refuse(self, command: Command, refusal: Refusal) -> None:
        """Note why a command can't be applied."""
        ...


IN_JOURNAL = "it was in the journal already"


class FileInbox:
    """The inbox in a run's folder.

    `settled` are the ids of commands that the journal has. `kill_file` is `BASE/KILL`: while it is
    there, the run's first command is an account kill.
    """

    def __init__(
        self, run: Path, key: bytes, run_id: str, *, settled: Collection[str] = (),
        kill_file: Path | None = None,
    ) -> None:  # fmt: skip
        self._folder = run / FOLDER
        self._key = key
        self._run_id = run_id
        self._settled = set(settled)
        self._kill_file = kill_file
        self.decide: Decide | None = None
        """Carries out a decision about orders at the broker; returns why it could not be."""
        for folder in (self._folder, self._folder / APPLIED, self._folder / REFUSED):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._note_settled()

    # A run that goes on may have no row left, and then nobody looks in here again.
    def _note_settled(self) -> None:
        for name in waiting(self._folder):
            if name.removesuffix(".json") in self._settled:
                command = self._read(self._folder / name)
                if isinstance(command, Command):
                    self._move(command.id, APPLIED, {"note": IN_JOURNAL})

    def due(self) -> Sequence[Command]:
        """Return the commands that wait, oldest first."""
        commands = self._kill_switch()
        for name in waiting(self._folder):
            command = self._read(self._folder / name)
            if isinstance(command, Decision):
                self._decide(command)
            elif isinstance(command, Refusal):
                self._move(name.removesuffix(".json"), REFUSED, {"refused": command.message})
            elif command.id in self._settled:
                self._move(command.id, APPLIED, {"note": IN_JOURNAL})
            else:
                commands.append(command)
        return commands

    def settle(self, command: Command, outcome: Mapping[str, Any]) -> None:
        """Note what a command did."""
        self._settled.add(command.id)
        self._move(command.id, APPLIED, {**msgspec.to_builtins(command), **outcome})
        LOG.warning("command applied", command=command.id, verb=command.verb, **outcome)

    def refuse(self, command: Command, refusal: Refusal) -> None:
        """Note why a command can't be applied."""
        self._settled.add(command.id)
        facts = msgspec.to_builtins(command)
        self._move(command.id, REFUSED, {**facts, "refused": refusal.message})

    def _kill_switch(self) -> list[Command]:
        if self._kill_file is None or not self._kill_file.exists():
            return []
        stamp = self._kill_file.stat().st_mtime_ns
        identity = f"KILL-{stamp}"
        if identity in self._settled:
            return []
        return [Command(
            identity, self._run_id, Verb.KILL, by="kill --all", requested_ns=stamp,
            reason=f"{self._kill_file} is there",
        )]  # fmt: skip

    # What comes of it is reported by the broker's client, and so in the journal; carried out twice
    # it changes nothing.
    def _decide(self, decision: Decision) -> None:
        why = "this run sends no orders to a broker" if self.decide is None else (
            self.decide(decision.choice, decision.order_id)
        )  # fmt: skip
        facts = msgspec.to_builtins(decision)
        said = {"refused": why} if why else {"applied_ns": time.time_ns()}
        self._move(decision.id, REFUSED if why else APPLIED, {**facts, **said})
        LOG.warning("decision about orders", choice=decision.choice, order=decision.order_id,
                    by=decision.by, refused=why)  # fmt: skip

    def _read(self, path: Path) -> Command | Decision | Refusal:
        try:
            with path.open("rb") as file:
                text = file.read(MOST_BYTES + 1)
            if len(text) > MOST_BYTES:
                return Refusal(f"has over {MOST_BYTES:,} bytes")
            signed = msgspec.json.decode(text, type=Signed)
            command: Command | Decision = (
                msgspec.json.decode(signed.command, type=Decision)
                if is_decision(signed.command)
                else msgspec.json.decode(signed.command, type=Command)
            )
        except (OSError, msgspec.DecodeError) as error:
            return Refusal(f"is no command: {error}")
        if not hmac.compare_digest(signed.signature, sign(self._key, signed.command)):
            return Refusal(f"is not signed by {KEY} of this base folder")
        if command.run_id != self._run_id:
            return Refusal(f"is for the run {command.run_id}")
        if path.name != f"{command.id}.json":
            return Refusal("bears another id than its file's name")
        return command

    def _move(self, identity: str, where: str, document: Mapping[str, Any]) -> None:
        write_durably(self._folder / where / f"{identity}.json", document)
        (self._folder / f"{identity}.json").unlink(missing_ok=True)
        if where == REFUSED:
            LOG.error("command refused", command=identity, reason=document.get("refused"))


def is_decision(text: str) -> bool:
    """Say if a command's text is that of a decision about orders."""
    found = msgspec.json.decode(text)
    return isinstance(found, dict) and "choice" in found


def waiting(folder: Path) -> list[str]:
    """Return the names of the files that may be commands, oldest first."""
    with os.scandir(folder) as entries:
        return sorted(
            entry.name for entry in entries
            if entry.name.endswith(".json") and entry.is_file(follow_symlinks=False)
        )  # fmt: skip
