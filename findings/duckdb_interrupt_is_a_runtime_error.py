"""DuckDB 2.0.1 for Python: Ctrl-C while a query runs is a RuntimeError, no KeyboardInterrupt.

Seen with duckdb 2.0.1 of PyPI, CPython 3.11, Linux x86-64. SIGINT during `execute` ends the query
with `RuntimeError("Query interrupted")`, without a cause or a context, though Python's own handler
would raise KeyboardInterrupt. It is no `duckdb.Error` either: `connection.interrupt()` of another
thread gives `duckdb.InterruptException`. So `except KeyboardInterrupt` misses Ctrl-C, a program
ends with a traceback and status 1 in place of 130, and only the text tells it from other errors.

Run: python findings/duckdb_interrupt_is_a_runtime_error.py
It makes a temporary folder with the pinned package, and fails (status 1) if what it sees changes.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PINNED = "duckdb==2.0.1"
SEEN = (
    "2.0.1 RuntimeError 'Query interrupted' cause None context None, "
    "is KeyboardInterrupt: False, is duckdb.Error: False"
)
PROBE = """
import os, signal, threading
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
"""


def main() -> int:
    """Install the pinned package into a temporary folder, run the probe, compare what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "Scripts" if sys.platform == "win32" else "bin", "python")
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PINNED]
        subprocess.run(install, check=True)  # noqa: S603 (this very list)
        done = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, check=False)  # noqa: S603
    out = done.stdout.strip() or done.stderr.strip()
    print(out)
    if out != SEEN:
        print(f"this is not what was seen: {SEEN}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
