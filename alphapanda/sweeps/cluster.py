"""A sweep on a cluster of Ray: who deals its runs to workers, and what happens when they die.

What is done is kept here, by the one who began the sweep, as it is with threads. A worker keeps
nothing, so the runs of one that died are given to others, and a cluster that is gone costs what
was under way. A run's figures do not depend on who ran it: the results are the same file.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from time import monotonic
from typing import Any

from alphapanda.errors import OutsideError, UsageError
from alphapanda.research.sweep_store import Rows
from alphapanda.research.tally import kernel
from alphapanda.sweeps import remote
from alphapanda.sweeps.address import Address, address_of, read_address
from alphapanda.sweeps.cores import Loop, params_text
from alphapanda.sweeps.plan import Sweep, cores, is_warm
from alphapanda.sweeps.remote import Job, Ran, Ready, Recipe
from alphapanda.sweeps.threads import Failure

CLIENT_PORT = 10_001
"""Of Ray's client, which has no shared memory and is not supported."""
TURN_S = 0.3
"""How long a worker works before it is sent more; two such portions lie with each."""
MOST = 1_000
PATIENCE_S = 300.0
"""How long no worker may have begun."""
TRIES = 5
"""Workers that may die with a run before it is taken for the reason."""
BEAT_S, BEATS = 1.0, 3
"""How often the head is looked for, and how often in a row it may be absent."""


@contextmanager
def joined(made: Sweep, loop: Loop) -> Iterator[Cluster]:
    """Yield the workers of the cluster that a sweep asks for; they end with it.

    Raises:
        OutsideError: if there is no cluster, or it does not last.
    """
    with connected(made):
        team = Cluster(made, loop)
        try:
            yield team
        finally:
            team.close()


@contextmanager
def connected(made: Sweep) -> Iterator[None]:
    """Connect this process to the cluster, unless the user has; leave it again."""
    import ray  # noqa: PLC0415 (1 s, and absent where nobody needs a cluster)

    place = address_of(made.search.cluster)
    if ray.is_initialized():
        known = ray.get_runtime_context().gcs_address
        if place is not None and place.text != known:
            raise UsageError(f"--cluster {made.search.cluster}: this process has joined {known}")
        yield
        return
    if place is not None:
        check_reachable(place)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it reports to its makers
    os.environ.setdefault("RAY_worker_niceness", "0")  # else 15: threads are not so modest either
    os.environ.setdefault("RAY_TQDM_PATCH_PRINT", "0")  # it would replace print for good
    ways: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if place is None:
        ways |= {"num_cpus": made.search.workers or cores(), "include_dashboard": False}
    with handlers_kept():
        try:
            where = "local" if place is None else place.text
            ray.init(address=where, configure_logging=False, **ways)
        except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
            raise OutsideError(
                f"--cluster {made.search.cluster}: can't be joined ({error!s:.300}); this machine "
                "must be a node of it: ray start --address=HOST:PORT"
            ) from error
    try:
        yield
    finally:
        with handlers_kept():
            ray.shutdown()


def check_reachable(place: Address) -> None:
    """Refuse an address where nobody listens, before Ray waits for it for minutes."""
    if place.port == CLIENT_PORT:
        raise UsageError(
            f"--cluster ray://{place.text}: {CLIENT_PORT} is the port of Ray's client; write that "
            "of the head, which `ray start` prints, and make this machine a node of the cluster"
        )
    if not place.listens():
        raise OutsideError(
            f"--cluster ray://{place.text}: nobody listens there; `ray start --head` prints the "
            "address"
        )


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Keep what this process does on signals: Ray would end it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(eq=False)
class Hand:
    """A worker as it is seen from here."""

    actor: Any
    preparing: Any
    ready: bool = False
    size: int = 1
    """Runs that it is sent at once."""
    running: dict[Any, list[int]] = field(default_factory=dict)


