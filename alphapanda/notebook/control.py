"""An operator's commands from a notebook, by the inbox of a run: `control(run)`."""

from __future__ import annotations

import asyncio
import getpass
import time
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from alphapanda import config
from alphapanda.errors import AlphaPandaError, UsageError
from alphapanda.journal.journal import Journal, Standing
from alphapanda.model.commands import Verb
from alphapanda.notebook.live import Live, table, widgets_here
from alphapanda.runs.commands import (
    Command,
    left_standing,
    load_key,
    new_id,
    outcome_of,
    send,
    wait_for,
)
from alphapanda.runs.folders import folder_of

VERBS = (Verb.PAUSE, Verb.RESUME, Verb.FLATTEN, Verb.KILL)
WAIT_S, NAP_S = 15.0, 0.1
WAITS = "is on the disk; the run has not applied it yet"


class Control(Live):
    """Buttons of an operator; `given` has each command with what came of it."""

    def __init__(self, folder: Path, base: Path) -> None:
        super().__init__()
        self._journal = Journal.open(folder)
        if self._journal.finished():
            raise UsageError(f"{folder.name} has ended: there is nothing to command")
        self.folder, self._base = folder, base
        self.given: list[tuple[str, str, str]] = []
        """What was asked, its id, what came of it."""
        widgets = widgets_here()
        if widgets is not None:
            self._make(widgets)

    def pause(self, reason: str = "", *, timeout_s: float = 0) -> str:
        """Take no new risk; with a time, wait so long for it to be applied."""
        return self.command(Verb.PAUSE, reason, timeout_s=timeout_s)

    def resume(self, reason: str = "", *, timeout_s: float = 0) -> str:
        """Lift a pause."""
        return self.command(Verb.RESUME, reason, timeout_s=timeout_s)

    def flatten(self, reason: str = "", *, timeout_s: float = 0) -> str:
        """Pause, cancel all working orders, close the positions."""
        return self.command(Verb.FLATTEN, reason, timeout_s=timeout_s)

    def kill(self, reason: str = "", *, timeout_s: float = 0) -> str:
        """Stop trading."""
        return self.command(Verb.KILL, reason, timeout_s=timeout_s)

    def command(self, verb: Verb, reason: str = "", *, timeout_s: float = 0) -> str:
        """Give a command and return what came of it so far.

        Raises:
            UsageError: if the run has ended.
            OutsideError: if it can't be written.
        """
        place = self._give(verb, reason)
        if timeout_s:
            wait_for(self.folder, self.given[place][1], timeout_s=timeout_s)
        self._settle(place)
        return self.given[place][2]

    def text(self) -> str:
        """Return the commands that were given, as text."""
        for place in range(len(self.given)):
            self._settle(place)
        lines = [f"{asked}: {came}" for asked, _, came in self.given]
        head = f"{self.folder.name}: {self._journal.standing()}"
        if widgets_here() is None:
            head += "; no widgets are here: .pause(), .resume(), .flatten() or .kill()"
        return "\n".join([head, *lines])

    def page(self) -> str:
        """Return the commands that were given, as HTML."""
        rows = [[asked, came] for asked, _, came in reversed(self.given)]
        return table(["command", "what came of it"], rows, "no command was given here")

    def _make(self, widgets: Any) -> None:
        self.reason = widgets.Text(placeholder="reason, kept with the command")
        self.buttons = {}
        for verb in VERBS:
            style = "danger" if verb in (Verb.FLATTEN, Verb.KILL) else ""
            button = widgets.Button(description=str(verb), button_style=style)
            button.on_click(partial(self._clicked, verb))
            self.buttons[str(verb)] = button
        self.shown = widgets.HTML(self.page())
        row = widgets.HBox([*self.buttons.values(), self.reason])
        self.box = widgets.VBox(
            [widgets.HTML(f"<b>{escape(self.folder.name)}</b>"), row, self.shown]
        )

    def _clicked(self, verb: Verb, _: Any) -> None:
        try:
            place = self._give(verb, self.reason.value)
        except AlphaPandaError as error:
            self.given.append((str(verb), "", str(error)))
            self.shown.value = self.page()
            return
        self.shown.value = self.page()
        self.begin(self._until_applied(place))

    async def _until_applied(self, place: int) -> None:
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until and not self._settle(place):  # noqa: ASYNC110 (a file)
            await asyncio.sleep(NAP_S)
        self.shown.value = self.page()

    def _give(self, verb: Verb, reason: str) -> int:
        if self._journal.finished():
            raise UsageError(f"{self.folder.name} has ended: there is nothing to command")
        now = time.time_ns()
        command = Command(
            new_id(now), self._journal.contents.manifest["run_id"], verb, reason=reason,
            by=f"notebook:{getpass.getuser()}", requested_ns=now,
        )  # fmt: skip
        send(self.folder, load_key(self._base), command)
        self.given.append((f"{verb} {reason}".strip(), command.id, self._waiting()))
        return len(self.given) - 1

    def _waiting(self) -> str:
        standing = self._journal.standing()
        return WAITS if standing == Standing.RUNNING else f"{WAITS}: it is {standing}"

    def _settle(self, place: int) -> bool:
        asked, identity, _ = self.given[place]
        found = outcome_of(self.folder, identity) if identity else None
        if found is None:
            return not identity
        self.given[place] = (asked, identity, came_of(found))
        return True


def came_of(facts: dict[str, Any]) -> str:
    """Return what came of a command, in words."""
    if facts.get("refused"):
        return f"refused: {facts['refused']}"
    return f"applied: at that moment {left_standing(facts)}"


def control(run: str | Path) -> Control:
    """Show buttons that pause, resume, flatten or kill a run, and what each has done.

    Raises:
        UsageError: if there is no such run, it keeps no journal, or it has ended.
    """
    settings = config.load()
    return Control(folder_of(str(run), settings.runs_dir), settings.base_dir)
