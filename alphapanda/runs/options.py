"""Options of a backtest: from the command line, a TOML file or Python keywords, checked once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

from alphapanda import config
from alphapanda.data.frames import with_files
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.calendar import DAY
from alphapanda.model.instruments import Product
from alphapanda.model.interval import parse_interval
from alphapanda.model.money import BOUND, to_scaled
from alphapanda.model.rows import Fill


@dataclass(frozen=True, slots=True)
class Entry:
    """One strategy of a run: what it is, its parameters, the instruments it is bound to."""

    strategy: Any
    params: Mapping[str, Any] = field(default_factory=dict)
    instruments: tuple[str, ...] = ()
    """Names; empty: all of the run. For legs in the order of the legs."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run, on which data, under which rules. Names are those of the command line."""

    strategies: tuple[Entry, ...]
    data: tuple[str, ...] = ()
    instrument: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    """Kite instrument files."""
    map: Mapping[str, str] = field(default_factory=dict)
    kind: str | None = None
    interval: str | None = None
    repair: bool = False
    qty_scale: int = 1
    price_scale: int = 1
    keep_repeats: bool = False
    exchange: str | None = None
    first: date | None = None
    last: date | None = None
    cash: int = to_scaled("1000000")
    costs: str = "zerodha"
    limits: str = "default"
    calendar: str = "nse"
    product: Product | None = None
    latency: int = 0
    slippage: int = 0
    limit_fill: Fill = Fill.THROUGH
    volume_share: int = 10_000_000
    seed: int = 7
    batch: int | None = None
    jit: bool = True
    journal: bool = False
    out: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what no run could mean."""
        if not self.data:
            raise UsageError("no data are named: --data FILE, a folder or a pattern")
        if not 0 < self.cash < BOUND:
            raise UsageError("--cash must be above 0 and below 900,719,925,474 rupees")
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"--batch {self.batch}: must be at least 1")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise UsageError(f"--from {self.first} lies after --to {self.last}")


ALIASES = {
    "from": "first", "to": "last", "no_jit": "jit", "strategy": "strategies", "param": "params",
}  # fmt: skip
"""Option names that are Python words or mean the opposite."""


def make(given: Mapping[str, Any], *, where: str = "", trades: bool = True) -> Options:
    """Return options from texts and values, as a TOML file or Python keywords give them.

    What does not trade needs no strategy.

    Raises:
        UsageError: naming the option and its value.
    """
    given = {name.replace("-", "_"): value for name, value in given.items()}
    known = {f.name for f in fields(Options)} | set(ALIASES) | {"params"}
    for name in given:
        if name not in known:
            raise UsageError(f"{where}there is no option '{name}'.{did_you_mean(name, known)}")
    values = {ALIASES.get(name, name): value for name, value in given.items() if value is not None}
    if "no_jit" in given:
        values["jit"] = not converted(where, "no_jit", given["no_jit"], as_flag)
    params = values.pop("params", {})
    values["strategies"] = entries(values.get("strategies", ()), as_params(params), where)
    if trades and not values["strategies"]:
        raise UsageError("no strategy is named")
    for name, convert in CONVERT.items():
        if name in values:
            values[name] = converted(where, name, values[name], convert)
    return Options(**values)


def from_python(strategy: Any, data: Any, given: Mapping[str, Any]) -> Options:
    """Return options given as Python keywords, in which `from` is written `from_`.

    `data` may be frames of pandas, polars or Arrow too.
    """
    values = dict(given)
    if "from_" in values:
        values["from"] = values.pop("from_")
    if strategy is not None:
        values["strategies"] = strategy
    named = values.get("instrument", ())
    named = (named,) if isinstance(named, str) else tuple(named)
    folder = config.load().cache_dir / "frames"
    return make({**values, "data": with_files(data, folder, instruments=named)})


def converted(where: str, name: str, value: Any, convert: Any) -> Any:
    """Return an option's value in its type."""
    try:
        return convert(value)
    except (ValueError, KeyError, TypeError, ArithmeticError):
        shown = {"first": "from", "last": "to"}.get(name, name).replace("_", "-")
        expected = EXPECTED.get(name, "write one text or several")
        hint = did_you_mean(str(value), CHOICES.get(name, ()))
        raise UsageError(f"{where}--{shown} {value}: {expected}.{hint}") from None


def entries(given: Any, params: Mapping[str, Any], where: str) -> tuple[Entry, ...]:
    """Return the strategies of a run; parameters given to the run go to its only strategy."""
    listed = given if isinstance(given, (list, tuple)) else (given,)
    made = [entry(one, where) for one in listed]
    if params and len(made) != 1:
        raise UsageError(f"{where}parameters belong to each strategy when there are several")
    if params:
        made = [Entry(made[0].strategy, {**made[0].params, **params}, made[0].instruments)]
    return tuple(made)


def entry(given: Any, where: str) -> Entry:
    """Return one strategy of a run, from its name or a table."""
    if isinstance(given, Entry):
        return given
    if not isinstance(given, Mapping):
        return Entry(given)
    known = ("strategy", "params", "instruments")
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known)
            raise UsageError(f"{where}a strategy's table has no '{name}'.{hint}")
    params = given.get("params", {})
    if "strategy" not in given or not isinstance(params, Mapping):
        raise UsageError(f"{where}a strategy's table is strategy = NAME, and params = {{...}}")
    names = converted(where, "instruments", given.get("instruments", ()), texts)
    return Entry(given["strategy"], dict(params), names)


