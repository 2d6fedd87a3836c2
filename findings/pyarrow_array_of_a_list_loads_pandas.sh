#!/usr/bin/env bash
# pyarrow 26.0.1: making an array of a plain list loads pandas, wherever pandas is installed.
#
# Seen with pyarrow 26.0.1, pandas 3.1.1 of PyPI, CPython 3.11, Linux x86-64. `import pyarrow` does
# not load pandas, nor does an array made of buffers; `pa.array(["a"])`, in which nothing is of
# pandas, does: some half a second of a program that has no use for it.
#
# Fails if what it sees changes.
set -euo pipefail
seen="26.0.1: after import False, after from_buffers False, after array True"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check pyarrow==26.0.1 pandas==3.1.1
found=$("$folder/bin/python" - <<'PROBE'
import sys

import pyarrow as pa


def loaded() -> bool:
    return "pandas" in sys.modules


first = loaded()
pa.Array.from_buffers(pa.int64(), 1, [None, pa.py_buffer(bytes(8))])
second = loaded()
pa.array(["a"])
print(f"{pa.__version__}: after import {first}, after from_buffers {second}, after array {loaded()}")
PROBE
)
echo "$found"
[ "$found" = "$seen" ] || { echo "this is not what was seen: $seen" >&2; exit 1; }
