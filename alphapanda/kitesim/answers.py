"""The shapes of Kite's answers: orders, trades, positions, holdings, funds and quotes as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from alphapanda.kitesim.account import Account, Holding, Position
from alphapanda.kitesim.market import Quote
from alphapanda.kitesim.orders import FINAL, Order, Trade
from alphapanda.model.calendar import INDIA
from alphapanda.model.money import SCALE

HISTORY = (
    "average_price", "cancelled_quantity", "disclosed_quantity", "exchange", "exchange_order_id",
    "exchange_timestamp", "filled_quantity", "instrument_token", "order_id", "order_timestamp",
    "order_type", "parent_order_id", "pending_quantity", "placed_by", "price", "product",
    "quantity", "status", "status_message", "tag", "tradingsymbol", "transaction_type",
    "trigger_price", "validity", "variety", "modified",
)  # fmt: skip
"""Fields of an order's history, which has fewer than the order book."""
DEPTH = 5


def rupees(scaled: int) -> int | float:
    """Return an exact price or amount as JSON's number."""
    return scaled // SCALE if scaled % SCALE == 0 else scaled / SCALE


def stamp(ts: int | None) -> str | None:
    """Return a time as Kite writes it."""
    if not ts:
        return None
    return f"{datetime.fromtimestamp(ts // 1_000_000_000, INDIA):%Y-%m-%d %H:%M:%S}"


def order_row(order: Order, user_id: str) -> dict[str, Any]:
    """Return an order as the order book shows it."""
    terms = order.terms
    row: dict[str, Any] = {
        "account_id": user_id, "placed_by": user_id, "order_id": order.order_id,
        "exchange_order_id": order.exchange_id, "parent_order_id": order.parent_id,
        "status": order.status, "status_message": order.message,
        "status_message_raw": order.message_raw, "order_timestamp": stamp(order.request_ts),
        "exchange_update_timestamp": stamp(order.update_ts),
        "exchange_timestamp": stamp(order.exchange_ts), "variety": terms.variety,
        "modified": order.modified, "exchange": terms.listing.exchange,
        "tradingsymbol": terms.listing.symbol, "instrument_token": terms.listing.token,
        "order_type": order.kind, "transaction_type": terms.side, "validity": terms.validity,
        "validity_ttl": terms.ttl_minutes, "product": terms.product, "quantity": order.qty,
        "disclosed_quantity": terms.disclosed, "price": rupees(order.price),
        "trigger_price": rupees(order.trigger), "average_price": rupees(order.average),
        "filled_quantity": order.filled, "pending_quantity": order.pending,
        "cancelled_quantity": order.cancelled, "market_protection": 0, "meta": order.meta,
        "tag": terms.tag, "guid": f"sim{order.number}",
    }  # fmt: skip
    if order.tags:
        row["tags"] = list(order.tags)
    return row


def history_row(order: Order, user_id: str) -> dict[str, Any]:
    """Return an order's present state as a row of its history."""
    row = order_row(order, user_id)
    return {name: row[name] for name in HISTORY}


def update_row(row: dict[str, Any], *, app_id: int, checksum: str) -> dict[str, Any]:
    """Return a row of the order book as postbacks and the ticker send it."""
    left_out = ("tags", "modified", "account_id", "validity_ttl")
    sent = {name: value for name, value in row.items() if name not in left_out}
    return {
        "user_id": row["account_id"],
        "unfilled_quantity": row["quantity"] - row["filled_quantity"],
        "app_id": app_id,
        "checksum": checksum,
        **sent,
        "status": row["status"] if row["status"] in FINAL else "UPDATE",
    }


def trade_row(trade: Trade) -> dict[str, Any]:
    """Return an execution."""
    order, terms, at = trade.order, trade.order.terms, stamp(trade.ts) or ""
    return {
        "trade_id": str(10_000_000 + trade.number), "order_id": order.order_id,
        "exchange": terms.listing.exchange, "tradingsymbol": terms.listing.symbol,
        "instrument_token": terms.listing.token, "product": terms.product,
        "average_price": rupees(trade.price), "quantity": trade.qty,
        "exchange_order_id": order.exchange_id, "transaction_type": terms.side,
        "fill_timestamp": at, "order_timestamp": at[11:], "exchange_timestamp": at,
    }  # fmt: skip


