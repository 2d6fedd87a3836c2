"""A deployment as it is set up: the file's word, but for what was changed in the database since."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.runs.deployments import Bound, Deployment

if TYPE_CHECKING:
    from alphapanda.store.deployments import Binding
    from alphapanda.store.trading import Strategy


class SetUp(NamedTuple):
    """A deployment as it trades, and what is to be said of it."""

    deployment: Deployment
    notes: tuple[str, ...] = ()


def as_set_up(made: Deployment, settings: Settings) -> SetUp:
    """Return a deployment with what the database says of `active` and of parameters.

    Where the database has nothing of it, or there is none, the file holds alone.

    Raises:
        UsageError: if parameters in the database are none that the strategy has.
        OutsideError: if the database does not answer, or has another schema.
    """
    if not settings.has_database:
        return SetUp(made)
    from alphapanda.store.deployments import differences, in_words  # noqa: PLC0415 (SQLAlchemy)

    rows = asyncio.run(kept_rows(settings, made.name))
    if not rows:
        return SetUp(
            made,
            (f"deployment {made.name} is not in the database: seed --deployment writes it",),
        )
    by_name = {(row.broker, row.name): row for row in rows}
    strategies = tuple(
        changed(each, by_name.get((str(each.broker), each.name))) for each in made.strategies
    )
    found = differences([binding(each) for each in made.strategies], rows)
    notes = (f"deployment {made.name}: {in_words(each, made.name)}" for each in found)
    return SetUp(replace(made, strategies=strategies), tuple(notes))


async def kept_rows(settings: Settings, name: str) -> Sequence[Strategy]:
    """Return the rows of a deployment."""
    from alphapanda.store import migrating  # noqa: PLC0415 (SQLAlchemy)
    from alphapanda.store.database import Database, answering  # noqa: PLC0415
    from alphapanda.store.deployments import rows_of  # noqa: PLC0415

    database = Database(settings)
    await database.start()
    try:
        await migrating.require_current(database)
        with answering(settings):
            async with database.session() as session:
                return list(await session.scalars(rows_of(settings, name)))
    finally:
        await database.stop()


def changed(bound: Bound, row: Strategy | None) -> Bound:
    """Return a strategy with what its row may say otherwise."""
    if row is None:
        return bound
    try:
        params = bound.spec.arguments(row.parameters)
    except UsageError as error:
        raise UsageError(
            f"the database's parameters of {bound.name} at {bound.broker} are none: {error}; "
            "alphapanda seed --deployment writes those of the file"
        ) from None
    return replace(bound, params=params, active=row.active)


def binding(bound: Bound) -> Binding:
    """Return a strategy as the database's tables know it."""
    from alphapanda.store.deployments import Binding  # noqa: PLC0415 (SQLAlchemy)

    return Binding(
        str(bound.broker), bound.name, bound.type, bound.params, bound.instruments, bound.limits,
        bound.cash, None if bound.product is None else bound.product.name.lower(), bound.active,
    )  # fmt: skip


async def written_down(made: Deployment, settings: Settings) -> dict[str, list[str]]:
    """Write a deployment's file into the database; return the names by what became of them."""
    from alphapanda.store import deployments  # noqa: PLC0415 (SQLAlchemy)
    from alphapanda.store.database import Database, answering  # noqa: PLC0415

    database = Database(settings)
    await database.start()
    try:
        with answering(settings):
            async with database.session(writes=True) as session:
                told = await deployments.write(
                    session, settings, made.name, [binding(each) for each in made.strategies],
                    now_ns=time.time_ns(),
                )  # fmt: skip
                await session.commit()
                return told
    finally:
        await database.stop()
