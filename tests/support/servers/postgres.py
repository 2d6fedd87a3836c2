"""PostgreSQL from the distribution's packages; it refuses root, so then another user runs it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from tests.support.servers.process import HOST, MissingError, Server

VARIABLE = "ALPHAPANDA_TEST_POSTGRES"
PACKAGES = ("postgresql",)
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
        "max_connections": "60", "shared_buffers": "32MB", "autovacuum": "off"}  # fmt: skip
"""It is thrown away: only its processes are killed, never the machine."""


def program(name: str) -> str | None:
    """Return the newest of the installed programs; Debian keeps them out of the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: int(f.parts[-2]))
    found = [folder / name for folder in folders if (folder / name).exists()]
    return str(found[-1]) if found else shutil.which(name)


def is_there() -> bool:
    return program("initdb") is not None


def unprivileged() -> str:
    """Return a user to run it when we are root, else an empty string."""
    if os.geteuid() != 0:
        return ""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise MissingError("no user `postgres` or `nobody` to run PostgreSQL, which refuses root")


class Postgres(Server):
    """A cluster of its own with the superuser `postgres` and no password."""

    name = "postgres"
    dies_by = signal.SIGQUIT
    stops_by = signal.SIGINT

    @property
    def url(self) -> str:
        """Return the address of its database `postgres`."""
        return f"postgresql://postgres@{HOST}:{self.port}/postgres"

    def prepare(self) -> None:
        """Make the cluster."""
        initdb = program("initdb")
        if initdb is None:
            raise MissingError("PostgreSQL is not installed: make provision")
        self.user = unprivileged()
        self.data = self.folder / "data"
        self.data.mkdir()
        if self.user:
            account = pwd.getpwnam(self.user)
            for path in (self.folder, self.data):
                os.chown(path, account.pw_uid, account.pw_gid)
        made = subprocess.run(
            self.guarded([initdb, "-D", str(self.data), "-U", "postgres", "-A", "trust",
                          "-E", "UTF8", "--locale=C", "--no-sync"]),
            cwd="/", capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode != 0:
            raise MissingError(f"initdb fails: {made.stderr.strip()}")

    def command(self) -> list[str]:
        """Return what starts it."""
        options = [f"--{name}={value}" for name, value in FAST.items()]
        server = program("postgres")
        assert server is not None
        return [server, "-D", str(self.data), "-h", HOST, "-p", str(self.port),
                "-k", str(self.data), *options]  # fmt: skip

    def is_ready(self) -> bool:
        """Say if it takes connections; it listens before it does."""
        ready = program("pg_isready")
        if ready is None:
            return super().is_ready()
        asked = [ready, "-q", "-h", HOST, "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0
