"""Whose line it was: errors of numba and of hooks, told in the strategy's own terms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FunctionType, TracebackType
from typing import Any

from alphapanda.engine.compiler.declared import Spec
from alphapanda.errors import UsageError

PACKAGE = Path(__file__).parents[2]
EXAMPLES = PACKAGE.joinpath("strategies")
REASON = re.compile(
    r"(?:- )?((?:Unknown attribute|No implementation|Untyped|Cannot|Can't|Invalid|Use of|Argument"
    r"|Unsupported|Undefined|Resolution|Type of|Ambiguous|No conversion|too many|not enough).*)"
)


def uncompilable(error: Exception, specs: Sequence[Spec], functions: Iterable[Any]) -> str:
    """Return a numba error as one line that names the strategy's file and line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    files = {function.__code__.co_filename for function in functions}
    places = [m for m in re.finditer(r"at (.+) \((\d+)\)$", text, re.MULTILINE) if m[1] in files]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reasons = [found[1] for line in lines if (found := REASON.match(line))]
    reason = reasons[-1] if reasons else lines[0]
    names = ", ".join(spec.cls.__name__ for spec in specs)
    where = f"{places[0][1]}:{places[0][2]}: " if places else ""
    return (
        f"{where}{names} can't be compiled: {reason.rstrip('.')}; "
        "change that line, or declare @strategy(compiled=False)"
    )


def check_types(bound: dict[Any, Any], users: Iterable[FunctionType]) -> None:
    """Refuse a float put into a whole-number field, which compiled code would cut in silence.

    Raises:
        UsageError: naming file, line and field.
    """
    for function in users:
        for compiled in bound[function].overloads.values():
            typed = compiled.type_annotation
            for block in typed.blocks.values():
                for line in block.body:
                    check_field(line, typed.typemap)


def check_field(line: Any, types: dict[str, Any]) -> None:
    """Refuse `self.x = value` where x is int64 and the value float64."""
    from numba.core import ir  # noqa: PLC0415 (0.4 s)
    from numba.core.types import Float, Integer, Record  # noqa: PLC0415

    if not isinstance(line, ir.SetAttr) or not isinstance(types[line.target.name], Record):
        return
    field = types[line.target.name].typeof(line.attr)
    if isinstance(field, Integer) and isinstance(types[line.value.name], Float):
        raise UsageError(f"{line.loc.filename}:{line.loc.line}: {not_whole(line.attr, 'a float')}")


def not_whole(field: str, given: str) -> str:
    """Return what is to be done about a float in a whole-number field."""
    return f"{field} holds whole numbers and was given {given}: declare it state(0.0), or use int()"


def hook_failure(error: Exception, specs: Sequence[Spec], time: str) -> str:
    """Return an exception of a hook as one line, or an empty string if it was no hook's.

    A compiled frame may bear the path of an equal file for which the loop was compiled before.
    """
    frames = list(walk(error.__traceback__))
    files = {Path(spec.file).name: spec.file for spec in specs}
    mine = [frame for frame in frames if file_of(frame).name in files and not is_package(frame)]
    what = f"{type(error).__name__}: {error}"
    if frames and frames[-1].tb_frame.f_code.co_name.startswith("_put_"):
        field = frames[-1].tb_frame.f_code.co_name.removeprefix("_put_")
        what = not_whole(field, repr(frames[-1].tb_frame.f_locals.get("value")))
    if mine:
        file, function = files[file_of(mine[-1]).name], mine[-1].tb_frame.f_code.co_name
        return f"{file}:{mine[-1].tb_lineno}: {function} at {time}: {what}"
    if isinstance(error, ZeroDivisionError | OverflowError | ValueError):
        names = ", ".join(spec.cls.__name__ for spec in specs)
        return f"{names} at {time}: {what}; --no-jit names the line"
    return ""


def file_of(frame: TracebackType) -> Path:
    """Return the file that a frame's function was written in."""
    return Path(frame.tb_frame.f_code.co_filename)


def is_package(frame: TracebackType) -> bool:
    """Say if a frame is the package's own code; the examples may be installed inside it."""
    file = file_of(frame)
    return file.is_relative_to(PACKAGE) and not file.is_relative_to(EXAMPLES)


def walk(trace: TracebackType | None) -> Iterable[TracebackType]:
    """Yield the frames of a traceback from the outermost on."""
    while trace is not None:
        yield trace
        trace = trace.tb_next
