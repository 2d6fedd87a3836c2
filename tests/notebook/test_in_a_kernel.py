"""Notebooks that explore, watch and steer, in a real kernel, by the messages that browsers send."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any, NamedTuple

import pytest
from jupyter_client.manager import KernelManager

from tests.support.running import session, started, with_strategies
from tests.support.servers.process import wait_until

TIMEOUT_S = 120
VIEW = "application/vnd.jupyter.widget-view+json"


class Said(NamedTuple):
    """What a cell gave: its value by type, what was printed, and the state of widgets."""

    value: dict[str, Any]
    printed: str
    updates: dict[str, Any]


class Kernel:
    """A kernel, and a client that speaks to it as a front end does."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        env = {**os.environ, "ALPHAPANDA_BASE_DIR": str(folder)}
        self.manager.start_kernel(cwd=str(folder), env=env)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT_S)
        self.stray: list[str] = []
        """What was printed under a cell that was not running."""

    def run(self, code: str) -> Said:
        """Run a cell to its end."""
        mine = self.client.execute(code)
        value: dict[str, Any] = {}
        printed, updates = "", {}
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT_S)
            kind, content = message["msg_type"], message["content"]
            if kind == "comm_msg" and content["data"].get("method") == "update":
                updates.setdefault(content["comm_id"], {}).update(content["data"]["state"])
            if message["parent_header"].get("msg_id") != mine:
                self.stray += [content["text"]] if kind == "stream" else []
                continue
            if kind == "stream":
                printed += content["text"]
            elif kind == "execute_result":
                value = content["data"]
            elif kind == "error":
                pytest.fail(f"{content['ename']}: {content['evalue']}")
            elif kind == "status" and content["execution_state"] == "idle":
                return Said(value, printed, updates)

    def send(self, comm: str, state: dict[str, Any]) -> None:
        """Send a widget's new state, as a browser does when a slider moves."""
        data = {"method": "update", "state": state, "buffer_paths": []}
        self._comm(comm, data)

    def click(self, comm: str) -> None:
        """Click a button."""
        self._comm(comm, {"method": "custom", "content": {"event": "click"}})

    def _comm(self, comm: str, data: dict[str, Any]) -> None:
        message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        self.client.shell_channel.send(message)

    def stop(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a base folder with the repository's strategies."""
    return with_strategies(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def kernel(folder: Path) -> Iterator[Kernel]:
    """Return the one kernel of these tests."""
    made = Kernel(folder)
    try:
        made.run("from alphapanda import notebook")
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def trading(folder: Path) -> Iterator[str]:
    """Return the name of a paper run that goes on: an hour of trading takes an hour."""
    words = ["paper", "ema_cross", "--no-jit", "--feed", f"replay:{session()}", "--speed", "10x"]
    run = folder / "runs" / "mine"
    given = {"ALPHAPANDA_BASE_DIR": str(folder)}
    with started(*words, "--out", str(run), cwd=folder, **given) as trader:
        there = (run / "journal.apj").exists
        assert wait_until(lambda: there() or trader.poll() is not None, TIMEOUT_S)
        assert trader.poll() is None, trader.said()
        yield "mine"


def test_sliders_redraw_the_result(kernel: Kernel) -> None:
    """A slider has the parameter's bounds; moved, its value is run, and values stay as text."""
    said = kernel.run(f"e = notebook.explore('ema_cross', {session()!r}, jit=False); e")
    assert VIEW in said.value
    assert said.value["text/plain"].startswith("params = {'fast': 20")
    kernel.run("await e.rest()")
    first = kernel.run("e.sliders['fast'].min, e.sliders['fast'].max, e.result.digest")
    assert first.value["text/plain"].startswith("(1, 80, ")
    fast = kernel.run("print(e.sliders['fast'].model_id)").printed.strip()
    for value in (30, 40, 50):
        kernel.send(fast, {"value": value})
    said = kernel.run("await e.rest(); e")
    assert "'fast': 50" in said.value["text/plain"]
    shown = [state["value"] for state in said.updates.values() if "value" in state]
    assert any("P&amp;L after charges" in str(each) for each in shown)
    same = kernel.run(
        f"import alphapanda; r = alphapanda.backtest('ema_cross', {session()!r}, jit=False, "
        "params={'fast': 50}, progress=lambda *_: None); r.digest == e.result.digest"
    )
    assert same.value["text/plain"] == "True"


def test_an_old_request_is_dropped(kernel: Kernel) -> None:
    """A run that goes on when another value is asked for ends early, and never shows."""
    kernel.run(f"e = notebook.explore('ema_cross', {session(2, 8_000)!r}, jit=False, batch=200)")
    said = kernel.run(
        "import asyncio\n"
        "await e.rest(); e.sliders['slow'].value = 300\n"
        "while not e.busy: await asyncio.sleep(0.01)\n"
        "e.sliders['slow'].value = 310\n"
        "await e.rest(); e.dropped, e.params['slow'], e.result.manifest['strategies'][0]['params']"
    )
    assert said.value["text/plain"].replace("\n", "") == (
        "(1, 310, {'fast': 20, 'slow': 310, 'quantity': 1})"
    )
    said = kernel.run("e.run(slow=900); await e.rest(); e.sliders['slow'].value, e.dropped")
    assert said.value["text/plain"] == "(900, 1)"  # beyond the slider's end, which moves


def test_what_the_strategy_refuses_is_shown(kernel: Kernel) -> None:
    """Values that its own check refuses give a sentence in place of a result."""
    said = kernel.run(
        f"e = notebook.explore('ema_cross', {session()!r}, jit=False)\n"
        "e.sliders['fast'].value = 80; e.sliders['slow'].value = 50; await e.rest(); e"
    )
    assert "fast = 80 must be below slow = 50" in said.value["text/plain"]
    assert "fast = 80 must be below slow = 50" in said.value["text/html"]


def test_watch_and_control(kernel: Kernel, trading: str) -> None:
    """A run is watched while cells run; a button commands it, and what was applied is shown."""
    said = kernel.run(f"w = notebook.watch({trading!r}, every_s=0.1); w")
    assert VIEW in said.value
    assert said.value["text/plain"].startswith("mine: running")
    said = kernel.run(f"c = notebook.control({trading!r}); c")
    assert VIEW in said.value
    button = kernel.run("print(c.buttons['pause'].model_id)").printed.strip()
    kernel.click(button)
    said = kernel.run(
        "import time\nend = time.time() + 60\n"
        "while 'applied' not in c.text() or not w.standing.commands:\n"
        "    assert time.time() < end, (c.text(), w.text())\n"
        "    await asyncio.sleep(0.05)\n"
        "c"
    )
    assert "pause: applied: " in said.value["text/plain"]
    shown = [state.get("value") for state in said.updates.values()]
    assert any("pause" in str(each) and "by notebook:" in str(each) for each in shown)
    said = kernel.run("c.flatten('done for today', timeout_s=30)")
    assert said.value["text/plain"].startswith("'applied: ")
    kernel.run("w.stop()")


def later(kernel: Kernel) -> Iterator[dict[str, Any]]:
    """Yield the messages that come without a cell."""
    while True:
        try:
            yield kernel.client.get_iopub_msg(timeout=0.3)
        except Empty:
            return


def test_nothing_is_printed_into_other_cells(kernel: Kernel) -> None:
    """Whatever goes on beside the cells shows in widgets alone."""
    assert kernel.run("print('mine')").printed == "mine\n"
    assert [each for each in later(kernel) if each["msg_type"] == "stream"] == []
    assert kernel.stray == []


def test_no_kernel_no_widgets(folder: Path) -> None:
    """In plain Python everything is text, and methods do what widgets would."""
    code = (
        "from alphapanda import notebook\n"
        f"e = notebook.explore('ema_cross', {session()!r}, jit=False)\n"
        "print(e); e.run(fast=30); print(e.params['fast'], e.result.summary['fills'] > 0)\n"
        "for name, value in (('fats', 3), ('fast', 0)):\n"
        "    try: e.run(**{name: value})\n"
        "    except notebook_error as error: print(error)\n"
    ).replace("notebook_error", "__import__('alphapanda').UsageError")
    env = {**os.environ, "ALPHAPANDA_BASE_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], env=env, text=True, capture_output=True,
                          check=True, cwd=folder)  # fmt: skip
    assert "no widgets are here" in done.stdout
    assert "30 True" in done.stdout
    assert "no parameter 'fats'. Did you mean fast?" in done.stdout
