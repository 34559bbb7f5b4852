"""A real browser for the tests of pages, and a page that records requests, errors and console messages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, Request, sync_playwright

from tests.support import find_browser


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run headless Chromium."""
    with sync_playwright() as playwright:
        browser = _launch(playwright)
        try:
            yield browser
        finally:
            browser.close()


def _launch(playwright: Playwright) -> Browser:
    # Chromium does not start its sandbox as root, as in a container; only the tests' own pages are opened.
    return playwright.chromium.launch(executable_path=find_browser.executable(), args=["--no-sandbox"])


class MonitoredPage:
    """A page in the browser; ``violations`` lists its requests, errors, dialogs and console messages."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page, self.url = page, file.as_uri()
        self.violations: list[str] = []
        page.on("console", lambda message: self.violations.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.violations.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.violations.append(f"dialog: {dialog.message}"))
        page.on("request", self._requested)

    def _requested(self, request: Request) -> None:
        if request.url.partition("#")[0] not in {self.url, "about:blank"}:
            self.violations.append(f"request: {request.url}")

    def open(self, fragment: str = "") -> Page:
        """Load the page again, with a state in the URL's fragment."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}#{fragment}" if fragment else self.url)
        return self.page
