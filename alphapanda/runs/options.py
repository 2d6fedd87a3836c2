"""Options of a run, each declared once: its value, how it is written, its flag and its help.

From this table follow the flags of the command line (`cli/flags.py`), the keywords of Python, run
files, what a manifest keeps and how it is read again, and the command that makes a run again.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_origin, get_type_hints

import pydantic.dataclasses

from alphapanda.data.frames import with_files
from alphapanda.engine.tier import Tier
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.instruments import Product
from alphapanda.model.money import BOUND, to_scaled
from alphapanda.model.rows import LimitFill
from alphapanda.runs import readings
from alphapanda.runs.fills import with_profile
from alphapanda.runs.readings import PRODUCT, TEXT, TEXTS, Reading, pairs

DATA, RULES, PAPER, RUN = "Data", "Money and rules", "Orders on paper", "Run"
"""Headings of the help."""

FEWEST, MOST = 3, 100_000
"""Orders that may be open at once; each takes some 2 kB."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One strategy of a run: what it is, its parameters, the instruments it is bound to."""

    strategy: Any
    params: Mapping[str, Any] = field(default_factory=dict)
    instruments: tuple[str, ...] = ()
    """Names; empty: all of the run. For legs in the order of the legs."""
    name: str = ""
    """What the run calls it; empty: by its class's file."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Its own limits, as a file's [strategy] has them, over those of the run."""
    product: Product | None = None
    """Of its orders; None: as the run says."""
    broker: str = ""
    """Where its orders may go; empty: wherever the run's go."""


@dataclass(frozen=True)
class Opt:
    """What is said of an option beside its type and its default."""

    reading: Reading
    panel: str = ""
    """The heading of its help; none: commands that have it declare it themselves."""
    metavar: str = ""
    help: str = ""
    """A default that is a value is added."""
    name: str = ""
    """As it is written, if that is not the field's name."""
    negated: bool = False
    """Written, it means no."""
    shapes: bool = True
    """Says what the result is; else it changes none, and needs no saying to make it again."""


