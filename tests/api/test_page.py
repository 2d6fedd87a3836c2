"""The page in a real browser: logged in, over a run that trades and one full of markup."""

from __future__ import annotations

import os
import shutil
import signal
import time
import uuid
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from alphapanda.data.synth.sessions import synthesize
from alphapanda.monitor.observing import Monitor
from alphapanda.research.table import money
from alphapanda.store.people import Alert
from alphapanda.store.trading import Order, Position, Run, Signal, Stage
from tests.store.rows import GOOD
from tests.support.api import PASSWORD, V1, WIDE, Browser, Serving, serving, settings_of
from tests.support.browser import Tab, chromium
from tests.support.forking import Forked, forker
from tests.support.servers import databases

PAGES = ("now", "orders", "orders?tab=fills", "orders?tab=signals", "strategies", "risk", "health",
         "logs", "day", "account")  # fmt: skip
PLAIN = ("orders?tab=fills", "logs", "account")
"""Those that show nothing of the run with the markup."""
EVIL = "<img src=x onerror=window.ran=1>"
PHONE = (360, 640)
RUN = "markup"
RIGHT = """Math.max(...[...document.querySelectorAll("nav a")].map(
  (link) => link.getBoundingClientRect().right))"""
ALL_OFF = "[...document.querySelectorAll('#main tbody button')].every((each) => each.disabled)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a browser for all tests here."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def desk(
    tmp_path_factory: pytest.TempPathFactory, template: databases.Templates
) -> Iterator[Serving]:
    """Return an API with its monitor, over a base folder with a run whose every text is markup."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copy(template.folder / databases.FILE, folder / databases.FILE)
    settings = settings_of(folder, api=WIDE, monitor={"period_s": 2})
    with serving(settings, monitor=Monitor(settings)) as made:
        made.add_user("mira", "admin", settings.owner_id)
        made.save(*markup(settings.owner_id))
        yield made


@pytest.fixture(scope="module")
def trading(desk: Serving, browser: Any) -> Iterator[Forked]:
    """Return a paper run in a process of its own, in the same base folder, once it trades."""
    base = desk.settings.base_dir
    synthesize(base / "day.parquet", day=date(2025, 8, 4), days=1, instruments=2,
               ticks_per_instrument=2_000, seed=7)  # fmt: skip
    environment = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("ALPHAPANDA_") or name == "ALPHAPANDA_CACHE_DIR"
    }
    words = (
        "paper",
        "ema_cross",
        "--param",
        "fast=10",
        "--param",
        "slow=40",
        "--no-jit",
        "--feed",
        "replay:day.parquet",
        "--speed",
        "400x",
        "--out",
        "runs/desk",
        "--json",
    )
    environment["ALPHAPANDA_BASE_DIR"] = str(base)
    with Forked(forker(), words, base, environment) as process:
        until = time.monotonic() + 120
        mira = desk.log_in("mira")
        while not (known := desk_run(mira)) or not held(mira, known):
            assert process.poll() is None, process.said()
            assert time.monotonic() < until
            time.sleep(0.2)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGINT)
            process.wait(60)


def markup(owner: str) -> list[Any]:
    """Return the rows of a run in which every text that others write is markup."""
    of = {"owner_id": owner, "account_id": owner, "run_id": RUN, "strategy": EVIL}
    found = []
    for kind in (Run, Signal, Order, Position, Stage, Alert):
        values = {**GOOD[kind], **{name: text for name, text in of.items() if name in GOOD[kind]}}
        values |= {name: uuid.uuid4() for name in ("id", "event_id") if name in values}
        more: dict[Any, dict[str, Any]] = {
            Run: {"strategies": [EVIL], "manifest": {
                "options": {"limits": "default"}, "market": {"names": ["NSE:INFY"]},
                "strategies": [{"name": EVIL, "params": {EVIL: EVIL}}],
            }},
            Order: {"reason": EVIL, "client_order_id": EVIL[:64], "status": "failed"},
            Alert: {"text": EVIL, "subject": EVIL},
        }  # fmt: skip
        found.append(kind(**{**values, **more.get(kind, {})}))
    return found


def desk_run(mira: Browser) -> str:
    """Return the id of the run that trades, once it is in the tables."""
    runs = items(mira, f"{V1}/runs")
    return next((run["run"] for run in runs if run["run"].startswith("desk")), "")


def items(mira: Browser, path: str) -> list[dict[str, Any]]:
    """Return a list, empty while the database of a busy machine does not answer."""
    told = mira.get(path)
    assert told.status in (200, 503), told
    found: list[dict[str, Any]] = told.json.get("items", [])
    return found


def held(mira: Browser, run: str) -> list[dict[str, Any]]:
    """Return the positions of a run, all of them priced, once there are some."""
    rows = items(mira, f"{V1}/portfolios/{run}/positions")
    for row in rows:
        del row["tick_age_ms"]
    return rows if rows and all(row["unrealised"] is not None for row in rows) else []


def tab(browser: Any, desk: Serving, **more: Any) -> Tab:
    """Return a tab that is logged in."""
    desk.forget_limits()
    return Tab(browser, desk.origin, name="mira", password=PASSWORD, **more)


def paise(amounts: list[Decimal]) -> str:
    """Return a sum of rupees as the page shows it, recounted here."""
    total = sum(amounts, Decimal(0)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return money(int(total * 10_000))


def test_no_text_of_others_is_ever_markup(browser: Any, desk: Serving) -> None:
    """Strategy names, reasons, parameters and alerts that are markup run nowhere (S27)."""
    opened = tab(browser, desk)
    if opened.page.is_visible("#run"):
        opened.page.select_option("#run", RUN)
    for name in PAGES:
        opened.go(name)
        if name not in PLAIN:
            opened.shows(EVIL)
        assert opened.page.evaluate("document.querySelectorAll('#app img').length") == 0
    assert opened.page.evaluate("window.ran") is None
    assert (opened.violations(), opened.errors) == ([], [])
    opened.close()


def test_the_login_is_a_cookie_that_no_script_reads(browser: Any, desk: Serving) -> None:
    """The session is HttpOnly, Secure and Strict; a wrong password says one thing and stays."""
    desk.forget_limits()
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{desk.origin}/")
    page.fill("#name", "mira")
    page.fill("#password", "wrong horse battery")
    page.click("button[type=submit]")
    page.wait_for_selector("text=the name or the password is wrong")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector("#net")
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert page.evaluate("document.cookie") == ""
    page.click("#logout")
    page.wait_for_selector("#password")
    assert context.cookies() == []
    context.close()


def test_the_pnl_is_the_apis_to_the_paisa(browser: Any, desk: Serving, trading: Forked) -> None:
    """With the market frozen, the page's net P&L is realised + unrealised - charges of the API."""
    opened, mira = tab(browser, desk), desk.log_in("mira")
    run = desk_run(mira)
    opened.page.wait_for_selector("#net:not(:text-is('–'))")
    trading.send_signal(signal.SIGSTOP)
    try:
        until = time.monotonic() + 120
        same = 0
        while same < 2:  # what was on its way arrives at both: then they stay the same
            rows = held(mira, run)
            net = paise([
                Decimal(row["realised"]) + Decimal(row["unrealised"]) - Decimal(row["charges"])
                for row in rows
            ])  # fmt: skip
            charges = paise([Decimal(row["charges"]) for row in rows])
            page = opened.text("#net").replace("+", ""), opened.text("#tile-charges")
            same = same + 1 if rows and page == (net, charges) else 0
            assert time.monotonic() < until, (page, net, charges)
            time.sleep(0.5)
    finally:
        trading.send_signal(signal.SIGCONT)
    opened.close()