def position_row(position: Position, quote: Quote, *, net: bool) -> dict[str, Any]:
    """Return a position: the present one, or today's trades alone."""
    p, m = position, position.listing.multiplier
    buy, sell = (p.buy_qty, p.buy_value), (p.sell_qty, p.sell_value)
    overnight = p.overnight
    if not net:
        buy, sell = (p.day_buy_qty, p.day_buy_value), (p.day_sell_qty, p.day_sell_value)
        overnight = 0
    qty = buy[0] - sell[0]
    buy_m2m = max(overnight, 0) * quote.close * m + p.day_buy_value * m
    sell_m2m = max(-overnight, 0) * quote.close * m + p.day_sell_value * m
    held = qty * quote.last * m
    value = (sell[1] - buy[1]) * m
    average = mean(buy) if qty > 0 else mean(sell) if qty < 0 else 0
    amounts = {
        "average_price": average, "close_price": quote.close if overnight else 0,
        "last_price": quote.last, "value": value, "pnl": value + held,
        "m2m": sell_m2m - buy_m2m + held, "unrealised": value + held, "realised": 0,
        "buy_price": mean(buy), "buy_value": buy[1] * m, "buy_m2m": buy_m2m,
        "sell_price": mean(sell), "sell_value": sell[1] * m, "sell_m2m": sell_m2m,
        "day_buy_price": mean((p.day_buy_qty, p.day_buy_value)),
        "day_buy_value": p.day_buy_value * m,
        "day_sell_price": mean((p.day_sell_qty, p.day_sell_value)),
        "day_sell_value": p.day_sell_value * m,
    }  # fmt: skip
    return {
        "tradingsymbol": p.listing.symbol, "exchange": p.listing.exchange,
        "instrument_token": p.listing.token, "product": p.product, "quantity": qty,
        "overnight_quantity": overnight, "multiplier": m, "buy_quantity": buy[0],
        "sell_quantity": sell[0], "day_buy_quantity": p.day_buy_qty,
        "day_sell_quantity": p.day_sell_qty,
        **{name: rupees(amount) for name, amount in amounts.items()},
    }  # fmt: skip


def mean(side: tuple[int, int]) -> int:
    """Return the average price of a quantity and its value."""
    return side[1] // side[0] if side[0] else 0


def holding_row(holding: Holding, quote: Quote) -> dict[str, Any]:
    """Return a holding."""
    held = holding.quantity + holding.t1
    change = quote.last - quote.close
    return {
        "tradingsymbol": holding.listing.symbol, "exchange": holding.listing.exchange,
        "instrument_token": holding.listing.token, "isin": "", "product": "CNC", "price": 0,
        "quantity": holding.quantity - holding.used, "used_quantity": holding.used,
        "t1_quantity": holding.t1, "realised_quantity": holding.quantity,
        "authorised_quantity": held if holding.authorised else 0,
        "authorised_date": stamp(quote.ts) or "", "authorisation": {},
        "opening_quantity": held, "short_quantity": 0, "collateral_quantity": 0,
        "collateral_type": "", "discrepancy": False, "average_price": rupees(holding.average),
        "last_price": rupees(quote.last), "close_price": rupees(quote.close),
        "pnl": rupees((quote.last - holding.average) * held), "day_change": rupees(change),
        "day_change_percentage": change * 100 / quote.close if quote.close else 0,
        "mtf": {"quantity": 0, "used_quantity": 0, "average_price": 0, "value": 0,
                "initial_margin": 0},
    }  # fmt: skip


def funds_row(account: Account, *, blocked: int, commodity: bool) -> dict[str, Any]:
    """Return the funds of a segment; all the simulator's money is in equity."""
    opening = 0 if commodity else account.cash
    live = 0 if commodity else account.cash_now() - blocked
    realised = 0 if commodity else sum(p.realised for p in account.positions.values())
    used = dict.fromkeys((
        "debits", "exposure", "m2m_realised", "m2m_unrealised", "option_premium", "payout", "span",
        "holding_sales", "turnover", "liquid_collateral", "stock_collateral", "delivery",
    ), 0)  # fmt: skip
    used |= {"debits": opening - live, "exposure": 0 if commodity else blocked}
    used["m2m_realised"] = realised
    return {
        "enabled": not commodity, "net": rupees(live),
        "available": {
            "adhoc_margin": 0, "cash": rupees(opening), "opening_balance": rupees(opening),
            "live_balance": rupees(live), "collateral": 0, "intraday_payin": 0,
        },
        "utilised": {name: rupees(amount) for name, amount in used.items()},
    }  # fmt: skip


def quote_row(quote: Quote) -> dict[str, Any]:
    """Return a quote in full."""
    empty = {"price": 0, "quantity": 0, "orders": 0}

    def depth(price: int, qty: int) -> list[dict[str, Any]]:
        best = {"price": rupees(price), "quantity": qty, "orders": 1 if price else 0}
        return [best, *(dict(empty) for _ in range(DEPTH - 1))]

    return {
        "instrument_token": quote.listing.token, "timestamp": stamp(quote.ts),
        "last_trade_time": stamp(quote.traded_ts), "last_price": rupees(quote.last),
        "last_quantity": quote.qty, "buy_quantity": quote.bid_qty, "sell_quantity": quote.ask_qty,
        "volume": quote.volume, "average_price": rupees(quote.average), "oi": quote.oi,
        "oi_day_high": quote.oi_high, "oi_day_low": quote.oi_low, "net_change": 0,
        "lower_circuit_limit": rupees(quote.lower_circuit),
        "upper_circuit_limit": rupees(quote.upper_circuit), "ohlc": day_prices(quote),
        "depth": {"buy": depth(quote.bid, quote.bid_qty), "sell": depth(quote.ask, quote.ask_qty)},
    }  # fmt: skip


def day_prices(quote: Quote) -> dict[str, Any]:
    """Return a day's open, high and low, and the close before it."""
    return {name: rupees(getattr(quote, name)) for name in ("open", "high", "low", "close")}


def ohlc_row(quote: Quote) -> dict[str, Any]:
    """Return a quote of the short kind."""
    return {**ltp_row(quote), "ohlc": day_prices(quote)}


def ltp_row(quote: Quote) -> dict[str, Any]:
    """Return a quote of the shortest kind."""
    return {"instrument_token": quote.listing.token, "last_price": rupees(quote.last)}
