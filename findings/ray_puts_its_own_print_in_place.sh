#!/usr/bin/env bash
# Ray 2.60.0: after a task has printed, the program's own `print` is Ray's, and stays so.
#
# Seen with ray 2.60.0 of PyPI, CPython 3.11, Linux x86-64. When the first line that a worker wrote
# comes to the program that called `ray.init()`, Ray puts a Python function of its own into
# `builtins.print`. `ray.shutdown()` does not put the old one back. Whatever asks if a function is
# built in (`inspect.isbuiltin`, numba, a check of what a user's code calls) sees another `print`
# from then on, as does all that runs later in the same process. RAY_TQDM_PATCH_PRINT=0 forbids it.
#
# Fails if what it sees changes.
set -euo pipefail
seen="2.60.0: after init True, after a task printed False, after shutdown False, ray.experimental.tqdm_ray"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check ray==2.60.0
found=$(RAY_USAGE_STATS_ENABLED=0 "$folder/bin/python" - "$folder" 2>/dev/null <<'PROBE' | tail -n 1
import builtins
import inspect
import sys
import time

import ray

real = builtins.print


@ray.remote
def hello():
    print("hello")


ray.init(num_cpus=1, include_dashboard=False, _temp_dir=f"{sys.argv[1]}/t")
first = builtins.print is real
ray.get(hello.remote())
until = time.monotonic() + 60
while builtins.print is real and time.monotonic() < until:
    time.sleep(0.05)
second = inspect.isbuiltin(builtins.print)
ray.shutdown()
third = inspect.isbuiltin(builtins.print)
module = builtins.print.__module__
real(f"{ray.__version__}: after init {first}, after a task printed {second}, "
     f"after shutdown {third}, {module}")
PROBE
)
echo "$found"
[ "$found" = "$seen" ] || { echo "this is not what was seen: $seen" >&2; exit 1; }
