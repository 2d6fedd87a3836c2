"""A CSV under check: its text as it is, cut by lines, changed only in numbers after the cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from alphapanda.validation.shadow_files import Shadow

TEXT = (
    "code,time,close,volume,note\r\n"
    '0050,2025-07-01 09:15:00+05:30,100.50,5,"a, b"\r\n'
    "0050,2025-07-01 09:16:00+05:30,101.50,6,\r\n"
    "0050,2025-07-01 09:17:00+05:30,102.50,7,x\r\n"
    "0050,2025-07-01 09:18:00+05:30,103.50,8,y\r\n"
)
CUT_NS = 1_751_341_620 * 10**9  # 09:17


def shown(folder: Path, how: str, text: str = TEXT) -> str:
    """Return what a strategy reads of a file with this text."""
    path = folder / "own.csv"
    path.write_bytes(text.encode())
    shadow = Shadow(folder / "shadow", stamp=None, interval_ns=0, seed=1)
    shadow.show(how, CUT_NS)  # type: ignore[arg-type]
    return Path(shadow.path(str(path))).read_bytes().decode()


def test_whole_is_the_text_itself(tmp_path: Path) -> None:
    """0050 stays 0050, zones, quotes and ends of lines are the file's own."""
    assert shown(tmp_path, "whole") == TEXT


def test_cut_ends_before_the_first_unknown_line(tmp_path: Path) -> None:
    """What is left is the file's own text."""
    assert shown(tmp_path, "cut") == "".join(TEXT.splitlines(keepends=True)[:3])


def test_changed_alters_numbers_of_later_lines_alone(tmp_path: Path) -> None:
    """Prices are scaled with their decimals, whole numbers shuffled; names and times stay."""
    lines, before = shown(tmp_path, "changed").splitlines(), TEXT.splitlines()
    assert lines[:3] == before[:3]
    for line, was in zip(lines[3:], before[3:], strict=True):
        now, then = line.split(","), was.split(",")
        assert (now[:2], now[4]) == (then[:2], then[4])
        assert now[2] in {"109.68", "109.67", "110.74", "110.75"}
        assert now[3] in {"7", "8"}


@pytest.mark.parametrize("time", ["1751341500", "20250701", "2025-07-01"])
def test_other_times_are_cut_too(tmp_path: Path, time: str) -> None:
    """Epochs and days, written without a zone: a later row is gone."""
    later = {"1751341500": "1751341800", "20250701": "20250702", "2025-07-01": "2025-07-02"}[time]
    text = f"date;close\n{time};1,5\n{later};2,5\n"
    assert shown(tmp_path, "cut", text) == f"date;close\n{time};1,5\n"