@pydantic.dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What to run, on which data, under which rules."""

    strategies: tuple[Entry, ...]
    data: Annotated[
        tuple[str, ...],
        Opt(
            readings.FILES,
            DATA,
            "PATH",
            "Parquet file, folder or pattern; may be given again. Paths "
            "are relative to the current folder, those in a run file too.",
        ),
    ] = ()
    instrument: Annotated[
        tuple[str, ...], Opt(readings.TEXTS, DATA, "NAME", "Only these; for legs in their order.")
    ] = ()
    instruments: Annotated[
        tuple[str, ...],
        Opt(readings.FILES, DATA, "CSV", "Kite's instrument file, for lots and ticks."),
    ] = ()
    map: Annotated[
        Mapping[str, str],
        Opt(
            readings.MAP,
            DATA,
            "NAME=COLUMN",
            "Where a column has another name.",
        ),
    ] = field(default_factory=dict)
    kind: Annotated[
        str | None, Opt(readings.KIND, DATA, "KIND", "tick, bar or quote; else told from it.")
    ] = None
    interval: Annotated[
        str | None, Opt(readings.INTERVAL, DATA, "TIME", "Of bars, 1m or 1d; else told from it.")
    ] = None
    bars: Annotated[
        str | None,
        Opt(readings.BARS, DATA, "TIME", "Make bars of the rows: 1m, 15m, 1h or 1d."),
    ] = None
    repair: Annotated[bool, Opt(readings.FLAG, DATA, "", "Drop defective rows and count them.")] = (
        False
    )
    qty_scale: Annotated[
        int, Opt(readings.WHOLE, DATA, "N", "Units to a share, of fractional data.")
    ] = 1
    price_scale: Annotated[
        int, Opt(readings.WHOLE, DATA, "N", "Prices are taken N times, if finer than 0.0001.")
    ] = 1
    keep_repeats: Annotated[
        bool, Opt(readings.FLAG, DATA, "", "Ticks that repeat another exactly stay.")
    ] = False
    exchange: Annotated[
        str | None,
        Opt(
            readings.TEXT,
            DATA,
            "NAME",
            "Of names without one. (default: NFO for contracts, else NSE)",
        ),
    ] = None
    first: Annotated[
        date | None, Opt(readings.DATE, DATA, "DATE", "First day in India.", "from")
    ] = None
    last: Annotated[date | None, Opt(readings.DATE, DATA, "DATE", "Last day, inclusive.", "to")] = (
        None
    )
    no_warm: Annotated[
        bool, Opt(readings.FLAG, DATA, "", "With --from, no earlier rows feed the indicators.")
    ] = False
    cash: Annotated[int, Opt(readings.MONEY, RULES, "RUPEES", "At the start.")] = to_scaled(
        "1000000"
    )
    costs: Annotated[
        str, Opt(readings.FILE, RULES, "COSTS", "zerodha, none, 0.03%, or a file of rates.")
    ] = "zerodha"
    limits: Annotated[
        str, Opt(readings.FILE, RULES, "LIMITS", "default, wide, or a TOML file.")
    ] = "default"
    calendar: Annotated[str, Opt(readings.FILE, RULES, "NAME", "nse or always.")] = "nse"
    product: Annotated[
        Product | None,
        Opt(
            readings.PRODUCT,
            RULES,
            "PRODUCT",
            "CNC, MIS or NRML. (default: shares CNC, derivatives NRML)",
        ),
    ] = None
    latency: Annotated[int, Opt(readings.TIME, PAPER, "TIME", "From order to exchange, 50ms.")] = 0
    slippage: Annotated[
        int, Opt(readings.RATES, PAPER, "RATE", "Of market orders, 2bp or 0.02%.")
    ] = 0
    limit_fill: Annotated[
        LimitFill,
        Opt(
            readings.LIMIT_FILL,
            PAPER,
            "WHEN",
            "A resting limit fills when the price goes through it, "
            "touches it, or has taken the queue: through, touch or queue.",
        ),
    ] = LimitFill.THROUGH
    volume_share: Annotated[
        int, Opt(readings.SHARE, PAPER, "SHARE", "Of traded volume an order takes.")
    ] = readings.RATE
    seed: Annotated[int, Opt(readings.WHOLE, PAPER, "N", "Of random slippage.")] = 7
    fills: Annotated[
        str | None,
        Opt(
            readings.FILE,
            PAPER,
            "PROFILE",
            "Latency, slippage and volume share from a file of `alphapanda calibrate`.",
        ),
    ] = None
    fills_sha256: str = field(default="", compare=False)
    """Of the profile as it was read; no option."""
    open_orders: Annotated[
        int | None,
        Opt(
            readings.WHOLE,
            RULES,
            "N",
            "Orders that may be open. (default: 1,024, or 4 for each instrument of a strategy)",
        ),
    ] = None
    batch: Annotated[
        int | None, Opt(readings.WHOLE, RUN, "N", "Rows given to the core at once.", shapes=False)
    ] = None
    jit: Annotated[
        bool,
        Opt(
            readings.FLAG,
            RUN,
            "",
            "Run as plain Python: slow, for print and breakpoints.",
            "no_jit",
            negated=True,
            shapes=False,
        ),
    ] = True
    tier: Annotated[
        Tier,
        Opt(
            readings.TIER,
            RUN,
            "TIER",
            "How the loop is made: quick links a new strategy to a compiled core, full compiles "
            "both as one, auto runs few rows in Python, else full if it is kept or a sweep is "
            "long, else quick. "
            "The results are the same.",
            shapes=False,
        ),
    ] = Tier.AUTO
    journal: Annotated[bool, Opt(readings.FLAG, shapes=False)] = False
    out: Annotated[Path | None, Opt(readings.FOLDER, shapes=False)] = None

    def __post_init__(self) -> None:
        """Refuse what no run could mean."""
        if not self.data:
            raise UsageError("no data are named: --data FILE, a folder or a pattern")
        if not 0 < self.cash < BOUND:
            raise UsageError("--cash must be above 0 and below 900,719,925,474 rupees")
        if self.open_orders is not None and not FEWEST <= self.open_orders <= MOST:
            raise UsageError(
                f"--open-orders {self.open_orders}: from {FEWEST} (an entry and its exits take 3) "
                f"to {MOST:,}"
            )
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"--batch {self.batch}: must be at least 1")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise UsageError(f"--from {self.first} lies after --to {self.last}")


class Row(NamedTuple):
    """An option of the table."""

    field: str
    name: str
    """As it is written in a run file; a flag has - for _."""
    kind: Any
    """The type of its value."""
    default: Any
    opt: Opt

    @property
    def several(self) -> bool:
        """Whether it may be given again."""
        return get_origin(self.kind) in (tuple, Mapping)

    def text(self, value: Any) -> Any:
        """Return a value as a user writes it: a text, a number, a list or a table."""
        return value if value is None else self.opt.reading.write(value)


NO_OPTIONS = ("strategies", "fills_sha256")
"""Fields that are not written as options are."""


def rows() -> Iterator[Row]:
    """Yield every option, in the order of its field."""
    hints = get_type_hints(Options, include_extras=True)
    for each in fields(Options):
        if each.name in NO_OPTIONS:
            continue
        kind, opt = hints[each.name].__origin__, hints[each.name].__metadata__[0]
        made: Any = each.default_factory
        default = made() if each.default is MISSING else each.default
        yield Row(each.name, opt.name or each.name, kind, default, opt)


ROWS = {row.name: row for row in rows()}
"""Every option by the name it is written with."""
OTHERS = ("strategy", "strategies", "param", "params")
"""What to run, and with which parameters."""


def make(given: Mapping[str, Any], *, where: str = "", trades: bool = True) -> Options:
    """Return options from texts and values, as a TOML file or Python keywords give them.

    What does not trade needs no strategy.

    Raises:
        UsageError: naming the option and its value.
    """
    given = {name.replace("-", "_"): value for name, value in given.items()}
    by_name = {**ROWS, **{row.field: row for row in ROWS.values()}}
    for name in given:
        if name not in by_name and name not in OTHERS:
            hint = did_you_mean(name, [*by_name, *OTHERS])
            raise UsageError(f"{where}there is no option '{name}'.{hint}")
    given = {name: value for name, value in given.items() if value is not None}
    params = as_params(given.get("params", given.get("param", {})))
    named = given.get("strategies", given.get("strategy", ()))
    strategies = entries(named, params, where)
    if trades and not strategies:
        raise UsageError("no strategy is named")
    values: dict[str, Any] = {}
    for name, row in by_name.items():
        if name in given:
            shown = name if row.opt.negated else row.name
            value = row.opt.reading.value(shown, given[name], where=where)
            values[row.field] = not value if row.opt.negated and name == row.name else value
    fitted, sha256 = with_profile(given, where=where)
    return Options(strategies=strategies, **{**values, **fitted}, fills_sha256=sha256)


def from_python(strategy: Any, data: Any, given: Mapping[str, Any], *, cache_dir: Path) -> Options:
    """Return options given as Python keywords, in which `from` is written `from_`.

    `data` may be frames of pandas, polars or Arrow too, which become files in `cache_dir`.
    """
    names = {python_name(name): name for name in ROWS}
    values = {names.get(name, name): value for name, value in given.items()}
    if strategy is not None:
        values["strategies"] = strategy
    named = values.get("instrument", ())
    named = (named,) if isinstance(named, str) else tuple(named)
    folder = cache_dir / "frames"
    return make({**values, "data": with_files(data, folder, instruments=named)})


def python_name(name: str) -> str:
    """Return an option's name as a keyword of Python: `from_` of `from`."""
    return f"{name}_" if keyword.iskeyword(name) else name


