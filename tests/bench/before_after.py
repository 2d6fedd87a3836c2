"""Each example strategy on each recording of its kind, so that two versions can be compared.

`python -m tests.bench.before_after FILE` runs them with the version that is imported (another one
by PYTHONPATH) and writes figures; `python -m tests.bench.before_after BEFORE AFTER` prints a table
of what is not the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import alphapanda

SHARED = Path(os.environ.get("SHARED", Path(__file__).resolve().parents[3] / "shared"))
STRATEGIES = Path(alphapanda.__file__).resolve().parents[1] / "strategies"
ON_BARS = ("donchian_breakout", "hedged_pairs", "momentum", "opening_range", "rsi_reversal",
           "sma_cross", "spread", "supertrend_follow", "time_series_momentum", "vwap_reversion",
           "zscore_reversion")  # fmt: skip
ON_TICKS = ("ema_cross", "market_maker", "quiet_reversal")
PAIRS = ("hedged_pairs", "spread")
CHAIN = "options/nse_option_chain_NIFTY_20250829.parquet"
FIGURES = ("orders", "fills", "rejected", "expired", "pnl", "charges")
STATS = ("sharpe", "cagr", "max_drawdown")
SHOWN = ("orders", "fills", "rejected", "pnl", "charges", "sharpe")
MONEY = ("pnl", "charges")


class Part(NamedTuple):
    """A part of a recording: days, two or three instruments, options."""

    file: str
    days: tuple[str | None, str | None] = (None, None)
    instruments: tuple[str, ...] = ()
    more: Mapping[str, Any] = {}


INDEX = ("NIFTY 50", "NIFTY BANK")
OF_2021 = "bars/index_1min_nifty_banknifty_2021_202209.parquet"
BANKS = ("HDFCBANK", "ICICIBANK", "SBIN")
BARS = (
    Part(OF_2021, ("2021-11-03", "2021-11-09"), INDEX),
    Part(OF_2021, ("2021-11-03", "2021-11-09"), INDEX, {"costs": "none"}),
    Part("bars/index_1min_nifty_banknifty_2024_jan_may.parquet", ("2024-01-19", "2024-01-23"),
         INDEX, {"costs": "none"}),
    Part("bars/kite_60minute_20241205_20260109.parquet", (None, None), BANKS),
    Part("bars/kite_day_20200714_20260109.parquet", (None, None), BANKS),
    Part("bars/nse_1min_kite_201608_09.parquet", ("2016-08-16", "2016-08-19"), BANKS),
    Part("bars/nse_1min_reliance_20251029_1226.parquet", ("2025-12-08", "2025-12-15")),
    Part("bars/nse_1min_yesbank_2019_jan_aug.parquet", ("2019-05-06", "2019-05-14")),
)  # fmt: skip
ETHER = "ticks/crypto_binance_spot_ethusdt_20240808"
TICKS = (
    Part("ticks/breeze_stock_futures_20251117.parquet"),
    Part(f"{ETHER}_trades.parquet", more={"qty_scale": 10_000, "calendar": "always"}),
    Part("ticks/dhan_depth200_NIFTY25DECFUT_20251229_1340.parquet", more={"exchange": "NFO"}),
    Part("ticks/dhan_full_NIFTY25DECFUT_20251229.parquet", more={"exchange": "NFO"}),
    Part("ticks/kite_derived_NIFTY25DECFUT_20251229_am.parquet", more={"exchange": "NFO"}),
    Part("ticks/kite_full_NIFTY25DECFUT_20251229.parquet", more={"exchange": "NFO"}),
    Part("ticks/nifty50_index_1s_2022_aug_sep.parquet", ("2022-09-21", "2022-09-21")),
    Part("ticks/us_ibm_trade_ticks_20131007_08.parquet", ("2013-10-07", "2013-10-07"),
         more={"calendar": "always"}),
)  # fmt: skip


def pairs() -> Iterator[tuple[str, Part]]:
    """Yield each strategy with each part of its kind."""
    for part in BARS:
        for name in ON_BARS:
            if name not in PAIRS or len(part.instruments) > 1:
                yield name, part
    for part in TICKS:
        for name in ON_TICKS:
            yield name, part
    yield "learned_odds", Part("bars/nse_1min_kite_201608_09.parquet", instruments=("INFY",))
    yield "short_straddle", Part(CHAIN)


def figures(name: str, part: Part) -> dict[str, Any]:
    """Return what a run says, or why it was refused."""
    chosen = part.instruments[:2] if name in PAIRS else part.instruments
    try:
        with tempfile.TemporaryDirectory() as folder:
            data, more = SHARED / "data" / part.file, dict(part.more)
            if part.file == CHAIN:
                data, more["instruments"] = imported(data, Path(folder) / "data")
            summary = alphapanda.backtest(
                str(STRATEGIES / f"{name}.py"), data, jit=False,
                repair=True, from_=part.days[0], to=part.days[1], instrument=chosen,
                out=Path(folder) / "run", **more,
            ).summary  # fmt: skip
    except Exception as error:  # noqa: BLE001 (whatever a version says is what is compared)
        return {"refused": f"{type(error).__name__}: {error}"}
    stats = summary.get("stats", {})
    return {
        **{key: summary.get(key) for key in FIGURES},
        **{key: rounded(stats.get(key)) for key in STATS},
        "digest": summary["digest"], "notes": len(summary["notes"]),
    }  # fmt: skip


def imported(file: Path, root: Path) -> tuple[Path, str]:
    """Import a file; return its catalogue and the file of its instruments."""
    told = [sys.executable, "-c", "from alphapanda.cli import main; main()"]
    subprocess.run([*told, "data", "import", file, "--root", root], check=True, capture_output=True)
    (master,) = (root / "instruments").glob("*.csv")
    return root, str(master)


def rounded(value: Any) -> Any:
    """Return a figure with as many digits as people read."""
    return round(value, 4) if isinstance(value, float) else value


def run_all(target: Path) -> None:
    """Run all, and write what they say."""
    found = []
    for name, part in pairs():
        found.append({"strategy": name, "part": label(part), **figures(name, part)})
        print(json.dumps(found[-1]), flush=True)
    target.write_text(json.dumps(found, indent=1))


def label(part: Part) -> str:
    """Return what a row of the table calls a part."""
    days = "..".join(day[2:] for day in part.days if day)
    costs = f"costs {part.more['costs']}" if "costs" in part.more else ""
    return " ".join(filter(None, (Path(part.file).stem, days, costs)))


def table(before: Path, after: Path) -> Iterator[str]:
    """Yield the lines of a table in Markdown of the runs that are not the same."""
    yield "| recording | strategy | orders | fills | refused | P&L | charges | Sharpe |"
    yield "|---|---|---|---|---|---|---|---|"
    last = ""
    for old, new in zip(*(json.loads(file.read_text()) for file in (before, after)), strict=True):
        if same(old, new):
            continue
        part, last = ("" if old["part"] == last else old["part"]), old["part"]
        shown = " | ".join(cell(old, new, key) for key in SHOWN)
        yield f"| {part} | {old['strategy']} | {shown} |"


def same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Say if two versions say the same, but for the number of their notes."""
    return all(old.get(key) == new.get(key) for key in ("refused", *FIGURES, *STATS))


def cell(old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> str:
    """Return a figure of both versions; once where it is the same."""
    before, after = (figure(row, key) for row in (old, new))
    return before if before == after else f"{before} \N{RIGHTWARDS ARROW} {after}"


def figure(row: Mapping[str, Any], key: str) -> str:
    """Return a figure as people read it, or a word for a run that was refused."""
    if "refused" in row:
        return "none"
    value = row[key]
    if isinstance(value, float):
        return f"{value:.2f}"
    return "none" if value is None else f"{float(value):.2f}" if key in MONEY else str(value)


if __name__ == "__main__":
    paths = [Path(each) for each in sys.argv[1:]]
    if len(paths) == 1:
        run_all(paths[0])
    else:
        print("\n".join(table(*paths)))
