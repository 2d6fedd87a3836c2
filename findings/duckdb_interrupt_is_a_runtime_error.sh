#!/usr/bin/env bash
# DuckDB 2.0.1 for Python: Ctrl-C while a query runs is a RuntimeError, no KeyboardInterrupt.
#
# Seen with duckdb 2.0.1 of PyPI, CPython 3.11, Linux x86-64. SIGINT during `execute` ends the query
# with RuntimeError("Query interrupted"), without a cause or a context, though Python's own handler
# would raise KeyboardInterrupt. It is no duckdb.Error either: connection.interrupt() of another
# thread gives duckdb.InterruptException. So `except KeyboardInterrupt` misses Ctrl-C, a program ends
# with a traceback and status 1 in place of 130, and only the text tells it from other errors.
#
# Fails if what it sees changes.
set -euo pipefail
seen="2.0.1 RuntimeError 'Query interrupted' cause None context None,\
 is KeyboardInterrupt: False, is duckdb.Error: False"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check duckdb==2.0.1
found=$("$folder/bin/python" - <<'PROBE'
import os
import signal
import threading

import duckdb

signal.signal(signal.SIGINT, signal.default_int_handler)
connection = duckdb.connect()
threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    connection.execute("select sum(i * 7 % 11) from range(100000000000) t(i)").fetchall()
except BaseException as error:
    print(
        duckdb.__version__, type(error).__name__, repr(str(error)),
        "cause", error.__cause__, "context", f"{error.__context__},",
        "is KeyboardInterrupt:", f"{isinstance(error, KeyboardInterrupt)},",
        "is duckdb.Error:", isinstance(error, duckdb.Error),
    )
PROBE
)
echo "$found"
[ "$found" = "$seen" ] || { echo "this is not what was seen: $seen" >&2; exit 1; }