def stored(options: Options) -> dict[str, Any]:
    """Return options as a manifest keeps them: plain values, by the names of their fields."""
    return {row.field: as_json(getattr(options, row.field)) for row in ROWS.values()}


def as_json(value: Any) -> Any:
    """Return a value as JSON holds it."""
    if isinstance(value, (bool, int, float, type(None))):
        return value
    if isinstance(value, Mapping):
        return dict(value)
    return [str(v) for v in value] if isinstance(value, tuple) else str(value)


def restored(kept: Mapping[str, Any], strategies: Sequence[Any]) -> Options:
    """Return the options that a manifest keeps; they were checked when it was made."""
    return Options(strategies=tuple(map(Entry, strategies)), **kept)


def entries(given: Any, params: Mapping[str, Any], where: str) -> tuple[Entry, ...]:
    """Return the strategies of a run; parameters given to the run go to its only strategy."""
    listed = given if isinstance(given, (list, tuple)) else (given,)
    made = [entry(one, where) for one in listed]
    if params and len(made) != 1:
        raise UsageError(f"{where}parameters belong to each strategy when there are several")
    if params:
        made = [replace(made[0], params={**made[0].params, **params})]
    return tuple(made)


def entry(given: Any, where: str) -> Entry:
    """Return one strategy of a run, from its name or a table."""
    if isinstance(given, Entry):
        return given
    if not isinstance(given, Mapping):
        return Entry(given)
    known = ("strategy", "params", "instruments", "name", "limits", "product")
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known)
            raise UsageError(f"{where}a strategy's table has no '{name}'.{hint}")
    params, limits = given.get("params", {}), given.get("limits", {})
    if "strategy" not in given or not isinstance(params, Mapping):
        raise UsageError(f"{where}a strategy's table is strategy = NAME, and params = {{...}}")
    if not isinstance(limits, Mapping):
        raise UsageError(f"{where}a strategy's limits are a table, limits = {{ qty = 100 }}")
    names = TEXTS.value("instruments", given.get("instruments", ()), where=where)
    name, product = given.get("name", ""), given.get("product")
    return Entry(
        given["strategy"], dict(params), names,
        name and TEXT.value("name", name, where=where), dict(limits),
        None if product is None else PRODUCT.value("product", product, where=where),
    )  # fmt: skip


def as_params(given: Any) -> dict[str, Any]:
    """Return parameters from a table or from texts such as `fast=10`."""
    if isinstance(given, Mapping):
        return dict(given)
    return pairs(given, "--param")
