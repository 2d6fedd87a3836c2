"""What the operator's commands share: which runs they reach, and what came of them."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from alphapanda import config
from alphapanda.cli.flags import option
from alphapanda.cli.output import print_json
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.journal.journal import FILE, Journal, Standing
from alphapanda.model.commands import Choice, Verb
from alphapanda.runs.commands import (
    KILL,
    Command,
    Decision,
    left_standing,
    load_key,
    new_id,
    registered_folders,
    send,
    wait_for,
    write_durably,
)
from alphapanda.runs.folders import folder_of

NOT_APPLIED = 1

Run = Annotated[str | None, typer.Argument(metavar="[RUN]", help="A run: its folder, or its name "
                                           "under runs/.")]  # fmt: skip
All = Annotated[bool, option("--all", text="Every run of this base folder that has not ended.")]
Strategy = Annotated[str | None, option("--strategy", metavar="NAME", text="Only this strategy.")]
Instrument = Annotated[
    str | None, option("--instrument", metavar="NAME", text="Only this instrument.")
]
Reason = Annotated[str, option("--reason", metavar="TEXT", text="Why; kept with the command.")]
Wait = Annotated[bool, option("--wait", text="Return when it is applied; status 1 if it is not.")]
Timeout = Annotated[
    float, option("--timeout", metavar="SECONDS", text="How long --wait waits. (default: 10)")
]


class Target(NamedTuple):
    """A run that a command goes to."""

    folder: Path
    manifest: dict[str, Any]
    standing: str


class Scope(NamedTuple):
    """What of a run a command covers."""

    kind: str = "account"
    name: str = ""
    order: int = 0
    order_id: str = ""


def scope_of(strategy: str | None, instrument: str | None) -> Scope:
    """Return what a command covers: a strategy, an instrument, or all."""
    if strategy is not None and instrument is not None:
        raise UsageError("--strategy and --instrument: give one of them, in two commands both")
    if strategy is not None:
        return Scope("strategy", strategy)
    return Scope() if instrument is None else Scope("instrument", instrument)


def command_runs(
    verb: Verb, run: str | None, scope: Scope, *, everything: bool, reason: str, wait: bool,
    timeout: float, json: bool,
) -> int:  # fmt: skip
    """Give a command to one run or to all, print what came of it, and return the exit status."""
    settings = config.load()
    if everything == (run is not None):
        raise UsageError(f"{verb}: name one RUN, or write --all")
    by = f"cli:{getpass.getuser()}"
    if everything and verb == Verb.KILL:
        write_durably(settings.base_dir / KILL, {"by": by, "reason": reason, "ns": time.time_ns()})
    if everything and verb == Verb.REARM:
        (settings.base_dir / KILL).unlink(missing_ok=True)
    if run is None:
        targets = list(all_targets(settings))
    else:
        targets = [target_of(folder_of(run, settings.runs_dir))]
    for target in targets if run is not None else ():
        check_scope(target, scope)
    key = load_key(settings.base_dir)
    given = []
    for target in targets:
        now = time.time_ns()
        command = Command(
            new_id(now), target.manifest["run_id"], verb, scope.kind, scope.name, scope.order,
            by, reason, now, scope.order_id,
        )  # fmt: skip
        send(target.folder, key, command)
        given.append((target, command))
    outcomes = [outcome(target, command, timeout if wait else 0) for target, command in given]
    report(verb, outcomes, settings, everything=everything, json=json)
    return NOT_APPLIED if wait and not all(each["applied"] for each in outcomes) else 0


def decide(
    choice: Choice, run: str | None, order_id: str, *, reason: str, wait: bool, timeout: float,
    json: bool,
) -> int:  # fmt: skip
    """Give a run an operator's decision about its orders at the broker; return the exit status.

    Raises:
        UsageError: if no run is named, and not exactly one sends orders.
    """
    settings = config.load()
    target = sending_target(settings, run)
    now = time.time_ns()
    decision = Decision(new_id(now), target.manifest["run_id"], choice, order_id,
                        f"cli:{getpass.getuser()}", reason, now)  # fmt: skip
    send(target.folder, load_key(settings.base_dir), decision)
    trades = target.standing == Standing.RUNNING
    found = wait_for(target.folder, decision.id, timeout_s=timeout if wait and trades else 0) or {}
    done = {
        "run": target.folder.name, "standing": target.standing, "id": decision.id,
        "choice": str(choice), "order": order_id, "applied": "applied_ns" in found,
        "refused": found.get("refused", ""),
    }  # fmt: skip
    if json:
        print_json(done)
    else:
        sys.stdout.write(f"{decided(done)}\n")
    return NOT_APPLIED if wait and not done["applied"] else 0


def sending_target(settings: Settings, run: str | None) -> Target:
    """Return the run that is named, or the only one that sends orders to a broker.

    Raises:
        UsageError: if no run is named, and not exactly one sends orders.
    """
    if run is not None:
        return target_of(folder_of(run, settings.runs_dir))
    sending = [each for each in all_targets(settings) if each.manifest.get("sent")]
    if len(sending) != 1:
        names = ", ".join(each.folder.name for each in sending) or "none"
        raise UsageError(f"name the RUN: of those that send orders there are {names}")
    return sending[0]


def decided(facts: dict[str, Any]) -> str:
    """Return what came of a decision."""
    head = f"{facts['run']}: orders {facts['choice']} {facts['order']}".rstrip()
    if facts["refused"]:
        return f"{head} refused: {facts['refused']}"
    if facts["applied"]:
        return f"{head} is done"
    later = f" when it goes on: it is {facts['standing']}"
    later = "" if facts["standing"] == Standing.RUNNING else later
    return f"{head} is on the disk; the run does it{later}"


def all_targets(settings: Settings) -> Iterator[Target]:
    """Yield every run that has not ended, under `runs/` or registered."""
    inside = sorted(path.parent for path in settings.runs_dir.glob(f"*/{FILE}"))
    for folder in dict.fromkeys([*inside, *registered_folders(settings.base_dir)]):
        if (folder / FILE).is_file():
            journal = Journal.open(folder)
            if not journal.contents.ended:
                yield Target(folder, journal.contents.manifest, journal.standing())


def target_of(folder: Path) -> Target:
    """Return a run that can still be commanded.

    Raises:
        UsageError: if it keeps no journal, or has ended.
    """
    journal = Journal.open(folder)
    if journal.contents.ended:
        raise UsageError(f"{folder.name} has ended: there is nothing to command")
    return Target(folder, journal.contents.manifest, journal.standing())


def check_scope(target: Target, scope: Scope) -> None:
    """Refuse a name that the run does not have."""
    manifest = target.manifest
    known = {
        "strategy": [each["name"] for each in manifest["strategies"]],
        "instrument": [each["name"] for each in manifest["instruments"]],
    }.get(scope.kind)
    if known is not None and scope.name not in known:
        hint = did_you_mean(scope.name, known)
        raise UsageError(f"--{scope.kind} {scope.name}: {target.folder.name} has none such.{hint}")


def outcome(target: Target, command: Command, timeout_s: float) -> dict[str, Any]:
    """Return what came of a command by now, or within a time if the run trades."""
    trades = target.standing == Standing.RUNNING
    found = wait_for(target.folder, command.id, timeout_s=timeout_s if trades else 0)
    facts = {} if found is None else found
    return {
        "run": target.folder.name,
        "standing": target.standing,
        "id": command.id,
        "verb": str(command.verb),
        "applied": "applied_ns" in facts,
        "refused": facts.get("refused", ""),
        **{name: facts[name] for name in ("positions", "with_stop", "working") if name in facts},
    }


def report(
    verb: Verb, outcomes: list[dict[str, Any]], settings: Settings, *, everything: bool, json: bool
) -> None:
    """Print what came of a command, a line a run."""
    if json:
        print_json({"commands": outcomes})
        return
    lines = [line(each) for each in outcomes]
    if everything and verb == Verb.KILL:
        lines.append(f"{settings.base_dir / KILL} is written: no run begins until `rearm --all`")
    if everything and not outcomes:
        lines.append("no run here has not ended")
    sys.stdout.write("".join(f"{each}\n" for each in lines))


def line(facts: dict[str, Any]) -> str:
    """Return what came of a command to one run, and what it leaves standing."""
    head = f"{facts['run']}: {facts['verb']}"
    if facts["refused"]:
        return f"{head} refused: {facts['refused']}"
    if not facts["applied"]:
        later = "" if facts["standing"] == Standing.RUNNING else ", when it goes on: it is " + str(
            facts["standing"])  # fmt: skip
        return f"{head} is on the disk; the run applies it{later}"
    closing = ", closing orders go out" if facts["verb"] == Verb.FLATTEN else ""
    return f"{head} applied{closing}: at that moment {left_standing(facts)}"


def confirm_account(account: str | None, wanted: str, what: str) -> None:
    """Ask for the account's id, which is typed where a terminal is, or given with `--account`.

    `what` says what it consents to.

    Raises:
        UsageError: if it is another than wanted.
    """
    if account is None:
        if not sys.stdin.isatty():
            raise UsageError(f"{what}: write --account ID")
        account = typer.prompt(f"{what}; the account's id", err=True)
    if account != wanted:
        raise UsageError(f"--account {account}: this base folder's account is another")
