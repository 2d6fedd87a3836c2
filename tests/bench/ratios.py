"""What is compared with what, how, and how much is allowed: the table that `make bench` prints."""

from __future__ import annotations

import functools
import itertools
import secrets
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench import sides, workloads

RULES = ("--calendar", "always", "--limits", "wide", "--costs", "0.03%", "--cash", "10000000")
HERE = Path(__file__).parent
CROSS = '''
from alphapanda import {average}, strategy, target

@strategy
class Cross{salt}:
    """Long while the fast average is above the slow one."""
    fast = {average}({fast})
    slow = {average}({slow})

    def {hook}(self, ctx):
        if self.fast.value > self.slow.value + {band}:
            target(ctx, 1)
        elif self.fast.value < self.slow.value - {band}:
            target(ctx, 0)
'''
KIT = (
    "sma(10)", "ema(20)", "wma(15)", "dema(12)", "hma(16)", "rsi(14)", "macd(12, 26, 9)",
    "atr(14)", "adx(14)", "bollinger(20, 2.0)", "keltner(20, 10, 2.0)", "donchian(20)",
    "supertrend(10, 3.0)",
    "stochastic(14, 3)", "cci(20)", "roc(10)", "mfi(14)", "obv()", "vwap()", "std(20)",
    "zscore(20)", "highest(20)", "lowest(20)", "slope(20)", "sma(50)", "ema(100)",
    "rsi(21)", "atr(21)",
)  # fmt: skip
"""Indicators as users write them; 28 of them."""

Cost = Callable[[], float | None]


@dataclass(frozen=True)
class Limit:
    """How much ours may cost: as a ratio to a side's, or by itself where the side is empty."""

    side: str
    most: float


@dataclass(frozen=True)
class Row:
    """One comparison. Costs are in a unit; less is better."""

    name: str
    what: str
    unit: str
    costs: dict[str, Cost]
    """By side; the first is ours."""
    limits: tuple[Limit, ...]


@dataclass
class Measured:
    """A row's costs by side, one of each round."""

    row: Row
    costs: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    """Sides that could not be measured, and why."""

    def ratios(self, side: str) -> list[float]:
        """Return ours by the side's, round by round."""
        mine = self.costs[next(iter(self.row.costs))]
        return [own / other for own, other in zip(mine, self.costs[side], strict=True)]

    def figures(self, limit: Limit) -> list[float] | None:
        """Return what a limit is about, of each round; None where its side is missing."""
        if limit.side == "":
            return self.costs[next(iter(self.row.costs))]
        return None if limit.side in self.missing else self.ratios(limit.side)

    def missed(self) -> list[Limit]:
        """Return the limits whose median is above what is allowed."""
        return [
            limit for limit in self.row.limits
            if (found := self.figures(limit)) and statistics.median(found) > limit.most
        ]  # fmt: skip


def measure(row: Row, rounds: int, say: Callable[[str], None]) -> Measured:
    """Measure all sides in turn, `rounds` times, after one round that fills caches.

    A side that fails or is not installed is left out, with the reason; ours may not fail.
    """
    found = Measured(row)
    for number in range(rounds + 1):
        for place, (side, cost) in enumerate(row.costs.items()):
            if side in found.missing:
                continue
            try:
                value = cost()
            except RuntimeError as error:
                if place == 0:
                    raise
                value, found.missing[side] = None, str(error)
            if value is None:
                found.missing.setdefault(side, "not installed")
                found.costs.pop(side, None)
            elif number:
                found.costs.setdefault(side, []).append(value)
        say(f"{row.name}: round {number} of {rounds}")
    return found


