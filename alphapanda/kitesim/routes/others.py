"""What Kite has and the simulator has not: lists are empty, requests are refused in Kite's form."""

from __future__ import annotations

from alphapanda.kitesim.call import Answer, Call, Csv, Route
from alphapanda.kitesim.orders import Refusal

FUNDS = (
    "tradingsymbol,amc,name,purchase_allowed,redemption_allowed,minimum_purchase_amount,"
    "purchase_amount_multiplier,minimum_additional_purchase_amount,minimum_redemption_quantity,"
    "redemption_quantity_multiplier,dividend_type,scheme_type,plan,settlement_type,"
    "last_price,last_price_date\n"
)
NO_FUNDS = Refusal("SIMULATOR: mutual funds are not simulated.")
NO_ALERTS = Refusal("SIMULATOR: alerts are not simulated.")


def nothing(call: Call) -> Answer:
    """Return an empty list."""
    return []


def no_such_fund(call: Call) -> Answer:
    """Refuse one order, plan or holding of a fund: there is none."""
    return Refusal("Couldn't find that `id`: the simulator has no mutual funds.",
                   "GeneralException", 404)  # fmt: skip


def no_such_alert(call: Call) -> Answer:
    """Refuse one alert: there is none."""
    return Refusal("Couldn't find that alert: the simulator has none.", "GeneralException", 404)


def refuse_funds(call: Call) -> Answer:
    """Refuse to move a fund, as Kite has since orders of funds were switched off."""
    return NO_FUNDS


def refuse_alerts(call: Call) -> Answer:
    """Refuse to make an alert: one may place orders by itself, and nobody would check them here."""
    return NO_ALERTS


def funds(call: Call) -> Answer:
    """Return the list of funds: its head alone."""
    return Csv(FUNDS)


ROUTES = (
    Route("GET", "/mf/orders", "other", nothing),
    Route("GET", "/mf/orders/{id}", "other", no_such_fund),
    Route("POST", "/mf/orders", "other", refuse_funds),
    Route("DELETE", "/mf/orders/{id}", "other", refuse_funds),
    Route("GET", "/mf/sips", "other", nothing),
    Route("GET", "/mf/sips/{id}", "other", no_such_fund),
    Route("POST", "/mf/sips", "other", refuse_funds),
    Route("PUT", "/mf/sips/{id}", "other", refuse_funds),
    Route("DELETE", "/mf/sips/{id}", "other", refuse_funds),
    Route("GET", "/mf/holdings", "other", nothing),
    Route("GET", "/mf/holdings/{id}", "other", no_such_fund),
    Route("GET", "/mf/allotments", "other", nothing),
    Route("GET", "/mf/instruments", "other", funds),
    Route("GET", "/portfolio/holdings/auctions", "other", nothing),
    Route("GET", "/alerts", "other", nothing),
    Route("GET", "/alerts/{id}", "other", no_such_alert),
    Route("GET", "/alerts/{id}/history", "other", no_such_alert),
    Route("POST", "/alerts", "other", refuse_alerts),
    Route("PUT", "/alerts/{id}", "other", refuse_alerts),
    Route("DELETE", "/alerts", "other", refuse_alerts),
)
