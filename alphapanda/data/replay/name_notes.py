"""What is said of names that were taken from files."""

from __future__ import annotations

from collections.abc import Sequence

from alphapanda.data.filenames import guess
from alphapanda.data.names import FileSymbols, Instruments
from alphapanda.model.indices import index_name, is_index
from alphapanda.model.notes import Note, Rank

NOTES = 5
"""Files named one by one in notes on instruments' names."""


def name_notes(symbols: Sequence[FileSymbols], instruments: Instruments) -> list[str]:
    """Return what is to be known of the names of chosen files, the first of them one by one."""
    notes = []
    for file in symbols:
        if file.path not in instruments.files:
            continue
        if file.unnamed:
            notes.append(
                f"{file.path}: no symbols: named {file.fallback} after the file (data import "
                "--instrument NAME names it otherwise)"
            )
            index = index_name(guess(file.path).symbol.rpartition(":")[2])
            if index and file.fallback is not None and not is_index(file.fallback):
                notes.append(Note(
                    f"{file.path}: named after {index}, an index, which can't be bought: its rows "
                    "are traded as a share's, with a share's charges; --costs none runs them as a "
                    "series", Rank.ASSUMED,
                ))  # fmt: skip
        elif None in file.rows and file.fallback is not None:
            notes.append(
                f"{file.path}: {file.rows[None]} rows without a symbol taken as {file.fallback}"
            )
    if len(notes) <= NOTES:
        return notes
    return [*notes[:NOTES], f"... and {len(notes) - NOTES} more files named in such ways"]
