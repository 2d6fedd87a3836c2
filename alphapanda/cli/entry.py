"""The command line: results on stdout, progress and messages on stderr, exit status by error."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main

from alphapanda import __version__
from alphapanda.cli import bus_words, charges, config_words, data_words, db_words
from alphapanda.cli.flags import RUN, option, run_options
from alphapanda.errors import AlphaPandaError, OutsideError, UsageError

NAME = "alphapanda"
INTERRUPTED = 130

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
    help="One compiled trading core for backtest, paper and live.",
)  # fmt: skip


def version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        print(f"alphapanda {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One compiled trading core for backtest, paper and live."""


app.add_typer(data_words.app, name="data")
app.add_typer(config_words.app, name="config")
app.add_typer(db_words.app, name="db")
new_words = typer.Typer(no_args_is_help=True, help="Begin something of your own: a strategy.")
app.add_typer(new_words, name="new")
app.add_typer(bus_words.app, name="dlq")

SWEEP = "Sweep"
STRATEGY = "NAME in strategies/, FILE.py, FILE.py:CLASS, or a run file, backtests/NAME.toml"


@app.command()
@run_options
def backtest(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help=STRATEGY)],
    given: dict[str, Any],
    json: Annotated[bool, option("--json", panel=RUN, text="Print one JSON object.")] = False,
    out: Annotated[
        Path | None,
        option(metavar="FOLDER", panel=RUN, text="Run directory. (default: runs/TIME-STRATEGY)"),
    ] = None,
    journal: Annotated[
        bool, option("--journal", panel=RUN, text="Keep a journal, for alphapanda verify.")
    ] = False,
    bus: Annotated[
        bool, option("--bus", panel=RUN, text="Keep a journal, and publish it to the topics.")
    ] = False,
) -> None:
    """Run a strategy over recorded data, by its name or by a run file."""
    from alphapanda.cli import backtest as command  # noqa: PLC0415 (the core takes a second to import)

    more = {"out": out, "journal": journal or bus or None}
    given = {**given, **{name: value for name, value in more.items() if value is not None}}
    command.backtest(strategy, given, json=json, bus=bus)


FEED = "replay:PATH, again for more files; bus: for the feed that runs, bus:FEED for one."
OUT = "Run directory; a run that was stopped there goes on. (default: runs/TIME-paper-STRATEGY)"
SPEED = "Of a replay: 1x, 10x or max. (default: 1x)"
EXAMPLES = """Run what its roles say, in this process: all of them, or some beside others.

\b
One process, as paper:
  alphapanda run ema_cross --feed replay:data --speed 10x
Several, with the topics between them; each may be stopped or killed, and goes on:
  alphapanda run --role feed --feed replay:data --speed 10x
  alphapanda run --role trade ema_cross --feed bus: --out runs/mine
  alphapanda run --role relay --out runs/mine
Tables and board, by all that is on the topics:
  alphapanda run --role project
What the database says is active, on another process's feed:
  alphapanda run --feed bus:
"""


@app.command()
@run_options
def paper(
    strategies: Annotated[list[str], typer.Argument(metavar="STRATEGY...", help=STRATEGY)],
    given: dict[str, Any],
    feed: Annotated[list[str], option(metavar="FEED", panel=RUN, text=FEED)],
    speed: Annotated[str | None, option(metavar="N", panel=RUN, text=SPEED)] = None,
    json: Annotated[bool, option("--json", panel=RUN, text="Print one JSON object.")] = False,
    out: Annotated[Path | None, option(metavar="FOLDER", panel=RUN, text=OUT)] = None,
) -> int:
    """Trade on paper: a feed at its own pace, with a journal that survives a crash."""
    from alphapanda.cli import run as command  # noqa: PLC0415

    return command.run(strategies, given, roles=[], feed=feed, speed=speed, out=out, json=json)


@app.command(help=EXAMPLES)
@run_options
def run(
    given: dict[str, Any],
    strategies: Annotated[
        list[str] | None,
        typer.Argument(metavar="STRATEGY...", help=f"{STRATEGY}. (default: those active in the "
                       "database)", show_default=False),
    ] = None,
    role: Annotated[
        list[str] | None,
        option(metavar="ROLE", panel=RUN, text="feed, trade, relay or project; again for each. "
               "(default: all)"),
    ] = None,
    feed: Annotated[list[str] | None, option(metavar="FEED", panel=RUN, text=FEED)] = None,
    speed: Annotated[str | None, option(metavar="N", panel=RUN, text=SPEED)] = None,
    json: Annotated[bool, option("--json", panel=RUN, text="Print one JSON object.")] = False,
    out: Annotated[Path | None, option(metavar="FOLDER", panel=RUN, text=OUT)] = None,
) -> int:  # fmt: skip
    """Run what its roles say, in this process."""
    from alphapanda.cli import run as command  # noqa: PLC0415

    return command.run(
        strategies or [], given, roles=role or [], feed=feed or [], speed=speed, out=out, json=json
    )


