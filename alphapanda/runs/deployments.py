"""Who trades where: `deployments/NAME.toml` binds each strategy to a broker, and says what it may.

A file is read and judged whole before anything starts; what is wrong is said by file and field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alphapanda.engine.compiler.declared import Spec
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.events.events import Broker
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Product
from alphapanda.model.limits import load_limits, own_limits
from alphapanda.model.money import BOUND
from alphapanda.runs import discovery, options, run_files
from alphapanda.runs.options import PAPER, ROWS, RULES, Entry, Options
from alphapanda.runs.plan import read_calendar
from alphapanda.runs.readings import MONEY, PRODUCT

BROKERS = (Broker.PAPER, Broker.ZERODHA)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
LIVE, FOLLOWED = "kite", "run"
BY_STRATEGY = ("cash", "product")
"""Options of a run that a deployment says of each strategy."""
FIELDS = {
    "missing": "it is missing", "extra_forbidden": "there is no such field",
    "string_type": "write a text", "bool_type": "write true or false",
    "list_type": "write a list", "tuple_type": "write a list", "dict_type": "write a table",
    "model_type": "write a table", "model_attributes_type": "write a table",
    "string_too_short": "it is empty", "too_short": "at least one is needed",
}  # fmt: skip
"""What pydantic finds, in words."""
WRITE = {
    "strategy": 'write strategy = "ema_cross"', "broker": 'write broker = "paper" or "zerodha"',
    "instruments": 'write instruments = ["NSE:INFY"]', "cash": 'write cash = "100000", in rupees',
    "params": "write params = { fast = 20 }", "limits": "write limits = { value = 50000 }",
    "strategies": "write a table [[strategies]] for each", "feed": 'write feed = "kite:"',
    "product": "write CNC, MIS or NRML", "active": "write true or false",
}  # fmt: skip
"""What to write for a field."""
Text = Annotated[str, Field(min_length=1)]


class Table(BaseModel):
    """A table of the file: exact types, and nothing that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StrategyTable(Table):
    """One [[strategies]]: what trades, where, on what, with how much."""

    strategy: Text
    broker: Text
    instruments: Annotated[list[Text], Field(min_length=1)]
    cash: str | int | float
    name: Text | None = None
    params: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    product: Text | None = None
    active: bool = True


class DeploymentTable(Table):
    """The file."""

    strategies: Annotated[list[StrategyTable], Field(min_length=1)]
    feed: Text | list[Text] = f"{LIVE}:"
    speed: Text | None = None
    paper: dict[str, Any] = {}
    zerodha: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Bound:
    """A strategy as a deployment binds it."""

    name: str
    """Its own at its broker."""
    spec: Spec
    written: str
    """How the file names the strategy."""
    broker: Broker
    instruments: tuple[str, ...]
    params: Mapping[str, int | float]
    """All of them, those that the file leaves out at their defaults."""
    limits: Mapping[str, Any]
    """Its own, as they are written; over those of its run."""
    cash: int
    """Scaled."""
    product: Product | None
    active: bool

    @property
    def type(self) -> str:
        """The strategy's file, without folder and `.py`."""
        return Path(self.written.partition(":")[0]).stem


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a file in `deployments/` says."""

    name: str
    file: Path
    feed: tuple[str, ...]
    speed: str | None
    strategies: tuple[Bound, ...]
    options: Mapping[Broker, Mapping[str, Any]]
    """Of the run at each broker, beside what its strategies say."""

    @property
    def brokers(self) -> tuple[Broker, ...]:
        """Where its active strategies trade: each is a run, and a process."""
        used = {each.broker for each in self.strategies if each.active}
        return tuple(broker for broker in reversed(BROKERS) if broker in used)

    @property
    def instruments(self) -> tuple[str, ...]:
        """Those of all its active strategies, which one feed has."""
        named = (name for each in self.strategies if each.active for name in each.instruments)
        return tuple(dict.fromkeys(named))

    @property
    def lives(self) -> bool:
        """Whether its feed is the broker's live one."""
        return self.feed[0].partition(":")[0] == LIVE

    def at(self, broker: Broker) -> tuple[Bound, ...]:
        """Return the active strategies of a broker."""
        return tuple(each for each in self.strategies if each.active and each.broker is broker)

    def options_at(self, broker: Broker) -> dict[str, Any]:
        """Return what the run at a broker is made of, its data apart."""
        chosen = self.at(broker)
        entries = [
            Entry(each.written, each.params, each.instruments, each.name, each.limits,
                  each.product, str(broker))
            for each in chosen
        ]  # fmt: skip
        cash = MONEY.write(sum(each.cash for each in chosen))
        return {**self.options.get(broker, {}), "strategies": entries, "cash": cash}


