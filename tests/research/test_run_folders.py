"""Folders of runs whose name nobody chose."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alphapanda.errors import OutsideError
from alphapanda.research.rundir import claimed, remove_empty


def test_a_name_that_nobody_chose_is_given_once(tmp_path: Path) -> None:
    """Whoever asks for the same name gets a folder of its own; one that stays empty may go."""
    wanted = tmp_path / "runs" / "20261128-paper"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: claimed(wanted), range(24)))
    assert sorted(found) == sorted(
        wanted.with_name(f"{wanted.name}{end}") for end in ["", *(f"-{n}" for n in range(2, 25))]
    )
    (found[0] / "journal").touch()
    for folder in found:
        remove_empty(folder)
    assert [*wanted.parent.iterdir()] == [found[0]]
    (tmp_path / "file").touch()
    with pytest.raises(OutsideError, match="can't make the folder"):
        claimed(tmp_path / "file" / "run")
