"""DuckDB 2.0.1: '01-07-25' cast to a timestamp is 25 July of the year 1, without an error.

Seen with duckdb 2.0.1 of PyPI, CPython 3.11, Linux x86-64. A day with a two-digit year, as
Indian files have it (1 July 2025), is read as year-month-day with the year 1; '31-12-25' becomes 25
December of the year 31. TRY_CAST gives the same in place of NULL. Whoever reads times of files by a
cast has to look for years that cannot be, or to name the format (strptime).

Run: python findings/duckdb_casts_a_short_date_to_year_one.py
It makes a temporary folder with the pinned package, and fails (status 1) if what it sees changes.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PINNED = "duckdb==2.0.1"
SEEN = "2.0.1 0001-07-25 00:00:00 0001-07-25 00:00:00 0031-12-25 00:00:00"
PROBE = """
import duckdb

texts = "'01-07-25'::TIMESTAMP", "TRY_CAST('01-07-25' AS TIMESTAMP)", "'31-12-25'::TIMESTAMP"
print(duckdb.__version__, *duckdb.sql(f"SELECT {', '.join(texts)}").fetchall()[0])
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
