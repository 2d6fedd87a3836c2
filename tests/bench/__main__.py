"""`make bench`: this tree beside an earlier one and other engines, in turn, as ratios.

`python -m tests.bench [NAME...] [--rounds N]`; ends with status 1 where a limit is missed. What
is not installed is said and judges nothing: ../shared/bench/run_peers.sh installs other engines.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from tests.bench import ratios, workloads

ROUNDS = 5


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", help="rows of the table; all if none is named")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    if not workloads.PEERS.exists():
        sys.exit("../shared/bench is not there: data, floor and oracle come from it")
    say(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load "
        f"{os.getloadavg()[0]:.2f}; median (least..most) of {asked.rounds} rounds in turn"
    )
    missed: list[str] = []
    progress = lambda text: print(f"\r\033[K{text}", end="", file=sys.stderr)  # noqa: E731
    with tempfile.TemporaryDirectory() as scratch:
        for row in ratios.chosen(Path(scratch), asked.names):
            found = ratios.measure(row, asked.rounds, progress)
            progress("")
            say("\n".join(ratios.table(found)))
            missed += [row.name for _ in found.missed()]
    say(f"{len(missed)} missed: {', '.join(missed)}" if missed else "all kept")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
