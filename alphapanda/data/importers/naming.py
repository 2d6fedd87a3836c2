"""Which instrument the rows of each file are of: said by the user, by the rows, or by the path."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from alphapanda.data.filenames import Guess, apart
from alphapanda.data.importers.source import Source, Wanted
from alphapanda.errors import UsageError, did_you_mean

SHOWN = 5
"""Files named in a message."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What is known of the names of the files of one import."""

    guesses: Mapping[str, Guess]
    _wanted: Wanted

    @classmethod
    def of(cls, files: Sequence[str], wanted: Wanted) -> Naming:
        """Return it for files that are read together.

        Raises: UsageError for a name of a file that there is not.
        """
        known = {name for file in files for name in (file, Path(file).name)}
        for name in wanted.names:
            if name not in known:
                raise UsageError(f"--names: there is no file {name}.{did_you_mean(name, known)}")
        return cls(apart(files), wanted)

    def wanted(self, path: str) -> Wanted:
        """Return what is said of one file."""
        wanted = self._wanted
        said = wanted.names.get(path, wanted.names.get(Path(path).name, wanted.instrument))
        return replace(wanted, instrument=said, guessed=self.guesses[path].symbol)

    # NIFTY_options.csv says of what, where its rows say of which contracts.
    def _tells(self, source: Source) -> bool:
        found = self.guesses[source.path]
        contracts = source.unnamed and "instrument" in source.layout.columns
        return found.sure or (bool(found.contracts) and not found.rest and contracts)

    def refuse(self, con: duckdb.DuckDBPyConnection, sources: Sequence[Source]) -> None:
        """Raise a UsageError where neither user nor rows nor a sure name say an instrument."""
        unsure = [
            source.path for source in sources
            if not self._tells(source) and self.wanted(source.path).instrument is None
            and (source.unnamed or not source.known_symbols(con))
        ]  # fmt: skip
        if not unsure:
            return
        shown = ", ".join(unsure[:SHOWN]) + (" ..." if len(unsure) > SHOWN else "")
        of = any(self.guesses[path].contracts for path in unsure)
        name = "NFO:NIFTY-I" if of else "NSE:INFY"
        how = (
            f"say --instrument {name}" if len(sources) == 1
            else "say --names FILE,NAME.csv, a file of lines such as "
            f"{Path(unsure[0]).name},{name}, or import them apart with --instrument"
        )  # fmt: skip
        raise UsageError(
            f"{shown}: neither its rows nor its name say which instrument it is: {how}. Nothing "
            "was imported."
            if len(unsure) == 1 else
            f"{shown}: neither their rows nor their names say which instruments they are: {how}. "
            "Nothing was imported."
        )  # fmt: skip


def read_names(path: Path) -> dict[str, str]:
    """Return the instruments of files that a CSV of FILE,NAME says, with a head or without.

    Raises: UsageError for a file that cannot be read, or a line that is not two words.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file)]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--names {path}: cannot be read ({error}).") from error
    names: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        if not any(row) or [cell.lower() for cell in row] in (
            ["file", "name"],
            ["file", "instrument"],
        ):
            continue
        if len(row) != 2 or not all(row):
            raise UsageError(
                f"--names {path}, line {number}: write FILE,NAME, such as a.csv,NSE:INFY."
            )
        if names.setdefault(row[0], row[1]) != row[1]:
            raise UsageError(f"--names {path}, line {number}: {row[0]} has another name already.")
    return names
