"""The project's rules as tests over its own source, so that they are kept and not merely written.

Layers and forbidden imports are import-linter's (`make check`); what it cannot see is here.
"""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PURE = ("model", "events", "indicators", "core", "rules", "words")
"""Packages that may know nothing but their arguments."""

EXACT = ("core", "rules")
"""Packages in which a number may be money."""

FOLDERS = (
    "alphapanda", "strategies", "tests", "docs", "backtests", "notebooks", "schedules",
    "migrations", "deployments",
)  # fmt: skip
TEXTS = {".py", ".toml", ".md", ".yaml", ".yml", ".ipynb", ".sql", ".txt", ".json", ".csv"}
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md")
COMPILER = (
    "alphapanda.engine.compiler.kernels",
    "alphapanda.engine.compiler.link",
    "alphapanda.engine.compiler.linked",
    "alphapanda.engine.compiler.pointer",
)
"""Modules that import numba, and are imported only when something is compiled."""
SHELL = ("cli", "notebook", "runs", "runtime", "schedules", "sweeps", "validation")
"""Packages that start something: they may print and catch broadly."""

LINES_OF_FUNCTION = 70
LINES_OF_FILE = 1_000

CLOCKS = {
    "date.today", "datetime.now", "datetime.today", "datetime.utcnow", "np.datetime64.now",
    "pd.Timestamp.now", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "time.time",
    "time_ns",
}  # fmt: skip
CHANCE = {"np.random", "numpy.random", "random", "secrets", "uuid", "uuid1", "uuid4", "urandom"}
ORDERED = {"dict.fromkeys", "enumerate", "iter", "list", "map", "next", "tuple", "zip"}
MONEY = re.compile(
    r"(^|_)(amount|cash|charges?|cost|equity|fee|limit_price|money|notional|pnl|price|(un)?realised"
    r"|rupees|turnover)$"
)

Found = Iterator[tuple[int, str]]


class Source(NamedTuple):
    """A Python file, parsed."""

    name: str
    text: str
    tree: ast.Module

    @property
    def top(self) -> str:
        """The folder it lies in, from the root."""
        return Path(self.name).parts[0]

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


# --- what the syntax shows: each scan yields (line, finding), and is itself tested below -----


def clocks_and_chance(tree: ast.AST) -> Found:
    """Time is data and randomness a hash: nothing in the core asks the machine for either."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Name, ast.Attribute)):
            parts = dotted(node).split(".")
            tails = {".".join(parts[at:]) for at in range(len(parts))}
            heads = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
            if tails & CLOCKS or (heads | tails) & CHANCE:
                yield node.lineno, dotted(node)


def is_set(node: ast.AST | None, names: set[str]) -> bool:
    """Say if an expression is visibly a set, or a name that was given one."""
    if isinstance(node, ast.Call):
        return dotted(node.func) in ("set", "frozenset")
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.BitAnd, ast.Sub)):
        return is_set(node.left, names) or is_set(node.right, names)
    if isinstance(node, ast.Name):
        return node.id in names
    return isinstance(node, (ast.Set, ast.SetComp))


def scopes(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield each function, and what is outside of all functions."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    yield from (node for node in ast.walk(tree) if isinstance(node, functions))
    outside = [node for node in tree.body if not isinstance(node, (*functions, ast.ClassDef))]
    yield ast.Module(outside, [])


def set_order(tree: ast.Module) -> Found:
    """A set's order differs from process to process; `sorted(...)` of it does not."""
    for scope in scopes(tree):
        names: set[str] = set()
        for node in ast.walk(scope):
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and is_set(node.value, names):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names.update(dotted(target) for target in targets)
        for node in ast.walk(scope):
            walked: list[ast.expr] = []
            if isinstance(node, (ast.For, ast.comprehension)):
                walked = [node.iter]
            elif isinstance(node, ast.Call) and dotted(node.func) in ORDERED:
                walked = node.args
            yield from ((expr.lineno, "order of a set") for expr in walked if is_set(expr, names))


def float_money(tree: ast.AST) -> Found:
    """What is named like money is a scaled int."""
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
            yield kind.lineno, f"{name} is a float"


