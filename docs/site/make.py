"""`make docs`: puts the pages into build/docs, with what the code says; Zensical builds them.

`docs/site/tables.py` makes what a mark in a page stands for. Zensical's configuration is
`docs/site/zensical.toml`; the cookbook's pages come into it in the order of its index.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tables import PARTS, ROOT

DOCS = ROOT / "docs"
BUILD = ROOT / "build" / "docs"
MARK = re.compile(r"^<!-- from the code: (.+?) -->$", re.MULTILINE)
ALL_TASKS = '    { "All tasks" = "cookbook/index.md" },\n'


def filled(page: str) -> str:
    """Return a page with each of its marks replaced by what the code says."""
    return MARK.sub(lambda mark: PARTS[mark[1]](), page)


def pages() -> dict[str, str]:
    """Return every page of the site, by its path."""
    files = sorted(file for file in DOCS.rglob("*.md") if "site" not in file.parts)
    return {file.relative_to(DOCS).as_posix(): filled(file.read_text()) for file in files}


def title(page: str) -> str:
    """Return a page's heading."""
    return page.partition("\n")[0].removeprefix("# ").replace('"', "'")


def configuration(made: dict[str, str]) -> str:
    """Return Zensical's configuration, with the cookbook's pages in the order of its index."""
    text = (DOCS / "site" / "zensical.toml").read_text()
    names = re.findall(r"\]\(([\w-]+\.md)\)", made["cookbook/index.md"])
    lines = [f'    {{ "{title(made[f"cookbook/{n}"])}" = "cookbook/{n}" }},\n' for n in names]
    decisions = sorted(name for name in made if re.match(r"adr/\d", name))
    adr = [f'    {{ "{title(made[n])}" = "{n}" }},\n' for n in decisions]
    last = '    { "Decisions" = "adr/index.md" },\n'
    text = text.replace(ALL_TASKS, ALL_TASKS + "".join(lines))
    inside = '    { "Decisions" = [\n      "adr/index.md",\n' + "".join(adr) + "    ] },\n"
    return text.replace(last, inside)


def write() -> None:
    """Write pages and configuration into build/docs, which is made anew."""
    shutil.rmtree(BUILD, ignore_errors=True)
    made = pages()
    for name, text in made.items():
        file = BUILD / "pages" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    shutil.copytree(DOCS / "site" / "style", BUILD / "pages" / "style")
    (BUILD / "zensical.toml").write_text(configuration(made))


def main() -> int:
    """Make the site; return Zensical's status."""
    write()
    program = Path(sys.executable).with_name("zensical")
    status = subprocess.run([program, "build", "--strict"], cwd=BUILD, check=False).returncode
    if status == 0:
        sys.stdout.write(f"{BUILD / 'site' / 'index.html'}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
