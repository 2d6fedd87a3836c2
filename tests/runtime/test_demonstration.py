"""What `demo --live` prepares: a base folder of its own, none of the user's servers or users."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from alphapanda.config.keys import environment_of
from alphapanda.errors import UsageError
from alphapanda.runtime import demonstration
from tests.support.api import settings_of
from tests.support.servers import databases


def test_no_setting_of_the_user_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database and a broker in the environment are not those of the demonstration."""
    monkeypatch.setenv("ALPHAPANDA_DATABASE__URL", "postgresql://mira@db.example/real")
    monkeypatch.setenv("ALPHAPANDA_ZERODHA__ENABLED", "true")
    monkeypatch.setenv("ALPHAPANDA_CACHE_DIR", str(tmp_path / "cache"))
    base = demonstration.make_base(tmp_path / "demo")
    found = environment_of(base, {})
    ours = {name: text for name, text in found.items() if name.startswith("ALPHAPANDA_")}
    assert ours == {
        "ALPHAPANDA_BASE_DIR": str(base), "ALPHAPANDA_CACHE_DIR": str(tmp_path / "cache"),
    }  # fmt: skip
    assert demonstration.make_base(base) == base


@pytest.mark.parametrize("name", [".env", "alphapanda.toml"])
def test_a_folder_with_settings_is_refused(name: str, tmp_path: Path) -> None:
    """A base folder of the user's own, whose settings may name servers, is not touched."""
    text = "ALPHAPANDA_DATABASE__URL=postgresql://mira@db.example/real\n"
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match="--out"):
        demonstration.make_base(tmp_path)
    assert (tmp_path / name).read_text() == text


def test_a_user_it_did_not_make_is_refused(tmp_path: Path, templates: databases.Templates) -> None:
    """A `demo` of somebody's own keeps its password; the one that was made here gets a new one."""
    templates.made("")
    shutil.copy(templates.folder / databases.FILE, tmp_path / databases.FILE)
    settings = settings_of(tmp_path)
    asyncio.run(demonstration.add_user(settings, "the first password"))
    asyncio.run(demonstration.add_user(settings, "the second password"))
    (tmp_path / demonstration.MADE).write_text("another\n")
    with pytest.raises(UsageError, match="did not make"):
        asyncio.run(demonstration.add_user(settings, "the third password"))