def test_a_kill_is_held_for_a_second_on_a_phone(
    browser: Any, desk: Serving, trading: Forked
) -> None:
    """No page scrolls sideways at 360 pixels; a tap does nothing, a second's hold kills the run."""
    opened = tab(browser, desk, size=PHONE, has_touch=True, color_scheme="dark")
    for name in PAGES:
        opened.go(name)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], name
        # Each page's name stands on the screen: none is found by scrolling alone.
        right = opened.page.evaluate(RIGHT)
        assert right <= PHONE[0]
    opened.go("now")
    opened.page.wait_for_selector("#kill:not([disabled])")
    box = opened.page.locator("#kill").bounding_box()
    assert box["y"] + box["height"] <= PHONE[1]
    assert box["height"] >= 44
    inbox = desk.settings.base_dir / "runs" / "desk" / "inbox" / "applied"
    opened.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert list(inbox.glob("*.json")) == []
    opened.page.mouse.down()
    opened.page.wait_for_selector("text=kill of desk")
    opened.page.mouse.up()
    opened.page.wait_for_selector("text=Killed: ")
    assert len(list(inbox.glob("*.json"))) == 1
    assert (opened.violations(), opened.errors) == ([], [])
    opened.close()


def test_a_page_that_hears_nothing_says_so(browser: Any, desk: Serving, trading: Forked) -> None:
    """Six seconds after the last frame there is a red line, and only the kill can be pressed."""
    opened = tab(browser, desk)
    opened.page.wait_for_selector("#pause:not([disabled])")
    opened.context.route("**/api/**", lambda route: route.abort())
    desk.do(cut(desk))
    opened.page.wait_for_selector("#banner:visible")
    assert "Not live since" in opened.text("#banner")
    assert opened.page.is_disabled("#pause")
    assert not opened.page.is_disabled("#kill")
    assert opened.page.evaluate(ALL_OFF)
    opened.context.unroute("**/api/**")
    opened.page.wait_for_selector("#banner", state="hidden")
    opened.close()


