"""A real browser for the page: the system's Chromium, and what must be true of every page that it shows."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, Playwright, Request, sync_playwright

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MISSING: Final = (
    "the tests of the page need Chromium, and none is on the PATH: install it with "
    "`sudo apt-get install -y chromium` (Debian, Ubuntu) or `brew install --cask chromium` (macOS)"
)


def executable() -> str:
    """The browser's program. A test that can't find it fails and says how to install it; it is never skipped."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    pytest.fail(_MISSING)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser."""
    with sync_playwright() as playwright:
        browser = _launch(playwright)
        try:
            yield browser
        finally:
            browser.close()


def _launch(playwright: Playwright) -> Browser:
    # As root, as in a container, Chromium refuses its sandbox; the pages are the tests' own.
    return playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])


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
