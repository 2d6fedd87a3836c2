"""Strategies as they are set up in the database, and as they run."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from alphapanda.api import people
from alphapanda.api.answers import ApiError, answer, not_found
from alphapanda.api.bodies import Steered, StrategyChange, read, takes
from alphapanda.api.control import Wanted
from alphapanda.api.lists import Word
from alphapanda.api.lists import listed as list_of
from alphapanda.api.local_runs import LocalRun, trades
from alphapanda.api.scopes import V1
from alphapanda.api.services import Services, services_of
from alphapanda.api.who import Who, who_of
from alphapanda.events.events import Broker
from alphapanda.model.commands import Verb
from alphapanda.model.money import text, to_scaled
from alphapanda.store.market import Instrument
from alphapanda.store.trading import Strategy

OF_FILE = ("instruments", "cash")
"""What a deployment's file alone says."""
ROUTER = APIRouter(prefix=f"{V1}/strategies", tags=["strategies"])


@ROUTER.get("", summary="List strategies")
async def listed(request: Request) -> Response:
    """Return the strategies that are set up, each with the runs that trade it now."""
    services, who = services_of(request), who_of(request.scope)
    async with services.reading() as session:
        rows = list(await session.scalars(
            select(Strategy).where(Strategy.owner_id == who.owner).order_by(Strategy.name)
        ))  # fmt: skip
    return list_of([show_strategy(services, who, row) for row in rows])


@ROUTER.get("/{name}", summary="Show a strategy")
async def one(request: Request, name: str) -> Response:
    """Return a strategy's set-up, for each broker."""
    services, who = services_of(request), who_of(request.scope)
    async with services.reading() as session:
        rows = list(await session.scalars(select(Strategy).where(
            Strategy.owner_id == who.owner, Strategy.name == name[:65]
        )))  # fmt: skip
    if not rows:
        raise not_found()
    return list_of([show_strategy(services, who, row) for row in rows])


@ROUTER.put("/{name}", summary="Change a strategy", openapi_extra=takes(StrategyChange))
async def changed(
    request: Request, name: str, deployment: Word = "", broker: Word = str(Broker.PAPER)
) -> Response:  # fmt: skip
    """Change the set-up of a strategy, for its next run; not while one trades it.

    One that no deployment binds is on paper. Of one that a deployment binds only `active` is
    changed, and its parameters while nothing of the deployment runs: the rest its file says.
    """
    services, who = services_of(request), who_of(request.scope)
    body = await read(request, StrategyChange)
    refuse_running(services, who, name, deployment, body)
    async with services.writing() as session:
        row = (await session.scalars(select(Strategy).where(
            Strategy.owner_id == who.owner, Strategy.name == name[:65],
            Strategy.deployment == deployment,
            Strategy.broker == (broker if deployment else Broker.PAPER),
        ))).one_or_none()  # fmt: skip
        if row is None:
            raise not_found()
        if body.parameters is not None:
            row.parameters = parameters(row, body.parameters)
        if body.instruments is not None:
            row.instruments = await instruments(session, body.instruments)
        row.cash = row.cash if body.cash is None else to_scaled(body.cash)
        row.active = row.active if body.active is None else body.active
        row.updated_ns = time.time_ns()
        facts: dict[str, Any] = {"fields": sorted(body.model_dump(exclude_none=True))}
        facts |= {"deployment": deployment, "broker": broker} if deployment else {}
        await people.noted(session, services.settings, who.owner, who.name, "strategy changed",
                           row.name, facts)  # fmt: skip
        await session.commit()
    return answer(show_strategy(services, who, row))


