"""What `alphapanda data ...` does: the catalogue changed, listed and shown; reports and tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from alphapanda import config
from alphapanda.cli.data_show import account_table, catalogue_table, check_table, instrument_table
from alphapanda.cli.output import print_json, print_table
from alphapanda.data import catalogue, holdings
from alphapanda.data.actions import read_actions
from alphapanda.data.importers import mappings
from alphapanda.data.importers.importing import Progress as Told
from alphapanda.data.importers.importing import import_files
from alphapanda.data.importers.naming import read_names
from alphapanda.data.importers.orders import ORDERS
from alphapanda.data.importers.source import Wanted
from alphapanda.data.names import chosen
from alphapanda.data.schema import SECOND_NS
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.calendar import Calendar
from alphapanda.model.interval import parse_interval
from alphapanda.runs import options

STAMPS = ("start", "end")
INDIA = timezone(timedelta(hours=5, minutes=30))
CALENDARS = {"nse": Calendar.nse, "always": Calendar.always}


def import_(
    paths: Sequence[str], said: Mapping[str, Any], *, mapping: str | None, save_map: str | None,
    replace: bool, root: Path | None, json: bool,
) -> None:  # fmt: skip
    """Import files and print the account."""
    where = config.load()
    given = {key: value for key, value in said.items() if value not in (None, [])}
    if "map" in given:
        given["map"] = options.pairs(given["map"], "--map")
    if mapping is not None:
        kept = mappings.load(where.mappings_dir, mapping)
        given = {**kept, **given, "map": {**kept.get("map", {}), **given.get("map", {})}}
    wanted = _wanted(given)
    with progress("import", quiet=json) as told:
        account = import_files(
            root or where.data_dir, paths, wanted, replacing=replace, progress=told
        )
    if save_map is not None:
        saved = mappings.save(where.mappings_dir, save_map, given)
        account.notes.append(f"mapping kept in {saved}: use it with --mapping {save_map}")
    if json:
        print_json(account_facts(account))
    else:
        print_table(account_table(account))


def _wanted(given: Mapping[str, Any]) -> Wanted:
    kind = given.get("kind")
    if kind is not None:
        kind = options.converted("", "kind", kind, options.as_kind)
    interval = given.get("interval")
    stamps = given.get("stamps", "start")
    if stamps not in STAMPS:
        raise UsageError(f"--stamps {stamps}: write start or end.")
    dates = given.get("dates")
    if dates is not None and dates not in ORDERS:
        raise UsageError(f"--dates {dates}: write {', '.join(ORDERS[:-1])} or {ORDERS[-1]}.")
    for name in ("qty_scale", "lot_size", "price_scale"):
        if given.get(name, 1) < 1:
            raise UsageError(
                f"--{name.replace('_', '-')} {given[name]}: write a whole number from 1."
            )
    return Wanted(
        kind=kind,
        interval_ns=None if interval is None else parse_interval(interval),
        mapping=given.get("map", {}),
        instrument=given.get("instrument"),
        exchange=given.get("exchange"),
        qty_scale=given.get("qty_scale", 1),
        lot_size=given.get("lot_size"),
        stamped_at_end=stamps == "end",
        dates=dates,
        actions=read_actions(given["corporate_actions"]) if "corporate_actions" in given else (),
        names=read_names(given["names"]) if "names" in given else {},
        keep_repeats=given.get("keep_repeats", False),
        price_scale=given.get("price_scale", 1),
        at_ns=_time_ns(given["at"]) if "at" in given else None,
    )


def _time_ns(text: str) -> int:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(f"--at {text}: write '2025-07-01 10:15', the time in India.") from error
    if time.tzinfo is None:
        time = time.replace(tzinfo=INDIA)
    return round(time.timestamp()) * SECOND_NS


def account_facts(account: Any) -> dict[str, Any]:
    """Return an import's account as one JSON object."""
    return {
        "files": account.files, "read": account.read, "new": account.new,
        "already_there": account.already,
        "dropped": {
            why: {"rows": count, "first": first} for why, (count, first) in account.dropped.items()
        },
        "written": [str(part.place) for part in account.parts],
        "instruments": account.instruments, "notes": account.notes,
        "became": [each.facts() for each in account.became],
    }  # fmt: skip


def list_(patterns: Sequence[str], root: Path | None, *, json: bool) -> None:
    """Print what the catalogue has of these instruments, or of all."""
    folder = _existing(root)
    every = holdings.held(folder)
    held = [each for each in every if not patterns or chosen(each.name, patterns)]
    if not held:
        hint = did_you_mean(patterns[0], (each.name.partition(":")[2] for each in every))
        raise UsageError(f"{folder} has no {' or '.join(patterns)}.{hint}")
    if json:
        print_json({"root": str(folder), "holdings": [each.facts() for each in held]})
    else:
        print_table(catalogue_table(folder, held))


