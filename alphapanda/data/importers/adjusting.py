"""Staged rows adjusted by corporate actions: what lies before the day is as if it had been so."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import duckdb

from alphapanda.data.actions import DIVIDEND, Action
from alphapanda.data.replay.parquet import literal
from alphapanda.data.schema import FIELDS, PRICES, QUANTITIES, Kind
from alphapanda.model.money import to_scaled

LAST: dict[Kind, str] = {"bar": "close", "tick": "last", "quote": "bid"}


def adjust(
    con: duckdb.DuckDBPyConnection, table: str, *, kind: Kind, actions: Sequence[Action], path: str
) -> dict[Action, str]:
    """Adjust the sound rows of a staged file; return what each action that met some did, in words.

    A split, bonus or consolidation divides prices and multiplies quantities by what a share
    became; a dividend takes its share of the last price before its day off all prices before.
    Prices are rounded to Rs 0.0001.
    """
    done = {}
    for action in sorted(actions, key=lambda each: each.ex_date):
        before = (
            f"FROM {table} WHERE flaw IS NULL AND instrument = {literal(action.instrument)} AND "
            f"date < '{action.ex_date}'"
        )
        ((rows, last),) = con.sql(
            f"SELECT count(*), arg_max({LAST[kind]}, (ts, file, pos)) {before}"
        ).fetchall()
        if not rows:
            continue
        ratio = _ratio(action, last)
        if ratio is None:
            done[action] = f"{path}: {action.instrument}: a dividend above the price is not taken"
            continue
        sets = [
            f"{name} = ({name}::HUGEINT * {ratio.denominator} * 2 + {ratio.numerator}) // "
            f"({ratio.numerator} * 2)"
            for name in FIELDS[kind] if name in PRICES
        ]  # fmt: skip
        if action.kind != DIVIDEND:
            sets += [
                f"{name} = ({name}::HUGEINT * {ratio.numerator}) // {ratio.denominator}"
                for name in FIELDS[kind] if name in QUANTITIES
            ]  # fmt: skip
        con.execute(f"UPDATE {table} SET {', '.join(sets)} {before.partition(table)[2]}").fetchall()
        done[action] = (
            f"{path}: {action.instrument}: {rows:,} rows before {action.ex_date} adjusted for the "
            f"{action.kind} (prices divided by {float(ratio):.6g})"
        )
    return done


# What prices are divided by; None where a dividend leaves nothing.
def _ratio(action: Action, last: int) -> Fraction | None:
    if action.kind != DIVIDEND:
        return action.shares
    left = last - to_scaled(action.rupees)
    return Fraction(last, left) if left > 0 else None
