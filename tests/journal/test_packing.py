"""A batch as bytes: the words of commands come back, and batches without any are as they were."""

from __future__ import annotations

import numpy as np

from alphapanda.journal.packing import head_of, pack, unpack
from alphapanda.model.columns import Columns
from alphapanda.model.commands import Texts
from alphapanda.model.rows import CONTROL, Control

ROWS = Columns.of(ts=[1, 2], row=[0, 0], last=[5, 6])


def test_words_of_commands_come_back() -> None:
    """What commands say beside their control rows is read as it was written, in any script."""
    controls = np.zeros(2, CONTROL)
    controls["kind"], controls["c"] = Control.PAUSE, (1, 2)
    texts = (Texts("a1", "Priya", 'प्रिया: "रोको"\n'), Texts("b2"))
    batch = unpack(pack(ROWS, controls, [b"{}"], 7, 3, texts))
    assert (batch.texts, batch.missed, batch.seq) == (texts, 3, 7)
    assert batch.controls.tobytes() == controls.tobytes()
    assert batch.envelopes == [b"{}"]


def test_a_batch_without_commands_is_as_before() -> None:
    """Its head does not mention them, so journals of earlier versions read the same."""
    text = pack(ROWS, np.zeros(0, CONTROL), [], 0)
    assert set(head_of(text)[0]) == {"rows", "columns", "controls", "seq", "envelopes"}
    assert unpack(text).texts == ()
