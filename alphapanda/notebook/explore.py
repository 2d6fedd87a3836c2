"""A strategy's parameters as sliders, its result redrawn: `explore("ema_cross", data)`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from html import escape
from pprint import pformat
from typing import TYPE_CHECKING, Any

from alphapanda import config
from alphapanda.errors import AlphaPandaError, UsageError
from alphapanda.model.declaration import Param
from alphapanda.notebook.live import Live, widgets_here
from alphapanda.research import notebook as shown
from alphapanda.research.result import Result
from alphapanda.runs import discovery
from alphapanda.runs.backtest import run_backtest
from alphapanda.runs.options import from_python

if TYPE_CHECKING:
    from alphapanda.config.settings import Settings

QUIET_S = 0.15
"""How long a slider must rest before its value is run."""
TIMES = 4
"""A slider without a bound ends at so many times the default."""
STEPS = 100


class DroppedError(Exception):
    """A newer wish makes this run pointless."""


class Explorer(Live):
    """Sliders over a strategy; `params` are the values, `result` what they gave last."""

    def __init__(
        self, strategy: Any, data: Any, bounds: Mapping[str, tuple[float, float]],
        options: Mapping[str, Any], settings: Settings,
    ) -> None:  # fmt: skip
        super().__init__()
        self._settings = settings
        self.spec = discovery.find(strategy, settings.strategies_dir)
        self.strategy, self.data, self.options = strategy, data, dict(options)
        given = self.options.pop("params", {})
        self.params: dict[str, Any] = self.spec.arguments(given)
        self.spans = {name: span(name, each, self.params[name], bounds)
                      for name, each in self.spec.params.items()}  # fmt: skip
        self.result: Result | None = None
        self.trouble = ""
        self.dropped = 0
        """Runs that a newer wish has ended."""
        self._wish = 0
        self._busy, self._drawing = asyncio.Lock(), False
        widgets = widgets_here()
        if widgets is not None:
            self._make(widgets)
            self._wished()
        else:
            self.run()

    def run(self, **params: Any) -> Result | None:
        """Run with some parameters changed, at once, and return the result.

        Raises:
            UsageError: for a parameter that is not there, or out of its bounds.
        """
        self.params = self.spec.arguments({**self.params, **params})
        self._wish += 1
        self._compute(self._wish, dict(self.params))
        self._draw()
        return self.result

    @property
    def busy(self) -> bool:
        """Whether something is run now, beside the cells."""
        return self._busy.locked()

    async def rest(self) -> None:
        """Wait until nothing is asked for that has not been run."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def text(self) -> str:
        """Return parameters and result as text."""
        said = f"params = {pformat(self.params)}"
        if widgets_here() is None:
            said += "\nno widgets are here: .run(NAME=VALUE) changes one"
        if self.trouble:
            return f"{said}\n{self.trouble}"
        return said if self.result is None else f"{said}\n{self.result!r}"

    def page(self) -> str:
        """Return parameters and result as HTML."""
        said = f"<code>params = {escape(repr(self.params))}</code>"
        if self.trouble:
            return f"{said}<div role='alert'>{escape(self.trouble)}</div>"
        return said if self.result is None else f"{said}{shown.card(self.result)}"

    def _make(self, widgets: Any) -> None:
        self.sliders = {name: slider(widgets, name, self.spec.params[name], self.params[name],
                                     self.spans[name]) for name in self.params}  # fmt: skip
        self.shown = widgets.HTML()
        for each in self.sliders.values():
            each.observe(self._moved, names="value")
        self.box = widgets.VBox([*self.sliders.values(), self.shown])

    def _moved(self, _: Any) -> None:
        if self._drawing:
            return
        self.params = {name: each.value for name, each in self.sliders.items()}
        self._wished()

    def _wished(self) -> None:
        self._wish += 1
        self.begin(self._answer(self._wish))

    # On the loop; the run itself is beside it, so that sliders and cells go on meanwhile.
    async def _answer(self, wish: int) -> None:
        await asyncio.sleep(QUIET_S)
        if wish == self._wish:
            async with self._busy:  # the one before ends first: it has been dropped
                await asyncio.to_thread(self._compute, wish, dict(self.params))
            if wish == self._wish:
                self._draw()

    def _compute(self, wish: int, params: dict[str, Any]) -> None:
        def progress(*_: int) -> None:
            if wish != self._wish:
                raise DroppedError

        try:
            problem = self.spec.problem(params)
            if problem:
                raise UsageError(f"{self.spec.name}: {problem}")
            options = from_python(
                self.strategy, self.data, {**self.options, "params": params},
                cache_dir=self._settings.cache_dir,
            )  # fmt: skip
            result = run_backtest(options, self._settings, progress=progress)
        except DroppedError:
            self.dropped += 1
        except AlphaPandaError as error:
            if wish == self._wish:
                self.result, self.trouble = None, str(error)
        else:
            if wish == self._wish:
                self.result, self.trouble = result, ""

    def _draw(self) -> None:
        if self.box is None:
            return
        self._drawing = True
        for name, each in self.sliders.items():
            reach(each, self.params[name])
        self._drawing = False
        self.shown.value = self.page()


def explore(
    strategy: Any, data: Any, *, bounds: Mapping[str, tuple[float, float]] | None = None,
    **options: Any,
) -> Explorer:  # fmt: skip
    """Show a strategy's parameters as sliders, and its result on some data, redrawn as they move.

    A slider goes from a parameter's lower bound to its upper one; where the strategy declares none,
    to four times the default, or as `bounds` says: `{"fast": (5, 50)}`. A run that is going on when
    a slider moves is dropped. Other options are those of `alphapanda.backtest`.

    Raises:
        UsageError: for a strategy, a parameter or bounds that are not there or can't be.
    """
    return Explorer(strategy, data, bounds or {}, options, config.load())


def span(
    name: str, param: Param, value: float, bounds: Mapping[str, tuple[float, float]]
) -> tuple[float, float]:
    """Return from where to where a slider goes."""
    whole = not isinstance(param.default, float)
    step = 1 if whole else 1e-9
    low = param.ge if param.ge is not None else None if param.gt is None else param.gt + step
    high = param.le if param.le is not None else None if param.lt is None else param.lt - step
    if name in bounds:
        first, last = bounds[name]
        if first > last or (low is not None and first < low) or (high is not None and last > high):
            raise UsageError(f"bounds of {name}: {first} to {last} are not within its own")
        low, high = first, last
    reach = TIMES * max(abs(param.default), abs(value), 1)
    low = (0 if value >= 0 else -reach) if low is None else low
    high = max(reach, low) if high is None else high
    return min(low, value), max(high, value)


def reach(slider: Any, value: Any) -> None:
    """Set a slider, and widen it to reach the value: it would take its end in silence."""
    if hasattr(slider, "max"):
        slider.min, slider.max = min(slider.min, value), max(slider.max, value)
    if slider.value != value:
        slider.value = value


def slider(widgets: Any, name: str, param: Param, value: Any, ends: tuple[float, float]) -> Any:
    """Return the widget of a parameter."""
    described = {"description": name, "tooltip": param.doc or name}
    if isinstance(param.default, bool):
        return widgets.Checkbox(value=bool(value), **described)
    if isinstance(param.default, float):
        step = (ends[1] - ends[0]) / STEPS or 1.0
        return widgets.FloatSlider(value, min=ends[0], max=ends[1], step=step,
                                   readout_format=".4g", **described)  # fmt: skip
    return widgets.IntSlider(value, min=int(ends[0]), max=int(ends[1]), **described)
