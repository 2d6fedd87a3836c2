"""One rehearsal: days at the simulated exchange, traded live, and the books compared."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda.brokers.zerodha.orders import closing
from alphapanda.data.replay.replay import ReplayOptions, open_replay
from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.events import decode
from alphapanda.journal.journal import Journal
from alphapanda.kitesim.script import place_of
from alphapanda.net.loopback import free_port
from alphapanda.rehearsal.comparing import Comparison, compare
from alphapanda.rehearsal.stage import USER, Stage, last_words, simulator

FAULTS = "faults.toml"
LEDGER = "ledger.json"
"""The exchange's own book, kept in the run's folder."""
GAPS, IDENTICAL = (0, 1), "identical"
Show = Callable[[str], None]
"""Takes a line on what happens now."""


@dataclass(frozen=True)
class Wanted:
    """What to rehearse."""

    strategies: Sequence[str]
    """Absolute: FILE, or FILE:CLASS."""
    data: Sequence[str]
    out: Path
    instruments: Sequence[Path] = ()
    instrument: Sequence[str] = ()
    exchange: str | None = None
    repair: bool = False
    params: Sequence[str] = ()
    """As NAME=VALUE."""
    cash: str = "1000000"
    limits: str = "default"
    faults: str = "calm"
    speed: str = "60x"
    seed: int = 1
    jit: bool = True
    days: int = 1
    """Of the data, from the first on."""


@dataclass(frozen=True)
class Rehearsed:
    """What came of it."""

    comparison: Comparison
    verify: str
    digest: str
    summary: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    """What went wrong at the exchange, and how often."""
    day: str = ""
    """The first."""
    days: int = 1
    days_left_out: int = 0
    """Days of the data behind those that were rehearsed."""
    day_closed: bool = False
    """Whether orders, trades, positions and charges were the exchange's at each day's end."""

    @property
    def fine(self) -> bool:
        """Whether both books are one, the day could be closed, and the run replays."""
        return self.comparison.equal and self.day_closed and self.verify == IDENTICAL


class Feed(NamedTuple):
    """What is traded: the instruments of the data, and their first days."""

    names: list[str]
    days: Sequence[date]
    days_left_out: int


def rehearse(wanted: Wanted, show: Show) -> Rehearsed:
    """Trade live at a simulator, stop, compare its ledger with the journal, and verify.

    Each day is a process of its own, as a trader has it: the run goes on each morning.

    Raises:
        UsageError: for what can't be rehearsed.
        OutsideError: if a process of it fails; with what it said.
    """
    feed = feed_of(wanted)
    script = script_text(wanted.faults, wanted.cash)
    base = wanted.out.with_name(f"{wanted.out.name}-base")
    base.mkdir(parents=True)
    (base / FAULTS).write_text(script, encoding="utf-8")
    callback = f"http://127.0.0.1:{free_port()}/"
    show("the simulated exchange opens")
    with simulator(simulator_words(wanted, feed, base), base=base, callback=callback) as sim:
        stage = Stage(base, callback, sim)
        stage.run("db", "upgrade")
        for number, day in enumerate(feed.days):
            if number:
                show("the night")
                stage.morning()
            told = trade_day(wanted, feed, day, stage, show)
        show("the exchange's book against the journal")
        ledger = stage.ledger()
        (wanted.out / LEDGER).write_text(json.dumps(ledger))
        verdict = stage.run("verify", str(wanted.out), "--json", fine=(0, 1, 2))
    found = json.loads(verdict.stdout) if verdict.stdout else {}
    summary = json.loads(told)
    batches = Journal.open(wanted.out).batches()
    events = (decode(line) for batch in batches for line in batch.envelopes)
    return Rehearsed(
        compare(ledger, events), IDENTICAL if verdict.returncode == 0 else "different",
        str(found.get("digest", summary["digest"])), summary, faults_of(ledger),
        str(feed.days[0]), len(feed.days), feed.days_left_out,
        day_closed=all(closed(wanted.out, day) for day in feed.days),
    )  # fmt: skip


def trade_day(wanted: Wanted, feed: Feed, day: date, stage: Stage, show: Show) -> str:
    """Log in and trade a day; return what `live --json` printed.

    Raises:
        OutsideError: if it failed; with what it said.
    """
    show("login, the day's instruments")
    stage.run("login", "zerodha", "--request-token", stage.request_token())
    stage.run("instruments", "fetch")
    show(f"live on {', '.join(feed.names)}, {day}")
    told = stage.run(*live_words(wanted, feed), fine=GAPS)
    if not told.stdout:
        raise OutsideError(f"live failed: {last_words(told.stderr)}")
    return told.stdout


def closed(folder: Path, day: date) -> bool:
    """Say if the end of a day was written, and everything in it agrees."""
    name = Path(closing.NAME)
    for path in (folder / name, folder / f"{name.stem}-{day}{name.suffix}"):
        facts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if facts.get("day") == str(day):
            return bool(facts["agrees"])
    return False


def feed_of(wanted: Wanted) -> Feed:
    """Return what is traded: the instruments that are chosen, or all of the data."""
    reading = ReplayOptions(
        paths=wanted.data, instruments=tuple(wanted.instrument) or None,
        exchange=wanted.exchange, repair=wanted.repair,
    )  # fmt: skip
    with open_replay(reading) as replay:
        found, days = list(replay.names), replay.days
    if wanted.instrument and set(wanted.instrument) <= set(found):
        found = list(wanted.instrument)  # legs: in their order
    if wanted.days > len(days):
        raise UsageError(f"--days {wanted.days}: the data have {len(days)}")
    return Feed(found, days[: wanted.days], len(days) - wanted.days)


def simulator_words(wanted: Wanted, feed: Feed, base: Path) -> list[str]:
    """Return what the simulator is started with."""
    words = [word for path in wanted.data for word in ("--data", path)]
    words += [word for path in wanted.instruments for word in ("--instruments", str(path))]
    words += [word for name in wanted.instrument for word in ("--instrument", name)]
    if wanted.exchange is not None:
        words += ["--exchange", wanted.exchange]
    if wanted.repair:
        words.append("--repair")
    return [*words, "--to", str(feed.days[-1]), "--faults", str(base / FAULTS), "--seed",
            str(wanted.seed), "--speed", wanted.speed, "--user", USER]  # fmt: skip


def script_text(faults: str, cash: str) -> str:
    """Return a script of faults with the cash of the account.

    Raises:
        UsageError: if it can't be read, or has an account of its own.
    """
    try:
        text = place_of(Path(faults)).read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise UsageError(
            f"--faults {faults}: {error.strerror}; write calm, rough, or a file of faults"
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"--faults {faults}: {error}") from None
    if "account" in document:
        if "cash" in document["account"]:
            raise UsageError(f"--faults {faults}: leave cash out of [account]; --cash says it")
        return text.replace("[account]", f'[account]\ncash = "{cash}"', 1)
    return f'{text}\n[account]\ncash = "{cash}"\n'


def live_words(wanted: Wanted, feed: Feed) -> list[str]:
    """Return the command that trades live: the same each day."""
    words = ["live", *wanted.strategies, "--broker", "zerodha", "--account", USER, "--feed",
             f"kite:{','.join(feed.names)}", "--cash", wanted.cash, "--limits", wanted.limits,
             "--out", str(wanted.out), "--json", "--until", str(feed.days[-1]),
             "--accept-closing"]  # fmt: skip
    words += [word for text in wanted.params for word in ("--param", text)]
    words += [] if wanted.jit else ["--no-jit"]
    return words + [word for name in wanted.instrument for word in ("--instrument", name)]


def faults_of(ledger: dict[str, Any]) -> dict[str, int]:
    """Return what went wrong at the exchange, and how often, most often first."""
    counts: dict[str, int] = {}
    for entry in ledger["entries"]:
        if entry["kind"] == "fault":
            counts[entry["do"]] = counts.get(entry["do"], 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
