"""`alphapanda run --deployment`: what a file binds, in one process a broker."""

from __future__ import annotations

import json as json_text
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda import config
from alphapanda.cli.output import print_json
from alphapanda.cli.sending import LiveWish, consented
from alphapanda.cli.steering import clean
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.events.events import Broker
from alphapanda.runs import deployments
from alphapanda.runs.deployments import BROKERS, FOLLOWED, LIVE, Deployment
from alphapanda.runs.options import ROWS
from alphapanda.runtime import deploying
from alphapanda.runtime.parts import Wanted
from alphapanda.runtime.set_up import SetUp, as_set_up

FINDING = 1
STOP_S = 20.0
"""Beside the time for an orderly stop that the settings give: a process may have to compile."""


class Asked(NamedTuple):
    """What the command said."""

    name: str
    broker: str | None
    wished: LiveWish
    given: Mapping[str, Any]
    """Options that change no result."""
    feed: Sequence[str]
    out: Path | None
    json: bool
    supervised: bool
    """Whoever started this process holds its standard input."""
    carry_out: Callable[..., int]
    """Does what is wanted of this process, and prints what came of it (`cli.run`)."""


def refuse_beside(
    strategies: Sequence[str] | None, given: Mapping[str, Any], role: Sequence[str] | None,
    speed: str | None,
) -> None:  # fmt: skip
    """Refuse what the file says, or nobody can say beside it.

    Raises:
        UsageError: naming it.
    """
    others = [name for name in given if name not in ROWS or ROWS[name].opt.shapes]
    said = [*(strategies or ()), *(f"--{name.replace('_', '-')}" for name in others)]
    said += ["--role"] if role else []
    said += ["--speed"] if speed is not None else []
    if said:
        raise UsageError(f"{said[0]}: a deployment's file says what it runs; leave it out")


def run_deployment(asked: Asked) -> int:
    """Run a deployment, or its run at one broker; return the exit status."""
    settings = config.load()
    made = deployments.find(
        settings.deployments_dir, asked.name, strategies_dir=settings.strategies_dir
    )
    set_up = as_set_up(made, settings)
    made = set_up.deployment
    brokers = chosen(made, asked.broker)
    if Broker.ZERODHA not in brokers and asked.wished != LiveWish():
        raise UsageError(f"--deployment {made.name}: that goes with its run at zerodha")
    if not asked.supervised:
        for note in set_up.notes:
            sys.stderr.write(f"alphapanda: note: {clean(note)}\n")
    if Broker.ZERODHA in brokers:
        asked.wished.sending()
        asked.wished.last_day()
        what = f"{made.name} sends real orders"
        account = consented(settings, asked.wished.account, what, quiet=asked.json)
        asked = asked._replace(wished=asked.wished._replace(account=account))
    if len(brokers) == 1:
        return run_one(asked, set_up, settings, brokers[0])
    if asked.feed:
        raise UsageError("--feed: only --broker paper may follow another run, --feed run:FOLDER")
    return run_all(asked, made, settings)


def chosen(made: Deployment, word: str | None) -> tuple[Broker, ...]:
    """Return where the deployment is to run.

    Raises:
        UsageError: if nothing of it is active there.
    """
    if word is not None and word not in BROKERS:
        raise UsageError(f"--broker {word}: write paper or zerodha")
    if not made.brokers:
        raise UsageError(f"--deployment {made.name}: no strategy of it is active")
    if word is None:
        return made.brokers
    if word not in made.brokers:
        raise UsageError(f"--broker {word}: no strategy of {made.name} is active there")
    return (Broker(word),)


def run_one(asked: Asked, set_up: SetUp, settings: Settings, broker: Broker) -> int:
    """Run what is bound to one broker in this process."""
    made, wished = set_up.deployment, asked.wished
    feed, follows = feed_at(asked, made, settings, broker)
    out = asked.out or deploying.folder_at(settings, made, broker, follows)
    live = broker is Broker.ZERODHA
    wanted = Wanted(
        [], {**made.options_at(broker), **asked.given}, feed, speed=made.speed, out=out,
        broker=broker, deployment=made.name, notes=set_up.notes,
    )  # fmt: skip
    if live:
        wanted = wanted_live(wanted, wished)
    with ExitStack() as stack:
        if asked.supervised:
            stack.enter_context(deploying.stopped_with(sys.stdin.fileno()))
        if not live:
            stack.enter_context(config.broker_withheld())
        return asked.carry_out(wanted, json=asked.json)


