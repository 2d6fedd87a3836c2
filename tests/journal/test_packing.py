"""A batch as bytes: the words of commands come back, and batches without any are as they were."""

from __future__ import annotations

import numpy as np
import pytest

from alphapanda.journal.checking import head
from alphapanda.journal.packing import head_of, pack, unpack
from alphapanda.model.columns import Columns
from alphapanda.model.rows import CONTROL, Control
from alphapanda.model.texts import CommandTexts, ReportTexts

ROWS = Columns.of(ts=[1, 2], row=[0, 0], last=[5, 6])


def test_words_of_commands_come_back() -> None:
    """What commands say beside their control rows is read as it was written, in any script."""
    controls = np.zeros(2, CONTROL)
    controls["kind"], controls["c"] = Control.PAUSE, (1, 2)
    texts = (CommandTexts("a1", "Priya", 'प्रिया: "रोको"\n'), CommandTexts("b2"))
    batch = unpack(pack(ROWS, controls, [b"{}"], 7, 3, texts))
    assert (batch.texts, batch.missed, batch.seq) == (texts, 3, 7)
    assert batch.controls.tobytes() == controls.tobytes()
    assert batch.envelopes == [b"{}"]


def test_a_batch_without_commands_is_as_before() -> None:
    """Its head does not mention them, so journals of earlier versions read the same."""
    text = pack(ROWS, np.zeros(0, CONTROL), [], 0)
    assert set(head_of(text)[0]) == {"rows", "columns", "controls", "seq", "envelopes"}
    assert unpack(text).texts == ()


def test_reports_come_back_with_their_words() -> None:
    """A report's fields and words are kept beside those of a command; a batch without is narrow."""
    controls = np.zeros(3, CONTROL)
    controls["kind"] = Control.TIME, Control.REPORT, Control.PAUSE
    controls["c"] = 0, 7, 1
    controls["row"], controls["qty"], controls["price"], controls["reason"] = 0, -5, 1_000_500, 3
    texts = (ReportTexts("25", "t1", "filled"), CommandTexts("a1", "Priya"))
    wide = pack(ROWS, controls, [b"{}"], 7, 0, texts)
    assert head(wide)["wide"]
    batch = unpack(wide)
    assert (batch.texts, batch.controls.tobytes()) == (texts, controls.tobytes())
    for name in ("row", "qty", "price", "trigger", "reason"):
        controls[name] = 0
    narrow = pack(ROWS, controls, [b"{}"], 7, 0, texts)
    assert len(wide) - len(narrow) == len(', "wide": true') + 3 * 5 * 8
    assert "wide" not in head(narrow)
    assert unpack(narrow).controls.tobytes() == controls.tobytes()


@pytest.mark.parametrize("seq", [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000])
def test_rows_are_aligned_wherever_they_lie(seq: int) -> None:
    """The head is as long as its numbers; memory views of what lies behind it can still be read.

    A run in plain Python that was started again failed with `memoryview: unsupported format`.
    """
    columns = Columns.of(ts=np.arange(3), row=[0, 1, 0], last=[5, 6, 7])
    controls = np.zeros(2, CONTROL)
    controls["ts"] = 7, 8
    texts = (CommandTexts("an id", "somebody", "a reason"),)
    found = unpack(pack(columns, controls, [b"{}"], seq, 0, texts))
    assert memoryview(found.columns.ts)[2] == 2
    assert memoryview(found.columns.row)[1] == 1
    assert found.controls.flags.aligned
    assert found.controls["ts"].tolist() == [7, 8]
    assert (tuple(found.texts), found.seq) == (texts, seq)
