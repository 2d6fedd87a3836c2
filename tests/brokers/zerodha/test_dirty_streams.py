"""A stream with faults in it gives the rows of the clean one; a guard that is off is noticed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

from alphapanda.brokers.zerodha import packets, sieve
from alphapanda.brokers.zerodha.packets import QUOTE, decode
from alphapanda.brokers.zerodha.sieve import LATE_NS, SECOND, Sieve
from tests.support.kite_ticker import framed, full

BEGIN_S = 1_756_093_500
SHARES = {408065: 150_000, 2953217: 300_000}
"""Tokens, and prices in paise."""
STRANGER = 99 << 8 | 1
SEEDS, FRAMES = 20, 20
Given = tuple[int, bytes]
"""When a frame arrives, ns, and the frame."""


def clean(some: random.Random) -> Iterator[tuple[int, list[bytes]]]:
    """Yield seconds with what came of each share: prices on a walk, volumes that grow."""
    prices, volumes = dict(SHARES), dict.fromkeys(SHARES, 100)
    for number in range(FRAMES):
        now_s, came = BEGIN_S + number, []
        for token in some.sample([*SHARES], some.randrange(1, 3)):
            prices[token] += some.randrange(-4, 5) * 5
            volumes[token] += some.randrange(1, 9)
            came.append(full(token, prices[token], stamp=now_s, volume=volumes[token]))
        yield now_s, came


class Last(NamedTuple):
    """The last packet of a share: its bytes, what it says, and what second it is now."""

    raw: bytes
    now_s: int
    token: int
    price: int
    volume: int


def after(one: Last, price: int, **more: Any) -> bytes:
    """Return a packet of a later trade, or what is wrong with one."""
    fields = {"stamp": one.now_s, "volume": one.volume + 1, **more}
    return full(one.token, price, **fields)


Spoil = Callable[[Last], bytes]
PRICES: dict[str, Spoil] = {
    "none": lambda one: after(one, 0),
    "negative": lambda one: after(one, -one.price, bid=1, ask=2),
}
NOISE: dict[str, Spoil] = {
    **PRICES,
    "again": lambda one: one.raw,
    "tenfold": lambda one: after(one, 10 * one.price),
    "a tenth": lambda one: after(one, one.price // 10),
    "late": lambda one: after(one, one.price + 5, stamp=one.now_s - 3_600),
    "ahead": lambda one: after(one, one.price + 5, stamp=one.now_s + 3_600),
    "a volume that falls": lambda one: after(one, one.price + 5, volume=one.volume - 1),
    "not in full mode": lambda one: one.raw[:QUOTE],
    "a stranger": lambda one: after(one._replace(token=STRANGER), one.price, volume=10**9),
    "unknown": lambda one: one.raw[:12],
}


def spoil(some: random.Random, now_s: int, last: bytes, noise: Mapping[str, Spoil]) -> bytes:
    """Return a message that says nothing new: an odd packet, or a sound one in a torn frame."""
    one = Last(last, now_s, *(int.from_bytes(last[at : at + 4], "big") for at in (0, 4, 16)))
    made = framed(noise[some.choice([*noise])](one))
    if some.random() < 0.2:
        whole = framed(after(one, one.price + 5))
        made = some.choice((whole + b"\0", whole[:-1], b"\0\2" + whole[2:], b"\0"))
    return made


def streams(seed: int, kinds: Mapping[str, Spoil]) -> tuple[list[Given], list[Given]]:
    """Return a clean stream, and the same with faults between its frames."""
    some, noise = random.Random(f"clean {seed}"), random.Random(f"noise {seed}")
    good: list[Given] = []
    bad: list[Given] = []
    last: dict[int, bytes] = {}
    for now_s, came in clean(some):
        good.append((now_s * SECOND, framed(*came)))
        bad.append(good[-1])
        last |= {int.from_bytes(each[:4], "big"): each for each in came}
        bad += [
            (now_s * SECOND, spoil(noise, now_s, noise.choice([*last.values()]), kinds))
            for _ in range(noise.randrange(4))
        ]
    return good, bad


def rows_of(stream: list[Given], change: Callable[[Sieve], None] = lambda _: None) -> list[bytes]:
    """Return all columns of what a sieve lets through of a stream."""
    made = Sieve([*SHARES])
    for row, price in enumerate(SHARES.values()):
        made.limit(row, 80 * price, 120 * price)
    change(made)
    parts = [made.take(decode(frame).ticks, at) for at, frame in stream]
    return [np.concatenate(columns).tobytes() for columns in zip(*parts, strict=True)]


def differs(
    change: Callable[[Sieve], None] = lambda _: None, kinds: Mapping[str, Spoil] = NOISE
) -> bool:
    """Say if, for some seed, faults change what comes through."""
    both = (streams(seed, kinds) for seed in range(SEEDS))
    return any(rows_of(good) != rows_of(bad, change) for good, bad in both)


class Forgetful(np.ndarray[Any, Any]):
    """An array that nothing can be written into."""

    def __setitem__(self, *_: Any) -> None:
        """Forget it."""


def forget(name: str) -> Callable[[Sieve], None]:
    """Return what lets a sieve never remember one thing."""
    return lambda made: setattr(made, name, getattr(made, name).view(Forgetful))


def unlimited(made: Sieve) -> None:
    """Know of no circuit limits."""
    for row in range(len(SHARES)):
        made.limit(row, 0, 0)


def strangers(made: Sieve) -> None:
    """Take a token that nobody asked for as one that was."""
    of_all = made._places
    made._places = lambda tokens: np.where(  # type: ignore[method-assign]
        tokens == STRANGER, 0, of_all(tokens)
    )


def patient(made: Sieve) -> None:
    """Let any age pass."""
    made._late_ns = 1_000 * LATE_NS


SABOTAGE: dict[str, Callable[[Sieve], None]] = {
    "repeats": forget("_seen"), "volumes": forget("_volume"), "circuit limits": unlimited,
    "late ticks": patient, "strangers": strangers,
}  # fmt: skip


def careless_split(frame: bytes, count: int) -> list[tuple[int, int]] | None:
    """Take the packets of a torn frame that are there."""
    at, places = 2, list[tuple[int, int]]()
    while len(places) < count and at + 2 <= len(frame):
        size = int.from_bytes(frame[at : at + 2], "big")
        if at + 2 + size > len(frame):
            break
        places.append((at + 2, size))
        at += 2 + size
    return places or None


def careless_scale(ticks: Any) -> None:
    """Find no price wrong."""
    SCALE(ticks)
    ticks["flaw"] = 0


SCALE = packets.scale
CARELESS: dict[str, tuple[Any, str, Any]] = {
    "torn frames": (packets, "split", careless_split),
    "a time ahead": (sieve, "AHEAD_NS", 10**18),
    "packets without a time": (
        sieve, "has_stamp", lambda ticks: np.ones(len(ticks), np.bool_),
    ),
}  # fmt: skip


def test_faults_change_nothing_that_comes_through() -> None:
    """Doubled, absurd, late, torn, of nobody, of no known length: rows and times are the same."""
    assert not differs()


@pytest.mark.parametrize("guard", SABOTAGE)
def test_a_sieve_without_a_guard_is_noticed(guard: str) -> None:
    """The comparison has teeth: each guard of the sieve, switched off, lets something through."""
    assert differs(SABOTAGE[guard])


@pytest.mark.parametrize("guard", CARELESS)
def test_a_parser_without_a_guard_is_noticed(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So does each guard of the parser, and of what the sieve takes for a time."""
    monkeypatch.setattr(*CARELESS[guard])
    assert differs()


def test_odd_prices_are_noticed_without_circuit_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no price is put aside where no limits are known; without that guard it is a row."""
    assert not differs(unlimited, PRICES)
    monkeypatch.setattr(packets, "scale", careless_scale)
    assert differs(unlimited, PRICES)
