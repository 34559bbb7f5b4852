"""Reading from the web: one client with limits and retries, whole answers or ranges of bytes, and what it cost."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

import httpx
import tenacity

from scripts.errors import MatrixError
from scripts.index import settings

#: Connections at once: enough to hide the way there and back, few enough for a small mirror.
CONNECTIONS: Final = 16

_TIMEOUT: Final = 30.0
#: Answers that mean "try again".
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class WebError(MatrixError):
    """A page or file that can't be had; the message names it and why."""


class NoRangesError(WebError):
    """The server sends whole files only."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{shown(url)}: this server gives no ranges of a file; with --download the whole wheel is fetched instead"
        )


class _PassingError(Exception):
    """An answer that another attempt may better."""


_again = tenacity.retry(
    retry=tenacity.retry_if_exception_type((httpx.TransportError, _PassingError)),
    stop=tenacity.stop_after_attempt(4),
    wait=tenacity.wait_random_exponential(multiplier=0.25, max=4),
    reraise=True,
)


class Web:
    """A client for many threads. Counts requests and bytes of bodies as they came over the wire."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self._client = httpx.Client(
            follow_redirects=True, timeout=_TIMEOUT, limits=limits, verify=settings.certificates(), transport=transport
        )
        self._lock = threading.Lock()
        self.requests = 0
        self.bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """A page, read whole. 304 is an answer too. Raises `WebError`."""
        with _told(url):
            return self._get(url, headers or {})

    def head(self, url: str) -> httpx.Response:
        """A file's headers. Raises `WebError`."""
        with _told(url):
            return self._get(url, {}, method="HEAD")

    @_again
    def _get(self, url: str, headers: Mapping[str, str], method: str = "GET") -> httpx.Response:
        with self._answer(url, headers, method) as response:
            response.read()
            return response

    def range(self, url: str, wanted: str) -> tuple[int, bytes, int]:
        """Part of a file: ``wanted`` is an HTTP range such as ``0-99`` or ``-100``.

        Returns the offset of its first byte, the bytes, and the size of the whole file.

        Raises:
            NoRangesError: the server would send the file whole; nothing of it is read.
            WebError: it can't be had.
        """
        with _told(url):
            return self._range(url, wanted)

    @_again
    def _range(self, url: str, wanted: str) -> tuple[int, bytes, int]:
        with self._answer(url, {"Range": f"bytes={wanted}", "Accept-Encoding": "identity"}) as response:
            told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
            if response.status_code != httpx.codes.PARTIAL_CONTENT or told is None:
                raise NoRangesError(url)
            first, last, size = map(int, told.groups())
            content = response.read()
            if len(content) != last - first + 1:
                raise _PassingError(f"{len(content)} bytes came where {last - first + 1} were told")
            return first, content, size

    def save(self, url: str, target: Path) -> None:
        """Download a whole file. Raises `WebError`."""
        with _told(url):
            self._save(url, target)

    @_again
    def _save(self, url: str, target: Path) -> None:
        with self._answer(url, {"Accept-Encoding": "identity"}) as response, target.open("wb") as file:
            for chunk in response.iter_bytes(1 << 20):
                file.write(chunk)

    @contextmanager
    def _answer(self, url: str, headers: Mapping[str, str], method: str = "GET") -> Iterator[httpx.Response]:
        with self._client.stream(method, url, headers=dict(headers)) as response:
            try:
                if response.status_code in _PASSING:
                    raise _PassingError(f"the server answers {response.status_code}")
                if response.status_code != httpx.codes.NOT_MODIFIED:
                    response.raise_for_status()
                yield response
            finally:
                with self._lock:
                    self.requests += 1
                    self.bytes += response.num_bytes_downloaded


def shown(url: str) -> str:
    """A URL as it may be shown: without a name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Turn every way to fail into a `WebError` that names the URL."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise WebError(f"{shown(url)}: the server answers {error.response.status_code}") from error
    except (httpx.HTTPError, httpx.InvalidURL, _PassingError) as error:
        raise WebError(f"{shown(url)}: {str(error) or type(error).__name__}") from error
