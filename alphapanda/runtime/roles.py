"""The roles of a process: the parts that live in it, and what its main thread does meanwhile.

One process may have all roles or some. Rows of a feed go over the topics between processes only:
beside `trade`, they go straight into the core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.research.result import Result
from alphapanda.runs import paper
from alphapanda.runtime.following import follow, publish
from alphapanda.runtime.lifecycle import Parts
from alphapanda.runtime.parts import OF_A_RUN, Role, Wanted
from alphapanda.runtime.scheduling import keep_schedules
from alphapanda.runtime.serving import serve
from alphapanda.runtime.trading import trade


def refuse_beside_schedules(wanted: Wanted) -> None:
    """Refuse what a process that runs notebooks has no use for."""
    if wanted.roles != {Role.SCHEDULE}:
        raise UsageError("--role schedule is a process of its own: a run has its other roles")
    if wanted.strategies or wanted.feed or wanted.given or wanted.speed or wanted.out:
        raise UsageError("--role schedule takes nothing else: schedules/NAME.toml says what runs")


def chosen(words: Sequence[str]) -> frozenset[Role]:
    """Return the roles that are named; if none is, all of a run.

    Raises:
        UsageError: for one that does not exist.
    """
    for word in words:
        if word not in tuple(Role):
            hint = did_you_mean(word, Role)
            raise UsageError(f"--role {word}: one of {', '.join(Role)}.{hint}")
    return frozenset(map(Role, words)) or OF_A_RUN


def carry_out(
    wanted: Wanted, settings: Settings, *, show: paper.Show | None = None,
    parts_of: Callable[..., Parts] = Parts,
) -> Result | dict[str, Any]:  # fmt: skip
    """Do what a process is there for, to its end; return what came of it.

    Raises:
        KeyboardInterrupt: after an orderly stop by Ctrl-C or SIGTERM; it says how to go on.
    """
    with ExitStack() as stack:
        stack.callback(log.stop)
        parts = stack.enter_context(parts_of(stop_timeout_s=settings.paper.stop_timeout_s))
        if Role.SCHEDULE in wanted.roles:
            refuse_beside_schedules(wanted)
            log.start(settings)
            keep_schedules(settings, parts)
        if Role.API in wanted.roles:
            return serve(wanted, settings, parts, stack)
        if Role.TRADE in wanted.roles:
            return trade(wanted, settings, parts, stack, show)
        if Role.FEED in wanted.roles:
            return publish(wanted, settings, parts, stack)
        return follow(wanted, settings, parts, stack)
