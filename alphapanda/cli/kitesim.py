"""`alphapanda kitesim`: a Kite-compatible exchange on this machine, to rehearse on."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from alphapanda.brokers.pacing import parse_speed
from alphapanda.cli.output import print_json
from alphapanda.cli.words import DATA, Exchange, Json, Masters, Repair, day_of, option
from alphapanda.data.replay.replay import ReplayOptions
from alphapanda.errors import UsageError

SERVER = "Server"
STEP = "step"
PORTS = 1 << 16
BATCH = 8_192
"""Rows read at once, so that reading never holds up the servers for long."""


def kitesim(
    data: Annotated[
        list[str] | None,
        option(metavar="PATH", panel=DATA, text="Ticks, quotes or bars; again for each."),
    ] = None,
    instruments: Masters = None,
    instrument: Annotated[
        list[str] | None,
        option(metavar="NAME", panel=DATA, text="Only these: names or patterns."),
    ] = None,
    exchange: Exchange = None,
    repair: Repair = False,
    first: Annotated[
        str | None, option("--from", metavar="DATE", panel=DATA, text="First day in India.")
    ] = None,
    last: Annotated[
        str | None, option("--to", metavar="DATE", panel=DATA, text="Last day, inclusive.")
    ] = None,
    speed: Annotated[
        str, option(metavar="N", panel=SERVER,
                    text="1x to 1000x; step: rows pass when POST /_sim/step says. (default: 1x)"),
    ] = "1x",
    port: Annotated[
        int, option(metavar="P", panel=SERVER, text="Of REST and login. (default: any free)")
    ] = 0,
    ws_port: Annotated[
        int, option(metavar="Q", panel=SERVER, text="Of the ticker. (default: any free)")
    ] = 0,
    redirect: Annotated[
        str | None,
        option(metavar="URL", panel=SERVER,
               text="Where the login page sends the browser. (default: zerodha.callback_url)"),
    ] = None,
    faults: Annotated[
        Path | None,
        option(metavar="FILE", panel=SERVER,
               text="What goes wrong, and the account: TOML; or calm, or rough."),
    ] = None,
    seed: Annotated[
        int, option(metavar="N", panel=SERVER, text="Of keys, tokens and chance. (default: 1)")
    ] = 1,
    user: Annotated[
        str, option(metavar="ID", panel=SERVER, text="The account's user. (default: SIM001)")
    ] = "SIM001",
    json: Json = False,
) -> None:  # fmt: skip
    """Serve a simulated exchange that speaks Kite, on loopback, over recorded data.

    \b
    Its day waits at the first row until a ticker subscribes:
      alphapanda kitesim --data data --instruments instruments.csv --speed 20x
    """  # noqa: D301 (click keeps the lines below its mark as they are)
    from alphapanda.kitesim.script import Script, read_script  # noqa: PLC0415 (as the next)
    from alphapanda.kitesim.simulator import Simulator, Wanted  # noqa: PLC0415 (loads aiohttp)

    if not data:
        raise UsageError("no data are named: --data FILE, a folder or a pattern")
    wanted = Wanted(
        ReplayOptions(
            paths=data, instruments=instrument, exchange=exchange, repair=repair,
            first=day_of("from", first), last=day_of("to", last), batch_rows=BATCH,
        ),
        tuple(instruments or ()), speed_of(speed),
        cache(callback_url) if redirect is None else lambda: redirect, seed, simulated(user),
        Script(seed=seed) if faults is None else read_script(faults, seed),
    )  # fmt: skip
    for name, value in (("port", port), ("ws-port", ws_port)):
        if not 0 <= value < PORTS:
            raise UsageError(f"--{name} {value}: write a port from 0 to {PORTS - 1}.")
    simulator = Simulator(wanted)
    serve(simulator, port=port, ws_port=ws_port, json=json)


def callback_url() -> str:
    """Return where a person's own callback listens; asked for once the simulator is ready."""
    from alphapanda import config  # noqa: PLC0415 (a simulator starts in less than a second)

    return config.load().zerodha.callback_url


def serve(simulator: Any, *, port: int, ws_port: int, json: bool) -> None:
    """Serve until interrupted; say once how to reach it."""
    from alphapanda.kitesim.serving import run  # noqa: PLC0415 (loads aiohttp)

    def ready(facts: Mapping[str, Any]) -> None:
        if json:
            print_json(facts)
        else:
            print_facts(facts, simulator.notes)
        sys.stdout.flush()

    run(simulator, port=port, ws_port=ws_port, ready=ready)


def print_facts(facts: Mapping[str, Any], notes: Sequence[str]) -> None:
    """Print for a person how to reach the simulator, and what its data don't tell."""
    lines = [f"{name:<10} {value}" for name, value in facts.items()]
    sys.stdout.write("\n".join(["SIMULATOR: no real account, no real money", *lines, ""]))
    for note in notes:
        sys.stderr.write(f"note: {note}\n")


def speed_of(text: str) -> float:
    """Return the speed, 0 for steps."""
    if text == STEP:
        return 0.0
    speed = parse_speed(text)
    if speed == float("inf"):
        raise UsageError(f"--speed {text}: a simulated day takes time; write up to 1000x, or step.")
    return speed


def simulated(user: str) -> str:
    """Return a user's id, which can't be taken for a real one."""
    if not user.startswith("SIM") or not user.isalnum():
        raise UsageError(f"--user {user}: a simulated user begins with SIM, such as SIM001.")
    return user
