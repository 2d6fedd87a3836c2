"""What an importer makes of a file: rows to select from, and how their columns are to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import duckdb

from alphapanda.data.actions import Action
from alphapanda.data.importers.orders import Order
from alphapanda.data.names import full_name_sql
from alphapanda.data.replay.parquet import literal
from alphapanda.data.replay.scans import is_outside, symbol_sql
from alphapanda.data.schema import FIELDS, Kind, Layout
from alphapanda.errors import OutsideError, UsageError


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user says of the files to import; None: told from them."""

    kind: Kind | None = None
    interval_ns: int | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    instrument: str | None = None
    """The name of rows that have none."""
    guessed: str | None = None
    """What the path says that name is."""
    exchange: str | None = None
    qty_scale: int = 1
    lot_size: int | None = None
    stamped_at_end: bool = False
    dates: Order | None = None
    """Of day, month and year where numbers alone don't tell."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Instruments of files by their path or name."""
    keep_repeats: bool = False
    price_scale: int = 1
    actions: tuple[Action, ...] = ()
    """Corporate actions by which prices before their day are adjusted."""
    at_ns: int | None = None
    """The time of a file without times."""


@dataclass(frozen=True, slots=True)
class Contract:
    """A line of a Kite-style instruments file."""

    symbol: str
    underlying: str
    expiry: date
    strike: float
    option_type: str
    """CE, PE or FUT."""
    lot_size: int


@dataclass(frozen=True, slots=True)
class Source:
    """One file, ready to be selected from."""

    path: str
    rows: str
    """An SQL relation with the file's columns and `file_row_number`, from 0."""
    layout: Layout
    reject: str = "NULL"
    """SQL that tells why a row is no market data, null where it is."""
    interval_ns: int | None = None
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    contracts: tuple[Contract, ...] = ()
    day: date | None = None
    """The day on which the contracts were listed."""
    exchange: str = "NFO"
    """Of the contracts."""
    zone: str = "IST"
    """Of its times, in words."""
    unnamed: bool = False
    """Whether the path names what its rows are of, though they have symbols made of it."""

    def select(self, con: duckdb.DuckDBPyConnection, wanted: Wanted, *, file: int) -> str:
        """Return the SQL for file, pos, reject, instrument, ts and the fields of the kind."""
        layout = self.layout
        name = self.name_sql(con, wanted)
        fields = [
            layout.field_sql(each, qty_scale=wanted.qty_scale, price_scale=wanted.price_scale)
            if each in layout.columns
            else "NULL::BIGINT"
            for each in FIELDS[layout.kind]
        ]  # fmt: skip
        return (
            f"SELECT {file}::INTEGER AS file, file_row_number AS pos, {self.reject} AS reject, "
            f"{name} AS instrument, {layout.time_sql()}::BIGINT AS ts, {', '.join(fields)} "
            f"FROM {self.rows}"
        )

    def name_sql(self, con: duckdb.DuckDBPyConnection, wanted: Wanted) -> str:
        """Return the SQL of the full name: the row's symbol, the file's only one, the path's."""
        symbol = symbol_sql(self.layout)
        fallback = wanted.instrument
        if fallback is None:
            known = self.known_symbols(con)
            fallback = wanted.guessed if not known else known[0] if len(known) == 1 else None
        if fallback is not None:
            symbol = f"coalesce({symbol}, {literal(fallback)})"
        return full_name_sql(symbol, wanted.exchange)

    def known_symbols(self, con: duckdb.DuckDBPyConnection) -> list[str]:
        """Return the symbols of its rows, at most two."""
        if "instrument" not in self.layout.columns:
            return []
        symbol = symbol_sql(self.layout)
        query = f"SELECT DISTINCT {symbol} FROM {self.rows} WHERE {symbol} IS NOT NULL LIMIT 2"
        return [each for (each,) in con.sql(query).fetchall()]


def ignored_columns(
    described: Sequence[str] | Mapping[str, str], layout: Layout
) -> tuple[str, ...]:
    """Return the columns of a file that are not kept."""
    used = set(layout.columns.values())
    return tuple(name for name in described if name not in used)


def unreadable_file(path: str, error: Exception) -> UsageError | OutsideError:
    """Return the error of a file that DuckDB can't read, or has no room to keep."""
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    if is_outside(error):
        return no_room(path, error)
    return UsageError(f"{path} cannot be read ({said}): write it again or leave it out.")


def no_room(path: str, error: Exception) -> OutsideError:
    """Return the error of an import for which the machine is too small."""
    said = str(error).splitlines()[0]
    return OutsideError(f"{path}: the import does not fit ({said}): free space or memory")
