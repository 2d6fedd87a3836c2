"""The files of the page: read at the start, checked by their hashes, served from memory alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from starlette.responses import Response

from alphapanda.api.answers import not_found
from alphapanda.errors import OutsideError

WEB = Path(__file__).parent / "web"
HASHES = "hashes.json"
INDEX = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png",
    ".json": "application/json", ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8", ".woff2": "font/woff2", ".ico": "image/x-icon",
}  # fmt: skip


class Page(NamedTuple):
    """A file as it is served."""

    body: bytes
    media_type: str
    tag: str


def hashes(folder: Path = WEB) -> dict[str, str]:
    """Return the SHA-256 of each file of the page, by its name."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != HASHES]
    named = {file.relative_to(folder).as_posix(): file for file in files}
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in named.items()}


def pages(folder: Path = WEB) -> dict[str, Page]:
    """Return the files of the page.

    Raises:
        OutsideError: if one is not as it was released, is missing, or was put in.
    """
    found = hashes(folder)
    try:
        released = json.loads((folder / HASHES).read_bytes())
    except (OSError, ValueError):
        released = None
    if released != found:
        other = sorted(name for name in {*found, *(released or {})}
                       if found.get(name) != (released or {}).get(name))  # fmt: skip
        raise OutsideError(
            f"the page's files are not as they were released ({', '.join(other)[:200]}): install "
            "again; who has changed them runs python -m alphapanda.api.pages"
        )
    return {
        name: Page((folder / name).read_bytes(), TYPES[Path(name).suffix], f'"{sha[:32]}"')
        for name, sha in found.items() if Path(name).suffix in TYPES
    }  # fmt: skip


def serve(found: dict[str, Page], name: str, tags: str | None) -> Response:
    """Return a file by its exact name, or that the reader has it already.

    Raises:
        ApiError: if there is none; no path is ever looked up on the disk.
    """
    page = found.get(name or INDEX)
    if page is None:
        raise not_found()
    headers = {"ETag": page.tag, "Cache-Control": "no-cache"}
    if tags is not None and page.tag in tags:
        return Response(status_code=304, headers=headers)
    return Response(page.body, media_type=page.media_type, headers=headers)


def write_hashes() -> None:
    """Write down the hashes of the files as they are now."""
    (WEB / HASHES).write_text(json.dumps(hashes(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_hashes()
