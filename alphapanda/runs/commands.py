"""Commands of an operator as signed files in the inbox of a run: written here, read by the run.

`RUN/inbox/ID.json` is written beside, synced and renamed: a command is whole, or it is not there.
Its signature, by `BASE/inbox.key`, covers the run's id: copied to another run it is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from alphapanda import files
from alphapanda.errors import OutsideError, UsageError
from alphapanda.model.commands import Choice, Verb
from alphapanda.model.rows import Scope

FOLDER, APPLIED, REFUSED = "inbox", "applied", "refused"
KEY, KILL, RUNNING = "inbox.key", "KILL", "running"
SCOPES = {"account": Scope.ACCOUNT, "strategy": Scope.STRATEGY, "instrument": Scope.INSTRUMENT}


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator asks of a run."""

    id: str
    run_id: str
    verb: Verb
    scope: str = "account"
    """`account`, `strategy` or `instrument`."""
    name: str = ""
    """The strategy or the instrument."""
    order: int = 0
    """The order's number, of `cancel`."""
    by: str = ""
    reason: str = ""
    requested_ns: int = 0
    order_id: str = ""
    """The broker's number of the order, of `adopt`."""


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator decides about a run's orders at its broker."""

    id: str
    run_id: str
    choice: Choice
    order_id: str = ""
    """The broker's number of the order."""
    by: str = ""
    reason: str = ""
    requested_ns: int = 0


class Refusal(NamedTuple):
    """Why a file of the inbox is no command for this run."""

    message: str


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command's text with its signature."""

    command: str
    signature: str


def left_standing(facts: Mapping[str, Any]) -> str:
    """Return what a command found in the whole run when it was applied, in words."""
    positions, working = facts.get("positions") or 0, facts.get("working") or 0
    held = "no position is open"
    if positions:
        verb = "position is" if positions == 1 else "positions are"
        held = f"{positions} {verb} open, {facts.get('with_stop') or 'none'} with a stop"
    return f"{held}; {working or 'no'} order{'s' if working > 1 else ''} working"


def sign(key: bytes, text: str) -> str:
    """Return the signature of a command's text."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def load_key(base: Path) -> bytes:
    """Return the key that signs commands of a base folder; make one the first time, mode 0600.

    Raises:
        UsageError: if others than its owner can read it.
        OutsideError: if it can neither be read nor made.
    """
    path = base / KEY
    try:
        if not path.exists():
            beside = beside_of(path)
            write_private(beside, secrets.token_hex(32).encode())
            files.sync(beside)
            try:
                os.link(beside, path)  # whoever comes second takes the first one's key
            except FileExistsError:
                pass
            finally:
                beside.unlink()
        if path.stat().st_mode & 0o077:
            raise UsageError(f"{path}: others can read it, and command your runs: chmod 600 {path}")
        return path.read_bytes()
    except OSError as error:
        raise OutsideError(f"{path}: {error.strerror}: commands can't be signed") from error


def new_id(now_ns: int) -> str:
    """Return an id by which commands sort in the order they were given."""
    return f"{now_ns:020d}-{secrets.token_hex(4)}"


def send(run: Path, key: bytes, command: Command | Decision) -> Path:
    """Put a command or a decision into a run's inbox; it is on the disk when this returns.

    Raises:
        OutsideError: if it can't be written.
    """
    text = msgspec.json.encode(command).decode()
    document = {"command": text, "signature": sign(key, text)}
    path = run / FOLDER / f"{command.id}.json"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, document)
    except OSError as error:
        raise OutsideError(f"{path}: {error.strerror}: the command was not given") from error
    return path


def write_durably(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document that only its owner can read, whole and to the disk."""
    with files.replacing(path) as partial:
        partial.unlink(missing_ok=True)
        write_private(partial, json.dumps(document).encode())


def beside_of(path: Path) -> Path:
    """Return a name beside a file that no other writer uses, in this process or another."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")


def write_private(path: Path, text: bytes) -> None:
    """Write a new file that only its owner can read."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(text)


def refuse_killed(base: Path) -> None:
    """Refuse to begin while everything of a base folder is stopped.

    Raises:
        UsageError: it says since when, by whom, and what lifts it.
    """
    path = base / KILL
    if path.exists():
        facts = json.loads(path.read_bytes() or b"{}")
        raise UsageError(
            f"{path} stops every run here, by {facts.get('by', 'somebody')}: "
            "`alphapanda rearm --all --account ID` lifts it"
        )


@contextmanager
def registered(base: Path | None, folder: Path, run_id: str) -> Iterator[None]:
    """Let `--all` find a run whose folder is not under `BASE/runs`, while it trades.

    A run that is killed stays registered: what is given to it is found when it goes on.
    """
    if base is None or folder.parent == base / "runs":
        yield
        return
    path = base / RUNNING / f"{run_id}.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(path, {"run_id": run_id, "folder": str(folder)})
    yield
    path.unlink(missing_ok=True)


def registered_folders(base: Path) -> list[Path]:
    """Return the folders of the runs that registered themselves and are still there."""
    folder = base / RUNNING
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    found = [Path(json.loads(file.read_bytes())["folder"]) for file in files]
    return [each for each in found if each.is_dir()]


def outcome_of(run: Path, identity: str) -> dict[str, Any] | None:
    """Return what came of a command: `refused` says why it was not applied; None while it waits."""
    for where in (APPLIED, REFUSED):
        path = run / FOLDER / where / f"{identity}.json"
        if path.exists():
            return dict(json.loads(path.read_bytes()))
    return None


def wait_for(run: Path, identity: str, *, timeout_s: float) -> dict[str, Any] | None:
    """Wait until a command was applied or refused; None if that takes too long."""
    until = time.monotonic() + timeout_s
    while (found := outcome_of(run, identity)) is None and time.monotonic() < until:
        time.sleep(0.01)
    return found


def number_of(
    command: Command, strategies: Sequence[str], instruments: Sequence[str]
) -> int | Refusal:
    """Return the number within its scope that a command names."""
    if command.scope not in SCOPES:
        return Refusal(f"there is no scope '{command.scope}'")
    if SCOPES[command.scope] == Scope.ACCOUNT:
        return command.order
    names = strategies if SCOPES[command.scope] == Scope.STRATEGY else instruments
    if command.name not in names:
        return Refusal(f"the run has no {command.scope} '{command.name}'")
    return list(names).index(command.name)
