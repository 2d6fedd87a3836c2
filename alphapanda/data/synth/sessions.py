"""Made-up NSE sessions, as ticks or as bars: seeded, good enough to learn on and to load-test with.

The exchange is invented but keeps NSE's habits: a pre-open with an opening auction, a continuous
session from 09:15 to 15:30, more trades and wider swings at open and close, quotes on a tick grid,
names that move a little together. Every weekday is a session, there are no holidays. The shares
have no derivatives, so no closing auction (NSE holds one in those that do since August 2026).

How a price comes about. A share's level at the close of weekday d, in logarithms, is
``base + beta * M(d) + I(d)``; the market M and the share's own I are mean-reverting walks

    open(d) = KEEP * close(d - 1) + gap(d)        close(d) = open(d) + drift(d) + jump(d)

that start in 1990, so a day's prices are the same whichever day a file starts with. Within a day
a Brownian bridge leads from open to close, run by a clock that is fast at open and close, and a
jump falls at a random time. The value so found is what the quotes surround.

Every random stream (Philox, a counter-based generator) is keyed by seed, name, purpose and day. So
a share does not depend on how many others there are, nor a day on how many follow.

The shapes (`_pace`, `_heat`, the sizes of swings) are fitted by eye to one-minute bars of 56 NSE
shares over 18 days.

Over 400 lines: one model of a market, whose parts mean nothing by themselves.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alphapanda import files
from alphapanda.errors import OutsideError, UsageError
from alphapanda.model.calendar import day_start_ns

Kind = Literal["tick", "bar"]
Progress = Callable[[int, int], None]
"""Called with (done, in all) after each share's session is made."""

_Float = NDArray[np.float64]
_Int32 = NDArray[np.int32]
_Int64 = NDArray[np.int64]

TICK_SIZE = 0.05
"""Rupees; NSE's own for shares between Rs 250 and Rs 1,000, where these prices live."""

# fmt: off
NAMES = (
    "PANDA", "BAMBOO", "LANGUR", "HORNBILL", "MONGOOSE", "PEEPAL", "BULBUL", "CHINKARA",
    "GHARIAL", "KADAMBA", "NILGAI", "PANGOLIN", "SAMBAR", "TAMARIND", "MYNAH", "HOOPOE", "DHOLE",
    "GULMOHAR", "BANYAN", "LORIKEET", "CASUARINA", "MAHSEER", "MARKHOR", "CIVET", "DUGONG",
    "FLAMEBACK", "JACANA", "KESTREL",
)
# fmt: on
"""Symbols in the order they are used; none is listed at NSE. Beyond them, PANDA2 and so on."""

TICKS_MIN = 50
"""Fewest rows of a share and day: the auction's, and enough trades for a session."""

MOST_JUMPS, HIGHEST = 100, 0.95
"""Bounds of a style's jumps a day, and of its correlation."""

_GRIDS_A_RUPEE = 20
_EPOCH = date(1990, 1, 1)
_ZONE = "Asia/Kolkata"
_MINUTE_NS = 60 * 10**9
_US = 10**6  # times are whole microseconds: many readers drop what is finer
_PRE_OPEN_S = 9 * 3600
_OPEN_S = 9 * 3600 + 15 * 60
_CLOSE_S = 15 * 3600 + 30 * 60
_SESSION_S = _CLOSE_S - _OPEN_S
_INDICATIVE_ROWS = 8
_ROW_GROUP = 500_000


class Style(NamedTuple):
    """What may be asked of the made-up market; as it stands it changes nothing."""

    jumps: float = 0.0
    """Jumps a share and day, on average, besides its own; the day's close is not moved by them."""
    correlation: float | None = None
    """Of the returns of any two shares; None: each follows the market in a way of its own."""
    halts: float = 0.0
    """Chance that a share is halted for a quarter to three quarters of an hour of a day."""


PLAIN = Style()

