"""What the monitor has found as metrics: processes, health, feeds, pipeline, money."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from alphapanda.monitor.beats import GONE_S, Seen
from alphapanda.monitor.health import Health, State
from alphapanda.monitor.metrics import PREFIX
from alphapanda.monitor.pipeline import Counts
from alphapanda.monitor.watching import RunFacts

UP = (State.OK, State.DEGRADED)


def gauge(name: str, text: str, labels: Sequence[str] = ()) -> GaugeMetricFamily:
    """Return an empty gauge."""
    return GaugeMetricFamily(PREFIX + name, text, labels=labels)


def of_processes(seen: Sequence[Seen]) -> Iterator[Metric]:
    """Yield what processes say of themselves."""
    up = gauge("process_up", "Whether a process beats.", ["process"])
    age = gauge("process_beat_age_seconds", "Since it beat.", ["process"])
    lag = gauge("process_loop_lag_seconds", "The longest its loop came late.", ["process"])
    usage = {
        "cpu": gauge("process_cpu_ratio", "Of one core.", ["process"]),
        "rss_bytes": gauge("process_resident_memory_bytes", "In memory.", ["process"]),
        "fds": gauge("process_open_fds", "Open files and sockets.", ["process"]),
    }
    built = gauge("build_info", "Which code a process runs.", ["process", "version", "code"])
    disks = gauge("disk_free_bytes", "Free where something lies.", ["volume"])
    figures = gauge("process_figure", "What else a process counts.", ["process", "figure"])
    free: dict[str, int] = {}
    for beat, age_s in seen:
        process = f"{beat.role}-{beat.pid}"
        up.add_metric([process], float(age_s <= GONE_S))
        age.add_metric([process], age_s)
        lag.add_metric([process], beat.loop_lag_s)
        built.add_metric([process, beat.version, beat.code[:12]], 1.0)
        for name, family in usage.items():
            value = getattr(beat, name)
            if value is not None:
                family.add_metric([process], float(value))
        for name, value in sorted(beat.figures.items())[:50]:
            figures.add_metric([process, name], float(value))
        free |= beat.disks
    for volume, value in free.items():
        disks.add_metric([volume], float(value))
    yield from (up, age, lag, *usage.values(), built, disks, figures)


def of_health(table: Sequence[Health]) -> Iterator[Metric]:
    """Yield how the parts are; one that is off has no line."""
    up = gauge("health_up", "Whether a part is well, or at least there.", ["part"])
    figures = gauge("health_figure", "What was measured of a part.", ["part", "figure"])
    for each in table:
        if each.state != State.OFF:
            up.add_metric([each.part], float(each.state in UP))
        for name, value in each.figures.items():
            figures.add_metric([each.part, name], value)
    yield from (up, figures)


def of_runs(runs: Sequence[RunFacts]) -> Iterator[Metric]:
    """Yield what the journals say of the runs that trade."""
    labels = ["broker", "strategy", "kind"]
    pnl = gauge("pnl_rupees", "By the last snapshot of a strategy, of all its runs.", labels)
    age = gauge("market_feed_age_seconds", "Since a run was fed.", ["broker"])
    rows = CounterMetricFamily(PREFIX + "market_rows", "Rows that runs were fed.",
                               labels=["broker"])  # fmt: skip
    gaps = CounterMetricFamily(PREFIX + "market_feed_missed_rows", "Rows that never came.",
                               labels=["broker"])  # fmt: skip
    money: dict[tuple[str, str, str], Decimal] = {}
    sums: dict[str, list[float]] = {}
    for run in runs:
        if not run.trades:
            continue
        ages, fed, missed = sums.get(run.broker, [0.0, 0.0, 0.0])
        sums[run.broker] = [max(ages, run.quiet_s), fed + run.rows, missed + run.missed]
        for strategy, amounts in run.pnl.items():
            for kind, amount in amounts.items():
                key = (run.broker, strategy, kind)
                money[key] = money.get(key, Decimal(0)) + Decimal(amount)
    for key, total in money.items():
        pnl.add_metric(list(key), float(total))
    for broker, (quiet, fed, missed) in sums.items():
        age.add_metric([broker], quiet)
        rows.add_metric([broker], fed)
        gaps.add_metric([broker], missed)
    yield from (pnl, age, rows, gaps)


def of_pipeline(counts: Sequence[Counts]) -> Iterator[Metric]:
    """Yield the counts of the pipeline, of all runs that the tables show together."""
    events = CounterMetricFamily(PREFIX + "events", "Events that the tables hold.",
                                 labels=["broker", "type"])  # fmt: skip
    pending = gauge("signals_pending", "Signals without a verdict.")
    wrong = gauge("pipeline_impossible", "Statements of the tables that can't be.")
    sums: dict[tuple[str, str], int] = {}
    for each in counts:
        for stage, count in each.counts.items():
            sums[each.broker, stage] = sums.get((each.broker, stage), 0) + count
    for key, count in sums.items():
        events.add_metric(list(key), float(count))
    pending.add_metric([], float(sum(each.pending for each in counts)))
    wrong.add_metric([], float(sum(len(each.impossible) for each in counts)))
    yield from (events, pending, wrong)