def refuse_running(
    services: Services, who: Who, name: str, deployment: str, body: StrategyChange
) -> None:
    """Refuse a change that its file has to say, or that a run stands against.

    Raises:
        ApiError: it says what to do.
    """
    if not deployment:
        if any(name in run.strategies for run in running(services, who, "")):
            raise ApiError(409, "it is running: stop that run first")
        return
    of_file = [field for field in OF_FILE if getattr(body, field) is not None]
    if of_file:
        raise ApiError(422, "the body is not valid", fields=[
            (field, f"deployments/{deployment}.toml says it: change it there, and seed it again")
            for field in of_file
        ])  # fmt: skip
    if body.parameters is not None and running(services, who, deployment):
        raise ApiError(409, f"a run of {deployment} is trading: stop it first")


async def instruments(session: AsyncSession, wanted: list[str]) -> list[str]:
    """Return instruments that are listed today, each once.

    Raises:
        ApiError: naming those that are not.
    """
    known = set(await session.scalars(select(Instrument.name).where(
        Instrument.name.in_(wanted), Instrument.valid_to.is_(None)
    )))  # fmt: skip
    unknown = [each for each in wanted if each not in known]
    if unknown:
        raise ApiError(422, "the body is not valid", fields=[
            (f"instruments.{wanted.index(each)}", "not in today's list of instruments")
            for each in unknown
        ])  # fmt: skip
    return list(dict.fromkeys(wanted))


def parameters(row: Strategy, given: dict[str, Any]) -> dict[str, Any]:
    """Return a strategy's parameters with some changed: only those it has, of their own type.

    Raises:
        ApiError: naming what is wrong.
    """
    wrong = []
    for name, value in given.items():
        if name not in row.parameters:
            wrong.append((f"parameters.{name}", "the strategy has no such parameter"))
        elif type(value) is not type(row.parameters[name]):
            kind = type(row.parameters[name]).__name__
            wrong.append((f"parameters.{name}", f"it is of the type {kind}"))
    if wrong:
        raise ApiError(422, "the body is not valid", fields=wrong)
    return {**row.parameters, **given}


@ROUTER.post("/{name}/pause", summary="Pause a strategy", openapi_extra=takes(Steered))
async def pause(request: Request, name: str) -> Response:
    """Let a strategy take no new risk; what reduces it passes, exits stay."""
    return await steered(request, name, Verb.PAUSE)


@ROUTER.post("/{name}/resume", summary="Resume a strategy", openapi_extra=takes(Steered))
async def resume(request: Request, name: str) -> Response:
    """Lift a strategy's pause; what was killed stays killed."""
    return await steered(request, name, Verb.RESUME)


async def steered(request: Request, name: str, verb: Verb) -> Response:
    """Give a command about a strategy to the runs that have it."""
    body = await read(request, Steered, empty=True)
    wanted = Wanted(verb, "strategy", name, body.run, reason=body.reason)
    status, told = await services_of(request).control.give(who_of(request.scope), wanted)
    return answer(told, status)


def running(services: Services, who: Who, deployment: str) -> list[LocalRun]:
    """Return the runs of an owner in which a process trades for a deployment, or for none, now."""
    return [
        run for run in services.control.runs.runs.values()
        if run.owner == who.owner and trades(run)
        and run.manifest.get("deployment", "") == deployment
    ]  # fmt: skip


def runs_of(services: Services, who: Who, row: Strategy) -> list[str]:
    """Return the runs that trade a strategy now as it is set up."""
    return [
        run.run_id for run in running(services, who, row.deployment)
        if row.name in run.strategies
        and (not row.deployment or run.manifest["broker"] == row.broker)
    ]  # fmt: skip


def show_strategy(services: Services, who: Who, row: Strategy) -> dict[str, Any]:
    """Return a strategy's set-up."""
    return {
        "name": row.name, "type": row.type, "broker": row.broker, "product": row.product,
        "parameters": row.parameters, "instruments": row.instruments, "cash": text(row.cash),
        "active": row.active, "updated_ns": row.updated_ns, "deployment": row.deployment,
        "limits": row.limits, "runs": runs_of(services, who, row),
    }  # fmt: skip