def show(
    name: str, *, kind: str | None, interval: str | None, first: str | None, last: str | None,
    rows: int, root: Path | None, json: bool,
) -> None:  # fmt: skip
    """Print an instrument's days, prices, first and last rows."""
    first_day, last_day = days(first, last)
    if rows < 1:
        raise UsageError(f"--rows {rows}: write a whole number from 1.")
    views = holdings.views(
        _existing(root), name, kind=kind, interval=interval, first=first_day, last=last_day,
        rows=rows,
    )  # fmt: skip
    if json:
        print_json({"instrument": views[0].name, "data": [view.facts() for view in views]})
    else:
        for view in views:
            print_table(instrument_table(view))


def check(paths: Sequence[str], said: Mapping[str, Any], *, root: Path | None, json: bool) -> None:
    """Check data and print the findings; ends with status 1 if there are any."""
    import typer  # noqa: PLC0415

    from alphapanda.data.quality.checking import Asked, check_paths  # noqa: PLC0415

    first, last = days(said["from"], said["to"])
    name = said["calendar"] or "nse"
    if name not in CALENDARS and not Path(name).is_file():
        raise UsageError(f"--calendar {name}: write nse, always, or a TOML file.")
    asked = Asked(
        wanted=_wanted({
            "kind": said["kind"], "exchange": said["exchange"],
            "map": options.pairs(said["map"] or (), "--map"),
            **{k: said[k] for k in ("dates", "price_scale") if said[k] is not None},
        }),
        interval=said["interval"], first=first, last=last,
        instruments=tuple(said["instrument"] or ()), masters=tuple(said["instruments"] or ()),
        actions=read_actions(said["corporate_actions"]) if said["corporate_actions"] else (),
        calendar=CALENDARS[name]() if name in CALENDARS else Calendar.load(Path(name)),
    )  # fmt: skip
    with progress("check", quiet=json) as told:
        report = check_paths(paths or [str(_existing(root))], asked, progress=told)
    if json:
        print_json(report.facts())
    else:
        print_table(check_table(report))
    if report.findings:
        raise typer.Exit(1)


def synth(
    out: Path, *, kind: str, day: str, days: int, instruments: int, ticks: int, seed: int,
    style: tuple[float, float | None, float], chain: int | None, json: bool,
) -> None:  # fmt: skip
    """Write made-up sessions into a file, a chain of options beside it, and say what they hold."""
    from alphapanda.data.synth import chain as options_chain  # noqa: PLC0415
    from alphapanda.data.synth import sessions  # noqa: PLC0415

    first = options.converted("", "first", day, options.as_date)
    if kind not in ("tick", "bar"):
        raise UsageError(f"--kind {kind}: write tick or bar.")
    if chain is not None:
        options_chain.check_strikes(chain)
    shown = sessions.Style(*style)
    with progress("synth", quiet=json) as told:
        step = None if told is None else lambda done, total: told("shares and days", done, total)
        sessions.synthesize(
            out, day=first, days=days, instruments=instruments, ticks_per_instrument=ticks,
            seed=seed, kind="tick" if kind == "tick" else "bar", style=shown, progress=step,
        )  # fmt: skip
    facts = {
        "path": str(out), "kind": kind, "from": str(first), "days": days,
        "instruments": instruments, "seed": seed, "bytes": out.stat().st_size,
    }  # fmt: skip
    lines = [f"{out}: {instruments} shares, {days} days of {kind}s from {first}, seed {seed}"]
    if chain is not None:
        quotes, master = out.with_stem(f"{out.stem}-chain"), Path(f"{out.with_suffix('')}.csv")
        options_chain.synthesize_chain(
            quotes, master, shares=sessions.share_names(instruments), day=first, days=days,
            strikes=chain, ticks=ticks, seed=seed, style=shown,
        )  # fmt: skip
        facts |= {"chain": str(quotes), "instruments_file": str(master)}
        lines.append(f"{quotes}: quotes of options, to be run with --instruments {master}")
    if json:
        print_json(facts)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines))


def days(first: str | None, last: str | None) -> tuple[Any, Any]:
    """Return --from and --to as dates.

    Raises: UsageError for what is no date, or the wrong way round.
    """
    low, high = (
        None if text is None else options.converted("", name, text, options.as_date)
        for name, text in (("first", first), ("last", last))
    )
    if low is not None and high is not None and low > high:
        raise UsageError(f"--from {first} lies after --to {last}")
    return low, high


def _existing(root: Path | None) -> Path:
    folder = root or config.load().data_dir
    if not folder.is_dir() or not catalogue.is_catalogue(folder):
        catalogue.settle(folder)
    if not catalogue.is_catalogue(folder):
        raise UsageError(f"{folder} is no catalogue: make one with alphapanda data import PATH.")
    catalogue.settle(folder)
    return folder


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[Told | None]:
    """Show what is done, rate and time left on a terminal; elsewhere nothing."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn(f"{what}: {{task.description}}"), BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def told(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total, rate="")
            speed = next(task.speed for task in bar.tasks if task.id == tasks[step]) or 0
            bar.update(tasks[step], completed=done, total=total, rate=f"{speed:,.0f}/s")

        yield told
