"""A real browser for the tests of pages, and a page that records what it must not do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, Request, sync_playwright

from tests.support import find_browser


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser."""
    with sync_playwright() as playwright:
        browser = _launch(playwright)
        try:
            yield browser
        finally:
            browser.close()


def _launch(playwright: Playwright) -> Browser:
    # As root, as in a container, Chromium refuses its sandbox; the pages are the tests' own.
    return playwright.chromium.launch(executable_path=find_browser.executable(), args=["--no-sandbox"])


class Watched:
    """A page in the browser, and all that it should not do: requests, errors, messages on the console."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page, self.url = page, file.as_uri()
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        page.on("request", self._requested)

    def _requested(self, request: Request) -> None:
        if request.url.partition("#")[0] not in {self.url, "about:blank"}:
            self.complaints.append(f"request: {request.url}")

    def open(self, fragment: str = "") -> Page:
        """Open the page anew, with a state in its address."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}#{fragment}" if fragment else self.url)
        return self.page
