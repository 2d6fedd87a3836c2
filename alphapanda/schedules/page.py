"""The index page of a scheduled run: how it went, what it was made of, where its results lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alphapanda import files
from alphapanda.schedules.records import Record

INDEX = "index.html"
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
table { border-collapse: collapse; }
td, th { padding: .2rem 1rem .2rem 0; text-align: left; vertical-align: top; }
th { font-weight: normal; opacity: .7; } td { overflow-wrap: anywhere; }
.status { padding: .1rem .6rem; border-radius: 1rem; color: #fff; background: #777; }
.done { background: #1a7f4b; } .failed, .left, .interrupted { background: #b3261e; }
code { font-size: .9em; }
"""


def write(folder: Path, record: Record, manifest: Mapping[str, Any]) -> None:
    """Write a run's index page.

    Raises:
        OSError: if the system does not let it be written.
    """
    files.write_text(folder / INDEX, page(folder, record, manifest))


def page(folder: Path, record: Record, manifest: Mapping[str, Any]) -> str:
    """Return a run's index page; it needs no network."""
    title = escape(f"{record.name} {record.date}")
    status = escape(record.status)
    parts = [
        f"<h1>{title} <span class='status {status}'>{status}</span></h1>",
        table(facts(record)),
        "<h2>Results</h2>", listing(folder),
        "<h2>Parameters</h2>", table(manifest.get("parameters", {}).items()),
        "<h2>Made of</h2>", table(made_of(manifest)),
    ]  # fmt: skip
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
        "<meta name='viewport' content='width=device-width'>"
        f"<style>{STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def facts(record: Record) -> Iterator[tuple[str, str]]:
    """Yield what a record says, for people."""
    yield "started", record.started
    yield "ended", record.ended
    if record.reason:
        yield "reason", record.reason
    for number, each in enumerate(record.attempts, 1):
        if len(record.attempts) > 1:
            yield (
                f"attempt {number}",
                f"{each.status}, {each.started} to {each.ended} {each.reason}",
            )
    yield from (("note", note) for note in record.notes)


def made_of(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the hashes of a manifest, for people."""
    for name in ("notebook", "file"):
        if name in manifest:
            yield name, f"{manifest[name]['path']}  {manifest[name]['sha256'][:12]}"
    yield "code", str(manifest.get("code", ""))[:12]
    for each in manifest.get("data", ()):
        yield "data", f"{each['path']}  {each['sha256'][:12]}  {each['bytes']:,} bytes"


def table(rows: Any) -> str:
    """Return rows of a name and a value as a table."""
    lines = (f"<tr><th>{escape(str(n))}</th><td>{escape(str(v))}</td></tr>" for n, v in rows)
    return f"<table>{''.join(lines)}</table>"


def listing(folder: Path) -> str:
    """Return links to a run's files: its pages first, then what the notebook wrote."""
    first = ("executed.html", "executed.ipynb", "manifest.json", "log.txt")
    found = [folder / name for name in first if (folder / name).is_file()]
    pages = sorted((folder / "results").rglob("*.html"))
    rest = [p for p in sorted((folder / "results").glob("*")) if p.is_file() and p not in pages]
    items = (
        f"<li><a href='{quote(path.relative_to(folder).as_posix())}'>"
        f"{escape(path.relative_to(folder).as_posix())}</a></li>"
        for path in (*found, *pages, *rest)
    )
    return f"<ul>{''.join(items)}</ul>"