def as_params(given: Any) -> dict[str, Any]:
    """Return parameters from a table or from texts such as `fast=10`."""
    if isinstance(given, Mapping):
        return dict(given)
    return pairs(given, "--param")


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """Return NAME=VALUE texts as a table."""
    made = {}
    for text in given:
        name, equals, value = str(text).partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{option} {text}: write NAME=VALUE")
        made[name.strip()] = value.strip()
    return made


def texts(value: Any) -> tuple[str, ...]:
    """Return one text or several as a tuple."""
    given = (value,) if isinstance(value, (str, Path)) else tuple(value)
    if not all(isinstance(each, (str, Path)) and str(each) for each in given):
        raise TypeError(value)
    return tuple(str(each) for each in given)


def as_text(value: Any) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, (str, Path)) or not str(value):
        raise TypeError(value)
    return str(value)


def as_whole(value: Any) -> int:
    """Return a whole number, not negative, that a record can hold."""
    if isinstance(value, (bool, float)) or not 0 <= int(value) < 1 << 63:
        raise ValueError(value)
    return int(value)


def as_flag(value: Any) -> bool:
    """Return a yes or no."""
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def as_kind(value: Any) -> str:
    """Return the kind of the data's rows."""
    if value not in CHOICES["kind"]:
        raise ValueError(value)
    return str(value)


def as_interval(value: Any) -> str:
    """Return the text of an interval that can be read."""
    interval_ns(as_text(value))
    return str(value)


def interval_ns(text: str) -> int:
    """Return an interval in ns; a ValueError says that it is none."""
    try:
        return parse_interval(text)
    except UsageError as error:
        raise ValueError(text) from error


def as_map(value: Any) -> dict[str, str]:
    """Return columns by canonical name."""
    return dict(value) if isinstance(value, Mapping) else pairs(value, "--map")


def as_date(value: Any) -> date:
    """Return a date from a date or its ISO text."""
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def as_rate(value: Any) -> int:
    """Return basis points (`2bp`), percent (`0.02%`) or a fraction as a rate in 1e-7."""
    text = str(value).strip()
    if text.endswith("bp"):
        rate = float(text[:-2]) * 1_000
    elif text.endswith("%"):
        rate = float(text[:-1]) * 100_000
    else:
        rate = float(text) * 10_000_000
    if not 0 <= rate <= 10_000_000:
        raise ValueError(text)
    return round(rate)


def as_ns(value: Any) -> int:
    """Return a time such as `50ms`, `2s` or `0` in ns; a day at most."""
    text = str(value).strip()
    if text.endswith("ms"):
        length = round(float(text[:-2]) * 1_000_000)
    else:
        length = 0 if text == "0" else interval_ns(text)
    if not 0 <= length <= DAY:
        raise ValueError(value)
    return length


CONVERT: dict[str, Any] = {
    "data": texts, "instrument": texts, "instruments": texts, "map": as_map, "kind": as_kind,
    "interval": as_interval, "repair": as_flag, "qty_scale": as_whole,
    "price_scale": as_whole, "keep_repeats": as_flag, "exchange": as_text,
    "first": as_date, "last": as_date, "cash": to_scaled, "costs": as_text, "limits": as_text,
    "calendar": as_text, "product": lambda value: Product[str(value).upper()],
    "latency": as_ns, "slippage": as_rate, "limit_fill": lambda value: Fill[str(value).upper()],
    "volume_share": as_rate, "seed": as_whole, "batch": as_whole, "jit": as_flag,
    "journal": as_flag, "out": Path,
}  # fmt: skip
EXPECTED = {
    "kind": "write tick, bar or quote", "interval": "write 30s, 1m, 60m or 1d",
    "first": "write a date, 2025-08-29", "last": "write a date, 2025-08-29",
    "cash": "write rupees, 1000000", "product": "write CNC, MIS or NRML",
    "latency": "write a time up to a day, 50ms or 1s", "slippage": "write 2bp or 0.02%",
    "volume_share": "write a share, 10%", "limit_fill": "write through, touch or queue",
    **dict.fromkeys(("batch", "seed", "qty_scale", "price_scale"), "write a whole number"),
    **dict.fromkeys(("repair", "keep_repeats", "jit", "no_jit", "journal"), "write true or false"),
    **dict.fromkeys(("exchange", "costs", "limits", "calendar", "out"), "write one text"),
    "map": "write NAME = COLUMN",
}  # fmt: skip


CHOICES = {
    "kind": ("tick", "bar", "quote"), "product": ("CNC", "MIS", "NRML"),
    "limit_fill": ("through", "touch", "queue"),
}  # fmt: skip


def read_file(path: Path) -> dict[str, Any]:
    """Return the options of a run file such as `backtests/NAME.toml`.

    Raises:
        UsageError: if the file is missing or no TOML.
    """
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None


def of_command(strategy: str, given: Mapping[str, Any], *, leaving: Sequence[str] = ()) -> Options:
    """Return the options of a strategy by name, or of a run file with those given laid over.

    `leaving` names what a run file may say that does not concern the command.
    """
    if not strategy.endswith(".toml"):
        return make({**given, "strategies": strategy})
    file = {k: v for k, v in read_file(Path(strategy)).items() if k not in leaving}
    return make(overridden(file, given), where=f"{strategy}: ")


def overridden(file: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run file's options with those of the command line laid over, params one by one."""
    values = {**file, **given}
    if "params" in file and "params" in given:
        values["params"] = {**as_params(file["params"]), **as_params(given["params"])}
    return values
