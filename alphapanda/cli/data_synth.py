"""`alphapanda data synth`: sessions made up, a chain of options beside them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from alphapanda.cli.data_flags import MAKE, OUT, STYLE
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json
from alphapanda.cli.progress import step_bars
from alphapanda.data.synth import chain as options_chain
from alphapanda.data.synth import sessions
from alphapanda.errors import UsageError
from alphapanda.runs.readings import DATE


def data_synth(
    out: Annotated[
        Path,
        option("--out", metavar="FILE", panel=OUT, text="Parquet file. (default: synth.parquet)"),
    ] = Path("synth.parquet"),
    kind: Annotated[
        str, option("--kind", metavar="KIND", panel=MAKE, text="tick or bar. (default: tick)")
    ] = "tick",
    day: Annotated[
        str,
        option("--from", metavar="DATE", panel=MAKE, text="First day. (default: 2025-08-04)"),
    ] = "2025-08-04",
    days: Annotated[
        int, option("--days", metavar="N", panel=MAKE, text="Weekdays. (default: 1)")
    ] = 1,
    instruments: Annotated[
        int, option("--instruments", metavar="N", panel=MAKE, text="Shares. (default: 5)")
    ] = 5,
    ticks: Annotated[
        int,
        option("--ticks", metavar="N", panel=MAKE, text="Of a share and day. (default: 20000)"),
    ] = 20_000,
    seed: Annotated[
        int, option("--seed", metavar="N", panel=MAKE, text="Same seed, same bytes. (default: 7)")
    ] = 7,
    jumps: Annotated[
        float,
        option("--jumps", metavar="N", panel=STYLE, text="More jumps, of a share and day."),
    ] = 0.0,
    correlation: Annotated[
        float | None,
        option("--correlation", metavar="SHARE", panel=STYLE,
               text="Of the returns of any two shares, 0.6. (default: 0.1 to 0.4)"),
    ] = None,
    halts: Annotated[
        float,
        option("--halts", metavar="SHARE", panel=STYLE,
               text="Of a share's days on which it is halted for a while, 0.1."),
    ] = 0.0,
    chain: Annotated[
        int | None,
        option("--chain", metavar="N", panel=STYLE, text="Quotes of options on the first share, N "
               "strikes a side, in FILE-chain.parquet, and FILE.csv for --instruments."),
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Make up NSE-like sessions: auction, volume smile, bid and ask, names that move together."""
    first = DATE.value("from", day)
    if kind not in ("tick", "bar"):
        raise UsageError(f"--kind {kind}: write tick or bar.")
    if chain is not None:
        options_chain.check_strikes(chain)
    shown = sessions.Style(jumps, correlation, halts)
    with step_bars("synth", quiet=json) as told:
        step = None if told is None else lambda done, total: told("shares and days", done, total)
        sessions.synthesize(
            out, day=first, days=days, instruments=instruments, ticks_per_instrument=ticks,
            seed=seed, kind="tick" if kind == "tick" else "bar", style=shown, progress=step,
        )  # fmt: skip
    facts = {"path": str(out), "kind": kind, "from": str(first), "days": days,
             "instruments": instruments, "seed": seed, "bytes": out.stat().st_size}  # fmt: skip
    lines = [f"{out}: {instruments} shares, {days} days of {kind}s from {first}, seed {seed}"]
    if chain is not None:
        quotes, master = beside(out)
        options_chain.synthesize_chain(
            quotes, master, shares=sessions.share_names(instruments), day=first, days=days,
            strikes=chain, ticks=ticks, seed=seed, style=shown,
        )  # fmt: skip
        facts |= {"chain": str(quotes), "instruments_file": str(master)}
        lines.append(f"{quotes}: quotes of options, to be run with --instruments {master}")
    print_json(facts) if json else sys.stdout.write("".join(f"{line}\n" for line in lines))


def beside(out: Path) -> tuple[Path, Path]:
    """Return where the quotes of a chain lie, and its instrument file."""
    return out.with_stem(f"{out.stem}-chain"), Path(f"{out.with_suffix('')}.csv")
