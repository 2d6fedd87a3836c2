"""Structured logs: a part asks for its logger, a process decides once where lines go.

`LOG = log.get(__name__)`, then `LOG.warning("order refused", rule="VALUE_LIMIT")`. Until a process
calls `start`, nothing is written anywhere. Ids bound by `bound` are in every line below it.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

# isort: off
from alphapanda.log import lean as lean  # before structlog
import structlog
# isort: on

from alphapanda.log import redact
from alphapanda.log.behind import Behind
from alphapanda.log.channels import CHANNELS, channel_of, part_of
from alphapanda.log.files import ChannelFile

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

    from alphapanda.config.settings import Settings

FIRST = ("timestamp", "level", "channel", "part", "run_id", "correlation_id", "event")
ROOT = "alphapanda"


def ordered(_: Any, __: str, event: EventDict) -> EventDict:
    """Put what every line has first, and the exception last."""
    exception = event.pop("exception", None)
    known = {name: event[name] for name in FIRST if name in event}
    last = {} if exception is None else {"exception": exception}
    return {**known, **event, **last}


def foreign(_: Any, __: str, event: EventDict) -> EventDict:
    """Say when a line of the standard logging module was logged, and by which library."""
    record = event["_record"]
    moment = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"timestamp": moment, "channel": "application", "part": record.name, **event}


class Logger(structlog.stdlib.BoundLogger):
    """A logger whose exceptions become text at once, so that no handler sees them unredacted."""

    def exception(self, event: str | None = None, *args: Any, **fields: Any) -> Any:
        """Log an error with the exception that is being handled."""
        return self.error(event, *args, **{"exc_info": True, **fields})


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
    redact.redact,
]
"""What happens to a line before any handler sees it, ours or another's."""

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True), *SHARED,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=Logger,
    cache_logger_on_first_use=False,
)  # fmt: skip
logging.getLogger(ROOT).addHandler(logging.NullHandler())
logging.getLogger(ROOT).propagate = False


def get(name: str) -> Logger:
    """Return the logger of a module (`__name__`) or of a word such as `audit`."""
    part = part_of(name)
    channel = channel_of(part)
    logger: Logger = structlog.get_logger(f"{ROOT}.{channel}", channel=channel, part=part)
    return logger


@contextmanager
def bound(**ids: str | None) -> Iterator[None]:
    """Bind ids, `run_id` or `correlation_id`, to every line logged in this context."""
    with structlog.contextvars.bound_contextvars(
        **{name: value for name, value in ids.items() if value is not None}
    ):
        yield


def start(settings: Settings) -> None:
    """Write to the files and the console from now on, and show no secret of the settings."""
    from alphapanda.config.settings import secrets  # noqa: PLC0415 (slow to import)

    stop()
    redact.know(*secrets(settings))
    logs = settings.logs
    ours, others = logging.getLogger(ROOT), logging.getLogger()
    files = {}
    for channel in CHANNELS:
        audit = channel == "audit"
        files[channel] = ChannelFile(
            settings.logs_dir / f"{channel}.jsonl",
            size=logs.file_bytes,
            files=sys.maxsize if audit else logs.files,
            keep_days=logs.audit_keep_days if audit else logs.keep_days,
        )
        files[channel].setFormatter(formatter(structlog.processors.JSONRenderer()))
        if channel != "error":
            logging.getLogger(f"{ROOT}.{channel}").addHandler(files[channel])
    files["error"].setLevel(logging.ERROR)
    ours.setLevel(level(logs.level))
    others.addHandler(files["application"])
    for logger in (ours, others):
        logger.addHandler(files["error"])
        if logs.console != "off":
            logger.addHandler(console(logs.console == "json", level(logs.console_level)))
    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread


@contextmanager
def running(settings: Settings) -> Iterator[None]:
    """Write to the files and the console while in this context."""
    start(settings)
    try:
        yield
    finally:
        stop()


def stop() -> None:
    """Close all files and be silent again."""
    for channel in ("", *(f".{channel}" for channel in CHANNELS)):
        close(logging.getLogger(ROOT + channel))
    close(logging.getLogger())
    logging.getLogger(ROOT).addHandler(logging.NullHandler())
    sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__


def close(logger: logging.Logger) -> None:
    """Take our handlers off a logger."""
    for handler in list(logger.handlers):
        if isinstance(handler, (ChannelFile, Console, logging.NullHandler)):
            logger.removeHandler(handler)
            handler.close()


class Console(Behind, logging.StreamHandler[Any]):
    """Lines on stderr, whatever it is at the time."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        """Return the stream of now: tests and progress bars replace it."""
        return sys.stderr


def console(as_json: bool, least: int) -> Console:
    """Return the handler for people, or for what collects stderr as JSON."""
    handler = Console()
    handler.setLevel(least)
    plain = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    handler.setFormatter(formatter(structlog.processors.JSONRenderer() if as_json else plain))
    return handler


def formatter(renderer: Processor) -> structlog.stdlib.ProcessorFormatter:
    """Return what makes a line of an event."""
    meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(
        processors=[meta, ordered, renderer],
        foreign_pre_chain=[foreign, *SHARED],
    )


def level(name: str) -> int:
    """Return the standard library's number of a level."""
    return logging.getLevelNamesMapping()[name.upper()]


def uncaught(kind: Any, error: Any, trace: Any) -> None:
    """Log an exception that ends the process."""
    get("").critical("uncaught exception", exc_info=(kind, error, trace))


def uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    """Log an exception that ends a thread."""
    uncaught(told.exc_type, told.exc_value, told.exc_traceback)
