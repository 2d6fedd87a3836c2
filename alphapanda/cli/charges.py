"""`alphapanda charges`: a contract note on stdout, as a table or one JSON object."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphapanda.cli.flags import option

if TYPE_CHECKING:
    from datetime import date

    from alphapanda.model.instruments import Product
    from alphapanda.runs.calculator import Day

TRADED, ENDED = "Traded", "Besides"
LABELS = {
    "brokerage": "Brokerage",
    "stt": "STT",
    "exchange": "Exchange charges",
    "sebi": "SEBI fee",
    "stamp": "Stamp duty",
    "gst": "GST",
    "depository": "Depository, with GST",
    "square_off": "Square-off by the broker, with GST",
    "exercise_stt": "STT on exercised options",
    "settlement_brokerage": "Brokerage of settlements",
    "total": "Total",
}
PRODUCT = (
    "CNC: all for delivery, MIS: all intraday, NRML for derivatives. (default: of shares, what is "
    "bought and sold on the day is intraday and the rest delivery, as the contract note has it)"
)


def charges(
    instrument: Annotated[
        str, typer.Argument(metavar="INSTRUMENT", help="NSE:INFY, or a contract's name.")
    ],
    date: Annotated[str, option("--date", metavar="DAY", text="Whose rates hold, 2026-04-01.")],
    buy: Annotated[
        list[str] | None,
        option("--buy", metavar="QTY@PRICE", panel=TRADED, text="An order; again for more."),
    ] = None,
    sell: Annotated[
        list[str] | None,
        option("--sell", metavar="QTY@PRICE", panel=TRADED, text="An order; again for more."),
    ] = None,
    product: Annotated[
        str | None, option("--product", metavar="CNC|MIS|NRML", panel=TRADED, text=PRODUCT)
    ] = None,
    exercise: Annotated[
        list[str] | None,
        option("--exercise", metavar="QTY@INTRINSIC[xORDERS]", panel=ENDED,
               text="Options in the money at expiry. (default of ORDERS: 1)"),
    ] = None,
    close_out: Annotated[
        int, option("--close-out", metavar="ORDERS", panel=ENDED, text="Futures held to expiry.")
    ] = 0,
    square_off: Annotated[
        int, option("--square-off", metavar="ORDERS", panel=ENDED, text="By the broker.")
    ] = 0,
    depository: Annotated[
        int, option("--depository", metavar="STOCKS", panel=ENDED, text="Sold out of demat.")
    ] = 0,
    btst: Annotated[
        bool, option("--btst", panel=ENDED, text="They were bought the day before.")
    ] = False,
    costs: Annotated[
        str, option("--costs", metavar="COSTS", text="zerodha, or a file of rates.")
    ] = "zerodha",
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> None:  # fmt: skip
    """Print the contract note of a day's trades in one instrument, by the rates of that day."""
    from alphapanda.cli.output import print_json, print_table  # noqa: PLC0415
    from alphapanda.model.charges import Schedule  # noqa: PLC0415
    from alphapanda.model.money import text  # noqa: PLC0415
    from alphapanda.runs import calculator  # noqa: PLC0415 (numpy and the core take a while)

    day = calculator.Day(
        calculator.instrument_of(instrument),
        day_of(date),
        product_of(product),
        (
            *(calculator.read_order("--buy", order) for order in buy or []),
            *(calculator.read_order("--sell", order) for order in sell or []),
        ),
        tuple(calculator.read_exercise(one) for one in exercise or []),
        close_outs=count("--close-out", close_out),
        square_offs=count("--square-off", square_off),
        stocks=count("--depository", depository),
        btst=btst,
    )
    schedule = Schedule.parse(costs)
    note = {kind: text(amount) for kind, amount in calculator.note_of(day, schedule).items()}
    doubts = list(calculator.doubts(day, schedule))
    if json:
        print_json(note)
        for doubt in doubts:  # the object has amounts alone
            sys.stderr.write(f"alphapanda: note: {doubt}\n")
    else:
        print_table(page(day, note, doubts))


def day_of(text: str) -> date:
    """Return the day that --date names.

    Raises: UsageError for what is none.
    """
    from datetime import date  # noqa: PLC0415 (the option has that name)

    from alphapanda.errors import UsageError  # noqa: PLC0415

    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--date {text}: write a day such as 2026-04-01") from error


def product_of(text: str | None) -> Product | None:
    """Return the product that --product names, None for none.

    Raises: UsageError for another word.
    """
    from alphapanda.errors import UsageError  # noqa: PLC0415
    from alphapanda.model.instruments import Product  # noqa: PLC0415

    if text is None:
        return None
    if text.upper() not in Product.__members__:
        raise UsageError(f"--product {text}: write CNC, MIS or NRML")
    return Product[text.upper()]


def count(name: str, value: int) -> int:
    """Return how many an option says.

    Raises: UsageError for a number below 0.
    """
    from alphapanda.errors import UsageError  # noqa: PLC0415

    if not 0 <= value <= 1_000_000:
        raise UsageError(f"{name} {value}: write a number from 0 to 1,000,000")
    return value


def page(day: Day, note: Mapping[str, str], doubts: Sequence[str]) -> Any:
    """Return a note as a table for people, and what it is not sure of."""
    from rich import box  # noqa: PLC0415
    from rich.console import Group  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from alphapanda.runs.calculator import netted  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, show_footer=True)
    table.add_column(f"{day.instrument.name} {day.date}", footer=LABELS["total"])
    table.add_column("Rs", justify="right", footer=note["total"])
    for kind, amount in note.items():
        if kind in SHOWN or (kind != "total" and amount != "0.00"):
            table.add_row(LABELS[kind], amount)
    said = list(doubts)
    if both := netted(day):
        said.insert(0, f"{both:,} bought and sold on the day are charged as intraday")
    return Group(table, *(Text(f"note: {text}", style="yellow") for text in said))


SHOWN = ("brokerage", "stt", "exchange", "sebi", "stamp", "gst")
"""Kinds that every note has, be they nothing."""
