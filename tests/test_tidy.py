"""The project's rules as tests over its own source, so that they are kept and not merely written.

Layers and forbidden imports are import-linter's (`make check`); what it cannot see is here.
"""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PURE = ("model", "indicators", "core", "rules")
"""Packages that may know nothing but their arguments."""

EXACT = ("core", "rules")
"""Packages in which a number may be money."""

FOLDERS = ("alphapanda", "strategies", "tests", "docs", "backtests", "notebooks", "migrations")
TEXTS = {".py", ".toml", ".md", ".yaml", ".yml", ".ipynb", ".sql", ".txt", ".json", ".csv"}
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md")
LINES_OF_FUNCTION = 70
LINES_OF_FILE = 1_000

CLOCKS = {
    "date.today", "datetime.now", "datetime.today", "datetime.utcnow", "np.datetime64.now",
    "pd.Timestamp.now", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "time_ns",
}  # fmt: skip
CHANCE = {"np.random", "numpy.random", "random", "secrets", "uuid", "uuid1", "uuid4", "urandom"}
MONEY = re.compile(
    r"(^|_)(amount|cash|charges?|cost|equity|fee|limit_price|money|notional|pnl|price|realised"
    r"|rupees|turnover)$"
)


class Source(NamedTuple):
    """A Python file, parsed."""

    name: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """`core` of `alphapanda/core/loop.py`, else an empty string."""
        parts = Path(self.name).parts
        return parts[1] if parts[0] == "alphapanda" and len(parts) > 2 else ""

    def __repr__(self) -> str:
        return self.name


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Return the Python files of some folders, in order."""
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    texts = [(file.relative_to(ROOT).as_posix(), file.read_text()) for file in files]
    return tuple(Source(name, text, ast.parse(text, name)) for name, text in texts)


def pure(*packages: str) -> list[Source]:
    """Return the files of some packages of alphapanda."""
    return [source for source in sources("alphapanda") if source.package in packages]


@cache
def texts() -> dict[str, str]:
    """Return every text file that is written by hand, by its name."""
    inside = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*"))]
    shell = [ROOT / "Makefile", *(ROOT / ".ci").iterdir()]
    top = [file for file in ROOT.iterdir() if file.suffix in TEXTS]
    files = [file for file in inside if file.suffix in TEXTS and "__pycache__" not in file.parts]
    return {f.relative_to(ROOT).as_posix(): f.read_text() for f in (*files, *top, *shell)}


@cache
def pages() -> dict[str, str]:
    """Return the documents that people read, by name."""
    files = [file for pattern in PAGES for file in sorted(ROOT.glob(pattern))]
    return {file.relative_to(ROOT).as_posix(): file.read_text() for file in files}


def dotted(node: ast.AST) -> str:
    """Return `np.random.rand` of such a node, or an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def report(found: list[str]) -> None:
    """Fail with everything that was found, one a line."""
    assert not found, "\n".join(["", *found])


# --- the core is pure and exact -------------------------------------------------------------


def chains(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every dotted name with its line."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            yield node.lineno, dotted(node)


def impure(name: str) -> bool:
    """Say if a dotted name reads a clock or a source of chance."""
    parts = name.split(".")
    tails = {".".join(parts[at:]) for at in range(len(parts))}
    heads = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return bool(tails & CLOCKS or (heads | tails) & CHANCE)


def test_pure_packages_read_no_clock_and_no_chance() -> None:
    """Time is data and randomness a hash: nothing in the core asks the machine for either."""
    report(
        [
            f"{source.name}:{line}: {name}"
            for source in pure(*PURE)
            for line, name in chains(source.tree)
            if impure(name)
        ]
    )


def is_set(node: ast.AST) -> bool:
    """Say if an expression is visibly a set."""
    if isinstance(node, ast.Call):
        return dotted(node.func) in ("set", "frozenset")
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.BitAnd, ast.Sub)):
        return is_set(node.left) or is_set(node.right)
    return isinstance(node, (ast.Set, ast.SetComp))


