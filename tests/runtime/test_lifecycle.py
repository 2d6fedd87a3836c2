"""Parts are started once, in order, and stopped once, in reverse, whatever fails on the way."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from alphapanda.errors import OutsideError
from alphapanda.runtime.lifecycle import Part, Parts


class Recording:
    """A part that writes down what is done with it."""

    def __init__(self, name: str, told: list[str]) -> None:
        self.name, self.told = name, told
        self.task: asyncio.Task[Any] | None = None

    async def start(self) -> None:
        """Begin a task, as parts do."""
        self.told.append(f"start {self.name}")
        self.task = asyncio.create_task(asyncio.sleep(3600), name=self.name)

    async def stop(self) -> None:
        """End it."""
        self.told.append(f"stop {self.name}")
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])

    async def health(self) -> None:
        """Be well."""


class Failing(Recording):
    """A part that can't start, or whose server is not well."""

    async def start(self) -> None:
        """Fail."""
        await asyncio.sleep(0)
        raise OutsideError(f"{self.name}: start it")

    async def health(self) -> None:
        """Be ill."""
        raise OutsideError(f"{self.name}: mend it")


class Stubborn(Recording):
    """A part that does not stop in time, or fails to."""

    def __init__(self, name: str, told: list[str], error: Exception | None = None) -> None:
        super().__init__(name, told)
        self.error = error

    async def stop(self) -> None:
        """Hang, or fail."""
        await super().stop()
        if self.error is not None:
            raise self.error
        await asyncio.sleep(3600)


class Slow(Recording):
    """A part whose start waits until it is cut off."""

    def __init__(self, name: str, told: list[str]) -> None:
        super().__init__(name, told)
        self.begun = threading.Event()

    async def start(self) -> None:
        """Wait for what never comes, and say that it was cut off."""
        self.begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            self.told.append(f"cut {self.name}")


def threads() -> set[str]:
    return {each.name for each in threading.enumerate()}


def live(parts: Parts, *levels: list[Any], error: BaseException | None = None) -> None:
    """Let some parts live, level after level, until the end or an error."""
    with parts:
        for level in levels:
            parts.start(*level)
        if error is not None:
            raise error


def test_each_is_started_once_and_stopped_once_in_reverse() -> None:
    """Levels are stopped in the reverse order of their starts; no task and no thread is left."""
    told: list[str] = []
    before = threads()
    with Parts(stop_timeout_s=5) as parts:
        for name in "abc":
            parts.start(Recording(name, told))
    assert told == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]
    assert (parts.left, threads()) == ([], before)


def test_those_of_one_level_start_together() -> None:
    """Two that wait for each other both come up."""
    told: list[str] = []
    meeting = asyncio.Barrier(2)

    class Meeting(Recording):
        async def start(self) -> None:
            await meeting.wait()
            await super().start()

    with Parts(stop_timeout_s=5) as parts:
        parts.start(Meeting("a", told), Meeting("b", told))
    assert sorted(told) == ["start a", "start b", "stop a", "stop b"]


@pytest.mark.parametrize("failing", range(4))
def test_whichever_start_fails_nothing_is_left(failing: int) -> None:
    """What ran is stopped once, what came later is never started, and the error is told."""
    told: list[str] = []
    before = threads()
    made: list[Part] = [Recording(str(number), told) for number in range(4)]
    made[failing] = Failing(str(failing), told)
    parts = Parts(stop_timeout_s=5)
    with pytest.raises(OutsideError, match=f"{failing}: start it"):
        live(parts, made[:1], made[1:3], made[3:])
    started = [word for word in told if word.startswith("start")]
    stopped = [word for word in told if word.startswith("stop")]
    assert sorted(word.split()[1] for word in started) == sorted(w.split()[1] for w in stopped)
    assert len(set(told)) == len(told)
    assert not {f"start {later}" for later in range(failing + 1, 4) if later != 2} & set(told)
    assert (parts.left, threads()) == ([], before)


def test_a_start_that_hangs_is_cut_off_when_another_fails() -> None:
    """The one that was still starting cleans up after itself and is not stopped."""
    told: list[str] = []
    slow = Slow("slow", told)
    parts = Parts(stop_timeout_s=5)
    with pytest.raises(OutsideError, match="other"):
        live(parts, [slow, Failing("other", told)])
    assert (told, parts.left) == (["cut slow"], [])


def test_what_is_under_way_is_cut_off_on_the_way_out() -> None:
    """Work that was asked to stop returns None, and its coroutine has ended."""
    told: list[str] = []
    slow = Slow("work", told)
    with Parts(stop_timeout_s=5) as parts:
        assert parts.unless(slow.begun.is_set, slow.start()) is None
        assert parts.unless(lambda: False, asyncio.sleep(0, "done")) == "done"
    assert (told, parts.left) == (["cut work"], [])


@pytest.mark.parametrize("error", [OutsideError("it stays"), None])
def test_a_stop_that_fails_or_hangs_keeps_no_other_running(error: Exception | None) -> None:
    """The rest is stopped all the same, within the limit, and what went wrong is told."""
    told: list[str] = []
    before = threads()
    parts = Parts(stop_timeout_s=0.5)
    with pytest.raises(OutsideError if error else TimeoutError):
        live(parts, [Recording("a", told)], [Stubborn("b", told, error)])
    assert told == ["start a", "start b", "stop b", "stop a"]
    assert (parts.left, threads()) == ([], before)


def test_what_failed_inside_is_told_before_what_failed_in_stopping() -> None:
    """The first error is the one that matters."""
    told: list[str] = []
    part = Stubborn("a", told, OutsideError("late"))
    with pytest.raises(KeyboardInterrupt):
        live(Parts(stop_timeout_s=1), [part], error=KeyboardInterrupt())


def test_all_that_are_ill_are_named() -> None:
    """Healths are asked together, and the message says of each what to do."""
    with pytest.raises(OutsideError) as raised:  # noqa: SIM117
        with Parts(stop_timeout_s=1) as parts:
            parts.check(*(Failing(name, []).health for name in "ab"), Recording("c", []).health)
    assert str(raised.value).split("\nalphapanda: ") == ["a: mend it", "b: mend it"]


def test_a_part_is_not_started_twice() -> None:
    """Each is held once: to start it again is a bug."""
    told: list[str] = []
    with Parts(stop_timeout_s=1) as parts:
        part = Recording("a", told)
        parts.start(part)
        with pytest.raises(AssertionError, match="once"):
            parts.start(part)
    assert told == ["start a", "stop a"]
