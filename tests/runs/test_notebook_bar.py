"""The bar of a notebook goes when its run is over, however that ends."""

from __future__ import annotations

import pytest
from ipywidgets.widgets.widget import _instances

from alphapanda.errors import UsageError
from alphapanda.runs import notebook_bar


def test_no_widget_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A loop of runs, one of them refused, leaves no model in the browser."""
    monkeypatch.setattr(notebook_bar, "in_kernel", lambda: True)
    before = len(_instances)
    for _ in range(3):
        with notebook_bar.kernel_bar() as tell:
            assert tell is not None
            tell(1, 2, 0)
            tell(2, 2, 1)
    with pytest.raises(UsageError), notebook_bar.kernel_bar():
        raise UsageError("no such option")
    assert "IntProgress" in capsys.readouterr().out
    assert len(_instances) == before


def test_an_error_for_the_user_is_a_sentence() -> None:
    """What a notebook prints in place of a traceback is one line."""
    assert UsageError("write 5:25")._render_traceback_() == ["UsageError: write 5:25"]
