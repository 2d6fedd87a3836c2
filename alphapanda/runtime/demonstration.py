"""A demonstration: a made-up session traded on paper at speed, with the API and its page beside it.

Everything lies in a base folder of its own, and the processes are those that a user would start.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import NamedTuple

from alphapanda.config.keys import environment_of, new_key
from alphapanda.config.settings import FILE, PREFIX, Settings
from alphapanda.data.synth.sessions import synthesize
from alphapanda.errors import OutsideError, UsageError
from alphapanda.net.loopback import free_port
from alphapanda.research.rundir import claimed, make_folder
from alphapanda.store import migrating
from alphapanda.store.database import Database, answering
from alphapanda.store.words import UserRole

USER = "demo"
MADE = "demo.user"
"""A file of the base folder: the id of the user that was made here."""
KEY = f"{PREFIX}SECURITY__KEY"
DAY = date(2025, 8, 4)
TICKS, SHARES = 8_000, 5
READY_S, STOP_S, NAP_S = 60.0, 15.0, 0.2
RUN_FILE = """\
# What `alphapanda demo --live` trades, on a session that was made up.
cash = 2_000_000
slippage = "2bp"
latency = "50ms"

[[strategies]]
strategy = "ema_cross"
params = { fast = 60, slow = 300, quantity = 40 }

[[strategies]]
strategy = "sma_cross"
params = { fast = 3, slow = 12, quantity = 25 }

[[strategies]]
strategy = "vwap_reversion"
params = { width = 1.0, rest = 5, quantity = 30 }
"""


class Demonstration(NamedTuple):
    """What is prepared: where it lies, and who may log in."""

    base: Path
    session: Path
    run_file: Path
    password: str
    environment: Mapping[str, str]


def make_base(base: Path) -> Path:
    """Make a base folder with a key of its own, in its own `.env`; return where it is.

    Raises:
        UsageError: if it has settings of somebody's own, which may name servers.
        OutsideError: if the folder can't be written.
    """
    base = base.expanduser().absolute()
    make_folder(base)
    path = base / ".env"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f"{KEY}={new_key()}\n", encoding="utf-8")
    lines = path.read_text("utf-8", "replace").split("\n")
    if (base / FILE).exists() or any(line and not line.startswith(f"{KEY}=") for line in lines):
        raise UsageError(
            f"{base} has settings of its own: the demonstration makes its own folder and uses no "
            "server of yours; give --out a folder that is new"
        )
    return base


def prepare(settings: Settings) -> Demonstration:
    """Make a session, tables, and a user whose password is new each time.

    Raises:
        UsageError: if the packages of the API are not installed, or there is a user of that name
            that was not made here.
        OutsideError: if the database does not answer.
    """
    try:
        import fastapi as _  # noqa: F401, PLC0415 (only to see that it is there)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the demonstration needs the package {error.name}: pip install 'alphapanda[api]'"
        ) from None
    base = settings.base_dir
    session, run_file = base / "session.parquet", base / "demo.toml"
    if not session.exists():
        synthesize(session, day=DAY, days=1, instruments=SHARES, ticks_per_instrument=TICKS, seed=7)
    run_file.write_text(RUN_FILE, encoding="utf-8")
    migrating.upgrade(settings)
    password = secrets.token_urlsafe(12)
    asyncio.run(add_user(settings, password))
    return Demonstration(base, session, run_file, password, environment_of(base, {}))


async def add_user(settings: Settings, password: str) -> None:
    """Add the user of the demonstration, or give him the new password.

    Raises:
        UsageError: if there is a user of that name that was not made here.
    """
    from alphapanda.api import people  # noqa: PLC0415 (FastAPI)
    from alphapanda.api.passwords import hasher  # noqa: PLC0415 (argon2)

    database, mark = Database(settings), settings.base_dir / MADE
    await database.start()
    try:
        with answering(settings):
            async with database.session(writes=True) as session:
                user = await people.user_by_name(session, USER)
                hashed = hasher().hash(password)
                if user is None:
                    user = people.new_user(settings.owner_id, USER, UserRole.ADMIN, hashed)
                    mark.write_text(f"{user.id}\n", encoding="ascii")
                    session.add(user)
                elif not mark.exists() or mark.read_text("ascii", "replace") != f"{user.id}\n":
                    raise UsageError(
                        f"the database has a user {USER} that the demonstration did not make: "
                        "give --out a folder that is new"
                    )
                else:
                    user.password_hash, user.active = hashed, True
                    user.revoked_before_ns = time.time_ns()
                await people.noted(
                    session, settings, settings.owner_id, "cli:demo", "user added", USER,
                    {"role": str(UserRole.ADMIN)},
                )  # fmt: skip
                await session.commit()
    finally:
        await database.stop()


@contextmanager
def running(made: Demonstration, *, speed: str, port: int) -> Iterator[tuple[str, Processes]]:
    """Run the API and the paper run while in this context; give the page's address.

    Raises:
        OutsideError: if the API does not begin; the message is its own.
    """
    port = port or free_port()
    address = f"http://127.0.0.1:{port}"
    processes = Processes(made)
    try:
        processes.begin("api", "api", "--host", "127.0.0.1", "--port", str(port))
        processes.wait_for(f"{address}/health/ready")
        run = claimed(made.base / "runs" / "demo")
        processes.begin(
            "paper", "paper", str(made.run_file), "--feed", f"replay:{made.session}",
            "--speed", speed, "--out", str(run), "--json",
        )  # fmt: skip
        yield address, processes
    finally:
        processes.stop()


class Processes:
    """The processes of a demonstration, each with a file for what it says."""

    def __init__(self, made: Demonstration) -> None:
        self._made = made
        self._all: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self, name: str, *words: str) -> None:
        """Start a command of ours; Ctrl-C is passed on by `stop`, once."""
        with self._file(name).open("wb") as file:
            self._all[name] = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "alphapanda", *words], env=dict(self._made.environment),
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
                cwd=self._made.base,
            )  # fmt: skip

    def wait_for(self, address: str) -> None:
        """Wait until the API answers.

        Raises:
            OutsideError: if it has ended, or takes too long.
        """
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            if self.ended("api"):
                raise OutsideError(self.last_word("api"))
            with suppress(OSError), urllib.request.urlopen(address, timeout=2):  # noqa: S310
                return
            time.sleep(NAP_S)
        raise OutsideError(f"the API does not answer: see {self._file('api')}")

    def ended(self, name: str) -> int | None:
        """Return the exit status of a process; None while it lives."""
        return self._all[name].poll()

    def last_word(self, name: str) -> str:
        """Return the last line that a process has said."""
        lines = self._file(name).read_text("utf-8", "replace").strip().splitlines()
        return lines[-1][:500].removeprefix("alphapanda: ") if lines else f"{name} said nothing"

    def stop(self) -> None:
        """Ask all to stop in order, the last that began first, and wait for them."""
        for process in reversed(self._all.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in reversed(self._all.values()):
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _file(self, name: str) -> Path:
        return self._made.base / f"{name}.log"
