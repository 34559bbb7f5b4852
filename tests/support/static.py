"""Files at fixed URLs on a real server, for tests of their readers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from scripts.index.http import Web
from scripts.index.retries import Retries
from tests.support.server import Fault, Resource, Server

#: Retries that do not wait.
QUICK: Final = Retries(backoff=0, timeout=5)


class Static:
    """A server whose URL is known before it starts, and whose files each test replaces."""

    def __init__(self) -> None:
        self._files: Mapping[str, bytes] = {}
        self._ranges = self._suffix = True
        self.server = Server(self._find)
        self.url = f"http://127.0.0.1:{self.server.port}"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run the server within the block."""
        self.server.start()
        try:
            yield
        finally:
            self.server.stop()

    def serve(self, files: Mapping[str, bytes], *, ranges: bool = True, suffix: bool = True) -> None:
        """Serve these files, by their URLs, and no others; without faults."""
        self._files, self._ranges, self._suffix = files, ranges, suffix
        self.server.heal()

    def fail(self, faults: Sequence[Fault]) -> None:
        """Apply these faults to the next requests, one each."""
        for fault in faults:
            self.server.plan("*", fault, 1)

    @contextlib.contextmanager
    def web(self, files: Mapping[str, bytes], *, ranges: bool = True, suffix: bool = True) -> Iterator[Web]:
        """Serve these files, and yield a client that does not wait between its attempts."""
        self.serve(files, ranges=ranges, suffix=suffix)
        with Web(QUICK) as client:
            yield client

    def take_requests(self) -> list[str]:
        """Return the URLs of all requests so far, and forget them."""
        with self.server.lock:
            found = [self.url + request.path for request in self.server.requests]
            self.server.requests.clear()
        return found

    def _find(self, path: str, accept: str) -> Resource | None:
        del accept
        content = self._files.get(self.url + path)
        if content is None:
            return None
        return Resource(content=content, content_type=_type(content), ranges=self._ranges, suffix_ranges=self._suffix)


def _type(content: bytes) -> str:
    if content.startswith(b"{"):
        return "application/vnd.pypi.simple.v1+json"
    return "text/html" if content.startswith(b"<") else "application/zip"
