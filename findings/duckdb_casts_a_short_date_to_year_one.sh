#!/usr/bin/env bash
# DuckDB 2.0.1: '01-07-25' cast to a timestamp is 25 July of the year 1, without an error.
#
# Seen with duckdb 2.0.1 of PyPI, CPython 3.11, Linux x86-64. A day with a two-digit year, as Indian
# files have it (1 July 2025), is read as year-month-day with the year 1; '31-12-25' becomes
# 25 December of the year 31. TRY_CAST gives the same in place of NULL. Whoever reads times of files
# by a cast has to look for years that cannot be, or to name the format (strptime).
#
# Fails if what it sees changes.
set -euo pipefail
seen='2.0.1 0001-07-25 00:00:00 0001-07-25 00:00:00 0031-12-25 00:00:00'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check duckdb==2.0.1
found=$("$folder/bin/python" - <<'PROBE'
import duckdb

texts = "'01-07-25'::TIMESTAMP", "TRY_CAST('01-07-25' AS TIMESTAMP)", "'31-12-25'::TIMESTAMP"
print(duckdb.__version__, *duckdb.sql(f"SELECT {', '.join(texts)}").fetchall()[0])
PROBE
)
echo "$found"
[ "$found" = "$seen" ] || { echo "this is not what was seen: $seen" >&2; exit 1; }
