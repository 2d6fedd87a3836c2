"""`alphapanda chain`: an underlying's options by expiry and strike, with volatility and greeks."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphapanda import config
from alphapanda.cli.data_flags import Root
from alphapanda.cli.flags import Json, option
from alphapanda.cli.instruments_show import parse_day
from alphapanda.errors import UsageError

if TYPE_CHECKING:
    from alphapanda.options.chain import Chain, Contract

WHICH = "Which options"
HEADS = ("CE price", "CE IV %", "CE delta", "strike", "PE price", "PE IV %", "PE delta")


def chain(
    underlying: Annotated[
        str, typer.Argument(metavar="UNDERLYING", help="As contracts name it: NIFTY, INFY.")
    ],
    date: Annotated[str, option("--date", metavar="DAY", text="A trading day, 2025-08-29.")],
    expiry: Annotated[
        str | None, option("--expiry", metavar="DAY", panel=WHICH, text="Only these options.")
    ] = None,
    strikes: Annotated[
        int | None,
        option("--strikes", metavar="N", panel=WHICH, text="N on each side of the money. "
               "(default: all)"),
    ] = None,
    delta: Annotated[
        float | None,
        option("--delta", metavar="D", panel=WHICH, text="The call and put nearest this delta."),
    ] = None,
    at: Annotated[
        str | None,
        option("--at", metavar="TIME", text="As known at a time of the day, 11:30. (default: the "
               "close, with all rows of the day)"),
    ] = None,
    rate: Annotated[
        float, option("--rate", metavar="R", text="Interest a year, 0.065; grows the spot where "
                      "there is no future. (default: 0)"),
    ] = 0.0,
    root: Root = None,
    instruments: Annotated[
        Path | None,
        option("--instruments", metavar="FILE", text="Kite's list, or a folder of lists. (default: "
               "those of the catalogue, or instruments/)"),
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Print the option chain of an underlying on a day, with implied volatility and greeks."""
    from alphapanda.cli.output import print_json  # noqa: PLC0415
    from alphapanda.data import catalogue  # noqa: PLC0415
    from alphapanda.options.chain import chain_of  # noqa: PLC0415 (DuckDB)

    day = parse_day("--date", date)
    assert day is not None
    settings = config.load()
    data = root or settings.data_dir
    known = (data / catalogue.INSTRUMENTS, settings.instruments_dir)
    made = chain_of(
        underlying, day, data, (instruments,) if instruments is not None else known,
        cache_dir=settings.cache_dir, at=time_of(date, at), expiry=parse_day("--expiry", expiry),
        rate=rate,
    )  # fmt: skip
    made = made if strikes is None else made.around(strikes)
    made = made if delta is None else made.by_delta(delta)
    if json:
        print_json(made.facts())
        return
    for note in made.notes:
        sys.stderr.write(f"alphapanda: note: {note}\n")
    print_chain(made)


def time_of(day: str, written: str | None) -> Any:
    """Return a time of a day in India.

    Raises:
        UsageError: if it is none.
    """
    from datetime import datetime  # noqa: PLC0415

    from alphapanda.model.calendar import INDIA  # noqa: PLC0415

    try:
        clock = None if written is None else datetime.fromisoformat(f"{day}T{written}")
    except ValueError:
        raise UsageError(f"--at {written}: write a time as 11:30 or 11:30:15") from None
    return None if clock is None else clock.replace(tzinfo=INDIA)


def print_chain(made: Chain) -> None:
    """Print a table for each expiry, a line a strike."""
    from rich.text import Text  # noqa: PLC0415

    from alphapanda.cli.output import print_table, whole_table  # noqa: PLC0415
    from alphapanda.model.money import text  # noqa: PLC0415

    for forward in made.forwards:
        value = "unknown" if math.isnan(forward.value) else f"{forward.value:.2f}"
        print_table(Text(f"{made.underlying} {forward.expiry}: forward {value}, from "
                         f"{forward.source}"), whole=True)  # fmt: skip
        table = whole_table(columns=HEADS[:1], numbers=HEADS[1:])
        of = [c for c in made.contracts if c.expiry == forward.expiry]
        for strike in sorted({c.strike for c in of}):
            sides = {c.right: c for c in of if c.strike == strike}
            call, put = (cells(sides.get(right)) for right in ("CE", "PE"))
            table.add_row(*call, text(strike), *put)
        print_table(table, whole=True)


def cells(contract: Contract | None) -> tuple[str, str, str]:
    """Return an option's price, volatility in percent and delta; a dash for what is unknown."""
    from alphapanda.model.money import text  # noqa: PLC0415

    if contract is None:
        return "–", "–", "–"
    price = text(contract.quote.price) if contract.quote.price else "–"
    known = not math.isnan(contract.iv)
    return (
        price,
        f"{100 * contract.iv:.2f}" if known else "–",
        f"{contract.delta:.3f}" if known else "–",
    )
