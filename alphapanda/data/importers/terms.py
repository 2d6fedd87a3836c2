"""Rows that say their contract by its terms (underlying, expiry, strike, right): Kite's symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import duckdb

from alphapanda.data.importers.contracts import Key, register_names, symbol_of
from alphapanda.data.importers.source import Contract
from alphapanda.data.replay.parquet import identifier, literal
from alphapanda.data.schema import CONTRACT_TERMS, normal
from alphapanda.errors import UsageError

RIGHTS = {"ce": "CE", "c": "CE", "call": "CE", "ca": "CE", "calls": "CE",
          "pe": "PE", "p": "PE", "put": "PE", "pa": "PE", "puts": "PE"}  # fmt: skip
FUTURE = ("", "xx", "ff", "fut", "future", "futures", "futidx", "futstk", "others", "other", "-",
          "none", "nan", "null", "0")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Terms:
    """The columns of a file that hold the terms of contracts, by term."""

    columns: Mapping[str, str]

    @classmethod
    def of(cls, columns: Mapping[str, object]) -> Terms | None:
        """Return them where a file has any of expiry, strike and right; else None."""
        names = {normal(name): name for name in columns}
        found = {
            term: next(names[each] for each in spellings if each in names)
            for term, spellings in CONTRACT_TERMS.items()
            if any(each in names for each in spellings)
        }
        return cls(found) if {"expiry", "strike", "right"} & found.keys() else None

    @property
    def missing(self) -> list[str]:
        """The terms that an option needs and the file lacks; futures have no strike."""
        needed = ("expiry",) if self.columns.keys() & {"strike", "right"} == set() else (
            "expiry", "strike", "right")  # fmt: skip
        return [term for term in needed if term not in self.columns]

    def of_row(self) -> str:
        """Return the SQL of a row's terms as one value."""
        terms = (self.columns[t] for t in ("expiry", "strike", "right") if t in self.columns)
        return f"({', '.join(f'{identifier(column)}::VARCHAR' for column in terms)}, 0)"

    def right(self) -> str:
        """Return the SQL of CE, PE or FUT; null for a word that is none."""
        if "right" not in self.columns:
            return "'FUT'"
        word = f"lower(trim(coalesce({identifier(self.columns['right'])}::VARCHAR, '')))"
        known = " ".join(f"WHEN {literal(w)} THEN {literal(side)}" for w, side in RIGHTS.items())
        futures = ", ".join(map(literal, FUTURE))
        return f"CASE {word} {known} ELSE CASE WHEN {word} IN ({futures}) THEN 'FUT' END END"


def named_rows(
    con: duckdb.DuckDBPyConnection, path: str, rows: str, terms: Terms,
    *, symbol: str, day: str, strike: str, expiry: str,
) -> str:  # fmt: skip
    """Return the relation with each row's symbol in `contract`: its own where it has no expiry.

    `symbol` is the SQL of the underlying; `day`, `strike`, `expiry` are SQL of a row's own.

    Raises: UsageError for a row whose terms make no contract.
    """
    side = terms.right()
    price = f"CASE WHEN ({side}) = 'FUT' THEN 0.0 ELSE {strike} END"
    found = con.sql(
        f"SELECT {symbol}, {expiry}, {price}, {side}, min({day}), min(file_row_number) FROM {rows} "
        f"GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    ).fetchall()
    listed: dict[str, set[date]] = {}
    for underlying, expires, *_ in found:
        if underlying is not None and expires is not None:
            listed.setdefault(underlying, set()).add(expires)
    made: dict[Key, Contract] = {}
    for underlying, expires, at, kind, first, pos in found:
        if expires is None and kind == "FUT":
            continue
        if None in (underlying, expires, at, kind) or (kind != "FUT" and at <= 0):
            raise UsageError(
                f"{path}, row {pos + 1}: underlying {underlying}, expiry {expires}, strike {at}, "
                f"right {kind or 'that is neither call nor put'}: that is no contract. Correct the "
                "row, or name the rows in a column tradingsymbol."
            )
        name = symbol_of(underlying, expires, at, kind, listed=listed[underlying], day=first)
        made[underlying, expires, at, kind] = Contract(name, underlying, expires, at, kind, 0)
    if not made:
        return f"(SELECT *, {symbol} AS contract FROM {rows})"
    table = register_names(con, path, made)
    key = f"({symbol}) = s AND ({expiry}) = e AND ({price}) = k AND ({side}) = r"
    return (
        f"(SELECT file.*, coalesce({table}.contract, {symbol}) AS contract FROM {rows} file "
        f"LEFT JOIN {table} ON {key})"
    )
