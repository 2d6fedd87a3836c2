"""The instrument of each name in a recording: out of a master, or with stated defaults."""

from __future__ import annotations

from pathlib import Path

from alphapanda.data.instruments import read_masters
from alphapanda.data.replay.resampled import Rows
from alphapanda.model.calendar import Calendar
from alphapanda.model.contracts import by_name
from alphapanda.model.instruments import Instrument, Master, Segment
from alphapanda.model.notes import Note, Rank
from alphapanda.runs.assuming import ticks_assumed, with_derivatives
from alphapanda.runs.options import Options
from alphapanda.runs.settling import name_few, notes_on_expiries, notes_on_names


def list_instruments(
    options: Options, replay: Rows, notes: list[str], calendar: Calendar
) -> list[Instrument]:
    """Return the instrument of each name in the data, from the master or with stated defaults."""
    masters = master = None
    if options.instruments:
        masters = read_masters([Path(path) for path in options.instruments])
        master = masters.at(replay.days[0])
        notes += master.notes
        listed = [master.get(in_master(name, master)) for name in replay.names]
    else:
        listed = [by_name(name, calendar) for name in replay.names]
        notes.append(Note(
            f"no instrument master: lot 1 assumed, {ticks_assumed(listed, calendar)}; "
            "--instruments FILE has them", Rank.ASSUMED,
        ))  # fmt: skip
        contracts = [i for i in listed if i.segment in (Segment.FUTURES, Segment.OPTIONS)]
        if contracts:
            notes.append(Note(
                f"{name_few(contracts)}: no file tells the lots, so a lot is 1 unit here and "
                "any quantity passes: --instruments FILE, as docs/cookbook/option-csv.md has it",
                Rank.MISSED,
            ))  # fmt: skip
        notes += [Note(each, Rank.ASSUMED) for each in notes_on_names(listed)]
    expiring = notes_on_expiries(listed, replay.days, calendar, masters)
    notes += [Note(each, Rank.ASSUMED) for each in expiring]
    listed, auctions = with_derivatives(listed, replay.days, calendar, master)
    notes += [Note(each, Rank.ASSUMED) for each in auctions]
    return listed


def in_master(name: str, master: Master) -> str:
    """Return a data name as the master has it; the exchange may be the data's guess."""
    if name in master:
        return name
    symbol = name.partition(":")[2]
    found = [f"{e.name}:{symbol}" for e in master.exchanges if f"{e.name}:{symbol}" in master]
    return found[0] if len(found) == 1 else name
