"""`alphapanda record`: the ticks of a live feed on the disk, without trading."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from rich.text import Text

from alphapanda import config
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json, print_table
from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar
from alphapanda.research.table import count
from alphapanda.runs.stopping import orderly
from alphapanda.runtime.lifecycle import living
from alphapanda.runtime.live import open_live
from alphapanda.runtime.recording import new_folder
from alphapanda.runtime.recording import record as write_down

Feed = Annotated[
    str, option("--feed", metavar="kite:NAME,...", text="Instruments, as kite:NSE:INFY,NSE:TCS.")
]
Out = Annotated[Path | None, option("--out", metavar="FOLDER", text="(default: recordings/FEED)")]


def record(feed: Feed, out: Out = None, json: Json = False) -> None:
    """Keep the ticks of a live feed without trading, until Ctrl-C or the end of the day."""
    word, _, names = feed.partition(":")
    wanted = [*dict.fromkeys(name.strip() for name in names.split(",") if name.strip())]
    if word != "kite" or not wanted:
        raise UsageError(f"--feed {feed}: write kite:NSE:INFY,NSE:TCS")
    settings = config.load()
    source = open_live(settings, wanted, calendar=Calendar.nse())
    name = source.feed.id.partition(":")[2]
    folder = new_folder(settings.base_dir / "recordings" / name if out is None else out)
    with living(settings) as parts:
        parts.start(source.part)
        with orderly() as stopping:
            done = write_down(source, folder, stopping, source.part.take_gaps)
        dropped = dict(source.part.dropped)
    if json:
        print_json({"folder": str(folder), "rows": done.rows, "clocks": done.clocks,
                    "files": done.parts, "dropped": dropped})  # fmt: skip
        return
    clocks = f"and {count(done.clocks)} rows of the clock"
    lines = [f"{folder}: {count(done.rows)} rows in {done.parts} files, {clocks}"]
    lines += [f"left out: {number:,} {reason}" for reason, number in dropped.items()]
    lines.append(f"backtest on it: alphapanda backtest STRATEGY --data {folder}")
    print_table(Text("\n".join(lines)))
