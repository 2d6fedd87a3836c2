"""What strategies under check reach for: files, programs, servers, settings of the environment.

The interpreter tells of each file that is opened and each program that is started ("audit events"),
whichever reader does it. What cannot be shown cut is at least told.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from alphapanda.validation.shadow_files import Shadow

SYSTEM = ("/usr/", "/etc/", "/proc/", "/sys/", "/dev/", "/lib", "/bin/", "/run/", "/var/")
CODE = {".py", ".pyc", ".pyi", ".so", ".pyd", ".pth", ".dll", ".dylib", ".nbi", ".nbc"}
SETTINGS = {".env", "alphapanda.toml", "pyproject.toml"}
PROGRAMS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"}
SERVERS = {"socket.connect", "socket.getaddrinfo", "urllib.Request"}

Passes = Callable[[str], bool]
"""Says of a file that it is not the user's."""


class Ear:
    """Hears, in one thread, what its own user's code reaches for while it is on."""

    def __init__(self, passes: Passes) -> None:
        self.files: dict[str, None] = {}
        self.programs: dict[str, None] = {}
        self.servers: dict[str, None] = {}
        self.settings: dict[str, None] = {}
        self.on = True
        self._passes = passes
        self.thread = threading.get_ident()

    def event(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what an audit event says; it must not open anything itself."""
        if not self.on or threading.get_ident() != self.thread:
            return
        if event == "open" and isinstance(arguments[0], (str, bytes)) and reads(*arguments[1:3]):
            self.files[os.fsdecode(arguments[0])] = None
        elif event == "sqlite3.connect":
            self.files[str(arguments[0]).removeprefix("file:").partition("?")[0]] = None
        elif event in PROGRAMS and self.still(asked_for, sys._getframe(2)):
            self.programs[program_of(arguments)] = None
        elif event in SERVERS and self.still(asked_for, sys._getframe(2)):
            self.servers[server_of(event, arguments)] = None

    def still(self, question: Callable[[FrameType | None, Passes], bool], frame: FrameType) -> bool:
        """Return the answer to a question that may itself reach for something."""
        with self.quiet():
            return question(frame, self._passes)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Hear nothing for a while."""
        before, self.on = self.on, False
        try:
            yield
        finally:
            self.on = before


def reads(mode: Any, flags: Any) -> bool:
    """Say if a file is opened to be read."""
    if mode is not None:
        return "r" in str(mode)
    return isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR) == 0


def program_of(arguments: tuple[Any, ...]) -> str:
    """Return the name of a program that is started, without its arguments: they may be secret."""
    first = next((one for one in arguments if isinstance(one, (str, bytes, os.PathLike))), "")
    return os.fsdecode(first).split(" ")[0] or "another process"


def server_of(event: str, arguments: tuple[Any, ...]) -> str:
    """Return host and port; of an address its host alone."""
    if event == "urllib.Request":
        return str(arguments[0]).partition("//")[2].partition("/")[0].rpartition("@")[2]
    address = arguments[1] if event == "socket.connect" else arguments[:2]
    if isinstance(address, (tuple, list)) and len(address) >= 2:
        return f"{os.fsdecode(address[0] or 'localhost')}:{address[1]}"
    return str(address)


def is_user(file: str, passes: Passes) -> bool:
    """Say if code of a file is the user's: neither a library's, nor ours, nor the interpreter's."""
    return not file.startswith("<frozen") and not passes(file)


def asked_for(frame: FrameType | None, passes: Passes) -> bool:
    """Say if the user's code asks, not a library that is being loaded."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib"):
            return False
        if not file.startswith("<") and is_user(file, passes):
            return True
        frame = frame.f_back
    return False


def personal(path: str, shadow: Shadow) -> bool:
    """Say if a file holds data of the user: not code, settings, the system's or a copy of ours."""
    full = Path(os.path.abspath(path))  # noqa: PTH100 (no links followed)
    if full.is_relative_to(shadow.folder) or shadow.passes(full) or full.suffix in CODE:
        return False
    if full.name in SETTINGS or any(part.startswith(".") for part in full.parts[1:-1]):
        return False
    known = {*shadow.tables, *shadow.opaque, *shadow.uncut}
    return not str(full).startswith(SYSTEM) and str(full) not in known and full.is_file()


EAR: list[Ear] = []
"""Who hears at present; the interpreter's hook, once there, stays."""

HOOKED: list[bool] = []


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Pass an audit event on."""
    if EAR:
        EAR[-1].event(event, arguments)


@contextmanager
def hearing(passes: Passes) -> Iterator[Ear]:
    """Hear what is reached for while the block runs, but by code that `passes` says to pass."""
    if not HOOKED:
        sys.addaudithook(hook)
        HOOKED.append(True)
    ear = Ear(passes)
    EAR.append(ear)
    environment = type(os.environ)
    real = environment.__getitem__

    def read(self: Any, name: Any) -> Any:
        if ear.on and ear.still(asked_directly, sys._getframe(1)):
            ear.settings[str(name)] = None
        return real(self, name)

    environment.__getitem__ = read  # type: ignore[method-assign]
    try:
        yield ear
    finally:
        environment.__getitem__ = real  # type: ignore[method-assign]
        EAR.remove(ear)


def asked_directly(frame: FrameType | None, passes: Passes) -> bool:
    """Say if the user's own line asks, through no more than the mapping's own methods."""
    while frame is not None and frame.f_code.co_filename in PASSED:
        frame = frame.f_back
    return frame is not None and is_user(frame.f_code.co_filename, passes)


PASSED = {os.__file__, "<frozen os>", "<frozen _collections_abc>", importlib.__file__}
