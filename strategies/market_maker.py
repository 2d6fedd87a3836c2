"""A quote on each side of the market, the stress case of the order path."""

from alphapanda import (
    buy_limit,
    cancel,
    is_open,
    param,
    sell_limit,
    state,
    strategy,
    tick_down,
    tick_up,
)


@strategy
class MarketMaker:
    """Rest one order a side, `edge` ticks away from the quote, and follow it when it moves."""

    quantity = param(75, ge=1, doc="quantity of each quote")
    edge = param(1, ge=0, doc="ticks between the quote and our order")
    most = param(300, ge=1, doc="largest position on either side")
    bid_order = state(0)
    bid_price = state(0)
    ask_order = state(0)
    ask_price = state(0)

    def on_tick(self, ctx):
        if ctx.bid == 0 or ctx.ask == 0:
            return
        width = self.edge * max(ctx.market.tick, 1)
        bid = tick_down(ctx, ctx.bid - width)
        ask = tick_up(ctx, ctx.ask + width)
        if self.bid_order != 0 and not is_open(ctx, self.bid_order):
            self.bid_order = 0
        if self.ask_order != 0 and not is_open(ctx, self.ask_order):
            self.ask_order = 0
        if self.bid_order != 0 and self.bid_price != bid:
            cancel(ctx, self.bid_order)
        elif self.bid_order == 0 and ctx.position + self.quantity <= self.most:
            self.bid_order = buy_limit(ctx, self.quantity, bid)
            self.bid_price = bid
        if self.ask_order != 0 and self.ask_price != ask:
            cancel(ctx, self.ask_order)
        elif self.ask_order == 0 and ctx.position - self.quantity >= -self.most:
            self.ask_order = sell_limit(ctx, self.quantity, ask)
            self.ask_price = ask
