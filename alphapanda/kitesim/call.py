"""A call of the REST API: its parameters, however a client sends them, and its answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from alphapanda.kitesim.orders import Refusal
from alphapanda.kitesim.simulator import Simulator

MISSING = Refusal("Missing or empty field")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has passed login and limits."""

    sim: Simulator
    path: Mapping[str, str]
    """Parts of the path, by name."""
    params: Mapping[str, str]
    """Of query and form; the last value of each name."""
    keys: tuple[str, ...]
    """All values of `i`."""
    body: Any
    """What a JSON body holds."""
    now: int
    token: str
    """The access token."""

    def missing(self, *names: str) -> Refusal | None:
        """Return the refusal of a call that lacks a parameter; None: it lacks none."""
        for name in names:
            if not self.params.get(name):
                return Refusal(f"Missing or empty field `{name}`")
        return None


class Csv(NamedTuple):
    """An answer that is a table."""

    text: str


class Page(NamedTuple):
    """An answer for a person."""

    html: str


class Redirect(NamedTuple):
    """An answer that sends a browser elsewhere."""

    url: str


class Raw(NamedTuple):
    """An answer of the simulator's own routes, without Kite's envelope."""

    content: Any


Answer = Any
"""What goes under `data`, a Refusal, or one of the above."""


class Route(NamedTuple):
    """A route: how it is called, how it is counted, and what answers."""

    method: str
    path: str
    kind: str
    """Of limits: quote, historical, place, other; login: before there is a token; sim: our own."""
    answer: Callable[[Call], Answer | Awaitable[Answer]]


def read_json(text: str) -> Any:
    """Return what a JSON body holds, None for what is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None