TICK_SCHEMA = pa.schema(
    [
        ("ts", pa.timestamp("ns", _ZONE)),
        ("symbol", pa.dictionary(pa.int32(), pa.string())),
        ("last", pa.float64()),
        ("qty", pa.int64()),
        ("volume", pa.int64()),
        ("bid", pa.float64()),
        ("bid_qty", pa.int64()),
        ("ask", pa.float64()),
        ("ask_qty", pa.int64()),
    ]
)
BAR_SCHEMA = pa.schema(
    [
        ("date", pa.timestamp("ns", _ZONE)),
        ("symbol", pa.dictionary(pa.int32(), pa.string())),
        ("open", pa.float64()),
        ("high", pa.float64()),
        ("low", pa.float64()),
        ("close", pa.float64()),
        ("volume", pa.int64()),
    ]
)


def synthesize(
    path: Path,
    *,
    day: date,
    days: int = 1,
    instruments: int | Sequence[str] = 5,
    ticks_per_instrument: int = 20_000,
    seed: int = 7,
    kind: Kind = "tick",
    style: Style = PLAIN,
    progress: Progress | None = None,
) -> Path:
    """Write `days` weekday sessions from `day` on into one Parquet file; return its path.

    Of kind "tick" the file has `TICK_SCHEMA`, sorted by (ts, symbol): prices in rupees, quantities
    in shares, `volume` cumulative over the day, exactly `ticks_per_instrument` rows a share and
    day. These are: indicative prices from 09:00 (`qty` 0), the opening auction's trade between
    09:07 and 09:08, trades at bid or ask from 09:15, and at 15:30:00 a row that repeats the last
    price (`qty` 0). Rows outside the continuous session have no quotes (0). Times are whole
    microseconds and rise strictly within a share.

    Of kind "bar" it has `BAR_SCHEMA`, sorted by (date, symbol): the minutes of the same ticks,
    stamped with their start, without those in which nothing traded. The opening auction belongs to
    the first of them, so a day's bars add up to its volume.

    The same arguments give the same rows (on another kind of processor, whose exp() rounds its last
    bit otherwise, a price may very rarely be one tick away). The file appears whole or not at all.

    Raises:
        UsageError: an argument is out of bounds, or `path` is a directory.
        OutsideError: the file cannot be written.
    """
    names = share_names(instruments)
    _check(path, day=day, days=days, ticks=ticks_per_instrument, kind=kind)
    _check_style(style)
    schema = TICK_SCHEMA if kind == "tick" else BAR_SCHEMA
    tables = _tick_tables if kind == "tick" else _bar_tables
    with replacing(path) as partial, pq.ParquetWriter(partial, schema, compression="zstd") as out:
        for done, session in enumerate(_weekdays(day, days)):
            market = _market(seed, session)
            made = []
            for name in names:
                made.append(_ticks(seed, name, market, rows=ticks_per_instrument, style=style))
                if progress is not None:
                    progress(done * len(names) + len(made), days * len(names))
            for table in tables(names, made, day=session):
                out.write_table(table, row_group_size=_ROW_GROUP)
    return path