class Data:
    """The recordings of a benchmark, made once in a scratch folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ticks(self) -> Path:
        """1 M ticks of one instrument."""
        return self._once("A.parquet", lambda path: workloads.write_ticks(path, of("A")))

    def bars(self) -> Path:
        """1 M one-minute bars of one instrument."""
        return self._once("B.parquet", lambda path: workloads.write_bars(path, of("B")))

    def some_bars(self, rows: int) -> Path:
        """The first bars of those."""
        return self._once(
            f"B{rows}.parquet", lambda path: workloads.write_bars(path, of("B").slice(0, rows))
        )

    def many(self) -> Path:
        """4 M ticks of 200 instruments, interleaved."""
        return self._once("C.parquet", self._write_many)

    @staticmethod
    def _write_many(path: Path) -> None:
        columns = of("C")
        names = pa.array([f"SHARE{number}" for number in range(200)])
        table = workloads.tick_table(columns)
        symbols = pa.DictionaryArray.from_arrays(pa.array(columns.row), names)
        pq.write_table(table.append_column("symbol", symbols), path, compression="zstd")

    def strategy(self, average: str, hook: str, *, fast: int = 10, slow: int = 50) -> Path:
        """A cross of averages whose source was never seen."""
        salt = secrets.token_hex(4)
        band = f"0.0000001{int(salt, 16)}"
        return self._source(
            f"cross{salt}",
            CROSS.format(average=average, salt=salt, hook=hook, band=band, fast=fast, slow=slow),
        )

    def kit(self) -> Path:
        """A strategy of 28 indicators whose source was never seen."""
        salt = secrets.token_hex(4)
        names = sorted({text.partition("(")[0] for text in KIT})
        lines = [f"    i{number} = {text}" for number, text in enumerate(KIT)]
        source = "\n".join([
            f"from alphapanda import {', '.join(names)}, strategy, target", "", "@strategy",
            f"class Kit{salt}:", '    """Declares much, and crosses two averages."""', *lines, "",
            "    def on_bar(self, ctx):",
            f"        if self.i0.value > self.i24.value + 0.0000001{int(salt, 16)}:",
            "            target(ctx, 1)", "        elif self.i0.value < self.i24.value:",
            "            target(ctx, 0)", "",
        ])  # fmt: skip
        return self._source(f"kit{salt}", source)

    def _source(self, name: str, source: str) -> Path:
        path = self.folder / f"{name}.py"
        path.write_text(source)
        return path

    def _once(self, name: str, write: Callable[[Path], None]) -> Path:
        path = self.folder / name
        if not path.exists():
            write(path)
        return path


@functools.cache
def of(name: str) -> workloads.Columns:
    """Return a workload's rows."""
    return workloads.load(name).columns


def trees(scratch: Path, cost: Callable[[sides.Tree], float]) -> dict[str, Cost]:
    """Return what this tree and the earlier one cost."""

    def earlier() -> float | None:
        tree = sides.base(scratch)
        return None if tree is None else cost(tree)

    return {"ours": lambda: cost(sides.ours(scratch)), sides.BASE: earlier}


def rows(scratch: Path) -> Iterator[Row]:
    """Return everything that is compared; recordings and caches lie in the scratch folder."""
    data = Data(scratch)
    yield from edits(scratch, data)
    yield from engines(scratch, data)
    yield from others(scratch, data)


def edits(scratch: Path, data: Data) -> Iterator[Row]:
    """From an edit to its result: whole processes."""

    def few() -> Path:
        return data.some_bars(30_000)

    def edited(
        recording: Callable[[], Path], source: Callable[[], Path]
    ) -> Callable[[sides.Tree], float]:
        return lambda tree: (
            tree.command("backtest", str(source()), "--data", str(recording()), *RULES).wall
        )

    def in_backtesting_py() -> float | None:
        done = sides.own_peer("btpy", HERE / "edit_in_backtesting_py.py", str(few()))
        return done and done.wall

    cross = edited(few, lambda: data.strategy("sma", "on_bar"))
    yield Row(
        "edit", "an edited strategy on 30,000 bars, whole process", "s",
        {**trees(scratch, cross), "backtesting.py": in_backtesting_py},
        (Limit("", 1.3), Limit("backtesting.py", 1.3), Limit(sides.BASE, 1 / 7)),
    )  # fmt: skip
    kit = edited(few, data.kit)
    yield Row(
        "edit-28", "the same with 28 indicators", "s", trees(scratch, kit),
        (Limit(sides.BASE, 1 / 7),),
    )  # fmt: skip
    ticks = edited(data.ticks, lambda: data.strategy("ema", "on_tick", fast=20, slow=100))
    yield Row(
        "edit-ticks", "an edited strategy on 1 M ticks, whole process", "s",
        trees(scratch, ticks), (Limit(sides.BASE, 1 / 3),),
    )  # fmt: skip

    def cell() -> float:
        salt = str(int(secrets.token_hex(4), 16))
        done = sides.ours(scratch).python(HERE / "edited_cell.py", str(few()), salt)
        return float(done.answer["edited"])

    yield Row("cell", "an edited cell of a notebook, 30,000 bars", "s", {"ours": cell},
              (Limit("", 1.0),))  # fmt: skip


