"""Another hour of another day for whoever asks the machine for the time, as a test of that."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from alphapanda.engine.compiler.declared import Spec
from alphapanda.validation.shadow_files import replaced

LATER_S = 3 * 86_400 + 5 * 3_600 + 13 * 60 + 17
"""Other day of the week, hour, minute and second."""


class Lenient(type):
    """Lets dates made elsewhere count as dates of the classes below."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__mro__[1])


class LaterDatetime(dt.datetime, metaclass=Lenient):
    """A datetime whose now is later."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        """Return what the clock will show."""
        return REAL_DATETIME.now(tz) + dt.timedelta(seconds=LATER_S)

    @classmethod
    def today(cls) -> Any:
        """Return what the clock will show."""
        return cls.now()

    @classmethod
    def utcnow(cls) -> Any:
        """Return what the clock will show, in UTC and without a zone."""
        return cls.now(dt.UTC).replace(tzinfo=None)


class LaterDate(dt.date, metaclass=Lenient):
    """A date whose today is later."""

    @classmethod
    def today(cls) -> Any:
        """Return the day that the clock will show."""
        return LaterDatetime.now().date()


REAL_DATETIME, REAL_DATE = dt.datetime, dt.date
REAL_TIME, REAL_TIME_NS = time.time, time.time_ns


@contextmanager
def other_day(specs: Iterable[Spec]) -> Iterator[None]:
    """Let strategies that ask for the time hear a later one."""
    stand_ins = {
        ("time", time): lambda: REAL_TIME() + LATER_S,
        ("time_ns", time): lambda: REAL_TIME_NS() + LATER_S * 1_000_000_000,
        ("datetime", dt): LaterDatetime,
        ("date", dt): LaterDate,
    }
    real = {(name, owner): getattr(owner, name) for name, owner in stand_ins}
    with ExitStack() as stack:
        for (name, owner), later in stand_ins.items():
            stack.enter_context(replaced(owner, name, later))
        for names in namespaces(specs):
            for name, value in [*names.items()]:
                for key, later in stand_ins.items():
                    if value is real[key]:
                        stack.enter_context(entry(names, name, later))
        yield


def namespaces(specs: Iterable[Spec]) -> list[dict[str, Any]]:
    """Return the globals of the strategies' hooks, each once."""
    found = {id(h.__globals__): h.__globals__ for s in specs for h in s.hooks.values()}
    return list(found.values())


@contextmanager
def entry(names: dict[str, Any], name: str, value: Any) -> Iterator[None]:
    """Let a namespace hold another value under a name for a while."""
    before = names[name]
    names[name] = value
    try:
        yield
    finally:
        names[name] = before