def test_what_is_unknown_is_not_nought(browser: Any, desk: Serving, trading: Forked) -> None:
    """A page that never hears anything says so, and shows no P&L, position or order as none."""
    opened = tab(browser, desk)
    opened.context.route("**/api/v1/stream*", lambda route: route.abort())
    opened.page.reload()
    opened.page.wait_for_selector("#banner:visible")
    assert opened.text("#net") == "–"
    assert (opened.text("#tile-charges"), opened.text("#tile-orders-working")) == ("–", "–")
    assert "No position is open" not in opened.text("#main")
    assert opened.page.is_disabled("#flatten")
    opened.close()


async def cut(desk: Serving) -> None:
    """Let all streams go; the page can't come back while its calls are cut."""
    for client in list(desk.server.services.hub.clients):
        client.end("restart")


def test_a_page_asks_within_the_limit_of_its_user(browser: Any, desk: Serving) -> None:
    """Two tabs of one user, on the pages that ask most, come to less than his 100 in a minute."""
    opened = tab(browser, desk)
    if opened.page.is_visible("#run"):
        opened.page.select_option("#run", RUN)
    asked: list[str] = []
    opened.page.on("request", lambda one: asked.append(one.url.partition("/api/v1")[2]))

    def ticked(times: int) -> float:
        """Wait until the page's own clock has asked for its runs: each 5 s."""
        asked.clear()
        began = time.monotonic()
        while sum(url.startswith("/runs?") for url in asked) < times:
            opened.page.wait_for_event("request")
        return time.monotonic() - began

    for name in ("now", "strategies"):
        opened.go(name)
        ticked(1)
        took = ticked(3)
        assert 60 * len(asked) / took < 50, (name, sorted(asked))
    opened.close()


def test_a_key_is_made_and_a_user_is_added_on_the_page(browser: Any, desk: Serving) -> None:
    """The password is asked for again; the key is shown once, and works; markup stays text."""
    opened = tab(browser, desk)
    page = opened.page
    opened.go("account")
    page.fill("#key-name", EVIL)
    page.check("[data-scope='orders:read']")
    page.click("#make-key")
    page.fill("#asked", PASSWORD)
    page.click("dialog button[type=submit]")
    page.wait_for_selector("#the-key")
    key = opened.text("#the-key")
    assert desk.ask("GET", f"{V1}/orders", headers={"X-API-Key": key}).status == 200
    assert desk.ask("GET", f"{V1}/runs", headers={"X-API-Key": key}).status == 403
    page.fill("#user-name", "viewing")
    page.fill("#user-password", PASSWORD)
    page.click("#add-user")
    opened.shows("viewing")
    page.click("table[aria-label='Keys'] tbody tr:has-text('orders:read') button")
    page.wait_for_selector("table[aria-label='Keys'] tbody tr:has-text('revoked')")
    assert desk.ask("GET", f"{V1}/orders", headers={"X-API-Key": key}).status == 401
    assert page.evaluate("window.ran") is None
    assert (opened.violations(), opened.errors) == ([], [])
    opened.close()


