"""Where a line of the log goes and what stands in it."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from alphapanda import log
from alphapanda.log.channels import CHANNELS, PARTS, channel_of
from tests.log.reading import lines, logging_to


def test_the_table_reaches_every_channel() -> None:
    """Each channel has a part that writes to it; `error` gets its lines from all others."""
    assert {*PARTS.values(), "error"} == {*CHANNELS}


@pytest.mark.parametrize(("module", "channel"), [
    ("alphapanda.zerodha.feed", "market_data"), ("alphapanda.zerodha.orders", "trading"),
    ("alphapanda.journal.writing", "trading"), ("alphapanda.bus.relay", "application"),
    ("alphapanda.api.routes.orders", "api"), ("alphapanda", "application"),
    ("alphapanda.store.audit", "audit"), ("audit", "audit"), ("performance", "performance"),
])  # fmt: skip
def test_a_part_writes_to_the_channel_of_the_longest_entry(module: str, channel: str) -> None:
    """A module needs no line of its own: the folder's counts."""
    assert channel_of(module.removeprefix("alphapanda").lstrip(".")) == channel


def test_a_line_lies_in_its_channel_only(tmp_path: Path) -> None:
    """Every channel has a file of JSON lines with time, level, channel, part and fields."""
    with logging_to(tmp_path):
        for part in ("zerodha", "feed", "api", "audit", "performance", "projection", "bus"):
            log.get(f"alphapanda.{part}").info("seen", rows=3)
    for channel in CHANNELS:
        found = lines(tmp_path, channel)
        assert len(found) == (channel != "error"), channel
        for line in found:
            assert line["timestamp"].endswith("Z")
            assert (line["level"], line["channel"], line["rows"]) == ("info", channel, 3)


def test_an_error_is_in_its_channel_and_in_error_with_its_traceback(tmp_path: Path) -> None:
    """An exception is text in the line, so that a line stays a line."""
    with logging_to(tmp_path, logs={"console": "off"}):
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            log.get("alphapanda.zerodha").exception("order lost", tag="a1")
    for channel in ("trading", "error"):
        (line,) = lines(tmp_path, channel)
        assert line["tag"] == "a1"
        assert line["exception"].startswith("Traceback (most recent call last):\n")
        assert line["exception"].endswith("ZeroDivisionError: division by zero")


def test_libraries_write_to_application(tmp_path: Path) -> None:
    """What a library logs by the standard module is there with its name, errors in both files."""
    with logging_to(tmp_path, logs={"console": "off"}), log.bound(run_id="r1"):
        logging.getLogger("aiokafka.conn").warning("lost %s", "node 1")
        logging.getLogger("aiokafka.conn").error("gone")
    first, second = lines(tmp_path, "application")
    assert (first["part"], first["event"], first["run_id"]) == (
        "aiokafka.conn",
        "lost node 1",
        "r1",
    )
    assert lines(tmp_path, "error") == [second]


def test_bound_ids_are_in_every_line_of_their_context_and_in_no_other(tmp_path: Path) -> None:
    """Two tasks at once keep their correlation ids apart; after the block they are gone."""

    async def work(name: str) -> None:
        with log.bound(correlation_id=name):
            for _ in range(3):
                await asyncio.sleep(0)
                log.get("alphapanda.bus").info(name)

    async def both() -> None:
        with log.bound(run_id="r7"):
            await asyncio.gather(work("a"), work("b"))

    with logging_to(tmp_path):
        asyncio.run(both())
        log.get("alphapanda.bus").info("after")
    *inside, after = lines(tmp_path, "application")
    assert [line["correlation_id"] == line["event"] for line in inside] == [True] * 6
    assert {line["run_id"] for line in inside} == {"r7"}
    assert {"run_id", "correlation_id"} & {*after} == set()


def test_nothing_is_written_before_start_and_after_stop(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A notebook or a library that never starts the log sees nothing of it."""
    log.get("alphapanda.bus").error("before")
    with logging_to(tmp_path, logs={"console": "off"}):
        pass
    log.get("alphapanda.bus").error("after")
    assert capfd.readouterr() == ("", "")
    assert lines(tmp_path, "error") == []


def test_the_console_is_plain_or_json_and_keeps_off_stdout(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """People get one plain line on stderr from `console_level` on, collectors JSON."""
    with logging_to(tmp_path):
        log.get("alphapanda.bus").info("quiet")
        log.get("alphapanda.bus").warning("loud", lag=7)
    plain = capfd.readouterr()
    assert plain.out == ""
    assert plain.err.count("\n") == 1
    assert "\x1b" not in plain.err
    assert "loud" in plain.err
    assert "lag=7" in plain.err
    with logging_to(tmp_path, logs={"console": "json", "console_level": "info"}):
        log.get("alphapanda.bus").info("quiet")
    assert json.loads(capfd.readouterr().err)["event"] == "quiet"


def test_levels_are_settings(tmp_path: Path) -> None:
    """Below `level` nothing reaches the files."""
    with logging_to(tmp_path, logs={"level": "warning", "console": "off"}):
        log.get("alphapanda.bus").info("no")
        log.get("alphapanda.bus").warning("yes")
    assert [line["event"] for line in lines(tmp_path, "application")] == ["yes"]


def test_what_nobody_caught_is_logged(tmp_path: Path) -> None:
    """An exception that ends a thread is a line of the error channel."""
    with logging_to(tmp_path, logs={"console": "off"}):
        thread = threading.Thread(target=[].pop)
        thread.start()
        thread.join()
    (line,) = lines(tmp_path, "error")
    assert (line["level"], line["event"]) == ("critical", "uncaught exception")


def test_what_ends_the_process_is_logged_without_secrets(tmp_path: Path) -> None:
    """An exception that ends the process is in the file and on stderr, redacted in both."""
    script = (
        "from alphapanda import config, log\nlog.start(config.load())\n"
        "raise ValueError('no access with ' + config.load().bus.password.get_secret_value())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], text=True, capture_output=True, check=False,
        env={"ALPHAPANDA_BASE_DIR": str(tmp_path), "ALPHAPANDA_BUS__PASSWORD": "swordfish"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "ValueError: no access with ***" in done.stderr
    assert "ValueError: no access with ***" in lines(tmp_path, "error")[0]["exception"]
    assert "swordfish" not in done.stderr + (tmp_path / "logs" / "error.jsonl").read_text()
