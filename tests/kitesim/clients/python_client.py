"""A day with the official Python client and its ticker; prints what it saw as JSON.

Its arguments: the simulator's ready line. It runs with TZ=Asia/Kolkata, as its times are local.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import warnings
from typing import Any
from urllib.parse import parse_qs, urlsplit

warnings.simplefilter("ignore")

import requests  # noqa: E402
from kiteconnect import KiteConnect, KiteTicker  # noqa: E402

SIM = json.loads(sys.argv[1])
PATIENCE_S = 60
INFY, NIFTY, USDINR = 408065, 256265, 412675
http = requests.Session()
http.trust_env = False
seen: dict[str, Any] = {}


def wait_for(condition: Any) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.01)


def step(rows: int) -> None:
    """Let rows pass."""
    http.post(f"{SIM['rest']}/_sim/step", data={"rows": rows}, timeout=PATIENCE_S)


def log_in() -> KiteConnect:
    """Log in at the page, and exchange the token."""
    form = {"user_id": SIM["user_id"], "totp": "000000"}
    answer = http.post(SIM["login"], data=form, allow_redirects=False, timeout=PATIENCE_S)
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    kite = KiteConnect(SIM["api_key"], root=SIM["rest"], timeout=PATIENCE_S)
    kite.reqsession.trust_env = False
    session = kite.generate_session(query["request_token"][0], SIM["api_secret"])
    seen["session"] = [query["status"][0], session["user_id"], str(session["login_time"])]
    return kite


def look_around(kite: KiteConnect) -> None:
    """Read what there is before the day begins."""
    seen["profile"] = kite.profile()["user_name"]
    seen["dump"] = [[r["instrument_token"], r["tick_size"], str(r["expiry"])]
                    for r in kite.instruments()]  # fmt: skip
    seen["nse"] = len(kite.instruments("NSE"))
    seen["ltp"] = kite.ltp("NSE:INFY", "NSE:NIFTY 50", "NSE:NONE")
    seen["ohlc"] = kite.ohlc(["NSE:INFY"])["NSE:INFY"]["ohlc"]["close"]
    seen["quote"] = kite.quote("CDS:USDINR26JANFUT")["CDS:USDINR26JANFUT"]["depth"]["sell"][0]


def listen(kite: KiteConnect) -> tuple[KiteTicker, list[Any], list[Any]]:
    """Subscribe to three instruments in three modes."""
    ticks: list[Any] = []
    updates: list[Any] = []
    ticker = KiteTicker(SIM["api_key"], kite.access_token, root=SIM["ws"])
    ticker.on_ticks = lambda _, found: ticks.extend(found)
    ticker.on_order_update = lambda _, update: updates.append(update)
    opened = threading.Event()
    ticker.on_connect = lambda *_: opened.set()
    ticker.connect(threaded=True)
    assert opened.wait(PATIENCE_S)
    for n, mode in enumerate(("ltp", "quote", "full")):
        ticks.clear()
        ticker.subscribe([INFY, NIFTY, USDINR])
        ticker.set_mode(mode, [INFY, NIFTY, USDINR])
        due = {(INFY, 1500 + n * 0.05), (NIFTY, 26000.0 + n), (USDINR, 90 + n * 0.0025)}
        wait_for(lambda want=mode: {t["instrument_token"] for t in ticks if t["mode"] == want}
                 == {INFY, NIFTY, USDINR})  # fmt: skip
        step(3)
        wait_for(lambda due=due, want=mode: due <= {
            (t["instrument_token"], t["last_price"]) for t in ticks if t["mode"] == want
        })  # fmt: skip
        seen[f"ticks {mode}"] = {
            tick["instrument_token"]: {"last": tick["last_price"], "keys": sorted(tick)}
            for tick in ticks if tick["mode"] == mode
        }  # fmt: skip
    step(3)
    return ticker, ticks, updates


def trade(kite: KiteConnect, updates: list[Any]) -> None:
    """Place, fill in parts, change, cancel, and be refused."""
    order: dict[str, Any] = {
        "variety": "regular", "exchange": "NSE", "tradingsymbol": "INFY", "product": "CNC",
        "transaction_type": "BUY",
    }  # fmt: skip
    bought = kite.place_order(**order, quantity=25, order_type="MARKET", market_protection=-1,
                              tag="mine")  # fmt: skip
    wait_for(lambda: kite.order_history(bought)[-1]["filled_quantity"] == 10)
    seen["partly"] = [kite.orders()[-1]["status"], kite.orders()[-1]["filled_quantity"]]
    step(6)
    wait_for(lambda: kite.order_history(bought)[-1]["status"] == "COMPLETE")
    row = next(row for row in kite.orders() if row["order_id"] == bought)
    seen["bought"] = [row["order_type"], row["filled_quantity"], row["tags"]]
    fills = kite.order_trades(bought)
    seen["fills"] = [fill["quantity"] for fill in fills]
    seen["average"] = abs(sum(f["quantity"] * f["average_price"] for f in fills) / 25
                          - row["average_price"]) < 0.0001  # fmt: skip
    resting = kite.place_order(**order, quantity=5, order_type="LIMIT", price=1490)
    wait_for(lambda: kite.order_history(resting)[-1]["status"] == "OPEN")
    kite.modify_order("regular", resting, price=1491.05, quantity=6)
    wait_for(lambda: kite.order_history(resting)[-1]["price"] == 1491.05)
    wait_for(lambda: kite.order_history(resting)[-1]["status"] == "OPEN")
    kite.cancel_order("regular", resting)
    wait_for(lambda: kite.order_history(resting)[-1]["status"] == "CANCELLED")
    seen["life"] = [row["status"] for row in kite.order_history(resting)]
    for name, values in {
        "no protection": {"quantity": 1, "order_type": "MARKET"},
        "tick": {"quantity": 1, "order_type": "LIMIT", "price": 1490.01},
        "money": {"quantity": 5000, "order_type": "LIMIT", "price": 1490},
    }.items():  # fmt: skip
        try:
            kite.place_order(**order, **values)
        except Exception as error:  # noqa: BLE001
            seen[name] = [type(error).__name__, error.code]  # type: ignore[attr-defined]
    wait_for(lambda: [u["status"] for u in updates].count("CANCELLED") == 1)
    seen["updates"] = [u["status"] for u in updates if u["order_id"] == bought]


def count(kite: KiteConnect) -> None:
    """Read what is held and what there is."""
    seen["position"] = [kite.positions()["net"][0][name] for name in ("quantity", "product")]
    seen["holding"] = kite.holdings()[0]["quantity"]
    seen["cash"] = kite.margins("equity")["available"]["cash"]
    seen["trades"] = len(kite.trades())
    candles = kite.historical_data(INFY, "2025-12-29 09:15:00", "2025-12-29 15:30:00", "minute")
    seen["candle"] = [str(candles[0]["date"]), candles[0]["open"]]
    leg = {"transaction_type": "SELL", "quantity": 5, "order_type": "LIMIT", "product": "CNC",
           "price": 1450}  # fmt: skip
    made = kite.place_gtt("single", "INFY", "NSE", [1450], 1500, [leg])["trigger_id"]
    kite.modify_gtt(made, "single", "INFY", "NSE", [1440], 1500, [leg])
    seen["gtt"] = [kite.get_gtt(made)["status"], kite.get_gtt(made)["condition"]["trigger_values"]]
    kite.delete_gtt(made)
    seen["gtts"] = [gtt["status"] for gtt in kite.get_gtts()]
    basket = [{"exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "BUY",
               "variety": "regular", "product": "MIS", "order_type": "LIMIT", "quantity": 10,
               "price": 1500}]  # fmt: skip
    seen["margin"] = kite.order_margins(basket)[0]["total"]
    seen["basket"] = kite.basket_order_margins(basket)["initial"]["total"]


def main() -> None:
    """Do all of it."""
    kite = log_in()
    look_around(kite)
    ticker, _, updates = listen(kite)
    trade(kite, updates)
    count(kite)
    ticker.close()
    seen["logout"] = kite.invalidate_access_token()
    try:
        kite.profile()
    except Exception as error:  # noqa: BLE001
        seen["after logout"] = [type(error).__name__, error.code]  # type: ignore[attr-defined]
    sys.stdout.write(json.dumps(seen))


main()