def engines(scratch: Path, data: Data) -> Iterator[Row]:
    """The loop alone, from the run's own summary, beside the floor; and sweeps."""
    cases = (("A", data.ticks, "ema", "on_tick", 20, 100, 1.0),
             ("B", data.bars, "sma", "on_bar", 10, 50, 1 / 1.4),
             ("C", data.many, "ema", "on_tick", 20, 100, 1.0))  # fmt: skip
    for name, recording, average, hook, fast, slow, most in cases:
        source = data.strategy(average, hook, fast=fast, slow=slow)
        yield Row(
            name, f"workload {name}, seconds of the loop", "s",
            {**trees(scratch, functools.partial(loop_of, source, recording)),
             "floor": lambda name=name: sides.floor(name).answer["seconds"]},
            (Limit(sides.BASE, most),),
        )  # fmt: skip

    def combination(tree: sides.Tree) -> float:
        words = ("--data", str(data.some_bars(100_000)), "--interval", "1m", *RULES, "--grid",
                 "fast=5:25", "--grid", "slow=30:130:5")  # fmt: skip
        return 1 / float(tree.command("sweep", str(grid), *words).answer["combos_per_s"])

    def vectorbt() -> float | None:
        done = sides.peer("vbt", "vbt.py", "D", "rust")
        return done and done.answer["seconds"] / done.answer["events"]

    grid = sides.ROOT / "strategies" / "sma_cross.py"
    yield Row(
        "D", "a sweep of 400, seconds a combination", "s",
        {**trees(scratch, combination), "vectorbt": vectorbt},
        (Limit(sides.BASE, 1 / 3), Limit("vectorbt", 1 / 35)),
    )  # fmt: skip


def loop_of(source: Path, recording: Callable[[], Path], tree: sides.Tree) -> float:
    """Return the seconds that a backtest's loop takes, by its summary."""
    done = tree.command("backtest", str(source), "--data", str(recording()), *RULES)
    return float(done.answer["engine_s"])


def others(scratch: Path, data: Data) -> Iterator[Row]:
    """Starts and memory."""
    source = data.strategy("ema", "on_tick", fast=20, slow=100)

    def again(tree: sides.Tree) -> float:
        return tree.command("backtest", str(source), "--data", str(data.ticks()), *RULES).wall

    def paper(tree: sides.Tree) -> float:
        feed = f"replay:{data.ticks()}"
        return tree.command("paper", str(source), "--feed", feed, "--speed", "max", *RULES).rss

    yield Row(
        "start", "the second start on 1 M ticks, whole process", "s",
        trees(scratch, again), (Limit("", 1.2),),
    )  # fmt: skip
    yield Row(
        "paper", "paper over 1 M ticks, most memory", "MB",
        trees(scratch, paper), (Limit(sides.BASE, 0.6),),
    )  # fmt: skip


def table(found: Measured) -> list[str]:
    """Return a row's lines: each side's median, range and ratio, and what was allowed."""
    first = next(iter(found.row.costs))
    lines = [f"{found.row.name}: {found.row.what}"]
    for side, costs in found.costs.items():
        text = f"   {side:15s} {spread(costs)} {found.row.unit}"
        if side != first:
            text += f"; ours is {spread(found.ratios(side))} of it"
        lines.append(text)
    lines.extend(f"   {side:15s} not measured: {why}" for side, why in found.missing.items())
    missed = found.missed()
    for limit in found.row.limits:
        if limit.side in found.missing:
            continue
        of_what = f"of {limit.side}" if limit.side else found.row.unit
        verdict = "MISSED" if limit in missed else "kept"
        lines.append(f"   at most {limit.most:.3g} {of_what}: {verdict}")
    return lines


def spread(values: list[float]) -> str:
    """Return median (least..most)."""
    return f"{statistics.median(values):.4g} ({min(values):.4g}..{max(values):.4g})"


def chosen(scratch: Path, names: list[str]) -> Iterator[Row]:
    """Return the rows of these names, or all."""
    every, again = itertools.tee(rows(scratch))
    if unknown := set(names) - {row.name for row in again}:
        raise SystemExit(f"there is no {', '.join(sorted(unknown))}")
    return (row for row in every if not names or row.name in names)