def share_names(instruments: int | Sequence[str]) -> list[str]:
    """Return the names of so many shares, or those given.

    Raises:
        UsageError: there are none, or one is empty or given twice.
    """
    if isinstance(instruments, str):
        raise UsageError(f"instruments: {instruments!r} is one string; give a list of names.")
    if isinstance(instruments, int):
        if instruments < 1:
            raise UsageError(f"instruments: {instruments} is below 1.")
        rounds = range(1, 2 + (instruments - 1) // len(NAMES))
        return [f"{n}{r if r > 1 else ''}" for r in rounds for n in NAMES][:instruments]
    names = list(instruments)
    if not names:
        raise UsageError("instruments: the list of names is empty.")
    if not all(name.strip() for name in names):
        raise UsageError(f"instruments: an empty name among {names}.")
    if len(set(names)) < len(names):
        raise UsageError(f"instruments: a name is given twice: {names}.")
    return names


def _check(path: Path, *, day: date, days: int, ticks: int, kind: str) -> None:
    if kind not in ("tick", "bar"):
        raise UsageError(f"kind: {kind!r} is neither 'tick' nor 'bar'.")
    if day < _EPOCH:
        raise UsageError(f"day: {day} is before {_EPOCH}, where the made-up market begins.")
    if days < 1:
        raise UsageError(f"days: {days} is below 1.")
    if ticks < TICKS_MIN:
        raise UsageError(f"ticks_per_instrument: {ticks} is below {TICKS_MIN}.")
    if path.is_dir():
        raise UsageError(f"{path} is a directory; give the name of a file.")


def _check_style(style: Style) -> None:
    if not 0 <= style.jumps <= MOST_JUMPS:
        raise UsageError(f"jumps: {style.jumps} is not between 0 and {MOST_JUMPS} a day.")
    if style.correlation is not None and not 0 <= style.correlation <= HIGHEST:
        raise UsageError(f"correlation: {style.correlation} is not between 0 and {HIGHEST}.")
    if not 0 <= style.halts <= 1:
        raise UsageError(f"halts: {style.halts} is no chance: write 0.1 for one day in ten.")


def share_days(
    name: str, *, day: date, days: int, ticks: int, seed: int, style: Style = PLAIN
) -> Iterator[tuple[date, _Rows]]:
    """Yield one share's days as `synthesize` makes them, prices in ticks of Rs 0.05."""
    for session in _weekdays(day, days):
        yield session, _ticks(seed, name, _market(seed, session), rows=ticks, style=style)


def _weekdays(day: date, days: int) -> Iterator[date]:
    while days:
        if day.weekday() < 5:  # before Saturday
            yield day
            days -= 1
        day += timedelta(days=1)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside a file, and put what was written there in its place, whole.

    Raises:
        OutsideError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as partial:
            yield partial
    except OSError as error:
        raise OutsideError(f"cannot write {path}: {error}. Is there room, and may you?") from error


# Levels from day to day


_KEEP = 0.99  # the part of yesterday's level that a day starts from


class _Habit(NamedTuple):
    """How far a walk moves in a day: standard deviations of its parts, in logarithms."""

    gap: float
    swing: float
    jump: float
    beyond: float  # a day has a jump if a standard normal lies beyond this


_MARKET = _Habit(gap=0.0035, swing=0.0065, jump=0.004, beyond=2.0)
_OWN = _Habit(gap=0.004, swing=0.012, jump=0.008, beyond=1.0)


class _Move(NamedTuple):
    """One day of a walk: its level at the open, its way to the close and a jump on that way."""

    open: float
    drift: float
    jump: float


def _stream(seed: int, *words: object) -> np.random.Generator:
    text = "/".join(str(word) for word in (seed, *words))
    key = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))


def _move(seed: int, name: str, *, day: date, habit: _Habit) -> _Move:
    weekdays = int(np.busday_count(_EPOCH, day)) + 1
    draws = _stream(seed, name, "days").standard_normal((weekdays, 4))
    gaps, drifts = habit.gap * draws[:, 0], habit.swing * draws[:, 1]
    jumps = np.where(np.abs(draws[:, 2]) > habit.beyond, habit.jump * draws[:, 3], 0.0)
    close = 0.0
    for change in (gaps + drifts + jumps)[:-1].tolist():
        close = _KEEP * close + change
    return _Move(_KEEP * close + float(gaps[-1]), float(drifts[-1]), float(jumps[-1]))


# The day's clocks, second by second from the open: [22,501] running totals from 0 to 1


def _clock(speed: _Float) -> _Float:
    passed = np.concatenate(([0.0], np.cumsum(speed)))
    return np.asarray(passed / passed[-1])


def _pace() -> _Float:
    # Trades a second: about 2.7 times the midday's at the open, 3.8 times at the close.
    t = np.arange(_SESSION_S) + 0.5
    return 1.0 + 2.4 * np.exp(-t / 1200) + 4.0 * np.exp((t - _SESSION_S) / 1080)


def _heat() -> _Float:
    # Variance a second: its root is 2.7 times the midday's in the first quarter hour.
    t = np.arange(_SESSION_S) + 0.5
    return (1.0 + 3.2 * np.exp(-t / 600) + 0.4 * np.exp((t - _SESSION_S) / 1200)) ** 2


def _mood(rng: np.random.Generator) -> _Float:
    # Busy and quiet spells of some minutes, the same for trades and swings: [22,500], mean about 1.
    minutes = _SESSION_S // 60
    level, moods = 0.0, []
    for draw in rng.standard_normal(minutes).tolist():
        level = 0.8 * level + 0.25 * draw
        moods.append(level)
    return np.repeat(np.exp(np.array(moods)), 60)


