"""Findings against the calendar: missing days and bars, silent stretches, rows out of session."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from alphapanda.data.quality.finding import DAY_SQL, Finding, Rows, day
from alphapanda.data.quality.values import collected
from alphapanda.data.replay.blocks import time_text
from alphapanda.data.schema import SECOND_NS
from alphapanda.model.calendar import DAY, EPOCH, Phase, Session

SILENCE_NS = 30 * SECOND_NS
SILENCE_MEDIANS = 10
SHOWN = 16
"""Characters of a time: 2025-12-15 15:15."""

Span = tuple[int, int]


Days = dict[str, dict[date, int]]
"""Rows of each instrument by day."""


def declare(rows: Rows) -> Days:
    """Make the tables `spans` and `session_of` of what the calendar says; return the days."""
    query = (
        f"SELECT instrument, {DAY_SQL}, count(*) FROM {rows.table} WHERE flaw IS NULL "
        "GROUP BY 1, 2 ORDER BY 1, 2"
    )
    days: Days = {}
    for name, number, count in rows.con.sql(query).fetchall():
        days.setdefault(name, {})[day(number)] = count
    _declare_spans(rows, days)
    return days


def check_times(rows: Rows, days: Days) -> Iterator[Finding]:
    """Yield where the data and the calendar disagree; nothing where nothing ever closes."""
    if rows.calendar.is_always:
        return
    yield from _missing_days(rows, days)
    yield from _outside(rows)
    if rows.kind == "bar" and rows.interval_ns % DAY:
        yield from _missing_bars(rows, days)
    elif rows.kind != "bar":
        yield from _silences(rows)


def spans(session: Session, *phases: Phase) -> list[Span]:
    """Return the stretches of a session in one of these phases; all but CLOSED without any."""
    return [
        (change.ts, after.ts)
        for change, after in pairwise(session.changes)
        if (change.phase in phases if phases else change.phase != Phase.CLOSED)
    ]


def text(ts: int) -> str:
    """Return a time in IST to the second."""
    return time_text(ts)[: SHOWN + 3]


# Tables of what the calendar says: by instrument the spans that are in session, and the open ones.
def _declare_spans(rows: Rows, days: Days) -> None:
    rows.con.execute(
        "CREATE OR REPLACE TABLE spans (g INTEGER, day BIGINT, start BIGINT, stop BIGINT, open "
        "BOOLEAN)"
    )
    rows.con.execute("CREATE OR REPLACE TABLE session_of (instrument VARCHAR, g INTEGER)")
    if days:
        named = [(name, int(rows.groups[name])) for name in days]
        rows.con.executemany("INSERT INTO session_of VALUES (?, ?)", named)
    made = []
    for group in sorted({rows.groups[name] for name in days}):
        every = sorted({d for name, of in days.items() if rows.groups[name] == group for d in of})
        for session in rows.calendar.sessions(every[0], every[-1], group):
            number = session.day.toordinal() - EPOCH
            made += [(int(group), number, *span, False) for span in spans(session)]
            made += [(int(group), number, *span, True) for span in spans(session, Phase.OPEN)]
    if made:
        rows.con.executemany("INSERT INTO spans VALUES (?, ?, ?, ?, ?)", made)


def _missing_days(rows: Rows, days: Days) -> Iterator[Finding]:
    for name, of in days.items():
        first, last = min(of), max(of)
        missing = [s.day for s in rows.sessions(name, first, last) if s.day not in of]
        if missing:
            yield Finding(
                "missing day", name, len(missing), str(missing[0]),
                "a trading day of the calendar between the first and the last has no row",
                dict.fromkeys(missing, 1),
            )  # fmt: skip


def _outside(rows: Rows) -> Iterator[Finding]:
    sound = (
        f"SELECT r.instrument, r.ts, r.file, r.pos, g, {DAY_SQL} AS day FROM {rows.table} r "
        "JOIN session_of USING (instrument) WHERE flaw IS NULL"
    )
    of_day = "FROM spans s WHERE s.g = o.g AND s.day = o.day"
    closed = f"SELECT * FROM ({sound}) o WHERE NOT EXISTS ({of_day})"
    rule = "the calendar has no session that day"
    yield from collected(rows, closed, kind="row on a closed day", rule=rule)
    if rows.whole_days:
        return
    # A tick may come with the close itself; a bar that starts then covers nothing.
    until = "<" if rows.kind == "bar" else "<="
    outside = (
        f"SELECT * FROM ({sound}) o WHERE EXISTS ({of_day}) AND NOT "
        f"EXISTS ({of_day} AND s.start <= o.ts AND o.ts {until} s.stop)"
    )
    yield from collected(
        rows, outside, kind="out of session",
        rule="no phase of the session, pre-open and post-close among them, has the time",
    )  # fmt: skip


def expected(session: Session, interval_ns: int) -> list[int]:
    """Return the starts of the bars of a session: from the start of each open stretch on."""
    return [
        ts for start, stop in spans(session, Phase.OPEN) for ts in range(start, stop, interval_ns)
    ]


def _missing_bars(rows: Rows, days: Days) -> Iterator[Finding]:
    for name, of in days.items():
        query = f"SELECT DISTINCT ts FROM {rows.table} WHERE flaw IS NULL AND instrument = ?"
        there = {ts for (ts,) in rows.con.execute(query, [name]).fetchall()}
        missing: dict[date, list[int]] = {}
        for session in rows.sessions(name, min(of), max(of)):
            if session.day in of:
                gone = [ts for ts in expected(session, rows.interval_ns) if ts not in there]
                if gone:
                    missing[session.day] = gone
        if missing:
            worst = max(missing.items(), key=lambda each: len(each[1]))
            first = next(iter(missing.values()))
            said = f"{text(first[0])[:SHOWN]} IST"
            if len(missing) > 1:
                said += f"; most on {worst[0]}: {len(worst[1])}"
            yield Finding(
                "missing bar", name, sum(map(len, missing.values())), said,
                "within an open stretch of the session a bar is not there (in thin trade it may "
                "be)",
                {each: len(gone) for each, gone in missing.items()},
            )  # fmt: skip


def _silences(rows: Rows) -> Iterator[Finding]:
    # The edges of each open stretch stand in as rows, so that a late start and an early end show.
    union = (
        f"SELECT r.instrument, s.start, s.stop, r.ts FROM {rows.table} r JOIN session_of o USING "
        "(instrument) "
        "JOIN spans s ON s.g = o.g AND s.open AND r.ts BETWEEN s.start AND s.stop WHERE flaw IS "
        "NULL"
    )
    edges = f"SELECT DISTINCT instrument, start, stop, unnest([start, stop]) AS ts FROM ({union})"
    steps = (
        "SELECT instrument, ts, lead(ts) OVER (PARTITION BY instrument, start ORDER BY ts) - ts "
        "AS step "
        f"FROM ({union} UNION ALL {edges})"
    )
    usual = (
        f"SELECT instrument, {DAY_SQL} AS day, median(step) AS usual FROM ({steps}) WHERE step > "
        "0 GROUP BY 1, 2"
    )
    query = (
        f"SELECT s.instrument, ts, step FROM ({steps}) s JOIN ({usual}) u ON u.instrument = "
        "s.instrument "
        f"AND u.day = {DAY_SQL} WHERE step > greatest({SILENCE_NS}, {SILENCE_MEDIANS} * usual) "
        "ORDER BY 1, 2"
    )
    by_name: dict[str, list[Span]] = {}
    for name, ts, step in rows.con.sql(query).fetchall():
        by_name.setdefault(name, []).append((ts, step))
    for name, gaps in by_name.items():
        days: dict[date, int] = {}
        for ts, _ in gaps:
            on = date.fromisoformat(time_text(ts)[:10])
            days[on] = days.get(on, 0) + 1
        start, step = max(gaps, key=lambda gap: gap[1])
        yield Finding(
            "silence", name, len(gaps), f"longest from {text(start)} IST: {_length(step)}",
            f"no row for over {SILENCE_NS // SECOND_NS} s and {SILENCE_MEDIANS} times the day's "
            "median step, "
            "while trading is open", days,
        )  # fmt: skip


def _length(ns: int) -> str:
    minutes, seconds = divmod(ns // SECOND_NS, 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
