"""`alphapanda calibrate`: paper fills fitted to live runs, as a profile for `--fills`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from alphapanda import config, files
from alphapanda.calibration import calibrate as calibration
from alphapanda.calibration.fitting import Terms
from alphapanda.calibration.profile import facts_of, profile_text
from alphapanda.calibration.sent import read_live
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.cli.progress import step_bars
from alphapanda.errors import OutsideError, UsageError
from alphapanda.research.table import DASH, count
from alphapanda.runs.folders import folder_of

FIGURES = (
    ("score, basis points", "score_bp"), ("orders", "orders"),
    ("filled in both", "filled_in_both"), ("filled live only", "only_live"),
    ("filled on paper only", "only_paper"), ("ticks, half of the orders", "ticks_p50"),
    ("ticks, 95 % of them", "ticks_p95"), ("₹ an order, half", "rupees_p50"),
    ("₹ an order, 95 %", "rupees_p95"), ("live worse by, ticks", "bias_ticks"),
)  # fmt: skip


def calibrate(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="Live or rehearsed runs: names under runs/, or folders."
        ),
    ],
    out: Annotated[Path, option(metavar="FILE", text="The profile. (default: fills.toml)")] = Path(
        "fills.toml"
    ),
    no_jit: Annotated[bool, option("--no-jit", text="Run as plain Python: slow.")] = False,
    json: Json = False,
) -> None:
    """Fit paper fills (latency, slippage, share of volume) to live runs, as a profile for --fills.

    It says what the profile is worth on sessions that it was not fitted to.
    """
    target = free(out)
    settings = config.load()
    live = [read_live(folder_of(run, settings.runs_dir), name=run) for run in runs]
    with step_bars("calibrate", quiet=json) as bars:
        found = calibration.calibrate(live, settings.cache_dir, jit=not no_jit, progress=bars)
    facts = facts_of(found)
    write(target, profile_text(facts))
    if json:
        print_json({"profile": str(target), **facts})
        return
    print_table(page(facts))
    print_table(Text(f"profile: {target}", overflow="fold"))


def free(out: Path) -> Path:
    """Return where the profile goes; nothing is written over another, which runs may name.

    Raises:
        UsageError: something is there, or the name is no profile's.
    """
    target = out.expanduser().absolute()
    if target.suffix != ".toml":
        raise UsageError(f"--out {out}: name a profile NAME.toml")
    if target.exists():
        raise UsageError(f"--out {out}: is there already, and runs may name it; choose another")
    return target


def write(target: Path, text: str) -> None:
    """Write a profile whole.

    Raises:
        OutsideError: the system does not let it.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(target, text)
    except OSError as error:
        raise OutsideError(
            f"can't write {target}: {error.strerror}; choose another --out"
        ) from error


def page(facts: Mapping[str, Any]) -> RenderableType:
    """Return the settings, where they come from, and their errors."""
    sessions = facts["sessions"]
    head = (
        f"{count(facts['orders'])} orders of {len(sessions)} session(s), "
        f"{count(facts['orders_filled'])} of them filled live; resting limits fill "
        f"{facts['limit_fill']}"
    )
    settings = whole_table(columns=("setting", "fitted", "fits equally well", "why"))
    for name in Terms._fields:
        why = f"default kept: {facts['kept'][name]}" if name in facts["kept"] else ""
        option_ = f"--{name.replace('_', '-')}"
        settings.add_row(option_, facts[name], facts["range"].get(name, DASH), why)
    errors = facts["error"]
    table = whole_table(columns=("error",), numbers=("defaults", "in sample", "out of sample"))
    for label, key in FIGURES:
        cells = [errors[each][key] for each in ("of_defaults", "in_sample", "out_of_sample")]
        table.add_row(label, *(DASH if cell is None else str(cell) for cell in cells))
    how = Text(f"out of sample: {errors['out_of_sample']['how']}")
    notes = (Text(f"note: {note}") for note in facts["notes"])
    return Group(Text(head), *notes, settings, table, how)
