"""Another time of the machine's clock, to find strategies that read it."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from alphapanda.engine.compiler.declared import Spec
from alphapanda.validation.readers import replaced

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
        return REAL_DATETIME.fromtimestamp(CLOCKS[-1].now_s(), tz)

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


REAL_DATETIME, REAL_DATE, REAL_DATETIME64 = dt.datetime, dt.date, np.datetime64
REAL = {name: getattr(time, name) for name in (
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns",
    "localtime", "gmtime", "ctime", "strftime", "asctime",
)}  # fmt: skip
TICKS = ("time", "monotonic", "perf_counter")
PATIENT = 1_000_000
"""A clock that stands still goes on after so many looks at it, so that nobody waits for ever."""


class Clock:
    """What the machine's clocks show: later, or standing still."""

    def __init__(self, *, frozen: bool) -> None:
        self.start_s = REAL["time"]() if frozen else None
        self.looks = 0

    def now_s(self) -> float:
        """Return the seconds since 1970 that the clock shows."""
        if self.start_s is None:
            return float(REAL["time"]()) + LATER_S
        self.looks += 1
        return float(self.start_s + max(self.looks - PATIENT, 0))

    def stand_ins(self) -> dict[tuple[str, Any], Any]:
        """Return what stands in for the functions of `time`."""
        made: dict[tuple[str, Any], Any] = {}
        for name in TICKS:
            made[name, time] = self._seconds(name)
            made[f"{name}_ns", time] = self._nanoseconds(f"{name}_ns")
        for name in ("localtime", "gmtime", "ctime"):
            made[name, time] = self._told(name)
        made["strftime", time] = lambda form, at=None: REAL["strftime"](
            form, self._now() if at is None else at
        )
        made["asctime", time] = lambda at=None: REAL["asctime"](self._now() if at is None else at)
        return made

    def _now(self) -> time.struct_time:
        now: time.struct_time = REAL["localtime"](self.now_s())
        return now

    def _seconds(self, name: str) -> Any:
        zero = REAL[name]() - REAL["time"]()
        if name == "time":
            return self.now_s
        if self.start_s is None:
            return lambda: REAL[name]() + LATER_S
        return lambda: self.now_s() + zero

    def _nanoseconds(self, name: str) -> Any:
        seconds = self._seconds(name.removesuffix("_ns"))
        return lambda: int(seconds() * 1e9)

    def _told(self, name: str) -> Any:
        return lambda at=None: REAL[name](self.now_s() if at is None else at)


CLOCKS: list[Clock] = []


class Nows(type):
    """Makes NumPy's times; of `now` and `today` those that the clock shows."""

    def __call__(cls, *given: Any) -> Any:
        """Return a time."""
        if given and given[0] in ("now", "today"):
            seconds = int(CLOCKS[-1].now_s())
            unit = given[1] if len(given) > 1 else ("s" if given[0] == "now" else "D")
            return REAL_DATETIME64(seconds, "s").astype(f"datetime64[{unit}]")
        return REAL_DATETIME64(*given)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, REAL_DATETIME64)


class LaterDatetime64(metaclass=Nows):
    """NumPy's datetime64 whose now is another."""


class Proxy(ModuleType):
    """A module, but for one name."""

    def __init__(self, module: Any, **names: Any) -> None:
        super().__init__(module.__name__)
        vars(self).update(names)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


REPLACED = {("datetime", dt): REAL_DATETIME, ("date", dt): REAL_DATE} | {
    (name, time): real for name, real in REAL.items()
}
LATER = {("datetime", dt): LaterDatetime, ("date", dt): LaterDate}


@contextmanager
def other_day(specs: Iterable[Spec], *, frozen: bool = False) -> Iterator[None]:
    """Let strategies that ask for the time hear a later one, or always the same."""
    CLOCKS.append(Clock(frozen=frozen))
    with ExitStack() as stack:
        stack.callback(CLOCKS.pop)
        for (name, owner), later in stand_ins().items():
            stack.enter_context(replaced(owner, name, later))
        pandas = sys.modules.get("pandas")
        if pandas is not None:
            for name in ("now", "today", "utcnow"):
                stack.enter_context(replaced(pandas.Timestamp, name, stamp(name)))
        stack.enter_context(named_clock(specs))
        yield


def stand_ins() -> dict[tuple[str, Any], Any]:
    """Return what stands in for the functions and classes that tell the time."""
    return CLOCKS[-1].stand_ins() | LATER


@contextmanager
def named_clock(specs: Iterable[Spec]) -> Iterator[None]:
    """Put the other clock under the names that strategies have given to the real one."""
    later = stand_ins()
    with ExitStack() as stack:
        for names in namespaces(specs):
            for name, value in [*names.items()]:
                for key, real in REPLACED.items():
                    if value is real:
                        stack.enter_context(entry(names, name, later[key]))
                if value is np and asks_numpy(names):
                    proxy = Proxy(np, datetime64=LaterDatetime64)
                    stack.enter_context(entry(names, name, proxy))
                elif value is REAL_DATETIME64 and asks_numpy(names):
                    stack.enter_context(entry(names, name, LaterDatetime64))
        yield


def stamp(name: str) -> Any:
    """Return a method of pandas' Timestamp that tells the clock's time."""

    def now(cls: Any, tz: Any = None) -> Any:
        zone = "UTC" if name == "utcnow" else tz
        return cls.fromtimestamp(CLOCKS[-1].now_s(), tz=zone)

    return classmethod(now)


def asks_numpy(names: Mapping[str, Any]) -> bool:
    """Say if functions of a namespace ask NumPy for the present time."""
    codes = [value.__code__ for value in names.values() if isinstance(value, FunctionType)]
    for value in names.values():
        if isinstance(value, type):
            methods = vars(value).values()
            codes += [one.__code__ for one in methods if isinstance(one, FunctionType)]
    found = {const for code in codes for const in constants(code)}
    return bool(found & {"now", "today"})


def constants(code: CodeType) -> Iterator[Any]:
    """Yield the texts in a code object and those inside it."""
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from constants(const)
        elif isinstance(const, str):
            yield const


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