def joins_path(node: ast.BinOp | ast.AugAssign) -> bool:
    """Say if a division sign joins the parts of a path."""
    left = dotted(node.left) if isinstance(node, ast.BinOp) else dotted(node.target)
    return left.endswith(("root", "dir", "path", "folder"))


def float_arithmetic(tree: ast.AST) -> Found:
    """The core and the rules compute in integers; only indicators compute with floats."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
            if not joins_path(node):
                yield node.lineno, "true division"
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, f"float {node.value}"
        elif isinstance(node, ast.Call) and dotted(node.func) in ("float", "np.float64"):
            yield node.lineno, "float(...)"


def early_numba(tree: ast.Module) -> Found:
    """Importing the package must not cost numba's start, nor need it where nothing compiles."""
    for node in tree.body:
        for name in imported(node):
            if name.split(".")[0] in ("numba", "llvmlite") or name in COMPILER:
                yield node.lineno, f"{name} imported at the top"


def broad_catches(tree: ast.AST) -> Found:
    """`except Exception` belongs to what starts something; below, an error is named, or goes on."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and not raises_again(node):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {"" if kind is None else dotted(kind) for kind in kinds}
            if names & {"", "Exception", "BaseException"}:
                yield node.lineno, "catches everything"


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Say if a handler lets what it caught go on, at its end."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def prints(tree: ast.AST) -> Found:
    """Results are written to standard output by the command line alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) == "print":
            yield node.lineno, "print"


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return a function's lines without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None or len(function.body) == 1:
        return lines
    return lines - ((first.end_lineno or first.lineno) - first.lineno + 1)


def long_functions(tree: ast.AST) -> Found:
    """No function has over 70 lines, its docstring not counted."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if lines_of(node) > LINES_OF_FUNCTION:
                yield node.lineno, f"{node.name} has {lines_of(node)} lines"


def silent(tree: ast.Module) -> Found:
    """Every module says in a docstring what it is for, and every test what must hold."""
    if ast.get_docstring(tree) is None:
        yield 1, "no docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            if ast.get_docstring(node) is None:
                yield node.lineno, f"{node.name} has no docstring"


THREADS = ("alphapanda/brokers/zerodha/orders/gateway.py",)
"""Files that carry whatever fails on a thread of theirs to who asks next."""


def shell(source: Source) -> bool:
    """Say if a file belongs to the process's shell, which may print and catch broadly."""
    return source.package in SHELL


SCANS: dict[Callable[[Any], Found], Callable[[Source], bool]] = {
    clocks_and_chance: lambda source: source.package in PURE,
    set_order: lambda source: source.package in PURE,
    float_money: lambda source: source.package in ("model", *EXACT),
    float_arithmetic: lambda source: source.package in EXACT,
    early_numba: lambda s: s.top == "alphapanda" and s.name[:-3].replace("/", ".") not in COMPILER,
    broad_catches: lambda s: s.top != "tests" and not shell(s) and s.name not in THREADS,
    prints: lambda source: source.top != "tests" and not shell(source),
    long_functions: lambda _: True,
    silent: lambda _: True,
}


@pytest.mark.parametrize("scan", SCANS, ids=lambda scan: scan.__name__)
def test_source_keeps_the_rule(scan: Callable[[Any], Found]) -> None:
    """Every file in a rule's reach keeps it; the scan's docstring is the rule."""
    report(
        [
            f"{source.name}:{line}: {what}"
            for source in sources("alphapanda", "strategies", "tests")
            if SCANS[scan](source)
            for line, what in scan(source.tree)
        ]
    )


