"""The files of a run: tables, summary, manifest and page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alphapanda.errors import OutsideError
from alphapanda.research.orders import EventFile
from alphapanda.research.report import run_page
from alphapanda.research.result import Result
from alphapanda.research.rundir import RunDirectory
from alphapanda.runs.command_line import again
from alphapanda.runs.manifest import manifest
from alphapanda.runs.runner import ActiveRun


def write_run(
    run: ActiveRun, directory: RunDirectory | None, summary: dict[str, Any],
    tables: Mapping[str, Any],
) -> Result:  # fmt: skip
    """Write the run, if it has a directory, and return its result."""
    facts, gatherer = manifest(run.plan, summary["digest"]), run.gatherer
    if directory is None:
        return Result(summary, tables, None, gatherer.spool, facts)
    gatherer.flush()
    for name, table in tables.items():
        directory.write(name, table)
    directory.close()
    directory.document("summary", summary)
    directory.document("manifest", facts)
    events = EventFile(directory.partial / "events.parquet")
    trouble = write_page(directory, Result(summary, tables, None, events, facts))
    path = directory.finish()
    source = EventFile(path / "events.parquet")
    if trouble:
        trouble = (
            f"the run is whole in {path}, but it has no page, which failed with {trouble}; "
            f"`alphapanda report {path}` makes it"
        )
    return Result({**summary, "run": str(path)}, tables, path, source, facts, trouble)


def write_page(directory: RunDirectory, result: Result) -> str:
    """Write a run's page; what goes wrong with it is returned: the run must not be lost for it."""
    try:
        directory.text("report.html", run_page(result, again(result.manifest)))
    except Exception as error:  # noqa: BLE001
        (directory.partial / "report.html").unlink(missing_ok=True)
        # What could not be written tells of a run that is to be begun again, which this is not.
        cause = error.__cause__ if isinstance(error, OutsideError) else error
        why = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
        return f"{type(cause).__name__}: {why}"
    return ""
