"""Deployments in the database: what a file binds, and what was changed there since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.config.settings import Settings
from alphapanda.model.money import text
from alphapanda.store.active import all_of
from alphapanda.store.trading import Strategy

FIELDS = ("type", "parameters", "instruments", "limits", "cash", "product", "active")
"""What the file says of a strategy, and the database too."""
CHANGEABLE = ("active", "parameters")
"""What the database may say otherwise: the run takes these from it, the rest from the file."""


class Binding(NamedTuple):
    """A strategy as a file binds it; a deployment has one of a name at each broker."""

    broker: str
    name: str
    type: str
    parameters: Mapping[str, Any]
    instruments: Sequence[str]
    limits: Mapping[str, Any]
    cash: int
    product: str | None
    active: bool


class Difference(NamedTuple):
    """A field of which file and database say another thing; None where one has no such strategy."""

    broker: str
    name: str
    field: str
    file: Any
    database: Any


def rows_of(settings: Settings, deployment: str) -> Select[Strategy]:
    """Return the query for the strategies of a deployment."""
    return all_of(settings).where(Strategy.deployment == deployment)


async def write(
    session: AsyncSession, settings: Settings, deployment: str, bindings: Sequence[Binding], *,
    now_ns: int,
) -> dict[str, list[str]]:  # fmt: skip
    """Bring the rows of a deployment to what its file says; those it has no more go.

    Whether a strategy is active stays as the database has it, of one that is there. The caller
    commits.
    """
    rows = {(row.broker, row.name): row
            for row in await session.scalars(rows_of(settings, deployment))}  # fmt: skip
    told: dict[str, list[str]] = {"added": [], "changed": [], "kept": [], "removed": []}
    for each in bindings:
        row = rows.pop((each.broker, each.name), None)
        what = "added" if row is None else "changed"
        if row is None:
            session.add(fresh(settings, deployment, each, now_ns))
        elif not (other := differing(each, row, leaving=("active",))):
            what = "kept"
        else:
            for field, value in other.items():
                setattr(row, field, value)
            row.updated_ns = now_ns
        told[what].append(describe_strategy(each))
    for row in rows.values():
        told["removed"].append(describe_strategy(row))
        await session.delete(row)
    return told


def differences(bindings: Sequence[Binding], rows: Sequence[Strategy]) -> list[Difference]:
    """Return what a file says otherwise than the database; none where that has no row of it."""
    left = {(row.broker, row.name): row for row in rows}
    found = []
    for each in bindings if left else ():
        row = left.pop((each.broker, each.name), None)
        if row is None:
            found.append(Difference(each.broker, each.name, "", each, None))
            continue
        for field, value in differing(each, row).items():
            found.append(Difference(each.broker, each.name, field, value, getattr(row, field)))
    found += [Difference(row.broker, row.name, "", None, row) for row in left.values()]
    return found


def differing(binding: Binding, row: Strategy, leaving: Sequence[str] = ()) -> dict[str, Any]:
    """Return the fields of which a row holds another value, with the file's."""
    values = columns(binding)
    names = (name for name in FIELDS if name not in leaving)
    return {name: values[name] for name in names if values[name] != getattr(row, name)}


def columns(binding: Binding) -> dict[str, Any]:
    """Return a binding as a row holds it."""
    return {
        **binding._asdict(), "parameters": dict(binding.parameters),
        "instruments": list(binding.instruments), "limits": dict(binding.limits),
    }  # fmt: skip


def fresh(settings: Settings, deployment: str, binding: Binding, now_ns: int) -> Strategy:
    """Return the row of a strategy that was not there."""
    return Strategy(
        owner_id=settings.owner_id, account_id=settings.account_id, deployment=deployment,
        created_ns=now_ns, updated_ns=now_ns, **columns(binding),
    )  # fmt: skip


def describe_strategy(each: Any) -> str:
    """Return which strategy of a deployment one is."""
    return f"{each.name} at {each.broker}"


def in_words(difference: Difference, deployment: str) -> str:
    """Return a difference in a line: what each says, and which holds."""
    head = f"{difference.name} at {difference.broker}"
    if difference.database is None:
        return f"{head} is not in the database yet: alphapanda seed --deployment {deployment}"
    if difference.file is None:
        return (
            f"{head} is in the database, and not in the file: it does not trade; alphapanda seed "
            f"--deployment {deployment} removes it"
        )
    money = difference.field == "cash"
    file, kept = (text(v) if money else v for v in (difference.file, difference.database))
    holds = "the database" if difference.field in CHANGEABLE else "the file"
    return (
        f"{head}: {difference.field} is {file} in the file, {kept} in the database; {holds} holds"
    )