class Cluster:
    """Runs the combinations of a sweep by the workers of a cluster."""

    def __init__(self, made: Sweep, loop: Loop) -> None:
        import ray  # noqa: PLC0415

        self._ray, self._made, self._names = ray, made, tuple(loop.spec.params)
        head = read_address(ray.get_runtime_context().gcs_address)
        assert head is not None, "Ray itself told it"
        self._head = head
        self._train = [window.train for window in made.windows]
        self._rows = ray.put(list(made.market.batches))
        # From here on these rows are this machine's shared memory, and not there twice.
        made.market = replace(made.market, batches=tuple(ray.get(self._rows)))
        kernel()  # workers on this machine find it compiled
        self._recipe = ray.put(recipe_of(made, loop))
        # What dies is replaced from here, where it is counted.
        self._kind = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(remote.Remote)
        room = max(int(ray.cluster_resources().get("CPU", 0)), 1)
        self.wanted = min(made.search.workers or room, made.jobs)
        self._hands: list[Hand] = []
        self._back: deque[int] = deque()
        self._tries: dict[int, int] = {}
        self._deaths = self._lost = self._compiled = self._memory = 0
        self._nodes: set[str] = set()
        self._began = 0
        self._stopped = False
        self._beat = self._alive = monotonic()
        self._absent = 0

    def results(self, jobs: Iterable[int]) -> Iterator[Rows | Failure | None]:
        """Yield finished runs as they come, None now and then while there are none.

        Raises:
            OutsideError: if the cluster is gone, or its workers die of the runs.
        """
        todo = iter(jobs)
        while True:
            self._deal(todo)
            waiting = [ref for hand in self._hands for ref in hand.running]
            if not waiting and (self._stopped or (not self._back and not self._more(todo))):
                return
            waiting += [hand.preparing for hand in self._hands if not hand.ready]
            done, _ = self._ray.wait(waiting, num_returns=1, timeout=0.2) if waiting else ([], [])
            for ref in done:
                yield self._take(ref)
            if not done:
                self._look()
                yield None

    def stop(self) -> None:
        """Begin no further runs; what is under way is left."""
        self._stopped = True
        for hand in self._hands:
            hand.running.clear()

    def close(self) -> None:
        """End the workers."""
        if not self._answers():
            return  # Ray ends the process that asks a dead head for a minute
        with suppress(Exception):  # of a cluster that is gone nothing can be asked
            for hand in self._hands:
                self._ray.kill(hand.actor)

    def report(self) -> None:
        """Note what took part."""
        made = self._made
        began = min(self._began, self.wanted)
        made.threads = began
        made.cluster = {
            "nodes": len(self._nodes), "workers": began, "lost": self._lost,
            "compiled": self._compiled, "memory_mb": self._memory // 1024,
        }  # fmt: skip
        if self._lost:
            made.notes.append(f"{self._lost} workers died; what they had was run by others")
        if began < self.wanted and made.ran:
            made.notes.append(
                f"{began} of {self.wanted} workers began: the cluster had no room for the others"
            )
        if self._compiled:
            made.notes.append(
                f"{self._compiled} functions were compiled by workers: a machine's first sweep "
                "compiles what counts figures, and another processor can't use this loop"
            )

    def _more(self, todo: Iterator[int]) -> bool:
        """Say if there is another job; it is kept."""
        self._back.extend(islice(todo, 1))
        return bool(self._back)

    def _deal(self, todo: Iterator[int]) -> None:
        if self._stopped:
            return
        while len(self._hands) < self.wanted:
            self._ask_head()
            actor = self._kind.remote()
            self._hands.append(Hand(actor, actor.prepare.remote(self._recipe, self._rows)))
        for depth in (1, 2):  # one portion for each before anybody has two
            for hand in self._hands:
                if hand.ready and len(hand.running) < depth and (part := self._part(hand, todo)):
                    sent = [self._job(job) for job in part]
                    hand.running[hand.actor.run.remote(sent)] = part

    def _part(self, hand: Hand, todo: Iterator[int]) -> list[int]:
        if self._back and self._back[0] in self._tries:
            return [self._back.popleft()]  # one by one: it may be what a worker died of
        part = [self._back.popleft() for _ in range(min(hand.size, len(self._back)))]
        return [*part, *islice(todo, hand.size - len(part))]

    def _job(self, number: int) -> Job:
        made = self._made
        arguments, window = made.arguments(number), number // made.many
        begin = made.market.begin(self._train[window], arguments)
        return Job(number, tuple(arguments[name] for name in self._names), window, begin)

    def _take(self, ref: Any) -> Rows | Failure | None:
        errors = self._ray.exceptions
        hand = next(h for h in self._hands if ref in h.running or ref == h.preparing)
        try:
            said = self._ray.get(ref)
        except errors.RayTaskError:  # a fault of ours, which must be seen whole
            raise
        except errors.RayActorError as error:
            self._bury(hand, error)
            return None
        except errors.RayError as error:
            raise self._gone(f"{type(error).__name__}") from error
        if isinstance(said, Ready):
            self._welcome(hand, said)
            return None
        return self._ran(hand, ref, said)

    def _welcome(self, hand: Hand, said: Ready) -> None:
        if said.problem:
            raise OutsideError(
                f"--cluster {self._made.search.cluster}: a worker on {said.machine} can't take "
                f"part: {said.problem}"
            )
        hand.ready = True
        self._nodes.add(said.node)
        self._began += 1
        self._alive = monotonic()

    def _ran(self, hand: Hand, ref: Any, said: Ran) -> Rows | Failure:
        part = hand.running.pop(ref)
        self._deaths, self._alive = 0, monotonic()
        self._compiled = max(self._compiled, said.compiled)
        self._memory = max(self._memory, said.memory_kb)
        if said.rows is None:
            return Failure(self._made.arguments(part[0]), None, UsageError(said.problem))
        for job in part:
            self._tries.pop(job, None)
        each = said.seconds / len(part)
        hand.size = min(max(int(TURN_S / max(each, 1e-6)), 1), MOST)
        return said.rows

    def _bury(self, hand: Hand, error: Exception) -> None:
        """Give back what a dead worker had, one job at a time; another takes its place."""
        text = str(error)
        if "No module named" in text:
            missing = text.partition("No module named")[2].strip().splitlines()[0]
            raise OutsideError(
                f"--cluster {self._made.search.cluster}: a node has no module {missing}: install "
                "alphapanda there as it is here"
            )
        self._hands.remove(hand)
        self._lost += 1
        self._deaths += 1
        for job in (job for part in hand.running.values() for job in part):
            self._tries[job] = self._tries.get(job, 0) + 1
            if self._tries[job] >= TRIES:
                shown = params_text(self._made.grid.axes, self._made.arguments(job))
                raise self._gone(f"{TRIES} workers died of a run with {shown}")
            self._back.appendleft(job)
        if self._deaths > TRIES * self.wanted:
            raise self._gone(f"its workers die before they have run anything ({text:.200})")

    def _look(self) -> None:
        now = monotonic()
        if not any(hand.ready for hand in self._hands) and now - self._alive > PATIENCE_S:
            raise self._gone(f"no worker has begun for {PATIENCE_S:.0f} s: it has no free CPU")
        if now - self._beat < BEAT_S:
            return
        self._beat = now
        self._absent = 0 if self._answers() else self._absent + 1
        if self._absent >= BEATS:
            raise self._gone("its head does not answer")

    def _ask_head(self) -> None:
        """Make sure that there is a head, before it is asked for a worker."""
        for _ in range(BEATS):
            if self._answers():
                return
        raise self._gone("its head does not answer")

    def _answers(self) -> bool:
        return self._head.listens()

    def _gone(self, why: str) -> OutsideError:
        final = self._made.store.final
        kept = f"what is done is kept; to go on, write --out {final}, with any --cluster"
        if final is None:
            kept = "without --out nothing is kept"
        return OutsideError(f"the cluster of --cluster {self._made.search.cluster}: {why}; {kept}")


def recipe_of(made: Sweep, loop: Loop) -> Recipe:
    """Return what a worker is told of a sweep."""
    plan, program = made.market.plan, loop.program
    (enrolment,) = plan.enrolments
    return Recipe(
        remote.made_with(), remote.lean(plan),
        (dict(enrolment.arguments), enrolment.rows, enrolment.products),
        remote.source_of(loop.spec), tuple(made.grid.axes),
        tuple(window.train for window in made.windows), dict(made.market.settles),
        dict(loop.setup.windows), made.market.day_numbers, program.tier, made.options.jit,
        is_warm(made), remote.loops_of(made.cache_dir, program.keys),
    )  # fmt: skip
