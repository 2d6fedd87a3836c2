"""`python -m tests.support.servers provision` installs what the servers need; alone it runs them.

What runs can be used by the tests and by Alpha Panda: paste the lines that are printed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.support import browser
from tests.support.servers import kafka, postgres, redis
from tests.support.servers.process import MissingError, Server

KINDS = ((postgres, postgres.Postgres), (redis, redis.Redis), (kafka, kafka.Kafka))
SETTINGS = {
    "postgres": "ALPHAPANDA_DATABASE__URL", "redis": "ALPHAPANDA_REDIS__URL",
    "kafka": "ALPHAPANDA_BUS__SERVERS",
}  # fmt: skip


def note(text: str) -> None:
    sys.stderr.write(f"servers: {text}\n")


def missing() -> list[str]:
    """Return the packages that are not there and that no address in the environment replaces."""
    packages: list[str] = []
    if not os.environ.get(postgres.VARIABLE) and not postgres.is_there():
        packages += postgres.PACKAGES
    if not os.environ.get(redis.VARIABLE) and not redis.is_there():
        packages += redis.PACKAGES
    if not os.environ.get(kafka.VARIABLE) and shutil.which("java") is None:
        packages += kafka.PACKAGES
    if browser.program() is None:
        packages += browser.PACKAGES
    return packages


def as_root() -> list[str] | None:
    """Return what makes a command run as root, nothing if we are, None if it can't be."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode:
        return None
    return [sudo, "-n"] if sudo else None


def install(packages: list[str]) -> bool:
    """Install packages of the distribution; say if it was done."""
    root = as_root()
    if root is None or shutil.which("apt-get") is None:
        return False
    note(f"installing {' '.join(packages)}")
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    subprocess.run([*apt, "update"], check=False, stdout=sys.stderr)
    wanted = [*apt, "install", "-y", "--no-install-recommends", *packages]
    return subprocess.run(wanted, check=False, stdout=sys.stderr).returncode == 0


def provision() -> int:
    """Install and download; without a server tests are skipped, but not in CI."""
    packages, lacks = missing(), ""
    with ThreadPoolExecutor(1) as pool:
        files = None if os.environ.get(kafka.VARIABLE) else pool.submit(kafka.fetch)
        if packages and not install(packages):
            lacks = f"not installed: sudo apt-get install {' '.join(packages)}"
    if files is not None:
        try:
            files.result()
            kafka.make_ready()
        except MissingError as error:
            lacks = f"{lacks}; {error}".lstrip("; ")
    if lacks:
        note(f"{lacks}. Tests that need it are skipped")
    return int(bool(lacks) and os.environ.get("CI") == "true")


def run() -> int:
    """Run all servers until interrupted."""
    with ExitStack() as stack:
        for module, kind in KINDS:
            server: Server = stack.enter_context(kind())
            for name in (module.VARIABLE, SETTINGS[server.name]):
                sys.stdout.write(f"export {name}={server.url}\n")
            sys.stdout.flush()
        note("running; Ctrl-C stops and removes them")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


def main(words: list[str]) -> int:
    if words == ["provision"]:
        return provision()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        return run()
    except MissingError as error:
        note(str(error))
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
