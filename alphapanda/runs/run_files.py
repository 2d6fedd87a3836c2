"""Files that say what is run, such as backtests/NAME.toml, and a command's options over them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alphapanda.errors import UsageError, did_you_mean
from alphapanda.runs.options import Options, as_params, make


def read_file(path: Path) -> dict[str, Any]:
    """Return the options of a run file such as `backtests/NAME.toml`.

    Raises:
        UsageError: if the file is missing or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None


def files_by_name(folder: Path) -> dict[str, Path]:
    """Return the TOML files of a folder by their names."""
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


def find(folder: Path, name: str, missing: str) -> Path:
    """Return the file of a name.

    Raises:
        UsageError: if there is none; it begins with `missing`.
    """
    known = files_by_name(folder)
    if name not in known:
        hint = did_you_mean(name, known) or f" There are {', '.join(known) or 'none'}."
        raise UsageError(f"{missing} in {folder}.{hint}")
    return known[name]


def of_command(strategy: str, given: Mapping[str, Any], *, leaving: Sequence[str] = ()) -> Options:
    """Return the options of a strategy by name, or of a run file with those given laid over.

    `leaving` names what a run file may say that does not concern the command.
    """
    if not strategy.endswith(".toml"):
        return make({**given, "strategies": strategy})
    file = {k: v for k, v in read_file(Path(strategy)).items() if k not in leaving}
    return make(overridden(file, given), where=f"{strategy}: ")


def overridden(file: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run file's options with those of the command line laid over, params one by one."""
    values = {**file, **given}
    if "params" in file and "params" in given:
        values["params"] = {**as_params(file["params"]), **as_params(given["params"])}
    return values