@app.command()
@run_options
def sweep(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help=STRATEGY)],
    given: dict[str, Any],
    grid: Annotated[
        list[str] | None,
        option(metavar="NAME=VALUES", panel=SWEEP, text="5:25 or 30:130:5, as Python's range, or "
               "5,10,20; again for each parameter."),
    ] = None,
    random: Annotated[
        int | None, option(metavar="N", panel=SWEEP, text="Only N combinations, drawn by --seed.")
    ] = None,
    workers: Annotated[
        int | None, option(metavar="N", panel=SWEEP, text="Threads. (default: one a core)")
    ] = None,
    walk_forward: Annotated[
        str | None,
        option(metavar="DAYS", panel=SWEEP, text="60d/20d: train on 60 trading days, test the best "
               "on the next 20, move on by 20."),
    ] = None,
    metric: Annotated[
        str, option(metavar="NAME", panel=SWEEP, text="What the best is chosen by: sharpe, "
                    "sortino, return, pnl, hit_rate, max_drawdown ... (default: sharpe)")
    ] = "sharpe",
    json: Annotated[bool, option("--json", panel=RUN, text="Print one JSON object.")] = False,
    out: Annotated[
        Path | None,
        option(metavar="FOLDER", panel=RUN, text="For the results; a sweep that was killed goes on "
               "where it was. (default: runs/TIME-sweep-STRATEGY)"),
    ] = None,
) -> None:  # fmt: skip
    """Run every combination of a grid of parameters, and judge the best."""
    from alphapanda.cli import sweep as command  # noqa: PLC0415

    search = {"grid": grid or [], "random": random, "workers": workers,
              "walk_forward": walk_forward, "metric": metric}  # fmt: skip
    command.sweep(strategy, given, search, out, json=json)


@app.command()
@run_options
def check(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help=STRATEGY)],
    given: dict[str, Any],
    cuts: Annotated[
        str, option(metavar="N", panel=RUN, text="Times the history is cut. (default: 5)")
    ] = "5",
    tolerance: Annotated[
        str,
        option(
            metavar="SHARE",
            panel=RUN,
            text="How far an indicator may be off after its warm-up. (default: 5%)",
        ),
    ] = "5%",
    json: Annotated[bool, option("--json", panel=RUN, text="Print one JSON object.")] = False,
) -> int:
    """Look for decisions that use the future, chance, or too short a warm-up; status 1 if any."""
    from alphapanda.cli import check as command  # noqa: PLC0415

    return command.check(strategy, given, json=json, cuts=cuts, tolerance=tolerance)


@app.command()
@run_options
def stress(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help=STRATEGY)],
    given: dict[str, Any],
    json: Annotated[bool, option("--json", panel=RUN, text="Print one JSON object.")] = False,
) -> None:
    """Rerun with worse fills, dearer charges and lost rows: how much of the P&L survives."""
    from alphapanda.cli import check as command  # noqa: PLC0415

    command.stress(strategy, given, json=json)


app.command()(charges.charges)


@app.command()
def verify(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, or a folder.")],
    recorded_code: Annotated[
        bool,
        option("--recorded-code", text="Run the strategy's code that the journal holds, where its "
               "files are not as they were: only of a journal that you trust."),
    ] = False,
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> int:  # fmt: skip
    """Replay a run's journal through a fresh core: every envelope must come out the same."""
    from alphapanda.cli import journals  # noqa: PLC0415

    return journals.verify(run, recorded_code=recorded_code, json=json)


@app.command()
def relay(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, or a folder.")],
    again: Annotated[
        bool,
        option("--again", text="All of it; readers drop repeats."),
    ] = False,
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> None:
    """Publish the rest of a run that has ended to the topics."""
    from alphapanda.cli import journals  # noqa: PLC0415

    journals.relay(run, again=again, json=json)


@app.command()
def project(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN...]", help="By their journals. (default: topics, or all)"),
    ] = None,
    rebuild: Annotated[
        bool, option("--rebuild", text="Drop their rows, or all for the topics, and begin anew.")
    ] = False,
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> int:
    """Bring the tables and the board to what the topics say, or the journals under runs/."""
    from alphapanda.cli import project as command  # noqa: PLC0415

    return command.project(runs or [], rebuild=rebuild, json=json)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the events."""
    from alphapanda.cli import journals  # noqa: PLC0415

    journals.schema()


runs_words = typer.Typer(no_args_is_help=True, help="The runs under runs/ that keep a journal.")
app.add_typer(runs_words, name="runs")


@runs_words.command("list")
def runs_list(
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> None:
    """List them: how they stand, what they hold."""
    from alphapanda.cli import journals  # noqa: PLC0415

    journals.list_runs(json=json)


@runs_words.command("show")
def runs_show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, or a folder.")],
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> None:
    """Show one: its manifest, its events by type."""
    from alphapanda.cli import journals  # noqa: PLC0415

    journals.show_run(run, json=json)


@app.command()
def demo(
    out: Annotated[
        Path | None,
        option(metavar="FOLDER", text="For the generated session. (default: runs/demo)"),
    ] = None,
) -> None:
    """Generate a session of NSE-like ticks and backtest ema_cross on it."""
    from alphapanda.cli import backtest as command  # noqa: PLC0415

    command.demo(out)


@app.command()
def strategies(
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> None:
    """List the strategies with their parameters."""
    from alphapanda.cli import backtest as command  # noqa: PLC0415

    command.list_strategies(json=json)


@new_words.command("strategy")
def new_strategy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As opening_range.")],
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> None:
    """Write strategies/NAME.py, which runs as it is, and tests/test_NAME.py."""
    from alphapanda.cli import new  # noqa: PLC0415

    new.new_strategy(name, json=json)


@app.command()
def seed(
    activate: Annotated[
        list[str] | None, option(metavar="NAME", text="Let it trade by `run`; again for more.")
    ] = None,
    deactivate: Annotated[
        list[str] | None, option(metavar="NAME", text="Let it trade no more; again for more.")
    ] = None,
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> None:
    """Put the strategies of the folder into the database, those that are not there; switch some."""
    from alphapanda.cli import db  # noqa: PLC0415

    db.seed(activate=activate or [], deactivate=deactivate or [], json=json)


@app.command()
def bootstrap(
    broker: Annotated[
        list[str] | None,
        option(metavar="NAME", text="replay, paper or zerodha; again for each. (default: all)"),
    ] = None,
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> None:
    """Make the topics on the server of Kafka's protocol; what is there already is compared."""
    from alphapanda.cli import bus  # noqa: PLC0415

    bus.bootstrap(broker or [], json=json)


@app.command()
def tail(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="As paper.orders.filled.")],
    limit: Annotated[int, option(metavar="N", text="The newest so many. (default: 20)")] = 20,
    follow: Annotated[
        bool, option("--follow", text="Go on with what comes, until Ctrl-C.")
    ] = False,
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> None:
    """Print a topic's events, one a line."""
    from alphapanda.cli import bus  # noqa: PLC0415

    bus.tail(topic, limit=limit, follow=follow, json=json)


