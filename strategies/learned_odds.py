"""Machine learning with scikit-learn: each morning a model is trained on the days before, only.

`compiled=False` lets hooks use any library; this one comes with `alphapanda[research]`.
"""

from collections import deque

import numpy as np

from alphapanda import close, daily, param, strategy, target
from alphapanda.errors import UsageError

IST = 19_800_000_000_000
DAY = 86_400_000_000_000
BACK = (1, 5, 15, 30)
"""Bars over which returns are taken, the model's inputs."""


@strategy(compiled=False)
class LearnedOdds:
    """Long while a logistic regression gives a rise better odds than `odds`; flat from 15:10."""

    timers = daily("15:10")
    days = param(5, ge=1, le=250, doc="days before, on which each morning's model is trained")
    ahead = param(15, ge=1, le=120, doc="bars ahead, whose rise is predicted")
    odds = param(0.55, ge=0.5, lt=1.0, doc="probability of a rise above which to buy")
    quantity = param(1, ge=1, doc="shares to hold")

    def start(self):
        self.learn = learner()
        self.model = None
        self.today = 0
        self.over = False
        self.closes = []
        self.lessons = deque(maxlen=self.days)

    def on_bar(self, ctx):
        if (ctx.now + IST) // DAY != self.today:
            self.today = (ctx.now + IST) // DAY
            morning(self)
        self.closes.append(ctx.close / 10_000)
        if self.model is None or self.over or len(self.closes) <= BACK[-1]:
            return
        chance = self.model(returns(np.array(self.closes))[-1])
        if chance > self.odds:
            target(ctx, self.quantity)
        elif chance < 0.5:
            target(ctx, 0)

    def on_time(self, ctx):
        self.over = True
        close(ctx)


def morning(self):
    """Learn from the day that has ended, once as many days as wanted have."""
    if len(self.closes) > BACK[-1] + self.ahead:
        self.lessons.append(lesson(np.array(self.closes), self.ahead))
    self.closes, self.over = [], False
    if len(self.lessons) == self.days:
        inputs, rose = (np.concatenate(parts) for parts in zip(*self.lessons, strict=True))
        self.model = self.learn(inputs, rose) if 0 < rose.sum() < len(rose) else None


def lesson(closes, ahead):
    """Return a day's inputs and whether a rise followed each, within that day."""
    known = closes[BACK[-1] : -ahead]
    return returns(closes)[:-ahead], closes[BACK[-1] + ahead :] > known


def returns(closes):
    """Return the returns over the bars before in %, a row for each bar that has them all."""
    first = BACK[-1]
    return np.stack([closes[first:] / closes[first - n : -n] - 1.0 for n in BACK], axis=1) * 100.0


def learner():
    """Return what trains a model: inputs and outcomes in, the odds of new inputs out."""
    try:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 (only who runs it)
    except ImportError:
        what = "learned_odds needs scikit-learn: pip install 'alphapanda[research]'"
        raise UsageError(what) from None

    def learn(inputs, rose):
        model = LogisticRegression().fit(inputs, rose)
        weights, bias = model.coef_[0], model.intercept_[0]
        return lambda row: 1.0 / (1.0 + np.exp(-(row @ weights + bias)))

    return learn
