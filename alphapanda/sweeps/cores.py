"""How a core begins another combination: set back, or made anew for a strategy in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NoReturn

from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.compiler.program import Program
from alphapanda.engine.engine import Engine
from alphapanda.engine.reuse import Reusable, Windows, with_arguments
from alphapanda.engine.setup import Setup
from alphapanda.runs.session import blaming, time_of
from alphapanda.sweeps.threads import Arguments, Counter, Failure, Span, Worker

PORTION = 2048
"""Output rows that a core says at a time: few enough to be counted while they lie in the cache."""


@dataclass(frozen=True)
class Loop:
    """A sweep's loop, and what a core of it is made of: as many workers as are wanted."""

    program: Program
    setup: Setup
    spec: Spec
    compiled: bool

    def worker(self, tally: Counter) -> Worker:
        """Return a core that runs one combination after another."""
        if not self.compiled:
            return Worker(fresh(self.program, self.setup), tally)
        with blaming([self.spec], lambda: "start"):
            return Worker(Cores(self.program, self.setup, Windows(self.spec)).begin, tally)


def counted(setup: Setup, days: tuple[int, int]) -> Setup:
    """Return a set-up whose core counts its P&L of these IST days, and says little at a time."""
    first, last = days
    sizes = setup.sizes._replace(out=PORTION, days=last - first + 2)
    return replace(setup, sizes=sizes, counted_from=first)


def accuse(specs: Sequence[Spec], shown: str, failure: Failure) -> NoReturn:
    """Tell what a hook raised as the user's mistake, with the combination.

    Raises:
        UsageError: it names the file, the line, the time and the parameters.
    """
    engine = failure.engine

    def when() -> str:
        return f"{'start' if engine is None else time_of(engine)}, with {shown}"

    with blaming(specs, when):
        raise failure.error


def params_text(names: Mapping[str, object], arguments: Arguments) -> str:
    """Return the swept parameters of a combination as text."""
    return ", ".join(f"{name}={arguments[name]}" for name in names)


def fresh(program: Program, first: Setup) -> Callable[[Arguments, Span], Engine]:
    """Return what makes a core anew for each combination."""
    return lambda arguments, span: Engine(
        program,
        replace(
            first, strategies=with_arguments(first.strategies, arguments),
            first_day=span.first, begin_ns=span.begin_ns,
        ),
    )  # fmt: skip


class Cores:
    """A core for the window that is run, set back for each combination."""

    def __init__(self, program: Program, setup: Setup, heap: Windows) -> None:
        self._program, self._setup, self._heap = program, setup, heap
        self._first: date | None = None
        self._core = self._made(setup.first_day, setup.begin_ns)

    def begin(self, arguments: Arguments, span: Span) -> Engine:
        """Return the core as if it had just been made for these parameters and days."""
        if self._first != span.first:
            self._core, self._first = self._made(span.first, span.begin_ns), span.first
        return self._core.begin(arguments)

    def _made(self, first: date, begin_ns: int) -> Reusable:
        setup = replace(self._setup, first_day=first, begin_ns=begin_ns)
        return Reusable(Engine(self._program, setup), self._heap)