def _bridge(rng: np.random.Generator, clock: _Float, *, move: _Move, swing: float) -> _Float:
    # The walk's level above its open where the clock stands at `clock` ([n], from 0 up to 1).
    steps = rng.standard_normal(len(clock)) * np.sqrt(np.diff(clock, prepend=0.0))
    walk = swing * np.cumsum(steps)
    end = walk[-1] + swing * np.sqrt(1.0 - clock[-1]) * rng.standard_normal()
    jumped = np.where(clock > rng.random(), move.jump, 0.0)
    return np.asarray(walk - clock * (end - move.drift) + jumped)


class _Market(NamedTuple):
    """What all shares have in common on one day."""

    day: date
    open: float
    path: _Float  # [22,501] level above the open at each second


def _market(seed: int, day: date) -> _Market:
    move = _move(seed, "the market", day=day, habit=_MARKET)
    rng = _stream(seed, "the market", day)
    path = _bridge(rng, _clock(_heat()), move=move, swing=_MARKET.swing)
    return _Market(day, move.open, path)


# One share, one day


class _Rows(NamedTuple):
    """Rows of one share and day, in time; prices in ticks of Rs 0.05, all [n]."""

    us: _Int64  # microseconds since midnight IST
    last: _Int32
    qty: _Int32
    bid: _Int32
    bid_qty: _Int32
    ask: _Int32
    ask_qty: _Int32


def _ticks(seed: int, name: str, market: _Market, *, rows: int, style: Style) -> _Rows:
    share = _stream(seed, "share", name)
    base, beta = np.log(370 * 2 ** share.random()), 0.6 + 0.8 * share.random()
    size = float(10 ** (1.2 + 0.8 * share.random()))  # shares in a usual trade: 16 to 100
    move = _move(seed, f"share {name}", day=market.day, habit=_OWN)
    own = 1.0
    if style.correlation is not None:
        beta, own = _loads(style.correlation)
    opening = float(base + beta * market.open + own * move.open)
    rng = _stream(seed, "ticks", name, market.day)

    before = _pre_open(rng, opening, volume=int(0.015 * rows * size))
    trades = rows - len(before.us) - 1
    second, clock = _arrivals(rng, trades, halt=_halt(seed, name, market.day, style.halts))
    level = opening + own * _bridge(rng, clock, move=move, swing=_OWN.swing)
    level += _jumps(_stream(seed, "jumps", name, market.day), clock, number=style.jumps)
    level += beta * np.interp(second, np.arange(_SESSION_S + 1), market.path)
    during = _continuous(rng, second, np.exp(level) * _GRIDS_A_RUPEE, size=size)
    after = _quoteless([_CLOSE_S * _US], last=during.last[-1:], qty=[0])

    return _joined(_Rows, (before, during, after))


def _quoteless(us: object, *, last: object, qty: object) -> _Rows:
    last_ticks = np.asarray(last, np.int32)
    none = np.zeros(len(last_ticks), np.int32)
    return _Rows(np.asarray(us, np.int64), last_ticks, np.asarray(qty, np.int32), *[none] * 4)


def _pre_open(rng: np.random.Generator, opening: float, *, volume: int) -> _Rows:
    # Indicative prices close in on the auction's; orders end at a random time from 09:07 to 09:08.
    n = _INDICATIVE_ROWS
    auction_us = _strictly(_PRE_OPEN_S * _US + rng.integers(7 * 60 * _US, 8 * 60 * _US, 1))
    times = np.sort(rng.integers(_PRE_OPEN_S * _US + _US, int(auction_us[0]) - n, n))
    off = 0.006 * rng.standard_normal(n) * np.linspace(1.0, 0.1, n)
    levels = np.exp(opening + np.concatenate((off, [0.0]))) * _GRIDS_A_RUPEE
    qty = np.zeros(n + 1, np.int32)
    qty[-1] = max(1, volume)
    times_us = np.concatenate((_strictly(times), auction_us))
    return _quoteless(times_us, last=np.rint(levels), qty=qty)