def loops(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield every expression that is walked through in its own order."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.For, ast.comprehension)):
            yield node.iter
        elif isinstance(node, ast.Call) and dotted(node.func) in ("list", "tuple", "enumerate"):
            yield from node.args[:1]


def test_pure_packages_walk_through_no_set() -> None:
    """A set's order differs from process to process; `sorted(...)` of it does not."""
    report(
        [
            f"{source.name}:{node.lineno}: order of a set"
            for source in pure(*PURE)
            for node in loops(source.tree)
            if is_set(node)
        ]
    )


def float_money(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield declarations of something named like money as a float."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            name, kind = dotted(node.target), node.annotation
        elif isinstance(node, ast.arg) and node.annotation is not None:
            name, kind = node.arg, node.annotation
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            name, kind = node.name, node.returns
        else:
            continue
        if dotted(kind) == "float" and MONEY.search(name):
            yield node.lineno, f"{name} is a float"


def joins_path(node: ast.BinOp | ast.AugAssign) -> bool:
    """Say if a division sign joins the parts of a path."""
    left = dotted(node.left) if isinstance(node, ast.BinOp) else dotted(node.target)
    return left.endswith(("root", "dir", "path", "folder"))


def inexact(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield float arithmetic: true division, float literals, conversions to float."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
            if not joins_path(node):
                yield node.lineno, "true division"
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, f"float {node.value}"
        elif isinstance(node, ast.Call) and dotted(node.func) in ("float", "np.float64"):
            yield node.lineno, "float(...)"


def test_money_is_never_a_float() -> None:
    """Money and prices are scaled ints; only indicators compute with floats."""
    named = [(source, float_money(source.tree)) for source in pure("model", *EXACT)]
    counted = [(source, inexact(source.tree)) for source in pure(*EXACT)]
    report([f"{source.name}:{line}: {what}" for source, hits in (*named, *counted)
            for line, what in hits])  # fmt: skip


def test_numba_is_loaded_only_to_compile() -> None:
    """Importing the package must not cost numba's start, nor need it where nothing compiles."""
    report(
        [
            f"{source.name}:{node.lineno}: {name} imported at the top"
            for source in sources("alphapanda")
            if source.name != "alphapanda/core/pointer.py"
            for node in source.tree.body
            for name in imported(node)
            if name.split(".")[0] in ("numba", "llvmlite") or name == "alphapanda.core.pointer"
        ]
    )


# --- sizes and habits -----------------------------------------------------------------------


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return a function's lines without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None or len(function.body) == 1:
        return lines
    return lines - ((first.end_lineno or first.lineno) - first.lineno + 1)


def test_functions_and_files_stay_small() -> None:
    """No function over 70 lines (docstring not counted), no file over 1,000."""
    every = sources("alphapanda", "strategies", "tests")
    long = [
        f"{source.name}:{node.lineno}: {node.name} has {lines_of(node)} lines"
        for source in every
        for node in ast.walk(source.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and lines_of(node) > LINES_OF_FUNCTION
    ]
    large = [
        f"{source.name}: {source.text.count(chr(10))} lines"
        for source in every
        if source.text.count("\n") > LINES_OF_FILE
    ]
    report([*long, *large])


def broad(handler: ast.ExceptHandler) -> bool:
    """Say if a handler catches everything."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {"" if kind is None else dotted(kind) for kind in kinds}
    return bool(names & {"", "Exception", "BaseException"})


def test_only_the_shell_catches_broadly() -> None:
    """`except Exception` belongs to app/ and cli.py; below, an error is named or let through."""
    report(
        [
            f"{source.name}:{node.lineno}: catches everything"
            for source in sources("alphapanda", "strategies")
            if source.package != "app" and source.name != "alphapanda/cli.py"
            for node in ast.walk(source.tree)
            if isinstance(node, ast.ExceptHandler) and broad(node)
        ]
    )


def test_only_the_shell_prints() -> None:
    """Standard output carries results, and the command line is where they are written."""
    report(
        [
            f"{source.name}:{node.lineno}: print"
            for source in sources("alphapanda", "strategies")
            if source.package != "app" and source.name != "alphapanda/cli.py"
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Call) and dotted(node.func) == "print"
        ]
    )


def test_nothing_is_left_for_later_in_comments() -> None:
    """What is to be done stands in an issue, not in the source."""
    mark = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    report(lines_with(mark))


def test_no_path_of_some_machine() -> None:
    """The repository knows no folder of the machine it was written on."""
    mark = re.compile(r"(?<![\w./~}>-])/(wo" + r"rk|ro" + r"ot|ho" + r"me|Us" + r"ers)(/|\b)")
    report(lines_with(mark))


def lines_with(mark: re.Pattern[str]) -> list[str]:
    """Return every line of every text that holds a mark."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if mark.search(line)
    ]


def test_modules_and_tests_say_what_they_are() -> None:
    """Every module has a docstring, packages too, and every test says in one what must hold."""
    modules = [
        f"{source.name}: no docstring"
        for source in sources("alphapanda", "strategies", "tests")
        if ast.get_docstring(source.tree) is None
    ]
    tests = [
        f"{source.name}:{node.lineno}: {node.name} has no docstring"
        for source in sources("tests")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and ast.get_docstring(node) is None
    ]
    report([*modules, *tests])


# --- nothing is dead ------------------------------------------------------------------------


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the names that an import statement may load."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module is not None:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def mentioned(tree: ast.AST) -> Iterator[str]:
    """Yield every module that is imported, or named in a string as importlib would."""
    for node in ast.walk(tree):
        yield from imported(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_module_is_used() -> None:
    """A module that no other module, test or entry point loads is dead (two folders discover)."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    entries = {target.partition(":")[0] for target in scripts.values()}
    users: dict[str, set[str]] = {}
    for source in sources("alphapanda", "strategies", "tests"):
        for name in mentioned(source.tree):
            users.setdefault(name, set()).add(source.name)
    dead = []
    for source in sources("alphapanda"):
        module = source.name.removesuffix(".py").replace("/", ".")
        found = source.package in ("indicators", "rules") or module in entries
        package = module.endswith(("__init__", "__main__"))
        if not found and not package and not users.get(module, set()) - {source.name}:
            dead.append(f"{source.name}: nobody imports it")
    report(dead)


# --- the documents tell the truth -----------------------------------------------------------


def commands(page: str) -> Iterator[str]:
    """Yield the command lines in a page's shell blocks."""
    for block in re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            yield line.partition("#")[0].strip().removeprefix("$ ")


def targets() -> dict[str, str]:
    """Return the Makefile's targets and their help."""
    makefile = (ROOT / "Makefile").read_text()
    return dict(re.findall(r"^([a-z]+):(?:[^=#\n]*?)(?:## (.+))?$", makefile, re.MULTILINE))


def test_every_make_target_has_help() -> None:
    """`make` alone prints what there is."""
    report([f"make {name} has no ## help" for name, text in targets().items() if not text])


def test_every_make_command_in_the_documents_exists() -> None:
    """`make demo` in the README is a target of the Makefile."""
    known = targets()
    report(
        [
            f"{name}: make {target}"
            for name, text in pages().items()
            for target in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)
            if target not in known
        ]
    )


@pytest.fixture(scope="module")
def command_line() -> dict[str, set[str]]:
    """Return the options of every command of the program."""
    main = importlib.import_module("typer.main")
    cli = importlib.import_module("alphapanda.cli")
    apps = [value for value in vars(cli).values() if type(value).__name__ == "Typer"]
    assert apps, "alphapanda/cli.py holds no Typer"
    group: Any = main.get_command(apps[0])
    return {
        name: {text for param in command.params for text in (*param.opts, *param.secondary_opts)}
        for name, command in group.commands.items()
    }


def test_every_command_in_the_documents_exists(command_line: dict[str, set[str]]) -> None:
    """`alphapanda backtest ... --json` in a document names a command and its options."""
    found = []
    for name, text in pages().items():
        inline = re.findall(r"`(alphapanda [a-z][^`\n]*)`", text)
        for line in (*commands(text), *inline):
            words = line.split()
            if not words or Path(words[0]).name != "alphapanda" or len(words) == 1:
                continue
            options = {word.partition("=")[0] for word in words if word.startswith("--")}
            if words[1] not in command_line:
                found.append(f"{name}: {line}: no command {words[1]}")
            else:
                unknown = sorted(options - command_line[words[1]])
                found += [f"{name}: {line}: no option {option}" for option in unknown]
    report(found)


def test_every_option_in_the_documents_exists(command_line: dict[str, set[str]]) -> None:
    """An option in a table or a sentence, as `--param`, belongs to some command."""
    known = {"--help"}.union(*command_line.values())
    report(
        [
            f"{name}: {option}"
            for name, text in pages().items()
            for option in re.findall(r"`(--[a-z][a-z-]*)", text)
            if option not in known
        ]
    )


def named_paths(text: str) -> Iterator[str]:
    """Yield paths of the repository that a page names, in code spans, blocks and links."""
    folders = "|".join((*FOLDERS, r"\.ci"))
    yield from re.findall(rf"(?<![\w./-])((?:{folders})/[\w.*/-]*)", text)
    for link in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in link:
            yield link


def test_every_path_in_the_documents_exists() -> None:
    """What a page points at is there; NAME in capitals stands for a file of the reader's."""
    found = []
    for name, text in pages().items():
        for path in named_paths(text):
            here = [ROOT, (ROOT / name).parent]
            plain = path.rstrip(".,/")
            if not re.search(r"\bN+A*ME\b|NNN", plain) and not any(
                any(folder.glob(plain)) for folder in here
            ):
                found.append(f"{name}: {path}")
    report(found)


def test_the_first_strategy_is_the_one_in_the_folder() -> None:
    """The README shows a file of strategies/ word for word."""
    blocks = re.findall(r"^```python\n(.*?)^```", pages()["README.md"], re.DOTALL | re.MULTILINE)
    files = [source.text for source in sources("strategies")]
    assert blocks
    report([block for block in blocks if not any(block in text for text in files)])


def test_documents_stay_short() -> None:
    """The README has at most 150 lines, CONTRIBUTING 80, a decision a page."""
    bounds = {"README.md": 150, "CONTRIBUTING.md": 80}
    report(
        [
            f"{name}: {len(text.splitlines())} lines"
            for name, text in pages().items()
            if len(text.splitlines()) > bounds.get(name, 60 if "adr" in name else 500)
        ]
    )
