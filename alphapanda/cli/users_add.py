"""`alphapanda users add`: a user who may log in at the API."""

from __future__ import annotations

import asyncio
import getpass
import sys
from typing import Annotated

import typer
from sqlalchemy.exc import IntegrityError

from alphapanda import config, log
from alphapanda.cli.flags import option
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.store import migrating
from alphapanda.store.database import Database, answering
from alphapanda.store.words import UserRole

Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, and _ . @ -")]
PARTS = "_.@-"


def users_add(
    name: Name,
    role: Annotated[str, option("--role", metavar="ROLE", text="admin, trader or viewer.")],
    owner: Annotated[
        str | None, option("--owner", metavar="ID", text="Whose runs are shown. (default: this "
                           "installation's owner)")
    ] = None,
    password_stdin: Annotated[
        bool, option("--password-stdin", text="Read the password from stdin, one line.")
    ] = False,
) -> None:  # fmt: skip
    """Add a user; the password, of at least 12 characters, is asked for on the terminal."""
    if role not in tuple(UserRole):
        raise UsageError(f"--role {role}: one of {', '.join(UserRole)}."
                         f"{did_you_mean(role, UserRole)}")  # fmt: skip
    plain = name.isascii() and all(part.isalnum() or part in PARTS for part in name)
    if not plain or not name[:1].isalnum() or len(name) > 64:
        raise UsageError(f"{name}: a name has letters, digits and {PARTS}, at most 64")
    settings = config.load()
    found = migrating.check(settings)
    if found:
        raise UsageError(f"the database is not ready: {found[0]}")
    password = read_password(stdin=password_stdin)
    with log.running(settings):
        asyncio.run(added(settings, owner or settings.owner_id, name, UserRole(role), password))
    sys.stdout.write(f"added {name}, {role}\n")


def read_password(*, stdin: bool) -> str:
    """Return the password that is typed, twice, or stands on stdin.

    Raises:
        UsageError: if it may be none; it is never shown.
    """
    try:
        from alphapanda.api.passwords import checked  # noqa: PLC0415 (argon2)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"users need the package {error.name}: pip install 'alphapanda[api]'"
        ) from None
    if stdin:
        lines = sys.stdin.read(4_096).splitlines()
        if len(lines) != 1:
            raise UsageError("--password-stdin: write one line, the password")
        return checked(lines[0])
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on: write --password-stdin")
    first = checked(getpass.getpass("password: "))
    if getpass.getpass("again: ") != first:
        raise UsageError("the two are not the same")
    return first


async def added(
    settings: Settings, owner: str, name: str, role: UserRole, password: str
) -> None:  # fmt: skip
    """Write the user down, with an entry of the audit trail."""
    from alphapanda.api import people  # noqa: PLC0415 (FastAPI)
    from alphapanda.api.passwords import hasher  # noqa: PLC0415 (argon2)

    user = people.new_user(owner, name, role, hasher().hash(password))
    database = Database(settings)
    await database.start()
    try:
        with answering(settings):
            async with database.session(writes=True) as session:
                session.add(user)
                try:
                    await session.flush()
                except IntegrityError:
                    raise UsageError(f"there is a user {name} already") from None
                await people.noted(
                    session, settings, owner, f"cli:{getpass.getuser()}", "user added", name,
                    {"role": str(role)},
                )  # fmt: skip
                await session.commit()
    finally:
        await database.stop()