def _loads(correlation: float) -> tuple[float, float]:
    # Of the market's and the share's own way: as much variance as with a beta of 1.
    market, own = _variance(_MARKET), _variance(_OWN)
    both = market + own
    return math.sqrt(correlation * both / market), math.sqrt((1.0 - correlation) * both / own)


def _variance(habit: _Habit) -> float:
    # Of the way from open to close: of the swing, and of the jump on the days that have one.
    return habit.swing**2 + math.erfc(habit.beyond / math.sqrt(2)) * habit.jump**2


def _jumps(rng: np.random.Generator, clock: _Float, *, number: float) -> _Float:
    # Between them the level drifts back, so that it ends where it would have ended without.
    times = rng.random(rng.poisson(number))
    sizes = _OWN.jump * rng.standard_normal(len(times))
    level = np.zeros(len(clock))
    for time, size in zip(times.tolist(), sizes.tolist(), strict=True):
        level += np.where(clock > time, size, 0.0) - size * clock
    return level


def _halt(seed: int, name: str, day: date, chance: float) -> tuple[float, float]:
    # Its start and length in seconds after the open; a length of 0 is none.
    rng = _stream(seed, "halt", name, day)
    happens, length, start = rng.random(), rng.uniform(900, 2700), rng.uniform(1800, 15_000)
    return (float(start), float(length)) if happens < chance else (0.0, 0.0)


def _arrivals(
    rng: np.random.Generator, n: int, *, halt: tuple[float, float]
) -> tuple[_Float, _Float]:
    # Times of n trades in seconds after the open, and what the clock of swings says then.
    mood = _mood(rng)
    seconds = np.arange(_SESSION_S + 1)
    waits = np.cumsum(rng.standard_exponential(n + 1))
    second = np.interp(waits[:-1] / waits[-1], _clock(_pace() * mood), seconds)
    start, length = halt
    if length:
        second *= 1.0 - length / _SESSION_S
        second += np.where(second >= start, length, 0.0)
    return second, np.interp(second, seconds, _clock(_heat() * mood))


def _continuous(rng: np.random.Generator, second: _Float, value: _Float, *, size: float) -> _Rows:
    n = len(second)
    spread = _spread(rng, second)
    bid = np.maximum(1, np.floor(value - (spread - 1) / 2)).astype(np.int32)
    ask = bid + spread
    bought = _sides(rng, np.diff(bid, prepend=bid[0]))
    us = _strictly((second * _US).astype(np.int64) + _OPEN_S * _US)
    return _Rows(
        us=_strictly_below(us, _CLOSE_S * _US),
        last=np.where(bought, ask, bid),
        qty=_sizes(rng, n, size),
        bid=bid,
        bid_qty=_sizes(rng, n, 6 * size),
        ask=ask,
        ask_qty=_sizes(rng, n, 6 * size),
    )


def _spread(rng: np.random.Generator, second: _Float) -> _Int32:
    # 1 to 3 ticks, wider in the first minutes, kept for about four trades at a time.
    drawn = 1.0 + rng.random(len(second)) ** 2 * 1.6 + 1.8 * np.exp(-second / 300)
    renewed = rng.random(len(second)) < 0.25
    kept = np.maximum.accumulate(np.where(renewed, np.arange(len(second)), 0))
    return np.asarray(np.clip(drawn[kept], 1, 3).astype(np.int32))


def _sides(rng: np.random.Generator, step: _Int32) -> NDArray[np.bool_]:
    # Buys come after buys, and with rising quotes: an order that is worked takes several trades.
    run = np.cumsum(rng.random(len(step)) < 0.35) % 2 == 0
    follows = (step != 0) & (rng.random(len(step)) < 0.5)
    return np.where(follows, step > 0, run)


def _sizes(rng: np.random.Generator, n: int, usual: float) -> _Int32:
    drawn = usual * np.exp(1.1 * rng.standard_normal(n))
    return np.asarray(np.clip(drawn, 1, 1_000_000).astype(np.int32))


def _strictly(us: _Int64) -> _Int64:
    # The same times, each moved up just enough to be later than the one before.
    order = np.arange(len(us))
    return np.asarray(np.maximum.accumulate(us - order) + order)