def find(folder: Path, name: str, *, strategies_dir: Path) -> Deployment:
    """Return a deployment by its name.

    Raises:
        UsageError: if there is none of that name, or its file is wrong.
    """
    file = run_files.find(folder, name, f"--deployment {name}: no such file")
    return read(file, strategies_dir)


def read(file: Path, strategies_dir: Path) -> Deployment:
    """Return the deployment in a file.

    Raises:
        UsageError: naming the file and the field, for anything that is wrong.
    """
    if NAME.fullmatch(file.stem) is None:
        raise UsageError(f"{file}: a deployment's name has up to 40 letters, digits, - and _")
    given = run_files.read_file(file)
    try:
        table = DeploymentTable.model_validate(given)
    except ValidationError as error:
        raise UsageError("\nalphapanda: ".join(explained(file, given, error))) from None
    bound = tuple(
        bind(each, where_of(file, k, each.strategy), strategies_dir)
        for k, each in enumerate(table.strategies)
    )
    refuse_twins(file, bound)
    feed = (table.feed,) if isinstance(table.feed, str) else tuple(table.feed)
    made = Deployment(file.stem, file, feed, table.speed, bound, {
        Broker.PAPER: table.paper, Broker.ZERODHA: table.zerodha,
    })  # fmt: skip
    refuse_feed(made)
    for broker in BROKERS:
        check_options(made, broker)
    return made


def bind(table: StrategyTable, where: str, strategies_dir: Path) -> Bound:
    """Return a strategy as its table binds it.

    Raises:
        UsageError: naming the field.
    """
    if table.broker not in BROKERS:
        hint = did_you_mean(table.broker, BROKERS)
        raise UsageError(f"{where}broker = {table.broker!r}: write paper or zerodha.{hint}")
    with naming(where):
        spec = discovery.find(table.strategy, strategies_dir)
        params = spec.arguments(table.params)
    twice = sorted({name for name in table.instruments if table.instruments.count(name) > 1})
    if twice:
        raise UsageError(f"{where}instruments: {twice[0]} stands there twice")
    legs = spec.binding.legs
    if legs and len(legs) != len(table.instruments):
        raise UsageError(
            f"{where}instruments: {spec.name} binds {len(legs)} ({', '.join(legs)}), in this order"
        )
    with naming(f"{where}limits, "):
        own_limits("", table.limits)
    return Bound(
        table.name or spec.name, spec, table.strategy, Broker(table.broker),
        tuple(table.instruments), params, table.limits, cash_of(table.cash, where),
        None if table.product is None else product_of(table.product, where), table.active,
    )  # fmt: skip


def cash_of(given: Any, where: str) -> int:
    """Return the cash of a strategy, scaled."""
    with naming(where):
        cash = int(MONEY.value("cash", given))
    if not 0 < cash < BOUND:
        raise UsageError(f"{where}cash = {given}: above 0, and below 900,719,925,474 rupees")
    return cash


def product_of(given: str, where: str) -> Product:
    """Return the product of a strategy's orders."""
    with naming(where):
        return Product(PRODUCT.value("product", given))


def refuse_twins(file: Path, bound: Sequence[Bound]) -> None:
    """Refuse two strategies of one name at one broker: nobody could tell them apart."""
    known: set[tuple[Broker, str]] = set()
    for k, each in enumerate(bound):
        if (each.broker, each.name) in known:
            raise UsageError(
                f"{where_of(file, k, each.written)}name: there is a {each.name} at {each.broker} "
                'already; write name = "..." to tell them apart'
            )
        known.add((each.broker, each.name))


