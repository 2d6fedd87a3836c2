"""The fault script: what goes wrong, and when; a TOML file, decided by the seed where by chance.

[account]      cash = "500000", holdings = [{name = "NSE:INFY", quantity = 10, average = "1500"}]
[exchange]     latency_s, answer_s = [least, most] of real time, margin = "call" or "row",
               largest_fill, unlisted_address, limits, postback = "http://127.0.0.1:PORT/"
[[instrument]] name, close, lower, upper
[[fault]]      do, and when: route, call, every, tag, at, after, repeat, instrument, probability,
               times; seconds, or from seconds to upto, by chance

`calm` and `rough` are shipped beside this file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from alphapanda.errors import OutsideError, UsageError, did_you_mean
from alphapanda.kitesim.logins import digest
from alphapanda.model.calendar import DAY, IST

BEFORE = (
    "delay", "cut-before", "status", "html", "error", "too-many", "unlisted-address",
)  # fmt: skip
"""Of a call, in place of what it asks for or before it."""
AFTER = (
    "delay-after", "cut-after", "half-body", "wrong-type", "error-200", "timed-out", "empty",
    "shuffle", "hide", "fill-after-cancel",
)  # fmt: skip
"""Of a call, when what it asks for is done."""
TICKS = (
    "drop-tick", "double-tick", "late-tick", "absurd-tick", "zero-time", "stale-time", "odd-packet",
)  # fmt: skip
UPDATES = ("drop-update", "double-update", "flat-update", "late-update", "swap-update")
HANDSHAKES = ("close-after-handshake", "refuse-handshake")
HOURS = (
    "end-token", "silent", "reset", "close", "foreign-order", "fire-gtt", "circuit", "clock-jump",
    "split", "new-token",
)  # fmt: skip
"""At a time of the market."""
KINDS = (*BEFORE, *AFTER, *TICKS, *UPDATES, *HANDSHAKES, *HOURS)
CHANCES = 1 << 32
SECOND = 1_000_000_000
SHIPPED = ("calm", "rough")
"""Scripts that are files of this package; a path to another is written out."""


@dataclass(slots=True)
class Fault:
    """One line of the script, and how often it was met."""

    do: str
    route: str = "*"
    """METHOD /path, with * for anything."""
    call: int = 0
    """Only the so-many-th that fits; 0: any."""
    every: int = 0
    tag: str = "*"
    """Of the order."""
    instrument: str = "*"
    at: time | None = None
    """From this time of the market on, IST."""
    after: float = 0.0
    """From so many seconds of the market after the day's first row on."""
    repeat: float = 0.0
    """Again each so many seconds of the market, where it is met at an hour."""
    probability: float = 1.0
    times: int = 0
    """At most so often; 0: once at a call, at a time of the day or of what has no other, else
    always."""
    seconds: float = 1.0
    upto: float = 0.0
    """Between `seconds` and this, as the seed decides; 0: `seconds`."""
    status: int = 500
    text: str = "SIMULATOR: a fault of the script."
    error_type: str = "GeneralException"
    side: str = "BUY"
    qty: int = 1
    price: str = "0"
    ratio: int = 10
    """New shares for an old one, of a split."""
    number: int = 0
    seen: int = 0
    used: int = 0
    next_ns: int = 0
    """Before it nothing happens again."""

    def meets(self, seed: int, now: int, begin: int = 0) -> bool:
        """Count something that fits, and say if it goes wrong now; `begin`: the day's first row."""
        self.seen += 1
        most = self.times or int(self.once)
        if (most and self.used >= most) or not self.due(now, begin):
            return False
        if (self.call and self.seen != self.call) or (self.every and self.seen % self.every):
            return False
        self.next_ns = self.following(now, begin)
        if self.chance(seed, "") >= self.probability:
            return False
        self.used += 1
        return True

    # Counted from where it began, so that it does not matter when somebody looked.
    def following(self, now: int, begin: int) -> int:
        """Return from when on it may happen again."""
        if not self.repeat:
            return now
        start, step = begin + round(self.after * SECOND), round(self.repeat * SECOND)
        return start + ((now - start) // step + 1) * step

    def chance(self, seed: int, of: str) -> float:
        """Return a number from 0 to 1 that the seed decides, another each time it is met."""
        return int(digest(seed, f"fault{of} {self.number} {self.seen}")[:8], 16) / CHANCES

    def lasts(self, seed: int) -> float:
        """Return its seconds."""
        if self.upto <= self.seconds:
            return self.seconds
        return self.seconds + (self.upto - self.seconds) * self.chance(seed, " seconds")

    @property
    def once(self) -> bool:
        """Whether it happens once, where nothing says how often."""
        of_hour = (self.at is not None or self.do in HOURS) and not self.repeat
        return self.call > 0 or of_hour

    def due(self, now: int, begin: int = 0) -> bool:
        """Say if its time of the day has come."""
        if now < max(begin + round(self.after * SECOND), self.next_ns):
            return False
        if self.at is None:
            return True
        of_day = (now + IST) % DAY // 1_000_000_000
        return of_day >= self.at.hour * 3600 + self.at.minute * 60 + self.at.second


@dataclass(slots=True)
class Script:
    """All of a script."""

    account: Mapping[str, Any] = field(default_factory=dict)
    exchange: Mapping[str, Any] = field(default_factory=dict)
    instruments: Sequence[Mapping[str, Any]] = ()
    faults: list[Fault] = field(default_factory=list)
    seed: int = 1
    begin_ns: int = 0
    """The day's first row."""

    def of_call(self, kinds: Sequence[str], what: str, tag: str, now: int) -> Fault | None:
        """Return the fault that a call meets: METHOD /path, and its order's tag."""
        return self._first(
            (f for f in self.faults if f.do in kinds and fnmatchcase(what, f.route)
             and fnmatchcase(tag, f.tag)), now,
        )  # fmt: skip

    def of_instrument(self, kinds: Sequence[str], key: str, tag: str, now: int) -> Fault | None:
        """Return the fault that a tick or an update of an instrument meets."""
        return self._first(
            (f for f in self.faults if f.do in kinds and fnmatchcase(key, f.instrument)
             and fnmatchcase(tag, f.tag)), now,
        )  # fmt: skip

    def of_hour(self, now: int) -> list[Fault]:
        """Return the faults whose time has come."""
        found = [f for f in self.faults if f.do in HOURS and f.due(now, self.begin_ns)]
        return [f for f in found if f.meets(self.seed, now, self.begin_ns)]

    def _first(self, fitting: Any, now: int) -> Fault | None:
        met = [fault for fault in fitting if fault.meets(self.seed, now, self.begin_ns)]
        return met[0] if met else None


KNOWN = {
    "account": {"cash", "holdings"},
    "exchange": {"latency_s", "answer_s", "margin", "largest_fill", "unlisted_address", "limits",
                 "postback"},
    "instrument": {"name", "close", "lower", "upper"},
    "fault": {f.name for f in fields(Fault)} - {"number", "seen", "used", "next_ns"},
}  # fmt: skip


def place_of(path: Path) -> Path:
    """Return where a script lies: one that is shipped goes by its name."""
    if str(path) in SHIPPED:
        return Path(__file__).with_name("scripts") / f"{path}.toml"
    return path


def read_script(path: Path, seed: int) -> Script:
    """Return the script in a file, or a shipped one by its name.

    Raises:
        UsageError: naming the file, the table and the key that does not fit.
        OutsideError: the file can't be read.
    """
    path = place_of(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OutsideError(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML ({error}).") from error
    return script_of(content, str(path), seed)


def script_of(content: Mapping[str, Any], where: str, seed: int) -> Script:
    """Return the script of parsed TOML or JSON.

    Raises:
        UsageError: naming the table and the key that does not fit.
    """
    for name, table in content.items():
        if name not in KNOWN:
            raise UsageError(f"{where}: no table [{name}].{did_you_mean(name, KNOWN)}")
        for row in table if isinstance(table, list) else [table]:
            if not isinstance(row, Mapping):
                raise UsageError(f"{where}: [{name}] is not a table.")
            for key in row.keys() - KNOWN[name]:
                raise UsageError(
                    f"{where}, [{name}]: no key {key!r}.{did_you_mean(key, KNOWN[name])}"
                )
    rows = content.get("fault", [])
    faults = [fault_of(row, f"{where}, [[fault]] number {n}", n) for n, row in enumerate(rows, 1)]
    return Script(
        content.get("account", {}), content.get("exchange", {}), content.get("instrument", ()),
        faults, seed,
    )  # fmt: skip


def fault_of(row: Mapping[str, Any], where: str, number: int) -> Fault:
    """Return the fault of a table.

    Raises:
        UsageError: it names no kind of fault, or a value of another type.
    """
    do = row.get("do")
    if do not in KINDS:
        raise UsageError(f"{where}: do = {do!r} is no fault.{did_you_mean(str(do), KINDS)}")
    values = dict(row)
    if isinstance(values.get("at"), str):
        try:
            values["at"] = time.fromisoformat(values["at"])
        except ValueError as error:
            raise UsageError(f"{where}: at = {row['at']!r} is no time such as 10:15:00.") from error
    if do in HOURS and values.get("at") is None and not values.get("after"):
        raise UsageError(
            f"{where}: {do} needs a time of the market, at = 10:15:00, or after = 60 seconds."
        )
    plain = Fault(do)
    for name, value in values.items():
        default = getattr(plain, name)
        kinds = (time,) if name == "at" else (int, float) if isinstance(default, float) else (
            type(default),
        )  # fmt: skip
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise UsageError(f"{where}: {name} = {value!r} is not like {default!r}.")
    return Fault(**{**values, "number": number})