def _strictly_below(us: _Int64, end: int) -> _Int64:
    return np.minimum(us, end - np.arange(len(us), 0, -1))


# From shares to tables


def _tick_tables(names: Sequence[str], made: Sequence[_Rows], *, day: date) -> Iterator[pa.Table]:
    dictionary, codes = _codes(names)
    sizes = [len(share.us) for share in made]
    code = np.repeat(codes, sizes)
    ticks = _joined(_Rows, made)
    volume = np.concatenate([np.cumsum(share.qty, dtype=np.int64) for share in made])
    # Times differ within a share and codes between shares, so no two keys are equal.
    order = np.argsort(ticks.us * len(names) + code)
    for start in range(0, len(order), _ROW_GROUP):
        rows = order[start : start + _ROW_GROUP]
        taken = _taken(ticks, rows)
        yield pa.table(
            [
                _time(taken.us * 1000 + day_start_ns(day)),
                pa.DictionaryArray.from_arrays(code[rows], dictionary),
                _rupees(taken.last),
                taken.qty.astype(np.int64),
                volume[rows],
                _rupees(taken.bid),
                taken.bid_qty.astype(np.int64),
                _rupees(taken.ask),
                taken.ask_qty.astype(np.int64),
            ],
            schema=TICK_SCHEMA,
        )


def _taken(ticks: _Rows, rows: _Int64) -> _Rows:
    columns: list[Any] = [column[rows] for column in ticks]
    return _Rows(*columns)


class _Bars(NamedTuple):
    """The minutes of one share and day in which it traded; prices in ticks of Rs 0.05."""

    minute: _Int64
    open: _Int32
    high: _Int32
    low: _Int32
    close: _Int32
    volume: _Int64


def _bars(ticks: _Rows) -> _Bars:
    traded = ticks.qty > 0
    last, qty = ticks.last[traded], ticks.qty[traded].astype(np.int64)
    minute = np.maximum(0, (ticks.us[traded] - _OPEN_S * _US) // (60 * _US))
    starts = np.flatnonzero(np.diff(minute, prepend=-1))
    ends = np.append(starts[1:], len(minute)) - 1
    return _Bars(
        minute=minute[starts],
        open=last[starts],
        high=np.maximum.reduceat(last, starts),
        low=np.minimum.reduceat(last, starts),
        close=last[ends],
        volume=np.add.reduceat(qty, starts),
    )


def _bar_tables(names: Sequence[str], made: Sequence[_Rows], *, day: date) -> Iterator[pa.Table]:
    dictionary, codes = _codes(names)
    each = [_bars(ticks) for ticks in made]
    bars = _joined(_Bars, each)
    code = np.repeat(codes, [len(part.minute) for part in each])
    order = np.argsort(bars.minute * len(names) + code)
    open_ns = day_start_ns(day) + _OPEN_S * 10**9
    prices = (bars.open, bars.high, bars.low, bars.close)
    yield pa.table(
        [
            _time(bars.minute[order] * _MINUTE_NS + open_ns),
            pa.DictionaryArray.from_arrays(code[order], dictionary),
            *(_rupees(price[order]) for price in prices),
            bars.volume[order],
        ],
        schema=BAR_SCHEMA,
    )


_Made = TypeVar("_Made", _Rows, _Bars)


def _joined(kind: type[_Made], parts: Sequence[_Made]) -> _Made:
    columns: list[Any] = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return kind(*columns)


def _codes(names: Sequence[str]) -> tuple[pa.Array, _Int32]:
    # Codes in alphabetical order, so that sorting by code sorts by symbol.
    known = sorted(names)
    codes = {name: code for code, name in enumerate(known)}
    return pa.array(known), np.array([codes[name] for name in names], np.int32)


def _time(ns: _Int64) -> pa.Array:
    return pa.array(ns).cast(pa.timestamp("ns", _ZONE))


def _rupees(ticks: _Int32) -> _Float:
    # Whole numbers divided: the float nearest to the decimal, as its text would be read.
    return ticks / np.float64(_GRIDS_A_RUPEE)
