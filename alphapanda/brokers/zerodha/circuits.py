"""Circuit limits of a day, asked for once: a run that goes on finds those it began with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from alphapanda import files
from alphapanda.brokers.zerodha.quotes import Circuits, with_circuits
from alphapanda.errors import OutsideError
from alphapanda.model.instruments import Instrument

if TYPE_CHECKING:
    from alphapanda.brokers.zerodha.client import Client


def of_day(
    client: Client, folder: Path, instruments: Sequence[Instrument], day: date
) -> Circuits:  # fmt: skip
    """Return instruments with the limits of a day; those that were asked for before are kept.

    Raises:
        OutsideError: if Kite does not answer, or the file can't be read or written.
    """
    path = folder / f"circuits_{day:%Y%m%d}.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        missing = [each for each in instruments if each.name not in known]
        if missing:
            found = with_circuits(client, missing).instruments
            known |= {each.name: [each.lower_circuit, each.upper_circuit] for each in found}
            files.write_text(path, json.dumps(known))
    except (OSError, ValueError) as error:
        raise OutsideError(f"{path}: {error}; remove it, and free space") from error
    made = tuple(
        replace(each, lower_circuit=known[each.name][0], upper_circuit=known[each.name][1])
        for each in instruments
    )
    return Circuits(made, tuple(each.name for each in made if not each.upper_circuit))