@app.command()
def report(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="A name under runs/, or a folder.")
    ],
    out: Annotated[
        Path | None,
        option(
            metavar="FILE",
            text="The page. (default: report.html in the run; for several runs/compare-....html)",
        ),
    ] = None,
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> None:
    """Make a run's HTML page again, or compare several runs in one."""
    from alphapanda.cli import report as command  # noqa: PLC0415

    command.report(runs, out=out, json=json)


def main() -> None:
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.umask(os.umask(0o777) | 0o027)  # what a trader decides is not for all on the machine
    warnings.showwarning = note
    code = status()
    try:
        sys.stdout.flush()
    except OSError as error:  # the reader has gone, `| head`; or the disk is full, `> FILE`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = code or failed(error)
    sys.exit(code)


def note(message: Warning | str, *_: Any, **__: Any) -> None:
    """Show a warning as one line."""
    print(f"alphapanda: note: {message}", file=sys.stderr)


def status(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        group: Any = typer.main.get_command(app)
        # Not through its main(), which has its own mind about interrupts and broken pipes.
        with group.make_context(NAME, list(sys.argv[1:] if arguments is None else arguments)) as it:
            result: Any = group.invoke(it)
    except OSError as error:
        result = failed(error)
    except MemoryError:
        result = told(
            OutsideError("not enough memory: take fewer days (--from, --to) or smaller windows")
        )
    except KeyboardInterrupt:
        print("alphapanda: interrupted", file=sys.stderr)
        result = INTERRUPTED
    except typer.Exit as error:
        result = int(error.exit_code)
    except Exception as error:
        if interrupts(error):
            print("alphapanda: interrupted", file=sys.stderr)
            return INTERRUPTED
        if not isinstance(error, AlphaPandaError) and not hasattr(error, "format_message"):
            raise
        result = explained(error)
    return result if isinstance(result, int) else 0


def interrupts(error: BaseException | None) -> bool:
    """Say if an exception is Ctrl-C as DuckDB tells it, or comes of that."""
    while error is not None:
        if type(error) is RuntimeError and str(error) == "Query interrupted":
            return True
        error = error.__cause__ or error.__context__
    return False


def explained(error: Any) -> int:
    """Print an error meant for the user, ours or the command line library's; return its status."""
    if isinstance(error, AlphaPandaError):
        return told(error)
    message = error.format_message()  # empty where the help has been printed instead
    return told(UsageError(message)) if message else UsageError.exit_status


def failed(error: OSError) -> int:
    """Print what the system refused and return the exit status; a reader that left is no error."""
    if isinstance(error, BrokenPipeError):
        return 0
    where = error.filename or "the output"
    return told(OutsideError(f"{where}: {error.strerror or error}"))


def told(error: AlphaPandaError) -> int:
    """Print an error and return its exit status."""
    from alphapanda.cli.output import clean  # noqa: PLC0415 (rich)

    print(f"alphapanda: {clean(str(error))}", file=sys.stderr)
    return error.exit_status