def wanted_live(wanted: Wanted, wished: LiveWish) -> Wanted:
    """Return what is wanted of a run at a broker, with what was said of its orders."""
    return replace(
        wanted, sending=wished.sending(), until=wished.last_day(), accepts=wished.accepts
    )  # fmt: skip


def feed_at(
    asked: Asked, made: Deployment, settings: Settings, broker: Broker
) -> tuple[list[str], Path | None]:
    """Return the feed of the run at a broker, and the run whose rows it takes, if it does.

    Raises:
        UsageError: if the one on paper could only have it with a session of the broker.
    """
    if broker is not Broker.PAPER or (asked.feed and not asked.feed[0].startswith(FOLLOWED)):
        if asked.feed:
            raise UsageError("--feed: only --broker paper may follow another run, run:FOLDER")
        return [f"{LIVE}:{','.join(made.instruments)}"], None
    if asked.feed:
        return list(asked.feed), Path(asked.feed[0].partition(":")[2]).absolute()
    if not made.lives:
        return list(made.feed), None
    if Broker.ZERODHA in made.brokers:
        folder = deploying.followed_by_hand(settings, made)
        return [f"{FOLLOWED}:{folder}"], folder
    raise UsageError(
        f"{made.file}: feed = {made.feed[0]}: a run on paper has no session at Zerodha, and "
        'follows the run there; with none there write feed = "bus:" or "replay:PATH", or name '
        "strategies: alphapanda paper NAME --feed kite:NSE:INFY"
    )


def run_all(asked: Asked, made: Deployment, settings: Settings) -> int:
    """Run a deployment as processes, one a broker, to their end; return the exit status."""

    def words(broker: Broker, folder: Path, source: Path | None) -> list[str]:
        found = ["run", "--deployment", made.name, "--broker", str(broker), "--out", str(folder),
                 "--supervised"]  # fmt: skip
        found += [] if source is None else ["--feed", f"{FOLLOWED}:{source}"]
        found += ["--json"] if asked.json else []
        if broker is Broker.ZERODHA:
            found += ["--account", str(asked.wished.account), *asked.wished.words()]
        return found + given_words(asked.given)

    places: dict[Broker, Path] = {}

    def place(broker: Broker) -> Callable[[], Path]:
        def found() -> Path:
            follows = places.get(made.brokers[0])
            places[broker] = (
                (asked.out / str(broker)).expanduser().absolute() if asked.out
                else deploying.folder_at(settings, made, broker, follows)
            )  # fmt: skip
            return places[broker]

        return found

    def say(line: str) -> None:
        sys.stderr.write(f"{clean(line)}\n")

    supervisor = deploying.Supervisor(words, say, stop_s=settings.paper.stop_timeout_s + STOP_S)
    try:
        supervisor.run({broker: place(broker) for broker in made.brokers})
    except KeyboardInterrupt:
        say(f"stopped in order; alphapanda run --deployment {made.name} goes on with its runs")
        raise
    finally:
        show(supervisor.ends, places, made.name, json=asked.json)
    deploying.refuse_failed(supervisor.ends, made.name)
    return FINDING if any(end.status == FINDING for end in supervisor.ends.values()) else 0


def given_words(given: Mapping[str, Any]) -> list[str]:
    """Return options that change no result as words of a command."""
    found = []
    for name, value in given.items():
        flag = f"--{name.replace('_', '-')}"
        found += [flag] if value is True else [flag, str(value)]
    return found


def show(
    ends: Mapping[Broker, deploying.Ended], places: Mapping[Broker, Path], name: str, *, json: bool
) -> None:
    """Print what the processes of a deployment printed, each under its broker."""
    if json:
        print_json({
            "deployment": name,
            "status": {str(broker): end.status for broker, end in ends.items()},
            "folders": {str(broker): str(place) for broker, place in places.items()},
            **{str(broker): json_text.loads(end.out) if end.out.strip() else None
               for broker, end in ends.items()},
        })  # fmt: skip
        return
    for broker, end in ends.items():
        if end.out.strip():
            sys.stdout.write(f"{name} at {broker}\n{end.out}")
