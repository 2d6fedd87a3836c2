"""What stands still in a run, as its own journal says: by whom, or by what rule, it was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from alphapanda import log
from alphapanda.errors import ODD
from alphapanda.journal.journal import FILE, Journal
from alphapanda.model.commands import Verb

LOG = log.get(__name__)
LIFTS = {Verb.KILL: Verb.REARM, Verb.PAUSE: Verb.RESUME, Verb.FLATTEN: Verb.RESUME}
PAGE = 5_000
MOST_RUNS = 50
"""Journals that are remembered; those longest not asked for are forgotten first."""


class Event(msgspec.Struct):
    """What is read of an envelope."""

    type: str
    ts: int
    data: dict[str, Any]


class Stops:
    """Reads journals for their stops; what was read once is not read again. It reads files."""

    def __init__(self) -> None:
        self._known: dict[Path, Standing] = {}

    def of(self, folder: Path) -> list[dict[str, Any]] | None:
        """Return what is stopped in a run and was not let go on since; None: it can't be read."""
        known = self._known.pop(folder, None)
        try:
            known = known or Standing(Journal.open(folder / FILE))
            known.read()
        except ODD as error:
            LOG.warning("what stands still in a run can't be read", folder=folder, error=error)
            return None
        self._known[folder] = known
        if len(self._known) > MOST_RUNS:
            del self._known[next(iter(self._known))]
        return list(known.left.values())


class Standing:
    """A run's journal, and what of its stops has not been lifted: `left`, by verb, scope, name."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._after = journal, 0
        self.left: dict[tuple[str, str, str], dict[str, Any]] = {}

    def read(self) -> None:
        """Take in what was added since."""
        while lines := self._journal.read(self._after, PAGE):
            for _, line in lines:
                if b'"command"' in line or b'"trading_stopped"' in line:
                    self.take(msgspec.json.decode(line, type=Event))
            self._after = lines[-1][0]

    def take(self, event: Event) -> None:
        """Take in a command that acts, or that trading was stopped."""
        data = event.data
        if event.type not in ("command", "trading_stopped"):
            return
        scope = str(data.get("scope", "account")).lower()
        name = str(data.get("strategy") or data.get("instrument") or "")
        place = (scope, name)
        if event.type == "command":
            self._command(event, scope, name)
            return
        kill = (str(Verb.REARM), *place)
        if kill not in self.left:  # no operator's: a rule of the core has stopped it
            self.left[kill] = show_stop(event, str(Verb.KILL), scope, name, by="a rule of the run")

    def _command(self, event: Event, scope: str, name: str) -> None:
        try:
            verb = Verb(str(event.data.get("verb", "")).lower())
        except ValueError:
            return
        if verb in LIFTS:
            by = str(event.data.get("by", ""))
            self.left[str(LIFTS[verb]), scope, name] = show_stop(
                event, str(verb), scope, name, by=by
            )
        else:
            self.left.pop((str(verb), scope, name), None)


def show_stop(event: Event, verb: str, scope: str, name: str, *, by: str) -> dict[str, Any]:
    """Return a stop in the form of a command that was applied."""
    data = event.data
    return {
        "id": str(data.get("command", "")), "verb": verb, "scope": scope, "name": name,
        "order": None, "by": by, "reason": str(data.get("reason", "")),
        "asked_ns": data.get("requested_ns") or event.ts, "state": "applied",
        "state_ns": event.ts, "facts": {"code": data["code"]} if "code" in data else {},
    }  # fmt: skip
