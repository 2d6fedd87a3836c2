"""Files are written whole: what is there before stays until all of the new is on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from alphapanda import files


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    """The text is all of the new one, in UTF-8, and nothing else is left."""
    path = tmp_path / "page.html"
    path.write_text("old and longer")
    files.write_text(path, "₹1")
    assert path.read_bytes() == "₹1".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_the_old_one(tmp_path: Path) -> None:
    """Where writing raises, the file is as it was, and what was begun is gone."""
    path = tmp_path / "page.html"
    path.write_text("old")

    def fail() -> None:
        with files.replacing(path) as partial:
            partial.write_text("half")
            assert path.read_text() == "old"
            raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        fail()
    assert (path.read_text(), list(tmp_path.iterdir())) == ("old", [path])


def test_no_folder_is_made(tmp_path: Path) -> None:
    """A folder that somebody removed is not made anew: the caller decides."""
    with pytest.raises(FileNotFoundError):
        files.write_text(tmp_path / "gone" / "cursor", "1")
    assert list(tmp_path.iterdir()) == []


def test_a_partial_file_is_hidden(tmp_path: Path) -> None:
    """What lies beside is found by no pattern of readers, and known as what it is."""
    partial = files.beside(tmp_path / "ticks.parquet")
    partial.touch()
    assert partial.parent == tmp_path
    assert list(tmp_path.glob("*.parquet")) == list(tmp_path.glob("*.toml")) == []
    assert files.is_partial(partial)
    assert not files.is_partial(tmp_path / "ticks.parquet")