def refuse_feed(made: Deployment) -> None:
    """Refuse a feed on which the strategies can't trade as they are bound.

    Raises:
        UsageError: it says what to write.
    """
    where = f"{made.file}: feed = {', '.join(made.feed)}"
    word, _, place = made.feed[0].partition(":")
    if word == FOLLOWED:
        raise UsageError(f"{where}: write kite:, bus: or replay:PATH")
    if word == LIVE and (place or len(made.feed) > 1):
        raise UsageError(f"{where}: write kite: alone; its instruments are the strategies'")
    if any(each.broker is Broker.ZERODHA for each in made.strategies) and word != LIVE:
        raise UsageError(f'{where}: broker zerodha trades on live ticks, feed = "kite:"')
    if made.speed is not None and word != "replay":
        raise UsageError(f'{made.file}: speed: only a recording has one, feed = "replay:PATH"')


def check_options(made: Deployment, broker: Broker) -> None:
    """Refuse options that no run at a broker has.

    Raises:
        UsageError: naming the table and the option.
    """
    where = f"{made.file}: [{broker}] "
    panels = (RULES, PAPER) if broker is Broker.PAPER else (RULES,)
    known = [n for n, row in ROWS.items() if row.opt.panel in panels and n not in BY_STRATEGY]
    given = made.options[broker]
    for name in given:
        if name in BY_STRATEGY:
            raise UsageError(f"{where}{name}: each strategy says its own, in its table")
        if name not in known:
            hint = did_you_mean(name, known) or f" There is {', '.join(known)}."
            raise UsageError(f"{where}{name}: there is no such option.{hint}")
    with naming(where):
        made_with = options.make({**given, "data": ["-"]}, trades=False)
        load_limits(made_with.limits)
        read_calendar(made_with.calendar)
        Schedule.parse(made_with.costs)


def made_of(made: Deployment, broker: Broker, data: Sequence[str]) -> Options:
    """Return the options of the run at a broker."""
    return options.make({**made.options_at(broker), "data": list(data)}, where=f"{made.file}: ")


def where_of(file: Path, number: int, strategy: str) -> str:
    """Return the head of a message about a strategy's table."""
    return f"{file}: [[strategies]] {number + 1} ({strategy}), "


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Put in front of a mistake's message where it stands."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{where}{str(error).removeprefix('--')}") from None


def explained(file: Path, given: Mapping[str, Any], error: ValidationError) -> Iterator[str]:
    """Say what is wrong with each field of a file, by its name, and what to write."""
    seen: set[str] = set()
    for fact in error.errors(include_url=False, include_context=False):
        path = [part for part in fact["loc"] if part not in ("str", "int", "float", "list[str]")]
        field, where = str(path[-1]), f"{file}: "
        if path[0] == "strategies" and len(path) > 1:
            number = int(path[1])
            where = where_of(file, number, name_in(given, number))
            path = path[2:] or ["strategies"]
        hint = ""
        if fact["type"] == "extra_forbidden":
            table = StrategyTable if where.endswith(", ") else DeploymentTable
            hint = did_you_mean(field, table.model_fields)
            hint = f".{hint}" if hint else f"; there is {', '.join(table.model_fields)}"
        else:
            hint = f"; {WRITE[str(path[0])]}" if str(path[0]) in WRITE else ""
        if where + spelt(path) in seen:
            continue  # of a field that may be a text or a number each is told
        seen.add(where + spelt(path))
        yield f"{where}{spelt(path)}: {FIELDS.get(fact['type'], fact['msg'])}{hint}"


def spelt(path: Sequence[Any]) -> str:
    """Return a field as one reads it: instruments[2]."""
    return "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def name_in(given: Mapping[str, Any], number: int) -> str:
    """Return what a table that is wrong calls its strategy, if it does."""
    tables = given.get("strategies")
    table = tables[number] if isinstance(tables, list) else None
    return str(table.get("strategy", "?"))[:80] if isinstance(table, dict) else "?"
