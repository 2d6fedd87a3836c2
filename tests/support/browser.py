"""A real browser for the tests of the page: the distribution's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

VARIABLE = "ALPHAPANDA_TEST_CHROMIUM"
PACKAGES = ["chromium"]
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
});
"""
"""Runs in a page before its own scripts."""


def program() -> str | None:
    """Return where a browser is, None if there is none."""
    return os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """Give a browser; skips the test where there is none, in CI that is a failure."""
    import pytest  # noqa: PLC0415 (`provision` runs while pytest is being installed)

    found = program()
    if found is None:
        reason = f"no browser: apt-get install {PACKAGES[0]} (or set {VARIABLE})"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (only where there is one)

    # A sandbox needs rights that containers do not have; the pages are ours.
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """A tab that is logged in at an address, and what went wrong in it."""

    def __init__(
        self, browser: Any, address: str, *, name: str, password: str,
        size: tuple[int, int] = (1280, 900), **more: Any,
    ) -> None:  # fmt: skip
        width, height = size
        self.context = browser.new_context(viewport={"width": width, "height": height}, **more)
        self.context.set_default_timeout(90_000)
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.address = address
        self.page.goto(f"{address}/")
        self.page.fill("#name", name)
        self.page.fill("#password", password)
        self.page.click("button[type=submit]")
        self.page.wait_for_selector("#net")

    def go(self, name: str) -> None:
        """Show one of the pages, and wait until it has asked for what it shows."""
        self.page.evaluate("(hash) => { location.hash = hash; }", f"#/{name}")
        self.page.wait_for_selector(f"main[data-shown='#/{name}']")
        self.page.wait_for_selector(f"nav a[aria-current][href='#/{name.partition('?')[0]}']")

    def shows(self, text: str) -> None:
        """Wait until the page shows a text."""
        try:
            self.page.wait_for_function(
                "(text) => document.getElementById('main').innerText.includes(text)", arg=text,
                timeout=60_000,
            )  # fmt: skip
        except Exception as error:
            body = self.page.inner_text("body")
            raise AssertionError(f"{self.page.url} never showed {text}, but {body}") from error

    def violations(self) -> list[str]:
        """Return what the policy of the page has stopped."""
        found: list[str] = self.page.evaluate("window.violations")
        return found

    def text(self, selector: str) -> str:
        """Return the text of a node."""
        return str(self.page.text_content(selector) or "")

    def close(self) -> None:
        """Close it."""
        self.context.close()