def test_what_could_not_be_read_is_told_and_is_not_none(browser: Any, desk: Serving) -> None:
    """A list that the API could not give is no empty list: the page says so, until it came."""
    opened = tab(browser, desk)
    if opened.page.is_visible("#run"):
        opened.page.select_option("#run", RUN)
    opened.context.route(
        "**/api/v1/signals*", lambda route: route.fulfill(status=503, body='{"error": {}}')
    )
    for name, none in (("orders?tab=signals", "None yet."), ("now", "None was refused.")):
        opened.go(name)
        opened.page.wait_for_selector("#main:has-text('Not read yet.')")
        opened.page.wait_for_selector("#trouble:has-text('could not be read')")
        assert none not in opened.page.inner_text("#main")
    opened.context.unroute("**/api/v1/signals*")
    opened.page.wait_for_selector("#trouble", state="hidden")
    opened.shows(EVIL)
    assert opened.errors == []
    opened.close()


def test_a_line_says_once_what_is_refused_again_and_again(browser: Any, desk: Serving) -> None:
    """Refusals of one strategy, side, instrument and rule are a line that counts them."""
    opened = tab(browser, desk)
    rows = [
        {"strategy": name, "side": "buy", "instrument": "NSE:INFY", "code": code, "ts": ts}
        for ts, (name, code) in enumerate(
            [("a", "PAUSED"), ("b", "PAUSED"), ("a", "PAUSED"), ("a", "FUNDS"), ("a", "PAUSED")]
        )
    ]
    fills = [{"strategy": "a", "side": "buy", "instrument": "NSE:INFY", "seq": n} for n in (1, 2)]
    told = opened.page.evaluate(
        """async (rows) => (await import("/words.js")).folded(rows).map(
             (row) => [row.strategy, row.code ?? "fill", row.ts ?? row.seq, row.times])""",
        [*rows, *fills],
    )
    assert told == [["a", "PAUSED", 0, 3], ["b", "PAUSED", 1, 1], ["a", "FUNDS", 3, 1],
                    ["a", "fill", 1, 1], ["a", "fill", 2, 1]]  # fmt: skip
    assert opened.page.evaluate(
        """async () => { const { outcome } = await import("/stop.js");
           const one = { run: "r", state: "applied", positions: 1, with_stop: 0, working: 1 };
           return outcome({ verb: "flatten", commands: [one] },
                          { scope: "instrument", name: "NSE:INFY" }); }"""
    ) == ("flatten of INFY in r applied, closing orders go out. At that moment: "
          "1 position open in the run, none with a stop; 1 order working.")  # fmt: skip
    opened.close()


def test_a_page_that_can_read_nothing_can_still_kill(
    browser: Any, desk: Serving, trading: Forked
) -> None:
    """Opened while no run can be read it says so, offers the kill of all, and comes to itself."""
    opened = tab(browser, desk)
    opened.context.route("**/api/v1/runs*", lambda route: route.fulfill(status=503, body="{}"))
    opened.page.reload()
    opened.page.wait_for_selector("#unknown")
    assert opened.page.is_disabled("#pause")
    opened.page.wait_for_selector("#kill:not([disabled])")
    assert opened.text("#kill") == "Hold to kill all"
    opened.context.unroute("**/api/v1/runs*")
    opened.page.wait_for_selector("#unknown", state="detached")
    opened.page.wait_for_selector("#tile-charges")
    assert opened.errors == []
    opened.close()