@pytest.mark.parametrize(("scan", "good", "bad"), [
    (clocks_and_chance, "now = core.clock[0].now", "now = time.time_ns()"),
    (clocks_and_chance, "day = date.fromordinal(1)", "day = datetime.now(tz)"),
    (clocks_and_chance, "seed = config.seed", "x = np.random.default_rng(7)"),
    (clocks_and_chance, "key = uuid_of(order)", "key = uuid.uuid4()"),
    (set_order, "for x in sorted({1, 2}): pass", "for x in {1, 2}: pass"),
    (set_order, "x = [y for y in sorted(set(z))]", "x = [y for y in set(z)]"),
    (set_order, "a = set()\nb = sorted(a)", "a: set[int] = set()\nb = list(a - c)"),
    (float_money, "def fee(rate: int) -> int: ...", "def fee(rate: int) -> float: ..."),
    (float_money, "ratio: float = 0", "unrealised: float = 0"),
    (float_arithmetic, "x = a // b", "x = a / b"),
    (float_arithmetic, "x = root / name", "x = cash * 0.5"),
    (float_arithmetic, "x = int(a)", "x = float(a)"),
    (early_numba, "def f():\n    import numba", "from numba import njit"),
    (broad_catches, "try: f()\nexcept OSError: pass", "try: f()\nexcept Exception: pass"),
    (broad_catches, "try: f()\nfinally: g()", "try: f()\nexcept: pass"),
    (broad_catches, "try: f()\nexcept: raise", "try: f()\nexcept Exception: g(); return"),
    (prints, "console.print(x)", "print(x)"),
    (long_functions, "def f():\n" + "    x\n" * 69, "def f():\n" + "    x\n" * 70),
    (silent, "'''Says.'''", "x = 1"),
    (silent, "'''Says.'''\ndef test_x():\n    '''Holds.'''", "'''Says.'''\ndef test_x(): ..."),
])  # fmt: skip
def test_scan_finds_the_bad_and_passes_the_good(
    scan: Callable[[Any], Found], good: str, bad: str
) -> None:
    """A rule that never refuses does not exist."""
    assert list(scan(ast.parse(good))) == []
    assert list(scan(ast.parse(bad))) != []


def test_files_stay_small() -> None:
    """No file has over 1,000 lines."""
    report(
        [
            f"{source.name}: {source.text.count(chr(10))} lines"
            for source in sources("alphapanda", "strategies", "tests")
            if source.text.count("\n") > LINES_OF_FILE
        ]
    )


# --- what any text may not say ----------------------------------------------------------------


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
    cli = importlib.import_module("alphapanda.cli.lazy")
    return {name: option_names(command) for name, command in cli.all_commands().items()}


def option_names(command: Any) -> set[str]:
    """Return the options of a command and, where it is a group, of the commands in it.

    A group may be a command too, without a word behind it.
    """
    if hasattr(command, "commands"):
        itself = [command.default] if hasattr(command, "default") else []
        return {"--help"}.union(*map(option_names, [*itself, *command.commands.values()]))
    params = command.load().params
    return {"--help"}.union(*((*param.opts, *param.secondary_opts) for param in params))


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
    known = set().union(*command_line.values())
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


def files_made(text: str) -> set[str]:
    """Return the files that a page has its reader write: blocks with a title, new strategies."""
    named = re.findall(r"alphapanda new strategy (\w+)", text)
    titles = re.findall(r'^```\w+ title="([^"]+)"$', text, re.MULTILINE)
    return {*titles, *(f"strategies/{name}.py" for name in named)}


def test_every_path_in_the_documents_exists() -> None:
    """What a page points at is there, or made by it; NAME in capitals is a file of the reader's."""
    found = []
    for name, text in pages().items():
        made = files_made(text)
        for path in named_paths(text):
            here = [ROOT, (ROOT / name).parent]
            plain = path.rstrip(".,/")
            if (
                plain not in made
                and not re.search(r"\bN+A*ME\b|NNN", plain)
                and not any(any(folder.glob(plain)) for folder in here)
            ):
                found.append(f"{name}: {path}")
    report(found)


def test_every_definition_in_the_documents_exists() -> None:
    """`alphapanda/core/loop.py:see` names a function, a class or a method of that file."""
    found = []
    for name, text in pages().items():
        for path, definition in re.findall(r"`([\w/]+\.py):(\w+)`", text):
            tree = ast.parse((ROOT / path).read_text())
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            if definition not in {n.name for n in ast.walk(tree) if isinstance(n, kinds)}:
                found.append(f"{name}: {path}:{definition}")
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
