#!/usr/bin/env bash
# DuckDB 2.0.1 for Python: after `execute(...).fetchone()` of the only row, `sql(...)` raises.
#
# Seen with duckdb 2.0.1 of PyPI, CPython 3.11, Linux x86-64. `fetchone()` takes the only row of a
# result, and the result stays unfinished: the next `connection.sql(...)` raises
# duckdb.ResourceInUseException, also `duckdb.sql(...)` on the connection a process shares, in any
# other module. Another `execute` is not hindered, and `fetchall()` in its place finishes the result.
# With 1.5.6 the same lines print the second row.
#
# Fails if what it sees changes.
set -euo pipefail
seen="2.0.1: execute after fetchone (2,); sql after fetchone ResourceInUseException;\
 sql after fetchall [(4,)]
1.5.6: execute after fetchone (2,); sql after fetchone [(3,)]; sql after fetchall [(4,)]"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
found=$(for version in 2.0.1 1.5.6; do
    python3 -m venv --clear "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "duckdb==$version"
    "$folder/bin/python" - <<'PROBE'
import duckdb

connection = duckdb.connect()
connection.execute("select 1").fetchone()
again = connection.execute("select 2").fetchone()
try:
    after_one = connection.sql("select 3").fetchall()
except duckdb.Error as error:
    after_one = type(error).__name__
connection.execute("select 1").fetchall()
after_all = connection.sql("select 4").fetchall()
print(f"{duckdb.__version__}: execute after fetchone {again};", end=" ")
print(f"sql after fetchone {after_one}; sql after fetchall {after_all}")
PROBE
done)
echo "$found"
[ "$found" = "$seen" ] || { echo "this is not what was seen: $seen" >&2; exit 1; }
