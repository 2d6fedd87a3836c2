#!/usr/bin/env bash
# structlog 26.1.0 with Twisted 26.10.0: `import structlog` loads a part of Twisted.
#
# Seen with the packages of PyPI named here, CPython 3.11, Linux x86-64. structlog tries to import its
# module for Twisted when it is imported itself, used or not. Where another package has brought
# Twisted along (kiteconnect does, for its ticker) each start of a program that only logs loads
# dozens of Twisted's modules; where Twisted is absent, none. `sys.modules["twisted"] = None` before
# the import keeps them out, and structlog goes on as if there were no Twisted.
#
# Fails if what it sees changes.
set -euo pipefail
seen="26.1.0: twisted loaded False without it, True with it, False where it is barred"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
pip() { "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
loaded() {
    "$folder/bin/python" -c "
import sys
$1
import structlog
print(any(name.startswith('twisted.') for name in sys.modules))"
}
pip structlog==26.1.0
absent=$(loaded "")
pip twisted==26.10.0
there=$(loaded "")
barred=$(loaded "sys.modules['twisted'] = None")
version=$("$folder/bin/python" -m pip list --disable-pip-version-check | awk '$1 == "structlog" {print $2}')
found="$version: twisted loaded $absent without it, $there with it, $barred where it is barred"
echo "$found"
[ "$found" = "$seen" ] || { echo "this is not what was seen: $seen" >&2; exit 1; }
